"""Reads the reports from Postgres: the only module with a connection."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors, sql
from psycopg.rows import dict_row

from omdb_dashboard import DashboardError

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = dict[str, Any]
Reports = dict[str, list[Row]]
"""Rows by report. Values are JSON's; times are ISO 8601 in UTC."""

STATEMENT_TIMEOUT_S = 300

# Report, the schema in which it is, and how its rows are ordered. Each is bounded: by the report
# itself, by the number of years, genres and the like, or by a limit here.
_REPORTS: Mapping[str, tuple[str, str]] = {
    "rpt_headline": ("reports", ""),
    "rpt_titles": ("reports", "order by imdb_votes desc nulls last, imdb_id"),
    "rpt_details": ("reports", "order by imdb_id"),
    "rpt_episodes": ("reports", "order by series_id, season, episode, imdb_id"),
    "rpt_list_entries": ("reports", "order by list, position"),
    "rpt_rating_movers": ("reports", "order by position"),
    "rpt_rejects": ("reports", "order by rejects desc, reason"),
    "rpt_data_issues": ("reports", "order by issues desc, issue, field limit 100"),
    "rpt_table_freshness": ("reports", "order by table_name"),
    "coverage_summary": ("marts", "order by year, kind limit 2000"),
    "dbt_runs": ("marts", "order by started_at desc limit 10"),
    "pipeline_health": ("marts", ""),
    "syncs": ("marts", "order by ended_at desc limit 50"),
}


def read_reports(schema: str) -> Reports:
    """Read all reports in one transaction, so that their numbers agree.

    Args:
        schema: The schema of the environment without suffix, for example `demo`. The server is
            libpq's: PGHOST, PGPORT, PGUSER, PGPASSWORD or PGPASSFILE, PGDATABASE, ...

    Raises:
        DashboardError: The server cannot be reached, or dbt has not built the reports.
    """
    try:
        with psycopg.connect(
            connect_timeout=10,
            options=f"-c statement_timeout={STATEMENT_TIMEOUT_S}s -c timezone=UTC -c jit=off",
            row_factory=dict_row,
        ) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            return {
                report: [_as_json(row) for row in _rows(connection, schema, report)]
                for report in _REPORTS
            }
    except (errors.UndefinedTable, errors.InvalidSchemaName, errors.UndefinedColumn) as error:
        message = f"{_first_line(error)}: build the reports first, with `meltano run dbt:run`"
        raise DashboardError(message) from error
    except psycopg.Error as error:
        message = f"Postgres: {_first_line(error)}"
        raise DashboardError(message) from error


def _rows(
    connection: psycopg.Connection[dict[str, Any]], schema: str, report: str
) -> psycopg.Cursor[dict[str, Any]]:
    suffix, order = _REPORTS[report]
    query = sql.SQL("select * from {} ").format(sql.Identifier(f"{schema}_{suffix}", report))
    return connection.execute(query + sql.SQL(order))


def _as_json(row: Mapping[str, Any]) -> Row:
    return {column: _value(value) for column, value in row.items()}


def _value(value: object) -> Any:  # noqa: ANN401  # JSON
    match value:
        case decimal.Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case dt.datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case dt.date():
            return value.isoformat()
        case uuid.UUID():
            return str(value)
        case _:
            return value


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
