"""Starting, stopping and deleting a server, its settings, and access to it."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import psutil
import psycopg
import pytest
from embedded_postgres import EmbeddedPostgresError, Server, Status, temporary

from tests.postgres.conftest import ALIEN, query

VERSION = "current_setting('server_version_num')::int / 10000"


def test_data_survives_stop_and_start(server: Server) -> None:
    assert not server.stop()
    assert server.start()
    assert not server.start()
    query(server, ALIEN)
    assert server.stop()
    assert not server.stop()
    assert server.start()
    other = Server(server.data_dir)
    assert other.parameters == server.parameters
    assert query(other, "TABLE film") == [("Alien",)]


def test_status_from_nothing_to_stopped(fresh: Server) -> None:
    data = fresh.data_dir / "data"
    assert fresh.status() == Status(running=False, pid=None, port=None, version=None, pgdata=data)
    assert not fresh.data_dir.exists(), "status must not create anything"
    with pytest.raises(EmbeddedPostgresError, match=r"no server .* yet: `embedded-postgres start`"):
        _ = fresh.port
    fresh.start()
    status = fresh.status()
    assert (status.running, status.port, status.version) == (True, fresh.port, 18)
    fresh.stop()
    port = fresh.port
    assert fresh.status() == Status(running=False, pid=None, port=port, version=18, pgdata=data)


def test_settings(running: Server) -> None:
    expected = {
        VERSION: 18,
        "current_setting('listen_addresses')": "127.0.0.1",
        "current_setting('unix_socket_directories')": "",
        "current_setting('timezone')": "UTC",
        "current_setting('log_timezone')": "UTC",
        "current_setting('fsync')": "off",
        "pg_encoding_to_char(encoding)": "UTF8",
        "datcollate": "C.UTF-8",
        "'Z' < 'a'": True,
        "upper('é')": "É",
    }
    sql = f"SELECT {', '.join(expected)} FROM pg_database WHERE datname = current_database()"  # noqa: S608
    assert query(running, sql) == [tuple(expected.values())]


def test_data_is_durable_by_default(data_dir: Path) -> None:
    durable = Server(data_dir, port=0)
    durable.start()
    assert query(durable, "SELECT current_setting('fsync')") == [("on",)]
    assert query(durable, "SELECT current_setting('full_page_writes')") == [("on",)]


def test_c_replaces_an_unknown_locale(fresh: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedded_postgres.cluster._LOCALES", ("tlh_QO.UTF-8", "C"))
    fresh.start()
    sql = "SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'omdb'"
    assert query(fresh, sql) == [("C", "UTF8")]


def test_destroy_deletes_only_its_own_files(server: Server) -> None:
    server.start()
    other_file = server.data_dir / "other_file"
    other_file.touch()
    server.destroy()
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


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_libpq_finds_the_password_in_the_file(running: Server, host: str) -> None:
    assert stat.S_IMODE(running.pgpass.stat().st_mode) == 0o600
    given = f"host={host} port={running.port} user=omdb dbname=omdb password="
    with psycopg.connect(given, passfile=str(running.pgpass)) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("omdb",)


def test_each_server_has_a_long_password_of_its_own(server: Server, running: Server) -> None:
    assert re.fullmatch(r"[\w-]{32}", server.password)
    assert server.password != running.password


@pytest.mark.parametrize(
    ("password", "complaint"), [("wrong", "authentication failed"), ("", "no password supplied")]
)
def test_no_entry_without_the_password(running: Server, password: str, complaint: str) -> None:
    parameters = {**running.parameters, "password": password, "passfile": "/dev/null"}
    with pytest.raises(psycopg.OperationalError, match=complaint):
        psycopg.connect(**parameters)  # type: ignore[arg-type]
    assert query(running, "SELECT DISTINCT auth_method FROM pg_hba_file_rules") == [
        ("scram-sha-256",)
    ]


def test_it_listens_on_loopback_alone(running: Server) -> None:
    connections = psutil.Process(running.status().pid).net_connections(kind="inet")
    listening = [c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]
