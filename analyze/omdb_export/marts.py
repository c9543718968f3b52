"""Writes every mart as Parquet and as CSV."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
from pyarrow import csv, parquet

from omdb_export import ExportError

if TYPE_CHECKING:
    from pathlib import Path

    from omdb_export.warehouse import Warehouse

# The name of each table or view, and how SQL writes it.
_MARTS = """
    select relname::text as name, format('%I.%I', nspname, relname) as relation
    from pg_class
    inner join pg_namespace on relnamespace = pg_namespace.oid
    where nspname = $1 and relkind in ('r', 'p', 'v', 'm')
    order by 1
"""


class Exported(NamedTuple):
    """What was written."""

    marts: int
    rows: int


def export_marts(warehouse: Warehouse, schema: str, folder: Path) -> Exported:
    """Write each mart to `NAME.parquet` and `NAME.csv` in a folder.

    Files that exist are replaced when all have been written, so that they stay as they are if
    something fails.

    Args:
        warehouse: Where the marts are.
        schema: The schema of the environment without suffix, for example `demo`.
        folder: Is created if it does not exist.

    Raises:
        ExportError: There are no marts.
        OSError: A file cannot be written.
    """
    marts = warehouse.read(_MARTS, [f"{schema}_marts"]).read_all().to_pylist()
    if not marts:
        message = (
            f"there is no mart in the schema {schema}_marts: build them first, with "
            "`meltano run dbt:run`"
        )
        raise ExportError(message)
    incomplete = folder / ".incomplete"
    shutil.rmtree(incomplete, ignore_errors=True)
    incomplete.mkdir(parents=True)
    try:
        rows = sum(
            _export(warehouse.read(f"select * from {mart['relation']}"), incomplete, mart["name"])  # noqa: S608  # quoted by Postgres
            for mart in marts
        )
        for path in incomplete.iterdir():
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(incomplete)
    return Exported(len(marts), rows)


def _export(reader: pa.RecordBatchReader, folder: Path, name: str) -> int:
    types = [_parquet_type(field) for field in reader.schema]
    names = reader.schema.names
    typed = pa.schema(zip(names, types, strict=True))
    plain = pa.schema(zip(names, map(_csv_type, types), strict=True))
    rows = 0
    with (
        parquet.ParquetWriter(folder / f"{name}.parquet", typed, compression="zstd") as typed_file,
        csv.CSVWriter(folder / f"{name}.csv", plain) as plain_file,
    ):
        for batch in reader:
            columns = [_typed(*pair) for pair in zip(batch.columns, types, strict=True)]
            typed_file.write_batch(pa.record_batch(columns, schema=typed))
            plain_file.write_batch(pa.record_batch([*map(_plain, columns)], schema=plain))
            rows += batch.num_rows
    return rows


def _parquet_type(field: pa.Field) -> pa.DataType:
    """The type of a column: the driver's, but for `numeric`, which it passes on as text."""
    if not isinstance(field.type, pa.OpaqueType):
        return field.type
    # Postgres' type modifier is ((precision << 16) | scale) + 4; without one, it is -1.
    modifier = int(field.metadata.get(b"POSTGRESQL:typmod", b"-1")) - 4
    return pa.decimal128(modifier >> 16, modifier & 0xFFFF) if modifier >= 0 else pa.float64()


def _typed(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.storage.cast(kind)


def _csv_type(kind: pa.DataType) -> pa.DataType:
    has_no_csv = pa.types.is_list(kind) or isinstance(kind, pa.BaseExtensionType)
    return pa.string() if has_no_csv else kind


def _plain(column: pa.Array) -> pa.Array:
    """A column as CSV can hold it: lists as JSON, ids as text."""
    if _csv_type(column.type) == column.type:
        return column
    if isinstance(column.type, pa.JsonType):
        return column.storage
    as_text = _as_json if pa.types.is_list(column.type) else str
    values = column.to_pylist()
    return pa.array([None if value is None else as_text(value) for value in values], pa.string())


def _as_json(value: list[object]) -> str:
    return json.dumps(value, ensure_ascii=False)
