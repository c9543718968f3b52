"""The DAGs, the schedules that they are made from, and their alerts."""

from __future__ import annotations

import json
import logging
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from movies_pipeline.alerts import describe, post_alert
from movies_pipeline.project import after_load, load_project, schedules, steps, task_id
from tap_omdb.config.values import TYPES

from tests.airflow.conftest import describe_dags
from tests.operations.conftest import Receiver
from tests.pipeline.conftest import CHECKOUT, MELTANO

STATE_POOL, SHARDS_POOL = "movies_state", "movies_shards"


def test_there_is_a_dag_for_each_schedule(dags: dict[str, Any]) -> None:
    found = schedules(load_project())
    assert {*dags} == {"movies_backfill", *(f"movies_{schedule.name}" for schedule in found)}
    for schedule in found:
        dag = dags[f"movies_{schedule.name}"]
        assert dag["schedule"] == schedule.interval
        assert (dag["catchup"], dag["max_active_runs"]) == (False, 1)
        before: list[str] = []
        for step in schedule.steps:
            task = dag["tasks"][task_id(step)]
            assert task["command"] == f"exec .venv/bin/meltano run {step}"
            assert task["upstream"] == before
            before = [task_id(step)]
        assert len(dag["tasks"]) == len(schedule.steps)


def test_what_touches_a_server_is_retried_ever_later_and_raises_alerts(
    dags: dict[str, Any],
) -> None:
    for dag in dags.values():
        for name, task in dag["tasks"].items():
            assert task["alerts"], name
            if name == "dbt_test":  # it fails again
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
            if name == "plan_shards":  # it only reads
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


def test_a_backfill_offers_the_types_of_the_tap(dags: dict[str, Any]) -> None:
    assert dags["movies_backfill"]["types"] == [*TYPES]


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


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (["tap-omdb target-postgres dbt:run"], ["tap-omdb target-postgres", "dbt:run"]),
        (["tap-a map target-b", "dbt:run dbt:test"], ["tap-a map target-b", "dbt:run", "dbt:test"]),
        (["tap-a target-b tap-c target-d"], ["tap-a target-b", "tap-c target-d"]),
        (["postgres:start tap-a target-b"], ["postgres:start", "tap-a target-b"]),
        ([], []),
    ],
)  # fmt: skip
def test_a_job_is_split_where_a_run_can_be_resumed(tasks: list[str], expected: list[str]) -> None:
    assert [*steps(tasks)] == expected


def test_a_task_id_has_only_letters_digits_and_underscores() -> None:
    assert task_id("tap-omdb target-postgres") == "tap_omdb_target_postgres"
    assert task_id("dbt:run") == "dbt_run"


def project(*, tasks: list[str], commands: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "jobs": [{"name": "sync", "tasks": tasks}],
        "schedules": [{"name": "daily", "interval": "@daily", "job": "sync", "env": {"A": "1"}}],
        "plugins": {
            "utilities": [
                {"name": name, "commands": dict.fromkeys(given)} for name, given in commands.items()
            ]
        },
    }


def test_tests_and_report_follow_a_job_that_has_none_where_there_are_such_commands() -> None:
    given = project(
        tasks=["tap-a target-b dbt:run"],
        commands={"dashboard": ["build"], "dbt": ["run", "test"], "other": []},
    )
    (schedule,) = schedules(given)
    assert schedule.steps == ("tap-a target-b", "dbt:run", "dbt:test", "dashboard:build")
    assert (schedule.name, schedule.interval, schedule.env) == ("daily", "@daily", {"A": "1"})

    without = project(tasks=["tap-a target-b dbt:run"], commands={"dbt": ["run"]})
    assert schedules(without)[0].steps == ("tap-a target-b", "dbt:run")
    assert after_load(without) == ["dbt:run"]

    itself = project(tasks=["tap-a target-b dbt:test"], commands={"dbt": ["test"]})
    assert schedules(itself)[0].steps == ("tap-a target-b", "dbt:test")


def test_meltano_reads_the_same_schedules_in_its_file() -> None:
    listed = subprocess.run(
        [MELTANO, "--log-level=error", "schedule", "list", "--format=json"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    expected = {
        item["name"]: (item["interval"], steps(item["job"]["tasks"]), item["env"])
        for item in json.loads(listed.stdout)["schedules"]["job"]
    }
    for schedule in schedules(load_project()):
        interval, job, env = expected.pop(schedule.name)
        assert (schedule.interval, schedule.env) == (interval, env)
        assert schedule.steps[: len(job)] == job
    assert expected == {}


def context(map_index: int = -1) -> dict[str, Any]:
    """What Airflow passes to a callback, as far as it is used."""
    task = {"dag_id": "movies_daily", "task_id": "dbt_run", "run_id": "scheduled__1"}
    return {"task_instance": SimpleNamespace(**task, map_index=map_index)}


def test_an_alert_names_the_task_and_the_shard() -> None:
    assert describe(context()) == "movies_daily: dbt_run failed (run scheduled__1)"
    assert describe(context(3)) == "movies_daily: dbt_run[3] failed (run scheduled__1)"


def test_it_is_posted(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", receiver.url)
    post_alert(context())
    (alert,) = receiver.received
    assert alert["body"] == {"text": "movies_daily: dbt_run failed (run scheduled__1)"}
    assert caplog.records == []


def test_without_a_webhook_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", "")
    post_alert(context())
    assert caplog.records == []


def test_a_webhook_that_refuses_is_logged_without_its_address(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", receiver.url)
    receiver.status = 500
    with caplog.at_level(logging.WARNING):
        post_alert(context())
    assert "HTTP status 500" in caplog.text
    assert receiver.url not in caplog.text
