"""The port: preferred, else another one, then always the same."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from embedded_postgres import EmbeddedPostgresError, Server
from embedded_postgres.env_file import record_port
from embedded_postgres.ports import DEFAULT_PORT, choose

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.conftest import Cli, Query


def taken(port: int) -> socket.socket:
    """A listener of this process on the port."""
    return socket.create_server(("127.0.0.1", port))


@pytest.fixture
def free() -> int:
    """A port that no outgoing connection is given meanwhile."""
    return choose(0, None).port


def test_the_preferred_port_at_the_first_start_and_ever_after(home: Path, free: int) -> None:
    Server(home, port=free, durable=False).start()
    assert Server(home).port == free
    Server(home).stop()
    Server(home).start()
    assert Server(home).status().port == free


def test_a_taken_preferred_port_gives_way_to_one_that_stays(
    home: Path, query: Query, free: int
) -> None:
    with taken(free):
        server = Server(home, port=free, durable=False)
        server.start()
        other = server.port
        assert other != free
        server.stop()
        server.start()
        assert server.port == other
        assert query(server, "SHOW port") == [(str(other),)]
        server.stop()
        Server(home).start()
        assert server.port == other


def test_a_preferred_port_that_has_become_free_is_taken_when_asked_for_again(
    home: Path, free: int
) -> None:
    with taken(free):
        server = Server(home, port=free, durable=False)
        server.start()
        server.stop()
    server.start()
    assert server.port == free


def test_another_port_moves_the_server(server: Server, query: Query, free: int) -> None:
    server.start()
    first, password = server.port, server.password
    moved = Server(server.home, port=free)
    assert not moved.start(), "a running server stays"
    assert server.status().port == first
    moved.stop()
    moved.start()
    assert (moved.port, moved.password) == (free, password)
    assert query(server, "SHOW port") == [(str(free),)]
    assert f":{free}:" in server.pgpass.read_text()


def test_a_kept_port_that_is_taken_later_is_named_with_its_holder(server: Server, cli: Cli) -> None:
    with taken(server.port):
        done = cli("start", home=server.home)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"Port {server.port} of this Postgres is taken by py" in done.stderr
    assert "(pid " in done.stderr
    assert "set EMBEDDED_POSTGRES_PORT to a free port" in done.stderr
    assert cli("start", home=server.home).returncode == 0


def test_a_port_to_move_to_must_be_free(server: Server, free: int) -> None:
    first = server.port
    with taken(free), pytest.raises(EmbeddedPostgresError, match=f"Port {free} .* is taken"):
        Server(server.home, port=free).start()
    assert server.port == first


@pytest.mark.parametrize(
    ("before", "port", "after"),
    [
        (None, DEFAULT_PORT, None),
        (None, 50001, "EMBEDDED_POSTGRES_PORT=50001\n"),
        ("KEY='a b' # c\n", DEFAULT_PORT, "KEY='a b' # c\n"),
        ("KEY='a b' # c\n", 50001, "KEY='a b' # c\nEMBEDDED_POSTGRES_PORT=50001\n"),
        ("EMBEDDED_POSTGRES_PORT=\n", DEFAULT_PORT, "EMBEDDED_POSTGRES_PORT=\n"),
        ("EMBEDDED_POSTGRES_PORT=50001\n", 50001, "EMBEDDED_POSTGRES_PORT=50001\n"),
        ("EMBEDDED_POSTGRES_PORT=50002\nA=1\n", 50001, "EMBEDDED_POSTGRES_PORT=50001\nA=1\n"),
        (
            "EMBEDDED_POSTGRES_PORT=50002\n",
            DEFAULT_PORT,
            f"EMBEDDED_POSTGRES_PORT={DEFAULT_PORT}\n",
        ),
    ],
)
def test_the_env_file_says_the_port(
    tmp_path: Path, before: str | None, port: int, after: str | None
) -> None:
    env_file = tmp_path / ".env"
    if before is not None:
        env_file.write_text(before)
    assert record_port(env_file, port) == (before != after)
    assert (env_file.read_text() if env_file.exists() else None) == after


def test_each_start_mends_the_env_file(base: Path, home: Path, free: int, cli: Cli) -> None:
    env_file = base / ".env"
    line = f"EMBEDDED_POSTGRES_PORT={free}\n"
    arguments = ("start", "--env-file", str(env_file))
    done = cli(*arguments, home=home, EMBEDDED_POSTGRES_PORT=str(free))
    assert f"Wrote {line.strip()} to {env_file}." in done.stdout
    assert env_file.read_text() == line
    env_file.unlink()
    assert "Wrote" in cli(*arguments, home=home).stdout
    assert env_file.read_text() == line
    assert "Wrote" not in cli(*arguments, home=home).stdout


def test_a_port_asked_for_while_running_is_left_in_the_env_file(
    base: Path, server: Server, free: int, cli: Cli
) -> None:
    server.start()
    env_file = base / ".env"
    env_file.write_text(f"EMBEDDED_POSTGRES_PORT={free}\n")
    arguments = ("start", "--env-file", str(env_file))
    done = cli(*arguments, home=server.home, EMBEDDED_POSTGRES_PORT=str(free))
    assert done.returncode == 0
    assert f"It takes port {free} after a stop and a start." in done.stderr
    server.stop()
    cli(*arguments, home=server.home, EMBEDDED_POSTGRES_PORT=str(free))
    assert server.port == free
    assert env_file.read_text() == f"EMBEDDED_POSTGRES_PORT={free}\n"
