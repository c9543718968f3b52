from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from movies_pipeline.project import load_pipeline
from movies_pipeline.schedules import task_id

from tests.airflow.conftest import describe_dags
from tests.pipeline.conftest import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

STATE_POOL, SHARDS_POOL = "movies_state", "movies_shards"


def test_there_is_a_dag_for_each_schedule(dags: dict[str, Any]) -> None:
    pipeline = load_pipeline()
    assert {*dags} == {"movies_backfill", *(f"movies_{s.name}" for s in pipeline.schedules)}
    for schedule in pipeline.schedules:
        dag = dags[f"movies_{schedule.name}"]
        assert dag["schedule"] == schedule.cron
        assert (dag["catchup"], dag["max_active_runs"]) == (False, 1)
        before: list[str] = []
        for step in schedule.steps:
            task = dag["tasks"][task_id(step)]
            assert task["command"] == f"exec .venv/bin/meltano run {step}"
            assert task["upstream"] == before
            before = [task_id(step)]
        assert len(dag["tasks"]) == len(schedule.steps)


def test_the_daily_run_extracts_loads_transforms_tests_and_reports(dags: dict[str, Any]) -> None:
    assert [*dags["movies_daily"]["tasks"]] == [
        "tap_omdb_target_postgres",
        "dbt_run",
        "dbt_test",
        "dashboard_build",
    ]


def test_what_touches_a_server_is_retried_ever_later_and_raises_alerts(
    dags: dict[str, Any],
) -> None:
    for dag in dags.values():
        for name, task in dag["tasks"].items():
            assert task["alerts"], name
            if name in {"dbt_test", "plan_shards"}:  # these fail again
                assert task["retries"] == 0
            else:
                assert task["retries"] >= 3, name
                assert task["retry_exponential_backoff"] > 1, name


def test_one_task_at_a_time_writes_the_main_state_and_the_marts(dags: dict[str, Any]) -> None:
    pools = json.loads((CHECKOUT / "orchestrate/pools.json").read_text())
    assert pools[STATE_POOL]["slots"] == 1
    assert {*pools} == {STATE_POOL, SHARDS_POOL}
    for dag in dags.values():
        for name, task in dag["tasks"].items():
            if name in {"requests_left", "plan_shards"}:  # these only read
                continue
            assert task["pool"] == (SHARDS_POOL if name == "shard" else STATE_POOL), name


def test_a_backfill_merges_states_also_if_a_shard_fails_and_then_fails(
    dags: dict[str, Any],
) -> None:
    tasks = dags["movies_backfill"]["tasks"]
    assert tasks["shard"]["is_mapped"]
    assert tasks["merge_states"]["upstream"] == ["shard"]
    assert tasks["merge_states"]["trigger_rule"].lower().endswith("all_done")
    assert tasks["dbt_run"]["upstream"] == ["merge_states", "shard"]
    assert tasks["dbt_run"]["trigger_rule"].lower().endswith("none_failed")
    assert tasks["dbt_test"]["upstream"] == ["dbt_run"]


def test_an_import_that_airflow_deprecates_is_noticed(airflow_python: Path, tmp_path: Path) -> None:
    folder = tmp_path / "orchestrate/dags"
    folder.mkdir(parents=True)
    (folder / "old.py").write_text(
        "from airflow.operators.bash import BashOperator\n"
        "from airflow.sdk import DAG\n"
        "with DAG(dag_id='old', schedule=None):\n"
        "    BashOperator(task_id='a', bash_command='true')\n"
    )
    described = describe_dags(airflow_python, tmp_path, tmp_path / "home")
    assert described["errors"] or described["warnings"]
