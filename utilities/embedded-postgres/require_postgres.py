# ruff: noqa: INP001  # a module of its own: a package would import more
"""Run a command only if Postgres accepts connections: the command `require-postgres`.

Usage: `require-postgres -- COMMAND [ARGUMENTS]`. A caller that can configure only the name of a
program and appends arguments, such as Meltano, sets REQUIRE_POSTGRES_COMMAND (a name or path); all
arguments are then passed to the command. PGHOST and PGPORT are the address of the server, and
REQUIRE_POSTGRES_HINT is what to do if there is none.

It runs before every run of a command, so it imports as little as possible.
"""

from __future__ import annotations

import os
import socket
import sys

_TIMEOUT_S = 2
_USAGE = "Usage: require-postgres -- COMMAND [ARGUMENTS]"


def main() -> None:
    """Check, then execute the command; exit codes: 1 no connection, 2 usage, 127 no command."""
    command = _command(sys.argv[1:])
    host = os.environ.get("PGHOSTADDR") or os.environ.get("PGHOST") or "localhost"
    port = os.environ.get("PGPORT") or "5432"
    if not accepts_connections(host, port):
        hint = os.environ.get("REQUIRE_POSTGRES_HINT", "")
        _fail(f"Postgres does not accept connections at {host}:{port}{hint and ': '}{hint}", 1)
    # For this process only, not for the processes of the command.
    for name in ("REQUIRE_POSTGRES_COMMAND", "REQUIRE_POSTGRES_HINT"):
        os.environ.pop(name, None)
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        _fail(f"require-postgres: {command[0]}: {error.strerror}", 127)


def accepts_connections(host: str, port: str) -> bool:
    """Whether a server accepts connections at an address.

    Args:
        host: As for libpq: a name, an address, the directory of a Unix socket, or several of these
            separated by commas.
        port: The port; with several hosts one for all, or as many separated by commas.
    """
    hosts, ports = host.split(","), port.split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    return any(map(_accepts, hosts, ports))


def _accepts(host: str, port: str) -> bool:
    try:
        if host.startswith("/"):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_TIMEOUT_S)
                connection.connect(f"{host}/.s.PGSQL.{port}")
        else:
            socket.create_connection((host, int(port)), _TIMEOUT_S).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True


def _command(arguments: list[str]) -> list[str]:
    """Return the command, from the arguments or from the environment."""
    program = os.environ.get("REQUIRE_POSTGRES_COMMAND")
    if program and arguments[:1] != ["--"]:
        return [program, *arguments]
    if arguments[:1] != ["--"] or len(arguments) == 1:
        _fail(_USAGE, 2)
    return arguments[1:]


def _fail(message: str, code: int) -> None:
    print(message, file=sys.stderr)  # noqa: T201
    sys.exit(code)


if __name__ == "__main__":
    main()
