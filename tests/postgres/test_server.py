"""Starting, stopping and deleting a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from embedded_postgres import EmbeddedPostgresError, Server, Status, temporary

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.conftest import Query


def test_data_survives_stop_and_start(server: Server, query: Query) -> None:
    assert server.start()
    query(server, "CREATE TABLE film AS SELECT 'Alien' AS title")
    assert server.stop()
    assert server.start()
    assert query(server, "TABLE film") == [("Alien",)]


def test_start_and_stop_may_be_repeated(fresh: Server) -> None:
    assert not fresh.stop()
    assert fresh.start()
    pid = fresh.status().pid
    assert not fresh.start()
    assert fresh.status().pid == pid
    assert fresh.stop()
    assert not fresh.stop()


def test_status_from_nothing_to_stopped(fresh: Server) -> None:
    data = fresh.data_dir / "data"
    assert fresh.status() == Status(running=False, pid=None, port=None, version=None, pgdata=data)
    assert not fresh.data_dir.exists(), "status must not create anything"
    with pytest.raises(EmbeddedPostgresError, match=r"no server .* yet: `embedded-postgres start`"):
        _ = fresh.port
    fresh.start()
    status = fresh.status()
    assert status.running
    assert status.port == fresh.port
    assert status.version is not None
    fresh.stop()
    assert fresh.status() == Status(
        running=False, pid=None, port=fresh.port, version=status.version, pgdata=status.pgdata
    )


def test_a_new_object_finds_the_server_of_the_data_directory(server: Server, query: Query) -> None:
    server.start()
    other = Server(server.data_dir)
    assert other.parameters == server.parameters
    assert query(other, "SELECT current_user, current_database()") == [("omdb", "omdb")]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("server_encoding", "UTF8"),
        ("password_encryption", "scram-sha-256"),
    ],
)
def test_settings(running: Server, query: Query, setting: str, value: str) -> None:
    assert query(running, f"SHOW {setting}") == [(value,)]


def test_it_is_postgres_18_that_sorts_and_folds_by_code_point(
    running: Server, query: Query
) -> None:
    sql = (
        "SELECT current_setting('server_version_num')::int / 10000, datcollate, "
        "'Z' < 'a', upper('é') FROM pg_database WHERE datname = current_database()"
    )
    assert query(running, sql) == [(18, "C.UTF-8", True, "É")]


def test_data_is_durable_by_default(data_dir: Path, running: Server, query: Query) -> None:
    assert query(running, "SHOW fsync") == [("off",)]
    durable = Server(data_dir, port=0)
    durable.start()
    assert query(
        durable, "SELECT current_setting('fsync'), current_setting('full_page_writes')"
    ) == [("on", "on")]


def test_c_replaces_an_unknown_locale(
    fresh: Server, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedded_postgres.cluster._LOCALES", ("tlh_QO.UTF-8", "C"))
    fresh.start()
    sql = "SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'omdb'"
    assert query(fresh, sql) == [("C", "UTF8")]


def test_destroy_deletes_only_its_own_files(server: Server) -> None:
    server.start()
    process = server.status().pid
    other_file = server.data_dir / "other_file"
    other_file.touch()
    server.destroy()
    assert process is not None
    assert not server.status().running
    assert list(server.data_dir.iterdir()) == [other_file], "other files must be kept"
    other_file.unlink()
    server.destroy()
    assert not server.data_dir.exists()


def test_a_temporary_server_is_deleted_afterwards() -> None:
    with temporary() as server:
        parameters, data_dir = server.parameters, server.data_dir
        with psycopg.connect(server.url_with_password) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not data_dir.exists()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(**parameters)  # type: ignore[arg-type]
