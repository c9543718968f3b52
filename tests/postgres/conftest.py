"""Real servers with a data directory for each test, stopped and deleted afterwards."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from embedded_postgres import Server, temporary

from tests.conftest import run_program

PROGRAM = str(Path(sys.executable).with_name("embedded-postgres"))
ALIEN = "CREATE TABLE film AS SELECT 'Alien' AS title"


def query(server: Server, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(**server.parameters, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def cli(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `embedded-postgres` in a new process; a new server gets any free port."""
    others = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "EMBEDDED_"))}
    env = {**others, "EMBEDDED_POSTGRES_PORT": "0", **variables}
    return run_program(PROGRAM, *arguments, cwd=cwd, env=env)


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
def closed(base: Path) -> Path:
    """A directory that only its owner can enter."""
    directory = base / "closed"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def data_dir(base: Path) -> Path:
    """The data directory of a server of this test: the default one in `base`."""
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


@pytest.fixture
def nobody() -> Iterator[ProcessPoolExecutor]:
    """Calls functions as the user nobody."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; as this user all other tests ran")
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, fork, _become_nobody) as pool:
        yield pool


def _become_nobody() -> None:
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
