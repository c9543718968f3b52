"""The server of a directory: its settings, access to it, its command, crashes, and its port."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
from embedded_postgres import EmbeddedPostgresError, Server, Status, temporary
from embedded_postgres.data_directory import DEFAULT_PORT, choose_port, record_port

from tests.conftest import run_program
from tests.postgres.conftest import ALIEN, PROGRAM, cli, query

VERSION = "current_setting('server_version_num')::int / 10000"


def test_the_data_survives_a_stop_and_each_handle_finds_it(data_dir: Path) -> None:
    server, data = Server(data_dir, port=0), data_dir / "data"
    assert server.status() == Status(running=False, pid=None, port=None, version=None, pgdata=data)
    assert not data_dir.exists(), "status must not create anything"
    with pytest.raises(EmbeddedPostgresError, match=r"no server .* yet: `embedded-postgres start`"):
        _ = server.port
    assert server.start()
    query(server, ALIEN)
    durable = "SELECT current_setting('fsync'), current_setting('full_page_writes')"
    assert query(server, durable) == [("on", "on")]
    assert server.stop()
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
    with temporary() as deleted:
        pass
    assert not deleted.data_dir.parent.exists()
    server.start()
    other_file = server.data_dir / "other_file"
    other_file.touch()
    server.destroy()
    assert not server.status().running
    assert list(server.data_dir.iterdir()) == [other_file], "other files must be kept"
    other_file.unlink()
    server.destroy()
    assert not server.data_dir.exists()


def test_only_who_has_the_password_can_log_in(server: Server, running: Server) -> None:
    assert stat.S_IMODE(running.pgpass.stat().st_mode) == 0o600
    assert re.fullmatch(r"[\w-]{32}", running.password)
    assert server.password != running.password
    passfile = {"password": "", "passfile": str(running.pgpass)}
    for parameters in ({"password": running.password}, passfile, {**passfile, "host": "localhost"}):
        psycopg.connect(**{**running.parameters, **parameters}).close()
    psycopg.connect(running.url_with_password).close()
    for password, complaint in ("wrong", "authentication failed"), ("", "no password supplied"):
        without = {"password": password, "passfile": "/dev/null"}
        with pytest.raises(psycopg.OperationalError, match=complaint):
            psycopg.connect(**{**running.parameters, **without})
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
    command = ("sh", "-c", 'ulimit -f 200; exec "$0" --port 0 start', PROGRAM)
    env = {**os.environ, "EMBEDDED_POSTGRES_DATA_DIR": str(data_dir)}
    done = run_program(*command, env=env)
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


# The data survives every kind of crash


@pytest.fixture(scope="module")
def first() -> Iterator[Server]:
    with temporary() as server:
        yield server


@pytest.fixture
def filled(first: Server) -> Server:
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
def bystander(filled: Server) -> Iterator[int]:
    """An unrelated process of the owner of the data."""
    owner = filled.status().pgdata.stat()
    drop = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    with subprocess.Popen(["sleep", "60"], **(drop if os.geteuid() == 0 else {})) as process:  # type: ignore[call-overload]  # noqa: S607
        yield process.pid
        process.kill()


@pytest.mark.parametrize("content", [None, "", "garbage\n", "999999999\n", "{bystander}\n{rest}"])
def test_committed_data_survives_kill_9_whatever_the_pidfile_says(
    filled: Server, bystander: int, content: str | None
) -> None:
    pidfile = filled.status().pgdata / "postmaster.pid"
    rest = pidfile.read_text().partition("\n")[2]
    kill(filled)
    assert pidfile.exists()
    if content is not None:
        # The id of the crashed server may belong to another process.
        pidfile.write_text(content.format(bystander=bystander, rest=rest))
    assert not filled.status().running
    assert not filled.stop()
    assert filled.start()
    assert query(filled, "TABLE film") == [("Alien",)]
    assert is_alive(bystander)


def test_a_busy_session_that_outlives_the_postmaster_is_ended(filled: Server) -> None:
    with psycopg.connect(**filled.parameters) as connection:
        busy = connection.info.backend_pid
        # A loop that never waits does not notice that the postmaster has died.
        connection.pgconn.send_query(b"DO $$ BEGIN LOOP END LOOP; END $$")
        while psutil.Process(busy).cpu_times().user < 0.05:
            time.sleep(0.01)
        kill(filled)
        assert is_alive(busy), "otherwise this test proves nothing"
        assert filled.start()
        assert not is_alive(busy)
        connection.close()
    assert query(filled, "TABLE film") == [("Alien",)]


def test_an_interrupted_first_start_is_repeated(fresh: Server) -> None:
    partial = fresh.data_dir / "data.new"
    partial.mkdir(parents=True)
    (partial / "PG_VERSION").write_text("18\n")
    assert fresh.start()
    assert query(fresh, "SELECT 1") == [(1,)]
    assert not partial.exists()


@pytest.mark.parametrize("while_running", [True, False])
@pytest.mark.parametrize("lost", ["pgpass", "state.json"])
def test_lost_files_are_recreated(filled: Server, lost: str, *, while_running: bool) -> None:
    if not while_running:
        filled.stop()
    (filled.data_dir / lost).unlink()
    assert filled.start()
    assert query(filled, "TABLE film") == [("Alien",)]


# The port: the preferred one or another, and then always the same


def taken(port: int) -> socket.socket:
    """A listener of this process on the port."""
    return socket.create_server(("127.0.0.1", port))


@pytest.fixture
def free() -> int:
    """A port that is not assigned to an outgoing connection in the meantime."""
    return choose_port(0, None).port


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
    moved.stop()
    with taken(first), pytest.raises(EmbeddedPostgresError, match=f"Port {first} .* is in use"):
        Server(server.data_dir, port=first).start()
    assert server.port == free


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
    assert record_port(env_file, port) == (before != after)
    assert (env_file.read_text() if env_file.exists() else None) == after


def test_start_updates_the_env_file(base: Path, server: Server, free: int) -> None:
    env_file = base / ".env"

    def start(port: int) -> str:
        port_variable = {"EMBEDDED_POSTGRES_PORT": str(port)}
        done = cli("start", "--env-file", ".env", cwd=base, **port_variable)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert f"Wrote EMBEDDED_POSTGRES_PORT={free} to .env." in start(free)
    assert env_file.read_text() == f"EMBEDDED_POSTGRES_PORT={free}\n"
    other = choose_port(0, None).port
    assert f"Postgres keeps port {free} while it runs: stop it before" in start(other)
    assert env_file.read_text() == f"EMBEDDED_POSTGRES_PORT={free}\n"
    server.stop()
    assert f"Wrote EMBEDDED_POSTGRES_PORT={other} to .env." in start(other)
