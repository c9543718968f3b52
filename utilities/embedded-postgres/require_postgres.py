# ruff: noqa: INP001  # a module of its own: a package would import more
"""Run a command only if Postgres accepts connections: the command `require-postgres`.

Usage: `require-postgres -- COMMAND [ARGUMENTS]`. A caller that can configure only the name of a
program and appends arguments, such as Meltano, sets REQUIRE_POSTGRES_COMMAND (a name or path); all
arguments are then passed to the command. PGHOST and PGPORT are the address of the server, and
REQUIRE_POSTGRES_HINT is what to do if there is none. With REQUIRE_POSTGRES_LOGIN, the name
of a variable that has a URL, and REQUIRE_POSTGRES_SCHEMA, it also logs in there, and looks whether
tables can be created in that schema; this needs psycopg2. With REQUIRE_POSTGRES_LOG=singer-sdk, it
reports as a line of JSON, as Singer targets can; with REQUIRE_POSTGRES_LOG=stdout, it and the
command report to stdout.

It runs before every run of a command, so it imports as little as possible.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import closing

_TIMEOUT_S = 2
_LOGIN_TIMEOUT_S = 10
_REMEDIES = {
    "password": "check PGUSER, and PGPASSWORD or PGPASSFILE",
    "certificate": "check PGSSLROOTCERT and PGSSLMODE",
    "SSL": "check PGSSLMODE",
    "no pg_hba.conf entry": "check PGUSER, PGDATABASE and PGSSLMODE, or allow it in pg_hba.conf",
    "database": "check PGDATABASE",
    "connection slots": "end other sessions, or raise max_connections",
    "too many": "end other sessions, or raise the limit",
}
"""What to do, by what libpq says; the first that fits."""
_CAN_LOAD = """
    select current_user, current_setting('transaction_read_only') = 'on', coalesce(
        (select has_schema_privilege(oid, 'create') from pg_namespace where nspname = %(schema)s),
        has_database_privilege(current_database(), 'create')
    )
"""
_USAGE = "Usage: require-postgres -- COMMAND [ARGUMENTS]"


def main() -> None:
    """Check, then execute the command; exit codes: 1 no connection, 2 usage, 127 no command."""
    if os.environ.get("REQUIRE_POSTGRES_LOG") == "stdout":
        os.dup2(1, 2)
    command = _command(sys.argv[1:])
    host = os.environ.get("PGHOSTADDR") or os.environ.get("PGHOST") or "localhost"
    port = os.environ.get("PGPORT") or "5432"
    if not accepts_connections(host, port):
        hint = os.environ.get("REQUIRE_POSTGRES_HINT", "")
        _fail(f"Postgres does not accept connections at {host}:{port}{hint and ': '}{hint}", 1)
    if url := os.environ.get(os.environ.get("REQUIRE_POSTGRES_LOGIN", "")):
        problem = login_problem(url, os.environ.get("REQUIRE_POSTGRES_SCHEMA", "public"))
        if problem:
            _fail(problem, 1)
    # For this process only, not for the processes of the command.
    for name in ("COMMAND", "HINT", "LOGIN", "SCHEMA"):
        os.environ.pop(f"REQUIRE_POSTGRES_{name}", None)
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


def login_problem(url: str, schema: str) -> str | None:
    """Why tables cannot be created in a schema, and what to do, in one line; None if they can.

    Args:
        url: The URL of the connection, as of libpq or SQLAlchemy; never part of the message.
        schema: The name of the schema, which need not exist yet.
    """
    # Not every environment has it, and not every call needs it. It is imported in a third of
    # psycopg's time: Meltano starts the tap just before the loader, and no request must be spent.
    import psycopg2  # noqa: PLC0415

    scheme, _, rest = url.partition("://")
    url = f"{scheme.partition('+')[0]}://{rest}"
    try:
        with (
            closing(psycopg2.connect(url, connect_timeout=_LOGIN_TIMEOUT_S)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(_CAN_LOAD, {"schema": schema})
            ((user, is_read_only, may_create),) = cursor.fetchall()
    except psycopg2.ProgrammingError:
        return "The URL of the connection cannot be read: is it postgresql+psycopg://USER@HOST/DATABASE?"
    except psycopg2.Error as error:
        reason = str(error).splitlines()[0]
        remedies = (remedy for text, remedy in _REMEDIES.items() if text in reason)
        return (
            f"Postgres refuses the login ({reason}): {next(remedies, 'check the settings PG...')}"
        )
    if is_read_only:
        return "Postgres is read-only: is it a standby? Check PGHOST"
    if not may_create:
        return f"{user} may not create tables in the schema {schema}: grant it CREATE there"
    return None


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
    if os.environ.get("REQUIRE_POSTGRES_LOG") == "singer-sdk":
        import json  # noqa: PLC0415  # not every call needs it
        import time  # noqa: PLC0415

        name = "require-postgres"
        fields = {"logger_name": name, "app_name": name, "thread_name": "", "pid": os.getpid()}
        message = json.dumps({**fields, "level": "error", "ts": time.time(), "message": message})
    print(message, file=sys.stderr)  # noqa: T201
    sys.exit(code)


if __name__ == "__main__":
    main()
