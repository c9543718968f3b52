"""The command `embedded-postgres`, as a person or a script runs it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from embedded_postgres import Server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.conftest import Cli


def test_start_status_stop_and_destroy(data_dir: Path, cli: Cli) -> None:
    any_port = {"EMBEDDED_POSTGRES_PORT": "0"}
    status = cli("status", data_dir=data_dir)
    assert (status.returncode, status.stdout) == (3, "Postgres is stopped; it has no data yet.\n")

    started = cli("start", data_dir=data_dir, **any_port)
    assert started.returncode == 0
    assert started.stderr == ""
    line = rf"Postgres 18 is running on 127\.0\.0\.1:(\d+) \(pid \d+, data in {data_dir}/data\)\.\n"
    found = re.fullmatch(line, started.stdout)
    assert found
    port = found.group(1)

    again = cli("start", data_dir=data_dir, **any_port)
    assert (again.returncode, again.stdout) == (0, f"Already running: {started.stdout}")

    status = cli("status", data_dir=data_dir)
    assert (status.returncode, status.stdout) == (0, started.stdout)

    assert cli("url", data_dir=data_dir).stdout == f"postgresql://omdb@127.0.0.1:{port}/omdb\n"
    password = Server(data_dir).password
    assert (
        cli("url", "--with-password", data_dir=data_dir).stdout
        == f"postgresql://omdb:{password}@127.0.0.1:{port}/omdb\n"
    )

    assert cli("stop", data_dir=data_dir).stdout == "Postgres has stopped.\n"
    again = cli("stop", data_dir=data_dir)
    assert (again.returncode, again.stdout) == (0, "Postgres is not running.\n")

    status = cli("status", data_dir=data_dir)
    assert status.returncode == 3
    assert status.stdout == f"Postgres 18 is stopped (data in {data_dir}/data).\n"

    assert cli("destroy", "--yes", data_dir=data_dir).returncode == 0
    assert not data_dir.exists()


def test_the_data_directory_is_in_the_current_directory_by_default(base: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EMBEDDED_POSTGRES_")}
    for command, expected in ((["--port=0", "start"], "running"), (["stop"], "stopped")):
        done = subprocess.run(
            [sys.executable, "-m", "embedded_postgres", *command],
            cwd=base,
            env=environment,
            capture_output=True,
            check=True,
            text=True,
        )
        assert expected in done.stdout
    assert (base / ".postgres" / "data").is_dir()


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["-At", "-c", "SELECT current_user || '@' || current_database()"], "omdb@omdb\n"),
        (["-d", "postgres", "-Atc", "SELECT current_database()"], "postgres\n"),
        (["--version"], "psql (PostgreSQL) 18"),
    ],
)
def test_psql_takes_its_own_arguments(
    running: Server, cli: Cli, arguments: list[str], output: str
) -> None:
    # The address of another server, which must have no effect.
    misleading = {"PGHOST": "192.0.2.1", "PGPORT": "1", "PGPASSWORD": "wrong", "PGUSER": "x"}
    done = cli("psql", *arguments, data_dir=running.data_dir, **misleading)
    assert done.stderr == ""
    assert done.stdout.startswith(output)


def test_the_exit_code_is_that_of_psql(running: Server, cli: Cli) -> None:
    assert cli("psql", "-c", "SELEKT", data_dir=running.data_dir).returncode == 1


def test_psql_is_interactive_on_a_terminal(running: Server) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PAGER"] = "cat"
        os.execv(  # noqa: S606  # no shell
            sys.executable,
            [
                sys.executable,
                "-m",
                "embedded_postgres",
                "--data-dir",
                str(running.data_dir),
                "psql",
            ],
        )
    shown = b""
    with os.fdopen(terminal, "r+b", buffering=0) as keyboard:
        while b"omdb=#" not in shown:
            shown += keyboard.read(1024)
        keyboard.write(b"SELECT 6 * 7;\n")
        while b"42" not in shown:
            shown += keyboard.read(1024)
        keyboard.write(b"\\q\n")
        with suppress(OSError):  # the terminal ends with psql
            while keyboard.read(1024):
                pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("command", ["psql", "url"])
def test_without_a_server_the_command_to_start_it_is_named(
    data_dir: Path, cli: Cli, command: str
) -> None:
    done = cli(command, data_dir=data_dir)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "`embedded-postgres start`" in done.stderr


def test_a_full_disk_is_an_error_with_postgres_output_and_start_works_afterwards(
    data_dir: Path, cli: Cli
) -> None:
    command = f"ulimit -f 200; exec '{sys.executable}' -m embedded_postgres --port 0 start"
    done = subprocess.run(
        ["sh", "-c", command],  # noqa: S607
        env={**os.environ, "EMBEDDED_POSTGRES_DATA_DIR": str(data_dir)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1
    problem, *log = done.stderr.splitlines()
    assert problem.startswith(
        f"embedded-postgres: PostgreSQL cannot create its data in {data_dir}:"
    )
    assert any("initdb" in line or "File size limit" in line for line in log), done.stderr
    assert not (data_dir / "data").exists()
    assert cli("start", data_dir=data_dir).returncode == 0


def test_a_server_that_cannot_start_shows_its_log(server: Server, cli: Cli) -> None:
    with (server.data_dir / "data" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    done = cli("start", data_dir=server.data_dir)
    assert done.returncode == 1
    assert f"PostgreSQL does not start on port {server.port}" in done.stderr.splitlines()[0]
    assert 'unrecognized configuration parameter "no_such_setting"' in done.stderr


def test_simultaneous_starts_start_one_server(data_dir: Path, cli: Cli) -> None:
    with ThreadPoolExecutor() as pool:
        done = list(
            pool.map(
                lambda _: cli("start", data_dir=data_dir, EMBEDDED_POSTGRES_PORT="0"), range(5)
            )
        )
    assert [d.returncode for d in done] == [0] * 5, [d.stderr for d in done]
    assert sum(d.stdout.startswith("Postgres 18 is running") for d in done) == 1
    assert len({re.sub("^Already running: ", "", d.stdout) for d in done}) == 1


def test_simultaneous_starts_and_stops_leave_a_working_server(data_dir: Path, cli: Cli) -> None:
    with ThreadPoolExecutor() as pool:
        done = list(
            pool.map(
                lambda command: cli(command, data_dir=data_dir, EMBEDDED_POSTGRES_PORT="0"),
                ["start", "stop"] * 4,
            )
        )
    assert [d.returncode for d in done] == [0] * 8, [d.stderr for d in done]
    assert cli("start", data_dir=data_dir).returncode == 0
    assert cli("psql", "-Atc", "SELECT 1", data_dir=data_dir).stdout == "1\n"


def test_start_returns_while_the_server_runs(server: Server, cli: Cli) -> None:
    # The server must not keep the pipes open that its caller reads to the end.
    before = time.monotonic()
    assert cli("start", data_dir=server.data_dir).returncode == 0
    assert time.monotonic() - before < 30
    assert server.status().running
