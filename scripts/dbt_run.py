# ruff: noqa: T201  # what it prints is the log of the run
"""Build what is new: `meltano run dbt:run`, or `meltano invoke dbt:run [--force] [OPTIONS]`.

Starting dbt takes longer than a sync in which nothing was due. So dbt is not started if nothing was
loaded since the last complete build, and neither this project nor a table or view has changed. If
only rows were loaded, dbt builds the models of the selector `new_data`; otherwise, and with
--force, it builds everything. With other options, this is `dbt build` with these.

What the last complete build has seen is in the column `checkpoint` of the mart dbt_runs. Meltano
runs this in dbt's virtual environment, and sets libpq's variables (PGHOST ...) and OMDB_SCHEMA.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

PROJECT = Path(__file__).resolve().parents[1] / "transform"
BUILD = ("dbt", "build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
LIMITS = "connect_timeout=10 options='-c statement_timeout=120s'"

Checkpoint = dict[str, Any]
"""What the last complete build has seen; see `read_checkpoint`."""


def main() -> int:
    """Run dbt if needed, and return its exit code."""
    options = [option for option in sys.argv[1:] if option != "--force"]
    if options:
        return subprocess.call([*BUILD, *options])  # noqa: S603
    schema = os.environ.get("OMDB_SCHEMA") or "demo"
    runs = sql.Identifier(f"{schema}_marts", "dbt_runs")
    before: Checkpoint = {}
    last: Checkpoint = {}
    # Without a checkpoint, everything is built; dbt reports what is wrong with the database.
    with suppress(psycopg2.Error), connected() as cursor:
        before = read_checkpoint(cursor, schema)
        if "--force" not in sys.argv[1:]:
            cursor.execute(_LAST.format(runs))  # null if that failed, or was not of everything
            last = next((checkpoint or {} for (checkpoint,) in cursor), last)
    unchanged = {name for name in before if before[name] == last.get(name)}
    if unchanged == {"project", "relations", "loaded"}:
        print("Nothing is new, so dbt is not started (`meltano invoke dbt:run --force` starts it).")
        return 0
    options = ["--selector", "new_data"] if {"project", "relations"} <= unchanged else []
    exit_code = subprocess.call([*BUILD, *options])  # noqa: S603
    if exit_code == 0 and before:
        with suppress(psycopg2.Error), connected() as cursor:
            # What was loaded while dbt ran is the next run's.
            built = {**read_checkpoint(cursor, schema), "loaded": before["loaded"]}
            cursor.execute(_SAVE.format(runs), [json.dumps(built)])
    return exit_code


@contextmanager
def connected() -> Iterator[Cursor]:
    """A cursor in a transaction that is committed at the end."""
    with closing(psycopg2.connect(LIMITS)) as server, server, server.cursor() as cursor:
        yield cursor


def read_checkpoint(cursor: Cursor, schema: str) -> Checkpoint:
    """What decides whether there is something to build.

    Returns:
        project: A digest of the project's files and of the environment that dbt reads.
        relations: A digest of the names and columns of all tables and views, raw and built.
        loaded: Number of rows and sum of their load times, by raw table. Each row that is added,
            loaded again or deleted changes them. Each sync adds a row to `syncs`, which only
            views read, so that it is left out.
    """
    cursor.execute(_COLUMNS, {"prefix": f"{schema}_", "failures": f"{schema}_test_failures"})
    columns = cursor.fetchall()
    raw = {table for namespace, table, *_ in columns if namespace == f"{schema}_raw"} - {"syncs"}
    loaded = {}
    for table in raw:
        cursor.execute(_LOADED.format(sql.Identifier(f"{schema}_raw", table)))
        loaded[table] = cursor.fetchall()[0][0]
    relations = hashlib.sha256(json.dumps(columns).encode()).hexdigest()
    return {"project": project_digest(), "relations": relations, "loaded": loaded}


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
    select table_schema::text, table_name::text, column_name::text, udt_name::text
    from information_schema.columns
    where starts_with(table_schema, %(prefix)s) and table_schema <> %(failures)s
    order by 1, 2, 3
"""
_LOADED = sql.SQL("select count(*) || ' ' || sum(extract(epoch from _sdc_batched_at)) from {}")
_LAST = sql.SQL("select checkpoint from {} where command <> 'test' order by started_at desc")
_SAVE = sql.SQL("""
    update {0} set checkpoint = %s
    where started_at = (select max(started_at) from {0} where command <> 'test')
""")


if __name__ == "__main__":
    sys.exit(main())
