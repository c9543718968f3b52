"""Procedures of docs/operations.md: backup and restore, and removal of a title or a name."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.operations.conftest import PROGRAMS, Deployment

STATE_ID = "prod:tap-omdb-to-target-postgres"
REMOVED = "tt1375666"
KEPT = "tt0435761"
NAME = "Tim Allen"


def postgres(deployment: Deployment, program: str, *arguments: str, **variables: str) -> None:
    """Run one of PostgreSQL's programs as the administrator."""
    subprocess.run(
        [PROGRAMS / program, *arguments],
        cwd=deployment.project.root,
        env={"PATH": os.defpath, **deployment.server.server.environment, **variables},
        check=True,
        timeout=60,
    )


def psql(deployment: Deployment, *arguments: str) -> None:
    postgres(deployment, "psql", "--no-psqlrc", "--quiet", *arguments)


def state(deployment: Deployment, *arguments: str) -> str:
    finished = deployment.project.meltano(
        "--log-level=warning", "state", *arguments, environment="prod"
    )
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


def contents(deployment: Deployment) -> dict[str, Any]:
    """The rows of each table, as text."""
    execute = deployment.server.execute
    names = execute(
        "omdb_transformer",
        "select format('%I.%I', schemaname, tablename) from pg_tables"
        " where schemaname like 'omdb\\_%'",
    )
    return {
        name: execute("omdb_transformer", f"select t::text from {name} as t order by 1")  # noqa: S608
        for (name,) in names
    }


def places_of(deployment: Deployment, text: str) -> list[str]:
    """The tables that contain a text."""
    return [name for name, rows in contents(deployment).items() if text in str(rows)]


def back_up(deployment: Deployment) -> None:
    """The state first: one that is newer than the data would leave titles out."""
    saved = state(deployment, "get", STATE_ID)
    (deployment.project.root / "state.json").write_text(saved)
    arguments = ("--format=custom", "--schema=omdb_*", "--file=omdb.dump")
    postgres(deployment, "pg_dump", *arguments)


def restore(deployment: Deployment) -> None:
    psql(deployment, "--file=scripts/roles.sql")
    postgres(deployment, "pg_restore", "--clean", "--if-exists", "--dbname=omdb", "omdb.dump")
    state(deployment, "set", "--force", "--input-file", "state.json", STATE_ID)


@pytest.fixture
def restored(deployment: Deployment) -> Iterator[None]:
    """Restores after the test the data that was there before it."""
    admin = deployment.server.server.environment | {"PGDATABASE": "postgres"}
    postgres(deployment, "createdb", "--template=omdb", "before", **admin)
    yield
    postgres(deployment, "dropdb", "--force", "omdb", **admin)
    rename = "--command=alter database before rename to omdb"
    postgres(deployment, "psql", "--no-psqlrc", "--quiet", rename, **admin)


def test_a_backup_restores_everything(deployment: Deployment) -> None:
    before = contents(deployment)
    back_up(deployment)
    for role in ("omdb_transformer", "omdb_loader", "omdb_reader"):
        # This also takes what roles.sql has granted, the connection included.
        psql(deployment, f"--command=drop owned by {role}")
    psql(deployment, "--command=grant connect on database omdb to omdb_transformer")
    state(deployment, "clear", "--force", STATE_ID)
    assert contents(deployment) == {}

    restore(deployment)

    assert contents(deployment) == before
    assert deployment.sync() == 0
    assert deployment.script("health.py").returncode == 0


@pytest.mark.usefixtures("restored")
def test_a_removed_title_and_a_removed_name_stay_out(deployment: Deployment) -> None:
    assert len(places_of(deployment, REMOVED)) > 5
    assert len(places_of(deployment, NAME)) == 6
    project = deployment.project.root / "meltano.yml"
    original = project.read_text()
    configured = yaml.safe_load(original)
    (tap,) = configured["plugins"]["extractors"]
    tap["config"]["stream_maps"] = {
        "movies": {
            "__filter__": f'imdb_id not in ["{REMOVED}"]',
            "actors": f"', '.join([n for n in (actors or '').split(', ') if n != '{NAME}'])",
            "plot": f"(plot or '').replace('{NAME}', '[removed]') or None",
        }
    }

    project.write_text(yaml.safe_dump(configured))
    psql(deployment, f"--set=title={REMOVED}", "--file=scripts/remove.sql")
    psql(deployment, f"--set=person={NAME}", "--file=scripts/remove.sql")
    deployment.dbt("run", "--full-refresh")
    assert places_of(deployment, REMOVED) == []
    assert places_of(deployment, NAME) == []

    deployment.server.execute("omdb_loader", "delete from omdb_raw.movies")
    deployment.sync("--full-refresh")
    assert places_of(deployment, REMOVED) == []
    assert places_of(deployment, NAME) == []
    assert "omdb_raw.movies" in places_of(deployment, KEPT)
    project.write_text(original)
