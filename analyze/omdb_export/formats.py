"""Writes a table row by row, in each format; memory does not grow with the table."""

from __future__ import annotations

import csv
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import xlsxwriter
from pyarrow import parquet

from omdb_export import ExportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    Write = Callable[[Sequence[Any]], object]

_ROWS_OF_A_BATCH = 10_000
_RUNS_AS_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-][\d.,]+%?", re.ASCII)


@dataclass(frozen=True)
class Table:
    """What is written.

    Attributes:
        names: The header, as it is shown.
        schema: The columns' types, by names of which each occurs once.
        delimiter: The character between columns of CSV.
        keep_formulas: Whether texts that a spreadsheet would run stay as they are.
    """

    names: Sequence[str]
    schema: pa.Schema
    delimiter: str = ","
    keep_formulas: bool = False

    def would_run(self, value: object) -> bool:
        """Return whether a spreadsheet would run a value as a formula; -5 is just a number."""
        return (
            not self.keep_formulas
            and isinstance(value, str)
            and _RUNS_AS_FORMULA.match(value) is not None
            and _NUMBER.fullmatch(value) is None
        )


@contextmanager
def _csv(path: Path, table: Table) -> Iterator[Write]:
    def cell(value: object) -> object:
        text = _joined(value)
        return f"'{text}" if table.would_run(text) else text

    # Without a byte order mark, Excel would not read it as UTF-8.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=table.delimiter)
        writer.writerow(map(cell, table.names))
        yield lambda row: writer.writerow(map(cell, row))


@contextmanager
def _xlsx(path: Path, table: Table) -> Iterator[Write]:
    options = {"constant_memory": True, "tmpdir": str(path.parent)}
    with xlsxwriter.Workbook(path, options) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        # A text stays one when it is edited: the same as an apostrophe that is typed before it.
        as_text = book.add_format({"quote_prefix": True})
        number = 0

        def write(row: Sequence[Any]) -> None:
            nonlocal number
            for column, value in enumerate(map(_joined, row)):
                if value is None:
                    continue
                if isinstance(value, str):
                    style = as_text if table.would_run(value) else None
                    failed = sheet.write_string(number, column, value, style)
                else:
                    failed = sheet.write_number(number, column, value)
                if failed:
                    message = (
                        f"row {number} does not fit into a workbook, which has 1,048,576 rows "
                        "with 32,767 characters a cell: use --format=csv"
                    )
                    raise ExportError(message)
            number += 1

        write(table.names)
        yield write


@contextmanager
def _parquet(path: Path, table: Table) -> Iterator[Write]:
    rows: list[Sequence[Any]] = []
    with parquet.ParquetWriter(path, table.schema, compression="zstd") as writer:

        def flush() -> None:
            columns = zip(*rows, strict=True) if rows else [()] * len(table.schema)
            arrays = [pa.array(*pair) for pair in zip(columns, table.schema.types, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=table.schema))
            rows.clear()

        def write(row: Sequence[Any]) -> None:
            rows.append(row)
            if len(rows) == _ROWS_OF_A_BATCH:
                flush()

        yield write
        flush()


@contextmanager
def _json(path: Path, table: Table) -> Iterator[Write]:
    separator = "[\n"
    with path.open("w", encoding="utf-8") as file:

        def write(row: Sequence[Any]) -> None:
            nonlocal separator
            item = dict(zip(table.schema.names, row, strict=True))
            file.write(separator + json.dumps(item, ensure_ascii=False))
            separator = ",\n"

        yield write
        file.write("[]\n" if separator == "[\n" else "\n]\n")


def _joined(value: object) -> object:
    """A value for one cell: names are separated by commas."""
    return ", ".join(value) or None if isinstance(value, list) else value


FORMATS: dict[str, Callable[[Path, Table], AbstractContextManager[Write]]] = {
    "csv": _csv,
    "xlsx": _xlsx,
    "parquet": _parquet,
    "json": _json,
}
