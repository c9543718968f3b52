"""What the DAGs share: where the project is, the schedules of meltano.yml, and alerts."""

from __future__ import annotations

import logging
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[3]
"""The checkout that this file is in, so that each worker uses its own."""
PYTHON = ROOT / ".venv/bin/python"
_ALERT_TIMEOUT_S = 60
_NO_WEBHOOK = 2

TESTS = "dbt:test"
AFTER_EACH_JOB = (TESTS, "dashboard:build")
"""Commands that follow a scheduled job that does not have them."""


@dataclass(frozen=True)
class Schedule:
    """A schedule of meltano.yml.

    Attributes:
        name: Its name.
        interval: When it is due (UTC): a cron expression, or one such as "@daily".
        steps: The arguments of one `meltano run` each, in their order.
        env: Variables for all of them.
    """

    name: str
    interval: str
    steps: tuple[str, ...]
    env: dict[str, str]


def load_project() -> dict[str, Any]:
    """Read meltano.yml; to ask Meltano for it would take seconds at each parsing of a DAG."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    return content


def schedules(project: Mapping[str, Any]) -> list[Schedule]:
    """Return the schedules in the content of meltano.yml."""
    jobs = {job["name"]: job["tasks"] for job in project["jobs"]}
    found = []
    for item in project["schedules"]:
        job = steps(jobs[item["job"]])
        checks = [step for step in AFTER_EACH_JOB if step not in job]
        found.append(
            Schedule(item["name"], item["interval"], (*job, *checks), item.get("env") or {})
        )
    return found


def steps(tasks: Iterable[str]) -> tuple[str, ...]:
    """Split a job's tasks where a run can be resumed: between plugins that are no pipe.

    Args:
        tasks: Such as ["tap-omdb target-postgres dbt:run"].

    Returns:
        Such as ("tap-omdb target-postgres", "dbt:run"): an extractor stays with its loader.
    """
    found: list[list[str]] = []
    for task in tasks:
        pipe: list[str] = []
        for block in task.split():
            if ":" in block:
                pipe = []
                found.append([block])
            elif pipe and not block.startswith("tap-"):
                pipe.append(block)
            else:
                pipe = [block]
                found.append(pipe)
    return tuple(" ".join(blocks) for blocks in found)


def task_id(step: str) -> str:
    """Return a step's task id, such as "tap_omdb_target_postgres"."""
    return re.sub(r"\W+", "_", step)


def post_alert(context: Mapping[str, Any]) -> None:
    """Post which task has failed for good to ALERT_WEBHOOK_URL, if that is set.

    Args:
        context: The task's context, as Airflow passes it to `on_failure_callback`.
    """
    task = context["task_instance"]
    shard = "" if task.map_index < 0 else f"[{task.map_index}]"
    text = f"{task.dag_id}: {task.task_id}{shard} failed (run {task.run_id})"
    finished = subprocess.run(  # noqa: S603
        [PYTHON, ROOT / "scripts/alert.py", text],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=_ALERT_TIMEOUT_S,
    )
    if finished.returncode not in {0, _NO_WEBHOOK}:
        logger.warning("%s", finished.stderr.strip())
