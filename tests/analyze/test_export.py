"""The files that omdb-export writes, compared with the warehouse."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pyarrow import parquet

from tests.transform.conftest import Warehouse

PROGRAM = Path(sys.executable).with_name("omdb-export")
MARTS = """
    select relname::text from pg_class
    where relnamespace = 'demo_marts'::regnamespace and relkind in ('r', 'v')
"""
COLUMNS = """
    select attname::text as name, format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = 'demo_marts.{}'::regclass and attnum > 0 and not attisdropped
    order by attnum
"""
IN_JSON = ("jsonb", "bigint[]", "text[]")


def export(source: Warehouse, *arguments: str | Path, **variables: str) -> tuple[int, str, str]:
    """Run omdb-export, and return its exit code, stdout and stderr."""
    finished = subprocess.run(
        [PROGRAM, "--schema", "demo", *arguments],
        env={**os.environ, **source.server.environment, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in finished.stderr
    return finished.returncode, finished.stdout, finished.stderr


# In Parquet, by the type that Postgres shows.
TYPES = {
    "bigint": "int64",
    "boolean": "bool",
    "date": "date32[day]",
    "integer": "int32",
    "jsonb": "extension<arrow.json>",
    "numeric": "double",
    "text": "string",
    "timestamp without time zone": "timestamp[us]",
    "uuid": "extension<arrow.uuid>",
    "bigint[]": "list<element: int64>",
    "text[]": "list<element: string>",
}


def test_every_mart_is_exported_with_its_types(built: Warehouse, tmp_path: Path) -> None:
    built.execute("update demo_marts.movies set title = E'\"One\",\\nand é', imdb_rating = 7.0")
    code, stdout, stderr = export(built, "marts", "--output", tmp_path)
    assert (code, stderr) == (0, "")
    marts = built.values(MARTS)
    assert stdout.startswith(f"Wrote {len(marts)} marts with ")
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{mart}.{extension}" for mart in marts for extension in ("parquet", "csv")
    }
    for mart in marts:
        table = parquet.read_table(tmp_path / f"{mart}.parquet")
        kinds = {row["name"]: row["type"] for row in built.rows(COLUMNS.format(mart))}
        assert {field.name: str(field.type) for field in table.schema} == {
            name: TYPES.get(kind) or kind.replace("numeric", "decimal128").replace(",", ", ")
            for name, kind in kinds.items()
        }
        query = f"select * from demo_marts.{mart}"  # noqa: S608
        rows = [_values(row, kinds) for row in built.rows(query)]
        assert _sorted(_values(row, kinds) for row in table.to_pylist()) == _sorted(rows), mart
        with (tmp_path / f"{mart}.csv").open(newline="", encoding="utf-8") as file:
            cells = [*csv.DictReader(file)]
        texts = [{name: _text(value) for name, value in row.items()} for row in rows]
        assert _sorted(_compact(row, kinds) for row in cells) == _sorted(texts), mart


def _sorted(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=repr)


def _values(row: dict[str, Any], kinds: dict[str, str]) -> dict[str, Any]:
    """A row in which JSON is an object, and each number of any precision the nearest float."""
    values = {}
    for name, value in row.items():
        match kinds[name], value:
            case "jsonb", str():
                values[name] = json.loads(value)
            case "numeric", Decimal():
                values[name] = float(value)
            case _:
                values[name] = value
    return values


def _compact(row: dict[str, str], kinds: dict[str, str]) -> dict[str, str]:
    """A row of CSV in which JSON is written as `_text` does."""
    return {
        name: _text(json.loads(text)) if text and kinds[name] in IN_JSON else text
        for name, text in row.items()
    }


def _text(value: object) -> str:
    """How a value is written in CSV."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S.%f}"
        case list() | dict():
            return json.dumps(value)
        case _:
            return str(value)


def test_an_export_that_fails_leaves_the_files_of_the_last_one(
    built: Warehouse, tmp_path: Path
) -> None:
    assert export(built, "marts", "--output", tmp_path)[0] == 0
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    built.execute("update demo_marts.movies set title = 'Changed'")
    built.execute("create view demo_marts.zero as select 1 / count(*) from pg_class where false")

    code, _, stderr = export(built, "marts", "--output", tmp_path)

    assert code == 1
    assert "division by zero" in stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_without_a_warehouse_the_error_names_the_remedy(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    code, _, stderr = export(warehouse, "marts", "--output", tmp_path / "export")
    assert (code, stderr.count("\n")) == (1, 1)
    assert "no mart in the schema demo_marts" in stderr
    assert "meltano run dbt:run" in stderr

    unreachable = {"PGHOST": "127.0.0.1", "PGPORT": "1", "PGPASSWORD": "s3cret"}
    code, _, stderr = export(warehouse, "marts", "--output", tmp_path / "export", **unreachable)
    assert (code, stderr.count("\n")) == (1, 1)
    assert "Connection refused" in stderr
    assert "s3cret" not in stderr
    assert not (tmp_path / "export").exists()
