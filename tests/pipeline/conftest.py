"""A copy of the project with servers of its own, in which tests run the real `meltano run`.

Only the plugins' virtual environments are shared with the checkout (`make test` installs them);
a copy stands in a path with a space and a letter beyond ASCII, and gets a shell with settings
that would lead it to another Postgres and to the real OMDb if it heeded them.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from omdb_emulator.catalogue import loader
from omdb_emulator.catalogue.titles import json_lines
from omdb_emulator.client import Control
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.conftest import run_program
from tests.transform.conftest import CHECKOUT, PARSED, copy_parsed

__all__ = ["CHECKOUT"]

MELTANO = CHECKOUT / ".venv/bin/meltano"
PLUGINS = (
    "extractors/tap-omdb",
    "loaders/target-postgres",
    "utilities/dashboard",
    "utilities/dbt",
    "utilities/exports",
    "utilities/omdb-emulator",
    "utilities/postgres",
)
PIPELINE = ("run", "tap-omdb", "target-postgres", "dbt:run")

CATALOGUE: dict[str, dict[str, Any]] = {
    line["imdbID"]: line for _, line in json_lines(loader.CATALOGUE)
}
"""What the emulator has, by id."""

MISLEADING = {
    "PGHOST": "192.0.2.1",  # reserved for documentation: nothing answers there
    "PGPORT": "1",
    "PGUSER": "somebody",
    "PGPASSWORD": "misleading",
    "PGDATABASE": "production",
    "PGSSLMODE": "require",
    "PGTZ": "America/New_York",
    "TAP_OMDB_API_KEY": "deadbeef",
}


@dataclass(frozen=True)
class Project:
    """A copy of the project."""

    root: Path

    def meltano(
        self, *arguments: str, environment: str = "demo", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Meltano; stdout and stderr come together as `stdout`."""
        process = self.start_meltano(*arguments, environment=environment, **variables)
        with process:
            output, _ = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, output)

    def start_meltano(
        self, *arguments: str, environment: str = "demo", **variables: str
    ) -> subprocess.Popen[str]:
        """Start Meltano in a process group of its own."""
        home = self.root.parent / "home"
        home.mkdir(exist_ok=True)
        return subprocess.Popen(
            [MELTANO, f"--environment={environment}", *arguments],
            cwd=self.root,
            env={
                "PATH": os.defpath,
                "HOME": str(home),
                "LANG": "C.UTF-8",
                "MELTANO_AUTO_INSTALL": "false",
                **MISLEADING,
                **variables,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def make(self, *arguments: str) -> str:
        """Run `make` to its end and return what it printed."""
        finished = self.try_make(*arguments)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout + finished.stderr

    def try_make(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `make` with what the checkout has installed."""
        installed = [f"--old-file={stamp}" for stamp in (".venv/.meltano", ".meltano/.installed")]
        env = {"PATH": os.defpath, "LANG": "C.UTF-8", **MISLEADING}
        return run_program("make", *installed, *arguments, cwd=self.root, env=env, input=stdin)

    def utility(self, executable: str, *arguments: str) -> None:
        """Run an executable of a utility plugin as `make start` and `make stop` do."""
        done = self.try_utility(executable, *arguments)
        assert done.returncode == 0, done.stderr

    def try_utility(self, executable: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Like `utility`, but may fail."""
        utility = {"embedded-postgres": "postgres"}.get(executable, executable)
        program = self.root / ".meltano/utilities" / utility / "venv/bin" / executable
        env = {"PATH": os.defpath, **self.ports}
        return run_program(program, *arguments, cwd=self.root, env=env)

    @property
    def ports(self) -> dict[str, str]:
        """What `.env` says."""
        lines = (self.root / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    @property
    def emulator(self) -> Control:
        """The emulator's control endpoint."""
        return Control(f"http://127.0.0.1:{self.ports['OMDB_EMULATOR_PORT']}/")

    def connect(self) -> psycopg.Connection[dict[str, Any]]:
        """A connection to the copy's Postgres, found as the plugins find it."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.ports["EMBEDDED_POSTGRES_PORT"],
            user="omdb",
            dbname="omdb",
            passfile=str(self.root / ".postgres/pgpass"),
            row_factory=dict_row,
        )

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What a query gives."""
        with self.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def differences(self, responses: Iterable[tuple[str, object]]) -> list[dict[str, Any]]:
        """Values of the raw tables that differ from the responses, by `expected.sql`.

        Args:
            responses: Each requested id with its response: everything that the tables should hold.
        """
        with self.connect() as connection:
            connection.execute("create temp table responses (requested_id text, response jsonb)")
            with connection.cursor().copy("copy responses from stdin") as copy:
                for requested_id, response in responses:
                    copy.write_row((requested_id, Jsonb(response)))
            connection.execute((Path(__file__).parent / "expected.sql").read_bytes())
            return connection.execute("select * from differences order by 1, 2 limit 20").fetchall()

    def snapshot(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of every table of the demo, by table, in a stable order."""
        with self.connect() as connection:
            tables = connection.execute(
                "select format('%I.%I', schemaname, tablename) as name from pg_tables"
                " where schemaname like 'demo%' order by 1"
            ).fetchall()
            return {
                table["name"]: connection.execute(
                    f"select to_jsonb(t) as row from {table['name']} t order by 1".encode()  # noqa: S608
                ).fetchall()
                for table in tables
            }


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A copy whose servers run."""
    with running_project(tmp_path_factory.mktemp("pipeline") / "a próject") as copy:
        yield copy


@pytest.fixture(scope="session")
def idle_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A copy whose servers do not run."""
    copy = copy_project(tmp_path_factory.mktemp("idle") / "a próject")
    yield copy
    copy.utility("embedded-postgres", "destroy", "--yes")


@contextmanager
def running_project(root: Path) -> Iterator[Project]:
    """A copy of the project in a new directory, whose servers run."""
    copy = copy_project(root)
    copy.utility("embedded-postgres", "start")
    copy.utility("omdb-emulator", "start", "--log-requests")
    yield copy
    copy.utility("omdb-emulator", "stop")
    # When root runs this, the data would otherwise stay in /var/lib.
    copy.utility("embedded-postgres", "destroy", "--yes")


def copy_project(root: Path, kept: Collection[str] = ()) -> Project:
    """Copy what git knows to a new directory, with the plugins of the checkout.

    Args:
        root: The directory.
        kept: The files and folders at the top to copy; all by default.
    """
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, run_program(*command, cwd=CHECKOUT).stdout.split("\0")):
        source, target = CHECKOUT / name, root / name
        if kept and name.split("/")[0] not in kept:
            continue
        if source.is_file():  # or deleted and not yet committed
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    if (root / "transform").exists():
        copy_parsed(root / Path(PARSED).parent)
    (root / ".venv").symlink_to(CHECKOUT / ".venv")
    for plugin in PLUGINS:
        venv = CHECKOUT / ".meltano" / plugin / "venv"
        assert venv.is_dir(), f"{venv} is missing: run `make test`, or `make start` once"
        (root / ".meltano" / plugin).mkdir(parents=True)
        (root / ".meltano" / plugin / "venv").symlink_to(venv)
    (root / ".env").write_text(
        f"EMBEDDED_POSTGRES_PORT={_free_port()}\nOMDB_EMULATOR_PORT={_free_port()}\n"
    )
    return Project(root)


def _free_port() -> int:
    """A port below those that the system hands to clients, which could take it meanwhile."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(20_000, 32_000)))  # noqa: S311
            return int(probe.getsockname()[1])
