# ruff: noqa: T201  # what it prints is its purpose
"""Report whether the pipeline is healthy: `meltano invoke dbt:health [--json]`.

It reads the view `pipeline_health` of the environment's marts, and looks at the disk of this
checkout. Exit codes: 0 healthy, 1 something is wrong, 2 it cannot be known (no server, no view, no
privilege).

Meltano runs it in dbt's virtual environment, which has a driver, and sets libpq's variables
(PGHOST ...) and OMDB_SCHEMA. Everything goes to stdout, since Meltano turns stderr into log lines.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import errors, sql

Health = dict[str, Any]
"""The columns of `pipeline_health`, with timestamps as text (UTC)."""

PROJECT = Path(__file__).resolve().parents[1]
CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 60
UNHEALTHY = 1
UNKNOWN = 2
_WIDTH = 100
_LABEL_WIDTH = 28


class HealthUnknownError(Exception):
    """The health cannot be read; the message gives the reason and the remedy in one line."""


def main() -> int:
    """Print the report and return the exit code."""
    parser = argparse.ArgumentParser(prog="health", description="Report the pipeline's health.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--min-free", type=float, default=1, metavar="GB", help="space that the disk must have left"
    )
    arguments = parser.parse_args()
    as_json = arguments.json
    try:
        health = read_health(os.environ.get("OMDB_SCHEMA", ""))
    except HealthUnknownError as error:
        unknown = {"is_healthy": None, "problems": [str(error)]}
        print(json.dumps(unknown, indent=2) if as_json else f"health: {error}")
        return UNKNOWN
    free = shutil.disk_usage(PROJECT).free / 1e9
    if free < arguments.min_free:
        health["problems"].append(f"The disk of {PROJECT} is nearly full: {free:.1f} GB are left.")
        health["is_healthy"] = False
    print(json.dumps(health, indent=2) if as_json else report(health))
    return 0 if health["is_healthy"] else UNHEALTHY


def read_health(schema: str) -> Health:
    """Return the row of `pipeline_health`.

    Args:
        schema: The prefix of the environment's schemas, such as "omdb".

    Raises:
        HealthUnknownError: It cannot be read.
    """
    if not schema:
        message = "OMDB_SCHEMA is not set: run `meltano --environment=... invoke dbt:health`"
        raise HealthUnknownError(message)
    view = sql.Identifier(f"{schema}_marts", "pipeline_health")
    try:
        return _query(sql.SQL("select to_json(health) from {} as health").format(view))
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        problem = f"There is no view {schema}_marts.pipeline_health"
        remedy = (
            "run the pipeline once; if it has run, its log says why dbt could not make the view"
        )
    except errors.InsufficientPrivilege as error:
        problem, remedy = _first_line(error), "connect as a role that may read the marts"
    except errors.QueryCanceled:
        problem, remedy = f"No answer within {STATEMENT_TIMEOUT_S} s", "see what locks the tables"
    except psycopg2.Error as error:
        problem = f"Postgres cannot be queried ({_first_line(error)})"
        remedy = os.environ.get("REQUIRE_POSTGRES_HINT") or "check PGHOST and PGPORT"
    message = f"{problem}: {remedy}"
    raise HealthUnknownError(message)


def report(health: Health) -> str:
    """Return the report for people: what is wrong, then one column of the view per line."""
    lines = textwrap.TextWrapper(_WIDTH, subsequent_indent=" " * _LABEL_WIDTH)
    facts = (
        f"{name.replace('_', ' ').capitalize():{_LABEL_WIDTH}}{_text(value)}"
        for name, value in health.items()
        if name not in ("is_healthy", "problems")
    )
    problems = [f"PROBLEM: {problem}" for problem in health["problems"] or ()]
    return "\n".join(
        [*(problems or ["Healthy."]), "", *map(lines.fill, facts), "", "Times are in UTC."]
    )


def _query(query: sql.Composed) -> Health:
    connection = psycopg2.connect("", connect_timeout=CONNECT_TIMEOUT_S)
    try:
        with connection.cursor() as cursor:
            cursor.execute("set statement_timeout = %s", [f"{STATEMENT_TIMEOUT_S}s"])
            cursor.execute(query)
            ((health,),) = cursor.fetchall()
            return dict(health)
    finally:
        connection.close()


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        counts = sorted(value.items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(f"{name} {count:,}" for name, count in counts) or "none"
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


if __name__ == "__main__":
    sys.exit(main())
