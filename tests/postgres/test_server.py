"""Starting, stopping and deleting a server, its settings, access to it, and its command."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from embedded_postgres import EmbeddedPostgresError, Server, Status, temporary

from tests.postgres.conftest import ALIEN, PROGRAM, cli, query

VERSION = "current_setting('server_version_num')::int / 10000"


def test_start_stop_and_start_again(data_dir: Path) -> None:
    server, data = Server(data_dir, port=0), data_dir / "data"
    assert server.status() == Status(running=False, pid=None, port=None, version=None, pgdata=data)
    assert not data_dir.exists(), "status must not create anything"
    with pytest.raises(EmbeddedPostgresError, match=r"no server .* yet: `embedded-postgres start`"):
        _ = server.port
    assert not server.stop()
    assert server.start()
    assert not server.start()
    status, port = server.status(), server.port
    assert (status.running, status.port, status.version) == (True, port, 18)
    query(server, ALIEN)
    durable = "SELECT current_setting('fsync'), current_setting('full_page_writes')"
    assert query(server, durable) == [("on", "on")]
    assert server.stop()
    assert not server.stop()
    assert server.status() == Status(running=False, pid=None, port=port, version=18, pgdata=data)
    assert server.start()
    other = Server(data_dir)
    assert other.parameters == server.parameters
    assert query(other, "TABLE film") == [("Alien",)]


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
    assert re.fullmatch(r"[\w-]{32}", running.password)
    given = f"host={host} port={running.port} user=omdb dbname=omdb password="
    with psycopg.connect(given, passfile=str(running.pgpass)) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("omdb",)


def test_each_server_has_a_password_of_its_own(server: Server, running: Server) -> None:
    assert server.password != running.password


@pytest.mark.parametrize(
    ("password", "complaint"), [("wrong", "authentication failed"), ("", "no password supplied")]
)
def test_no_entry_without_the_password(running: Server, password: str, complaint: str) -> None:
    parameters = {**running.parameters, "password": password, "passfile": "/dev/null"}
    with pytest.raises(psycopg.OperationalError, match=complaint):
        psycopg.connect(**parameters)  # type: ignore[arg-type]
    methods = query(running, "SELECT DISTINCT auth_method FROM pg_hba_file_rules")
    assert methods == [("scram-sha-256",)]


# The command `embedded-postgres`, as a person or a script runs it


def test_start_status_stop_and_destroy(base: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = cli(*arguments, cwd=base)
        return done.returncode, done.stdout

    assert run("status") == (3, "Postgres is stopped; it has no data yet.\n")
    code, started = run("start")
    data = base / ".postgres/data"
    line = rf"Postgres 18 is running on 127\.0\.0\.1:(\d+) \(pid \d+, data in {data}\)\.\n"
    found = re.fullmatch(line, started)
    assert found
    assert code == 0
    assert run("start") == (0, f"Already running: {started}")
    assert run("status") == (0, started)
    password, address = Server(data.parent).password, f"127.0.0.1:{found.group(1)}/omdb"
    assert run("url") == (0, f"postgresql://omdb@{address}\n")
    assert run("url", "--with-password") == (0, f"postgresql://omdb:{password}@{address}\n")
    assert run("stop") == (0, "Postgres has stopped.\n")
    assert run("stop") == (0, "Postgres is not running.\n")
    assert run("status") == (3, f"Postgres 18 is stopped (data in {data}).\n")
    assert run("destroy", "--yes") == (0, "Postgres and its data are deleted.\n")
    assert not data.parent.exists()


@pytest.mark.parametrize(
    ("arguments", "output", "code"),
    [
        (["-At", "-c", "SELECT current_user || '@' || current_database()"], "omdb@omdb\n", 0),
        (["-d", "postgres", "-Atc", "SELECT current_database()"], "postgres\n", 0),
        (["--version"], "psql (PostgreSQL) 18", 0),
        (["-c", "SELEKT"], "", 1),
    ],
)
def test_psql_takes_its_own_arguments(
    running: Server, arguments: list[str], output: str, code: int
) -> None:
    # The address of another server, which must have no effect.
    misleading = {"PGHOST": "192.0.2.1", "PGPORT": "1", "PGPASSWORD": "wrong", "PGUSER": "x"}
    data_dir = ("--data-dir", running.data_dir.name)
    done = cli(*data_dir, "psql", *arguments, cwd=running.data_dir.parent, **misleading)
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith(output)


@pytest.mark.parametrize("command", ["psql", "url"])
def test_without_a_server_the_command_to_start_it_is_named(base: Path, command: str) -> None:
    done = cli(command, cwd=base)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "`embedded-postgres start`" in done.stderr


@pytest.mark.place
def test_a_full_disk_is_an_error_with_the_cause_and_start_works_afterwards(
    base: Path, data_dir: Path
) -> None:
    command = ["sh", "-c", 'ulimit -f 200; exec "$0" --port 0 start', PROGRAM]
    env = {**os.environ, "EMBEDDED_POSTGRES_DATA_DIR": str(data_dir)}
    done = subprocess.run(command, env=env, capture_output=True, check=False, text=True)
    assert done.returncode == 1
    # PostgreSQL's programs are copied if the server's user cannot access them.
    problem = rf"embedded-postgres: PostgreSQL cannot (create its|be copied).* {data_dir}"
    assert re.match(problem, done.stderr), done.stderr
    assert re.search("initdb|File (size limit|too large)", done.stderr), done.stderr
    assert not (data_dir / "data").exists()
    assert cli("start", cwd=base).returncode == 0


def test_a_server_that_cannot_start_shows_its_log(base: Path, server: Server) -> None:
    with (server.data_dir / "data" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    done = cli("start", cwd=base)
    assert done.returncode == 1
    assert f"PostgreSQL does not start on port {server.port}" in done.stderr.splitlines()[0]
    assert 'unrecognized configuration parameter "no_such_setting"' in done.stderr


def test_simultaneous_starts_and_stops_leave_one_working_server(base: Path) -> None:
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _: cli("start", cwd=base), range(5)))
        assert [d.returncode for d in done] == [0] * 5, [d.stderr for d in done]
        assert sum(d.stdout.startswith("Postgres 18 is running") for d in done) == 1
        assert len({d.stdout.removeprefix("Already running: ") for d in done}) == 1
        done = list(pool.map(lambda name: cli(name, cwd=base), ["stop", "stop", "start"] * 3))
    assert [d.returncode for d in done] == [0] * 9, [d.stderr for d in done]
    assert cli("start", cwd=base).returncode == 0
    assert cli("psql", "-Atc", "SELECT 1", cwd=base).stdout == "1\n"
