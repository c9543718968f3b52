"""Airflow's operators for steps of the pipeline."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.bash import BashOperator

from movies_pipeline import ROOT, TESTS, post_alert, task_id

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE_POOL = "movies_state"
"""Has one slot: what writes the main state or the marts holds it."""
SHARDS_POOL = "movies_shards"
"""Has as many slots as shards may run at once."""

MELTANO = "exec .venv/bin/meltano"

ANY_TASK: dict[str, Any] = {
    # The first delay is Airflow's default, five minutes: as long as Meltano takes a run that was
    # killed for one that is still running.
    "retries": 4,
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(hours=1),
    "execution_timeout": timedelta(hours=20),
    "on_failure_callback": post_alert,
}
COMMAND: dict[str, Any] = {
    **ANY_TASK,
    "cwd": str(ROOT),
    "append_env": True,
    "do_xcom_push": False,
}


def meltano_run(step: str, env: Mapping[str, str], **arguments: Any) -> BashOperator:  # noqa: ANN401
    """Return the task of one step.

    Args:
        step: The arguments of `meltano run`, such as "dbt:run".
        env: Variables for it.
        arguments: More arguments of the operator.
    """
    # A test that fails fails again.
    retries = {"retries": 0} if step == TESTS else {}
    options = {**COMMAND, "pool": STATE_POOL, "task_id": task_id(step), **retries, **arguments}
    return BashOperator(bash_command=f"{MELTANO} run {step}", env=dict(env), **options)
