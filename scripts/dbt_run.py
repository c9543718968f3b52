# ruff: noqa: T201  # what it prints is the log of the run
"""Build what is new: `meltano run dbt:run`, or `meltano invoke dbt:run [--force] [OPTIONS]`.

Starting dbt and building every model takes longer than a sync in which nothing was due. So dbt is
not started if nothing can have changed since the last complete run, and builds only the models of
the selector `new_data` if only rows were added or changed. It builds everything if this project,
the columns of a raw table or a relation of the warehouse have changed, if the last run failed or
was not complete, and with --force. With other options, it is `dbt build` with these options.

What the last complete run has built is in the column `checkpoint` of the mart dbt_runs. Meltano
runs this in dbt's virtual environment, and sets libpq's variables (PGHOST ...) and OMDB_SCHEMA.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import errors, sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

PROJECT = Path(__file__).resolve().parents[1] / "transform"
BUILD = ("dbt", "build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")

CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 120

# A transaction id has 32 bits: differences are known only up to half of that.
_COMPARABLE_TRANSACTIONS = 2**31 - 1

Checkpoint = dict[str, Any]
"""The state of the warehouse before or after a run; see `read_checkpoint`."""


def main() -> int:
    """Run dbt if needed, and return its exit code."""
    options = [option for option in sys.argv[1:] if option != "--force"]
    if options:
        return _dbt(*options)
    schema = os.environ.get("OMDB_SCHEMA") or "demo"
    before = kept = None
    # Without a checkpoint, everything is built; dbt reports what is wrong with the database.
    with contextlib.suppress(psycopg2.Error), connected() as cursor:
        kept = None if "--force" in sys.argv[1:] else load_checkpoint(cursor, schema)
        before = read_checkpoint(cursor, schema)
        if kept and is_same(before, kept):
            if not has_new_rows(cursor, schema, before, kept):
                print(
                    "Nothing has changed since the last complete run, so dbt is not started"
                    " (`meltano invoke dbt:run --force` builds everything)."
                )
                return 0
        else:
            kept = None
        # If this run is killed, the next one builds everything.
        save_checkpoint(cursor, schema, None)
    exit_code = _dbt(*(["--selector", "new_data"] if kept else []))
    if exit_code == 0 and before:
        with contextlib.suppress(psycopg2.Error), connected() as cursor:
            # All else is as it was before: what was committed while dbt ran is the next run's.
            relations = read_relations(cursor, schema)
            save_checkpoint(cursor, schema, {**before, "relations": relations})
    return exit_code


def _dbt(*options: str) -> int:
    return subprocess.call([*BUILD, *options])  # noqa: S603


@contextlib.contextmanager
def connected() -> Iterator[Cursor]:
    """A cursor in a transaction that is committed at the end."""
    connection = psycopg2.connect("", connect_timeout=CONNECT_TIMEOUT_S)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("set statement_timeout = %s", [f"{STATEMENT_TIMEOUT_S}s"])
            yield cursor
    finally:
        connection.close()


def read_checkpoint(cursor: Cursor, schema: str) -> Checkpoint:
    """The present state of project and warehouse.

    Returns:
        project: A digest of this project's files, dbt's version and its environment.
        raw: A digest of the raw tables and their columns.
        relations: A digest of the relations and functions that dbt has built.
        transaction: All transactions with a lower id have ended.
        rows: Number of rows by raw table. A row of `syncs` comes with every sync, and models read
            that table only through views, so that it is left out.
    """
    cursor.execute("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    ((transaction,),) = cursor.fetchall()
    cursor.execute(_RAW_COLUMNS, [f"{schema}_raw"])
    columns = cursor.fetchall()
    return {
        "project": project_digest(PROJECT),
        "raw": _digest(columns),
        "relations": read_relations(cursor, schema),
        "transaction": transaction,
        "rows": {
            table: _aggregate(cursor, schema, table, "count(*)")
            for table in sorted({table for table, *_ in columns})
        },
    }


def read_relations(cursor: Cursor, schema: str) -> str:
    """A digest of the relations and functions that dbt has built."""
    cursor.execute(_RELATIONS, [schema, f"{schema}_raw", schema])
    return _digest(cursor.fetchall())


def is_same(now: Checkpoint, kept: Checkpoint) -> bool:
    """Whether all but the rows is as it was."""
    return all(now[name] == kept[name] for name in ("project", "raw", "relations"))


def has_new_rows(cursor: Cursor, schema: str, now: Checkpoint, kept: Checkpoint) -> bool:
    """Whether rows of the raw tables were added, changed or deleted since a checkpoint.

    A row's `xmin` is the transaction that wrote it. If that had not ended at the checkpoint, the
    run after the checkpoint may not have seen the row, whenever it was committed.
    """
    if now["rows"] != kept["rows"]:
        return True
    if not 0 <= now["transaction"] - kept["transaction"] < _COMPARABLE_TRANSACTIONS:
        return True
    is_new = "bool_or(age(xmin) <= age(%s::xid))"
    oldest = str(kept["transaction"] % 2**32)
    return any(_aggregate(cursor, schema, table, is_new, oldest) for table in now["rows"])


def load_checkpoint(cursor: Cursor, schema: str) -> Checkpoint | None:
    """The checkpoint of the last run, if that was complete; tests do not count."""
    table = sql.Identifier(f"{schema}_marts", "dbt_runs")
    query = sql.SQL("select checkpoint from {} where command <> 'test' order by started_at desc")
    cursor.execute("savepoint load_checkpoint")
    try:
        cursor.execute(query.format(table) + sql.SQL(" limit 1"))
    except (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName):
        cursor.execute("rollback to load_checkpoint")
        return None
    row = cursor.fetchone()
    return row[0] if row else None


def save_checkpoint(cursor: Cursor, schema: str, checkpoint: Checkpoint | None) -> None:
    """Store the checkpoint of the last run, or delete it."""
    table = sql.Identifier(f"{schema}_marts", "dbt_runs")
    query = sql.SQL(
        "update {0} set checkpoint = %s where invocation_id ="
        " (select invocation_id from {0} where command <> 'test' order by started_at desc limit 1)"
    )
    cursor.execute(query.format(table), [checkpoint and json.dumps(checkpoint)])


def project_digest(project: Path) -> str:
    """A digest of what decides what dbt builds: the project's files, dbt, and its environment."""
    digest = hashlib.sha256()
    for name in ("dbt-core", "dbt-postgres"):
        digest.update(f"{name} {version(name)}\n".encode())
    for name, value in sorted(os.environ.items()):
        if name.startswith(("DBT_", "OMDB_")) or name in {"MELTANO_ENVIRONMENT", "PGTZ"}:
            digest.update(f"{name}={value}\n".encode())
    for path in sorted(project.rglob("*")):
        generated = {"target", "logs"} & set(path.relative_to(project).parts)
        if path.is_file() and not generated and path.name != ".user.yml":
            digest.update(f"{path.relative_to(project)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


_RAW_COLUMNS = """
    select table_class.relname, attname, atttypid::regtype::text, table_class.oid::bigint
    from pg_attribute
    inner join pg_class as table_class on attrelid = table_class.oid
    inner join pg_namespace on relnamespace = pg_namespace.oid
    where
        nspname = %s and relkind in ('r', 'p') and attnum > 0 and not attisdropped
        and relname <> 'syncs'
    order by 1, 2
"""

_RELATIONS = """
    select nspname, relname::text, pg_class.oid::bigint
    from pg_class
    inner join pg_namespace on relnamespace = pg_namespace.oid
    where starts_with(nspname, %s || '_') and nspname <> %s and relkind in ('r', 'p', 'v', 'm')
    union all
    select nspname, proname::text, pg_proc.oid::bigint
    from pg_proc
    inner join pg_namespace on pronamespace = pg_namespace.oid
    where starts_with(nspname, %s || '_')
    order by 1, 2, 3
"""


def _aggregate(cursor: Cursor, schema: str, table: str, expression: str, *parameters: str) -> Any:  # noqa: ANN401  # the type of the expression
    query = sql.SQL("select {} from {}").format(
        sql.SQL(expression), sql.Identifier(f"{schema}_raw", table)
    )
    cursor.execute(query, parameters)
    ((value,),) = cursor.fetchall()
    return value


def _digest(rows: Sequence[tuple[Any, ...]]) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
