"""`make health` and `meltano invoke dbt:health`: a report for people, and for any monitor."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pipeline.conftest import Project

HEALTH = ("--log-level=error", "invoke", "dbt:health")
ONE_TITLE = {"TAP_OMDB_YEARS": "[]", "TAP_OMDB_IMDB_IDS": "tt1375666"}


@pytest.fixture(scope="module")
def synced(project: Project) -> Project:
    """A project after a run of prod, on an external server."""
    finished = project.meltano(
        *("run", "tap-omdb", "target-postgres", "dbt:run"),
        environment="prod",
        TAP_OMDB_API_URL=project.emulator.url,
        TAP_OMDB_API_KEY="00001000",
        **ONE_TITLE,
        **server(project),
    )
    assert finished.returncode == 0, finished.stdout
    return project


@pytest.fixture
def failed_sync(synced: Project) -> Iterator[str]:
    """The message of a failed sync, as of an outage of OMDb."""
    with synced.connect() as connection:
        connection.execute(
            "insert into omdb_raw.syncs (sync_id, started_at, ended_at, outcome, message, records)"
            " select 'z', ended_at, ended_at + interval '1 s', 'failed', 'OMDb is down', '{}'"
            " from omdb_raw.syncs"
        )
    yield "The last sync failed: OMDb is down"
    with synced.connect() as connection:
        connection.execute("delete from omdb_raw.syncs where sync_id = 'z'")


def server(project: Project) -> dict[str, str]:
    """The libpq variables of a server that `.env` would configure for prod."""
    return {
        "PGHOST": "127.0.0.1",
        "PGPORT": project.ports["EMBEDDED_POSTGRES_PORT"],
        "PGUSER": "omdb",
        "PGPASSWORD": (project.root / ".postgres/pgpass").read_text().rsplit(":", 1)[1].strip(),
        "PGDATABASE": "omdb",
        "PGSSLMODE": "prefer",
    }


def script(project: Project, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script as Meltano does; faster by Meltano's start."""
    return subprocess.run(
        [
            project.root / ".meltano/utilities/dbt/venv/bin/python",
            project.root / "scripts/health.py",
            *arguments,
        ],
        env={"PATH": os.defpath, "OMDB_SCHEMA": "omdb", **server(project), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_healthy_pipeline(synced: Project) -> None:
    shown = synced.meltano(*HEALTH, environment="prod", **server(synced))
    assert shown.returncode == 0, shown.stdout
    first, _, *facts = shown.stdout.splitlines()
    assert first == "Healthy."
    assert {line[:17].strip() for line in facts} == {
        *("Last sync", "Newest data", "Requests", "Pending", "Known titles", "Rejects, 7 days"),
        *("Unparsed values", "Coverage", "Last run of dbt", "Last tests", "Rows", ""),
    }
    assert "Requests         1 today, 999 left of 1,000" in facts
    assert "UTC, 0.0 hours ago: complete" in facts[0]
    assert "movies 1," in shown.stdout


def test_a_failed_sync(synced: Project, failed_sync: str) -> None:
    shown = synced.meltano(*HEALTH, "--json", environment="prod", **server(synced))
    health: dict[str, Any] = json.loads(shown.stdout)
    assert shown.returncode == 1
    assert health["is_healthy"] is False
    assert health["problems"] == [failed_sync]
    assert health["table_rows"]["movies"] == 1

    shown = script(synced)
    assert shown.returncode == 1
    assert shown.stdout.splitlines()[0] == f"PROBLEM: {failed_sync}"


def test_an_environment_without_a_run(synced: Project) -> None:
    shown = synced.try_make("health", "ARGS=--json")
    assert shown.returncode != 0
    assert json.loads(shown.stdout) == {
        "is_healthy": None,
        "problems": ["There is no view demo_marts.pipeline_health: run the pipeline once"],
    }


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"PGPORT": "1"}, "Postgres cannot be queried (connection to server"),
        ({"PGPASSWORD": "wrong secret"}, 'password authentication failed for user "omdb"'),
        ({"OMDB_SCHEMA": 'o"x'}, 'There is no view o"x_marts.pipeline_health'),
        ({"OMDB_SCHEMA": ""}, "OMDB_SCHEMA is not set"),
        ({"PGOPTIONS": "-c role=nobody_at_all"}, "nobody_at_all"),
    ],
)
def test_the_health_is_unknown(synced: Project, variables: dict[str, str], problem: str) -> None:
    shown = script(synced, **variables)
    assert shown.returncode == 2
    (line,) = shown.stdout.splitlines()
    assert line.startswith("health: ")
    assert problem in line
    assert "secret" not in line
    assert not shown.stderr


def test_a_role_without_privileges(synced: Project) -> None:
    with synced.connect() as connection:
        connection.execute("create role stranger login password 'x'")
    shown = script(synced, PGUSER="stranger", PGPASSWORD="x")
    assert shown.returncode == 2
    assert "permission denied for schema omdb_marts: connect as a role that may" in shown.stdout


def test_the_server_is_stopped(idle_project: Project) -> None:
    shown = idle_project.meltano(*HEALTH)
    assert shown.returncode == 2
    (line,) = shown.stdout.splitlines()
    assert line.endswith("start it with `make start`")
