"""`make health` and `meltano invoke dbt:health`: a report for people, and for any monitor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.operations.conftest import Deployment
from tests.pipeline.conftest import Project

HEALTH = ("--log-level=error", "invoke", "dbt:health")


@pytest.fixture
def failed_sync(deployment: Deployment) -> Iterator[str]:
    """The message of a failed sync, as of an outage of OMDb."""
    execute = deployment.server.execute
    execute(
        "omdb_loader",
        "insert into omdb_raw.syncs (sync_id, started_at, ended_at, outcome, message, records)"
        " select 'z', max(ended_at), max(ended_at) + interval '1 s', 'failed', 'OMDb is down', '{}'"
        " from omdb_raw.syncs",
    )
    yield "The last sync failed: OMDb is down"
    execute("omdb_loader", "delete from omdb_raw.syncs where sync_id = 'z'")


def test_a_healthy_pipeline(deployment: Deployment) -> None:
    shown = deployment.script("health.py")
    assert shown.returncode == 0, shown.stdout
    first, _, *facts = shown.stdout.splitlines()
    assert first == "Healthy."
    expected = {
        "Last sync outcome": "complete",
        "Requests left today": r"99\d|1,000",
        "Requests per day": "1,000",
        "Pending titles": "0",
        "Rejects last 7 days": "none",
        "Last dbt run is successful": "yes",
    }
    reported = {fact[:28].strip(): fact[28:] for fact in facts}
    for label, value in expected.items():
        assert re.fullmatch(value, reported[label]), (label, reported[label])
    assert "movies 2," in shown.stdout


def test_a_failed_sync(deployment: Deployment, failed_sync: str) -> None:
    shown = deployment.script("health.py", "--json")
    health: dict[str, Any] = json.loads(shown.stdout)
    assert shown.returncode == 1
    assert health["is_healthy"] is False
    assert health["problems"] == [failed_sync]
    assert health["table_rows"]["movies"] == 2

    shown = deployment.script("health.py")
    assert shown.returncode == 1
    assert shown.stdout.splitlines()[0] == f"PROBLEM: {failed_sync}"


def test_a_disk_that_is_nearly_full(deployment: Deployment) -> None:
    shown = deployment.script("health.py", "--min-free=1e9")
    assert shown.returncode == 1
    assert re.match(r"PROBLEM: The disk of /.* is nearly full: [\d.]+ GB are left\.", shown.stdout)


def test_an_environment_without_a_run(project: Project) -> None:
    shown = project.try_make("health", "ENVIRONMENT=dev", "ARGS=--json")
    assert shown.returncode != 0
    assert json.loads(shown.stdout) == {
        "is_healthy": None,
        "problems": [
            (
                "There is no view dev_marts.pipeline_health: run the pipeline once; if it has run, "
                "its log says why dbt could not make the view"
            )
        ],
    }


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("PGPORT", "1", "Postgres cannot be queried (connection to server"),
        ("PGPASSWORD", "wrong secret", 'password authentication failed for user "omdb_reader"'),
        ("OMDB_SCHEMA", 'o"x', 'There is no view o"x_marts.pipeline_health'),
        ("OMDB_SCHEMA", "", "OMDB_SCHEMA is not set"),
        ("PGUSER", "omdb_loader", "permission denied for schema omdb_marts: connect as a role"),
    ],
)
def test_the_health_is_unknown(
    deployment: Deployment, variable: str, value: str, problem: str
) -> None:
    shown = deployment.script("health.py", **{variable: value})
    assert shown.returncode == 2
    (line,) = shown.stdout.splitlines()
    assert line.startswith("health: ")
    assert problem in line
    assert "secret" not in line
    assert not shown.stderr


def test_the_server_is_stopped(idle_project: Project) -> None:
    shown = idle_project.meltano(*HEALTH)
    assert shown.returncode == 2
    (line,) = shown.stdout.splitlines()
    assert line.endswith("start it with `make start`")
