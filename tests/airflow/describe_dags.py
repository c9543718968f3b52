"""Print what the DAGs of a folder are, as JSON; run in Airflow's environment."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import BundleDagBag

bag = BundleDagBag(sys.argv[1], bundle_path=Path(sys.argv[1]))


def describe(task: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return what the tests look at."""
    is_mapped = task.is_mapped
    get = task.partial_kwargs.get if is_mapped else lambda name: getattr(task, name)
    return {
        "upstream": sorted(task.upstream_task_ids),
        "is_mapped": is_mapped,
        "command": get("bash_command") if task.task_type == "BashOperator" else None,
        "env": get("op_args")[0] if task.task_type == "PythonOperator" else get("env"),
        "pool": get("pool"),
        "retries": get("retries"),
        "retry_exponential_backoff": get("retry_exponential_backoff"),
        "trigger_rule": str(get("trigger_rule") or "all_success"),
        "alerts": bool(get("on_failure_callback")),
    }


print(  # noqa: T201
    json.dumps(
        {
            "errors": bag.import_errors,
            "warnings": bag.captured_warnings,
            "dags": {
                dag.dag_id: {
                    "schedule": dag.schedule,
                    "catchup": dag.catchup,
                    "max_active_runs": dag.max_active_runs,
                    "types": dag.params.get_param("types").schema["items"]["enum"]
                    if "types" in dag.params
                    else None,
                    "tasks": {task.task_id: describe(task) for task in dag.tasks},
                }
                for dag in bag.dags.values()
            },
        }
    )
)
