"""Whatever ends Meltano in the middle of a run: the next one loads all, and pays for nothing twice.

The emulator answers some requests and holds the next ones, so that the end surely falls between.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.pipeline.conftest import CATALOGUE, Project

ANSWERED = 60
CONCURRENCY = 8
EXTRACT_AND_LOAD = ("tap-omdb", "target-postgres")


IDS = {
    imdb_id
    for imdb_id, title in CATALOGUE.items()
    if title.get("Year") in {"2010", "2011", "2012"}
    and not imdb_id.startswith("tt99")  # these are odd: broken, merged, unknown
}


class Held:
    """A project, and a file of titles of which only some get an answer for the time being."""

    def __init__(self, project: Project, name: str) -> None:
        self.project = project
        assert len(IDS) > 2 * ANSWERED
        self._file = project.root / f"{name}.txt"
        self._file.write_text("\n".join(sorted(IDS)))
        self._suffix = f"--state-id-suffix={name}"
        self.variables = {
            "TAP_OMDB_YEARS": "[]",
            "TAP_OMDB_IMDB_IDS": "[]",
            "TAP_OMDB_TITLES_FILE": self._file.name,
            "TAP_OMDB_CACHE_DIR": str(project.root / f".meltano/cache/{name}"),
            "TAP_OMDB_CONCURRENCY": str(CONCURRENCY),
            "TAP_OMDB_TYPES": '["movie", "series", "game"]',
        }
        project.emulator.reset()
        project.emulator.fault("hang", skip=ANSWERED)

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start a run that will come to a halt."""
        return self.project.start_meltano(
            "run", self._suffix, *options, *EXTRACT_AND_LOAD, **self.variables
        )

    def wait_for_the_halt(self, process: subprocess.Popen[str]) -> None:
        """Return when each worker waits for an answer."""
        while self.project.emulator.stats()["in_flight"] < CONCURRENCY:
            assert process.poll() is None, process.stdout and process.stdout.read()
            time.sleep(0.1)

    def go_on(self) -> None:
        """Answer from now on."""
        self.project.emulator.clear_faults()

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run once more."""
        return self.project.meltano(
            "run", self._suffix, *options, *EXTRACT_AND_LOAD, **self.variables
        )

    def spent(self) -> int:
        """Return the requests so far, those that got no answer among them."""
        return int(self.project.emulator.stats()["requests"])

    def check(self) -> None:
        """Hold the tables and the requests against the catalogue."""
        kinds = ("movies", "series", "episodes", "games")
        query = " union all ".join(f"select imdb_id from demo_raw.{kind}" for kind in kinds)  # noqa: S608
        loaded = [row["imdb_id"] for row in self.project.rows(query)]
        assert sorted(loaded) == sorted(IDS)
        assert len(IDS) <= self.spent() <= len(IDS) + CONCURRENCY


@pytest.fixture
def held(project: Project, request: pytest.FixtureRequest) -> Iterator[Held]:
    with project.connect() as connection:
        connection.execute("drop schema if exists demo_raw cascade")
    held = Held(project, request.node.name.removeprefix("test_"))
    yield held
    held.go_on()


@pytest.fixture
def state_in_postgres(project: Project) -> Iterator[dict[str, str]]:
    """The variables of a database of Meltano's own, which machines may share."""
    with project.connect() as admin:
        admin.autocommit = True
        admin.execute("create role meltano login password 'db-secret'")
        admin.execute("create database meltano owner meltano")
        port = project.ports["EMBEDDED_POSTGRES_PORT"]
        yield {
            "MELTANO_DATABASE_URI": f"postgresql+psycopg://meltano@127.0.0.1:{port}/meltano",
            "PGPASSWORD": "db-secret",
            "PGSSLMODE": "prefer",
        }
        admin.execute("drop database meltano with (force)")
        admin.execute("drop role meltano")


def test_killed_with_all_that_it_started(held: Held, state_in_postgres: dict[str, str]) -> None:
    held.variables |= state_in_postgres
    with held.start() as process:
        held.wait_for_the_halt(process)
        os.killpg(process.pid, signal.SIGKILL)
    held.go_on()
    before = held.spent()

    refused = held.run()
    assert refused.returncode != 0
    (line,) = [line for line in refused.stdout.splitlines() if "already running" in line]
    assert "Wait until" in line
    assert "--force" in line
    assert held.spent() == before

    forced = held.run("--force")
    assert forced.returncode == 0, forced.stdout
    assert "secret" not in forced.stdout
    held.check()

    # Another machine has neither the first one's files nor its cache.
    for path in (held.project.root / ".meltano").glob("meltano.db*"):
        path.unlink()
    shutil.rmtree(held.project.root / ".meltano/cache")
    before = held.spent()
    elsewhere = held.run("--force")  # the dead run still counts as running
    assert elsewhere.returncode == 0, elsewhere.stdout
    assert held.spent() == before


def test_terminated(held: Held) -> None:
    with held.start() as process:
        held.wait_for_the_halt(process)
        process.terminate()
        held.go_on()
        process.communicate(timeout=120)
    assert process.returncode != 0

    again = held.run()
    assert again.returncode == 0, again.stdout
    held.check()


def test_timed_out(held: Held) -> None:
    with held.start("--timeout=5") as process:
        assert process.stdout
        for line in process.stdout:
            if "graceful termination" in line:
                held.go_on()
    assert process.returncode != 0

    again = held.run()
    assert again.returncode == 0, again.stdout
    held.check()
