# ruff: noqa: INP001  # a module of its own: a package would import more
"""Run a command only if Postgres answers: the command `require-postgres`.

On its own: `require-postgres [--hint TEXT] -- COMMAND [ARGUMENTS]`. Where a program is started by
its name with arguments appended, as by Meltano: the variables REQUIRE_POSTGRES_COMMAND (a name or
path) and REQUIRE_POSTGRES_HINT; every argument is then the command's. PGHOST and PGPORT say where.

It stands before every run of a command, so it imports next to nothing.
"""

from __future__ import annotations

import os
import socket
import sys

_TIMEOUT_S = 2
_USAGE = "Usage: require-postgres [--hint TEXT] -- COMMAND [ARGUMENTS]"


def main() -> None:
    """Check, then become the command; exit codes: 1 no answer, 2 usage, 127 no such command."""
    command, hint = _parse(sys.argv[1:])
    host = os.environ.get("PGHOSTADDR") or os.environ.get("PGHOST") or "localhost"
    port = os.environ.get("PGPORT") or "5432"
    if not answers(host, port):
        _fail(f"Postgres does not answer at {host}:{port}{hint and ': '}{hint}", 1)
    # Meant for this process, not for one that the command may start.
    for name in ("REQUIRE_POSTGRES_COMMAND", "REQUIRE_POSTGRES_HINT"):
        os.environ.pop(name, None)
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        _fail(f"require-postgres: {command[0]}: {error.strerror}", 127)


def answers(host: str, port: str) -> bool:
    """Whether something accepts connections there.

    Args:
        host: As libpq takes it: a name, an address, the folder of a Unix socket, or several of
            these with commas between.
        port: The port; with several hosts one for all, or as many with commas between.
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


def _parse(arguments: list[str]) -> tuple[list[str], str]:
    """The command and the hint, from our own arguments or from the environment."""
    hint = os.environ.get("REQUIRE_POSTGRES_HINT", "")
    program = os.environ.get("REQUIRE_POSTGRES_COMMAND")
    if program and arguments[:1] not in (["--"], ["--hint"]):
        return [program, *arguments], hint
    if arguments[:1] == ["--hint"] and len(arguments) > 1:
        hint, arguments = arguments[1], arguments[2:]
    if arguments[:1] != ["--"] or len(arguments) == 1:
        _fail(_USAGE, 2)
    return arguments[1:], hint


def _fail(message: str, code: int) -> None:
    print(message, file=sys.stderr)  # noqa: T201
    sys.exit(code)


if __name__ == "__main__":
    main()
