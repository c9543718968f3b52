"""The port: the preferred one or another, and then always the same."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from embedded_postgres import EmbeddedPostgresError, Server
from embedded_postgres.ports import DEFAULT_PORT, choose, record

from tests.postgres.conftest import cli, query


def taken(port: int) -> socket.socket:
    """A listener of this process on the port."""
    return socket.create_server(("127.0.0.1", port))


@pytest.fixture
def free() -> int:
    """A port that is not assigned to an outgoing connection in the meantime."""
    return choose(0, None).port


def test_a_taken_preferred_port_is_replaced_by_one_that_stays_until_it_is_free(
    data_dir: Path, free: int
) -> None:
    server = Server(data_dir, port=free, durable=False)
    with taken(free):
        server.start()
        other = server.port
        assert other != free
        server.stop()
        server.start()
        assert server.port == other
        assert query(server, "SHOW port") == [(str(other),)]
        server.stop()
    server.start()
    assert server.port == free
    server.stop()
    Server(data_dir).start()
    assert Server(data_dir).status().port == free


def test_another_port_moves_the_server(server: Server, free: int) -> None:
    server.start()
    first, password = server.port, server.password
    moved = Server(server.data_dir, port=free)
    assert not moved.start(), "a running server stays"
    assert server.status().port == first
    moved.stop()
    moved.start()
    assert (moved.port, moved.password) == (free, password)
    assert query(server, "SHOW port") == [(str(free),)]
    assert f":{free}:" in server.pgpass.read_text()


def test_a_port_that_is_taken_later_is_an_error_with_the_process(
    base: Path, server: Server
) -> None:
    with taken(server.port):
        done = cli("start", cwd=base)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"Port {server.port} of this Postgres is in use by py" in done.stderr
    assert "(pid " in done.stderr
    assert "set EMBEDDED_POSTGRES_PORT to a free port" in done.stderr
    assert cli("start", cwd=base).returncode == 0


def test_a_port_to_move_to_must_be_free(server: Server, free: int) -> None:
    first = server.port
    with taken(free), pytest.raises(EmbeddedPostgresError, match=f"Port {free} .* is in use"):
        Server(server.data_dir, port=free).start()
    assert server.port == first


@pytest.mark.parametrize(
    ("before", "port", "after"),
    [
        (None, DEFAULT_PORT, None),
        ("KEY='a b' # c\n", 50001, "KEY='a b' # c\nEMBEDDED_POSTGRES_PORT=50001\n"),
        ("EMBEDDED_POSTGRES_PORT=\n", DEFAULT_PORT, "EMBEDDED_POSTGRES_PORT=\n"),
        ("EMBEDDED_POSTGRES_PORT=50002\nA=1\n", 15432, "EMBEDDED_POSTGRES_PORT=15432\nA=1\n"),
    ],
)
def test_the_port_in_the_env_file(
    tmp_path: Path, before: str | None, port: int, after: str | None
) -> None:
    env_file = tmp_path / ".env"
    if before is not None:
        env_file.write_text(before)
    assert record(env_file, port) == (before != after)
    assert (env_file.read_text() if env_file.exists() else None) == after


def test_each_start_updates_the_env_file(base: Path, server: Server, free: int) -> None:
    env_file = base / ".env"
    line = f"EMBEDDED_POSTGRES_PORT={free}\n"

    def start() -> str:
        port = {"EMBEDDED_POSTGRES_PORT": str(free)}
        done = cli("start", "--env-file", ".env", cwd=base, **port)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert f"Wrote {line.strip()} to .env." in start()
    assert env_file.read_text() == line
    assert "Wrote" not in start()
    # A port requested while it runs is kept in the file, for the next start.
    free = choose(0, None).port
    env_file.write_text(f"EMBEDDED_POSTGRES_PORT={free}\n")
    assert f"Port {free} is used after a restart." in start()
    server.stop()
    start()
    assert server.port == free
    assert env_file.read_text() == f"EMBEDDED_POSTGRES_PORT={free}\n"
