"""Alerts about tasks that have failed for good."""

from __future__ import annotations

import logging
import subprocess
from typing import TYPE_CHECKING, Any

from movies_pipeline.project import PYTHON, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

_TIMEOUT_S = 60
_NO_WEBHOOK = 2


def post_alert(context: Mapping[str, Any]) -> None:
    """Post which task has failed to ALERT_WEBHOOK_URL, if that is set.

    Args:
        context: The task's context, as Airflow passes it to `on_failure_callback`.
    """
    command = [str(PYTHON), str(ROOT / "scripts/alert.py"), describe(context)]
    finished = subprocess.run(  # noqa: S603
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
    )
    if finished.returncode not in {0, _NO_WEBHOOK}:
        logger.warning("%s", finished.stderr.strip())


def describe(context: Mapping[str, Any]) -> str:
    """Return the text of an alert, such as "movies_daily: dbt_run failed (run ...)"."""
    task = context["task_instance"]
    shard = "" if task.map_index < 0 else f"[{task.map_index}]"
    return f"{task.dag_id}: {task.task_id}{shard} failed (run {task.run_id})"
