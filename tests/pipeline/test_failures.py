"""When something is missing: one line that says what to do, and an exit code that is not 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project


def lines_with(text: str, output: str) -> list[str]:
    return [line for line in output.splitlines() if text in line]


@pytest.mark.parametrize(
    ("environment", "remedy"),
    [
        ("demo", "start it with `make start`"),
        ("dev", "start it with `make start`"),
        ("prod", "check PGHOST and PGPORT in .env or your shell"),
    ],
)
def test_postgres_is_down(idle_project: Project, environment: str, remedy: str) -> None:
    port = idle_project.ports["EMBEDDED_POSTGRES_PORT"]
    finished = idle_project.meltano(
        *("run", "tap-omdb", "target-postgres", "dbt:run"),
        environment=environment,
        PGHOST="127.0.0.1",
        PGPORT=port,
        TAP_OMDB_API_URL="http://127.0.0.1:1/",
    )
    assert finished.returncode != 0
    (line,) = lines_with("Postgres", finished.stdout)
    assert f"Postgres does not accept connections at 127.0.0.1:{port}: {remedy}" in line
    assert "Traceback" not in finished.stdout
    assert not lines_with("Running with dbt", finished.stdout)


@pytest.mark.parametrize("start", [("run", "dbt:run"), ("invoke", "dbt:run"), ("run", "dbt:test")])
def test_postgres_is_down_for_dbt(idle_project: Project, start: tuple[str, str]) -> None:
    finished = idle_project.meltano(*start)
    assert finished.returncode != 0
    (line,) = lines_with("Postgres", finished.stdout)
    assert "does not accept connections" in line
    assert "start it with `make start`" in line
    assert "Traceback" not in finished.stdout


@pytest.fixture(scope="module")
def project_without_emulator(project: Project) -> Project:
    project.utility("omdb-emulator", "stop")
    return project


def test_the_emulator_is_down(project_without_emulator: Project) -> None:
    finished = project_without_emulator.meltano(
        *("run", "tap-omdb", "target-postgres", "dbt:run"), TAP_OMDB_MAX_RETRY_TIME="1"
    )
    assert finished.returncode != 0
    port = project_without_emulator.ports["OMDB_EMULATOR_PORT"]
    (line,) = lines_with("cannot be reached", finished.stdout)
    assert f"127.0.0.1:{port}" in line
    assert "emulator" in line
    assert "Traceback" not in finished.stdout


def test_the_key_is_wrong(project: Project) -> None:
    project.utility("omdb-emulator", "start")
    finished = project.meltano(
        *("--log-level=debug", "run", "tap-omdb", "target-postgres", "dbt:run"),
        environment="dev",
        TAP_OMDB_API_URL=project.emulator.url,
        TAP_OMDB_API_KEY="1badc0de",
        TAP_OMDB_LOGLEVEL="DEBUG",
    )
    assert finished.returncode != 0
    (line,) = lines_with('OMDb reports "Invalid API key!"', finished.stdout)
    assert "TAP_OMDB_API_KEY" in line
    assert "1badc0de" not in finished.stdout
    assert project.emulator.stats()["unauthorized"]["invalid_key"] > 0


def test_there_is_no_key(project: Project) -> None:
    finished = project.meltano(
        *("run", "tap-omdb", "target-postgres", "dbt:run"), environment="dev", TAP_OMDB_API_KEY=""
    )
    assert finished.returncode != 0
    assert lines_with("api_key is missing", finished.stdout)
