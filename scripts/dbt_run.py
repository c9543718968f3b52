# ruff: noqa: T201  # what it prints is the log of the run
"""Build what is new: `meltano run dbt:run`, or `meltano invoke dbt:run [--force] [OPTIONS]`.

Starting dbt takes longer than a sync in which nothing was due. So dbt is not started if nothing was
loaded since the last complete build, and neither this project nor a table or view has changed. If
only rows were loaded, dbt builds the models of the selector `new_data`; otherwise, and with
--force, it builds everything. With other options, this is `dbt build` with these.

If a column of a raw table has been dropped or renamed since then, dbt is not started either: the
marts keep its values.

What the last complete build has seen is in the column `checkpoint` of the mart dbt_runs. Meltano
runs this in dbt's virtual environment, and sets libpq's variables (PGHOST ...) and OMDB_SCHEMA.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dbt_command
import psycopg2
from psycopg2 import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

PROJECT = Path(__file__).resolve().parents[1] / "transform"
BUILD = ("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
LIMITS = "connect_timeout=10 options='-c statement_timeout=120s'"

LOST = (
    "Dropped or renamed since the last build: {}. dbt is not started, so that the marts keep these"
    " values: restore the columns, or accept the loss with `meltano invoke dbt:run --force`"
)

Checkpoint = dict[str, Any]
"""What the last complete build has seen; see `read_checkpoint`."""


def main() -> int:
    """Run dbt if needed, and return its exit code."""
    options = [option for option in sys.argv[1:] if option != "--force"]
    if options:
        return dbt_command.run(*BUILD, *options)
    schema = os.environ.get("OMDB_SCHEMA") or "demo"
    runs = sql.Identifier(f"{schema}_marts", "dbt_runs")
    before: Checkpoint = {}
    last: Checkpoint = {}
    lost: list[str] = []
    # Without a checkpoint, everything is built; dbt reports what is wrong with the database.
    with suppress(psycopg2.Error), connected() as cursor:
        before = read_checkpoint(cursor, schema)
        if "--force" not in sys.argv[1:]:
            cursor.execute(_LAST.format(runs))
            for checkpoint, columns in cursor:
                last = checkpoint or {}  # null if that failed, or was not of everything
                lost = lost_columns(columns, before["columns"])
    if lost:
        names = [f"{schema}_raw.{name}" for name in lost]
        print(LOST.format(", ".join(names)))
        record_failure(runs, 0, names)
        return 1
    unchanged = {name for name in before if before[name] == last.get(name)}
    if unchanged == before.keys() and before:
        print("Nothing is new, so dbt is not started (`meltano invoke dbt:run --force` starts it).")
        return 0
    options = ["--selector", "new_data"] if {"project", "relations"} <= unchanged else []
    started = time.monotonic()
    exit_code = dbt_command.run(*BUILD, *options)
    if exit_code:
        record_failure(runs, time.monotonic() - started, [])
    elif before:
        with suppress(psycopg2.Error), connected() as cursor:
            # What was loaded while dbt ran is the next run's.
            built = {**read_checkpoint(cursor, schema), "loaded": before["loaded"]}
            cursor.execute(_SAVE.format(runs), [json.dumps(built)])
    return exit_code


def lost_columns(last: dict[str, int] | None, now: dict[str, int]) -> list[str]:
    """Columns of the last complete build that are no longer there, or are others by that name."""
    return [name for name, number in sorted((last or {}).items()) if now.get(name) != number]


def record_failure(runs: sql.Identifier, seconds: float, failed: list[str]) -> None:
    """Record a failed run, unless dbt has: it has not if it was killed, or refused to start."""
    with suppress(psycopg2.Error), connected() as cursor:
        cursor.execute(_RECORD.format(runs), {"seconds": seconds, "failed": failed})


@contextmanager
def connected() -> Iterator[Cursor]:
    """A cursor in a transaction that is committed at the end."""
    with closing(psycopg2.connect(LIMITS)) as server, server, server.cursor() as cursor:
        yield cursor


def read_checkpoint(cursor: Cursor, schema: str) -> Checkpoint:
    """What decides whether there is something to build.

    Returns:
        project: A digest of the project's files and of the environment that dbt reads.
        relations: A digest of all tables and views, raw and built, with their columns and types.
        columns: The columns of the raw tables, each with its number in the table. A column that was
            dropped or renamed, and that the loader has added again, has another number.
        loaded: Number of rows and sum of their load times, by raw table. Each row that is added,
            loaded again or deleted changes them. Each sync adds a row to `syncs`, which only
            views read, so that it is left out.
    """
    cursor.execute(_COLUMNS, {"prefix": f"{schema}_", "failures": f"{schema}_test_failures"})
    columns = cursor.fetchall()
    raw = [(table, *rest) for namespace, table, *rest in columns if namespace == f"{schema}_raw"]
    loaded = {}
    for table in {table for table, *_ in raw} - {"syncs"}:
        cursor.execute(_LOADED.format(sql.Identifier(f"{schema}_raw", table)))
        loaded[table] = cursor.fetchall()[0][0]
    return {
        "project": project_digest(),
        "relations": hashlib.sha256(json.dumps(columns).encode()).hexdigest(),
        "columns": {f"{table}.{name}": number for table, name, number, _ in raw},
        "loaded": loaded,
    }


def project_digest() -> str:
    """A digest of the project's files and of the environment that dbt reads."""
    prefixes = ("DBT_", "OMDB_", "MELTANO_ENVIRONMENT")
    environment = sorted(item for item in os.environ.items() if item[0].startswith(prefixes))
    digest = hashlib.sha256(json.dumps(environment).encode())
    for path in sorted(PROJECT.rglob("*")):
        generated = {"target", "logs"} & set(path.relative_to(PROJECT).parts)
        if path.is_file() and not generated and path.name != ".user.yml":
            digest.update(f"{path.relative_to(PROJECT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


_COLUMNS = """
    select nspname, relname, attname, attnum, atttypid::regtype::text
    from pg_attribute
    inner join pg_class on attrelid = pg_class.oid
    inner join pg_namespace on relnamespace = pg_namespace.oid
    where starts_with(nspname, %(prefix)s) and nspname <> %(failures)s
        and relkind in ('r', 'v') and attnum > 0 and not attisdropped
    order by nspname, relname, attname
"""
_LOADED = sql.SQL("select count(*) || ' ' || sum(extract(epoch from _sdc_batched_at)) from {}")
_LAST = sql.SQL("""
    select checkpoint, (
        select checkpoint -> 'columns' from {0} where checkpoint ? 'columns'
        order by started_at desc limit 1
    )
    from {0} where command <> 'test' order by started_at desc limit 1
""")
_RECORD = sql.SQL("""
    insert into {0} select
        gen_random_uuid(), 'build', now() at time zone 'utc' - make_interval(secs => %(seconds)s),
        %(seconds)s, false, '{{}}', 0, 0, 0, %(failed)s::text[]
    where not exists (
        select from {0}
        where started_at >= now() at time zone 'utc' - make_interval(secs => %(seconds)s)
    )
""")
_SAVE = sql.SQL("""
    update {0} set checkpoint = %s
    where started_at = (select max(started_at) from {0} where command <> 'test')
""")


if __name__ == "__main__":
    sys.exit(main())
