"""The DAGs, the schedules that they are made from, and their alerts."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from movies_pipeline import Schedule, post_alert, schedules, steps
from tap_omdb.config.values import TYPES

from tests.operations.conftest import Receiver
from tests.pipeline.conftest import CHECKOUT

STATE_POOL, SHARDS_POOL = "movies_state", "movies_shards"


DAILY = {
    "tap_omdb_target_postgres": "tap-omdb target-postgres",
    "dbt_run": "dbt:run",
    # The job has neither.
    "dbt_test": "dbt:test",
    "dashboard_build": "dashboard:build",
}
"""The steps of the scheduled job by task, in their order."""


def test_there_is_a_dag_for_each_schedule(dags: dict[str, Any]) -> None:
    assert {*dags} == {"movies_backfill", "movies_daily"}
    (schedule,) = yaml.safe_load((CHECKOUT / "meltano.yml").read_text())["schedules"]
    dag = dags["movies_daily"]
    assert (schedule["name"], schedule["interval"]) == ("daily", dag["schedule"])
    assert (dag["catchup"], dag["max_active_runs"]) == (False, 1)
    before: list[str] = []
    for name, step in DAILY.items():
        task = dag["tasks"][name]
        assert task["command"] == f"exec .venv/bin/meltano run {step}"
        assert task["upstream"] == before
        before = [name]
    assert dag["tasks"].keys() == DAILY.keys()


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
    assert dags["movies_backfill"]["types"] == [*TYPES]
    tasks = dags["movies_backfill"]["tasks"]
    assert tasks["shard"]["is_mapped"]
    assert tasks["merge_states"]["upstream"] == ["shard"]
    assert tasks["merge_states"]["trigger_rule"].lower().endswith("all_done")
    assert tasks["dbt_run"]["upstream"] == ["merge_states", "shard"]
    assert tasks["dbt_run"]["trigger_rule"].lower().endswith("none_failed")
    assert tasks["dbt_test"]["upstream"] == ["dbt_run"]


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


def test_a_job_keeps_its_own_tests_and_gets_the_variables_of_its_schedule() -> None:
    schedule = {"name": "weekly", "interval": "@weekly", "job": "sync", "env": {"A": "1"}}
    project = {
        "jobs": [{"name": "sync", "tasks": ["tap-a target-b dbt:test"]}],
        "schedules": [schedule],
    }
    expected = Schedule(
        "weekly", "@weekly", ("tap-a target-b", "dbt:test", "dashboard:build"), {"A": "1"}
    )
    assert schedules(project) == [expected]


def context(map_index: int = -1) -> dict[str, Any]:
    """What Airflow passes to a callback, as far as it is used."""
    task = {"dag_id": "movies_daily", "task_id": "dbt_run", "run_id": "scheduled__1"}
    return {"task_instance": SimpleNamespace(**task, map_index=map_index)}


@pytest.mark.parametrize(("map_index", "task"), [(-1, "dbt_run"), (3, "dbt_run[3]")])
def test_an_alert_names_the_task_and_the_shard(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, map_index: int, task: str
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", receiver.url)
    post_alert(context(map_index))
    (alert,) = receiver.received
    assert alert["body"] == {"text": f"movies_daily: {task} failed (run scheduled__1)"}


@pytest.mark.parametrize(("has_webhook", "logged"), [(True, "HTTP status 500"), (False, "")])
def test_what_cannot_be_posted_is_logged_without_its_address(
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    has_webhook: bool,
    logged: str,
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", receiver.url if has_webhook else "")
    receiver.status = 500
    with caplog.at_level(logging.WARNING):
        post_alert(context())
    assert logged in caplog.text
    assert bool(caplog.records) == has_webhook
    assert receiver.url not in caplog.text
