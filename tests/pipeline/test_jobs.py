"""Jobs start what they need; the utilities' commands start, describe and stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pipeline.conftest import Project

import pytest


@pytest.fixture(scope="module")
def after_the_job(idle_project: Project) -> Iterator[Project]:
    """A project in which nothing ran before `meltano run demo`."""
    finished = idle_project.meltano(
        *("run", "demo"),
        TAP_OMDB_YEARS="[]",
        TAP_OMDB_TITLES_FILE="",
        TAP_OMDB_IMDB_IDS='["tt1375666"]',
    )
    assert finished.returncode == 0, finished.stdout
    yield idle_project
    idle_project.utility("omdb-emulator", "stop")
    idle_project.utility("embedded-postgres", "stop")


def test_the_job_starts_both_servers_and_runs_the_pipeline(after_the_job: Project) -> None:
    assert after_the_job.rows("select title from demo_marts.movies") == [{"title": "Inception"}]


def test_the_commands_of_postgres(after_the_job: Project) -> None:
    port = after_the_job.ports["EMBEDDED_POSTGRES_PORT"]
    shown = after_the_job.meltano("invoke", "postgres:psql", "-Atc", "show port")
    assert shown.stdout.splitlines()[-1] == port
    shown = after_the_job.meltano("invoke", "postgres:url")
    assert shown.stdout.splitlines()[-1] == f"postgresql://omdb@127.0.0.1:{port}/omdb"


def test_stop_and_status(after_the_job: Project) -> None:
    for utility in ("postgres", "omdb-emulator"):
        assert after_the_job.meltano("invoke", f"{utility}:status").returncode == 0
        assert after_the_job.meltano("invoke", f"{utility}:stop").returncode == 0
        assert after_the_job.meltano("invoke", f"{utility}:status").returncode != 0
