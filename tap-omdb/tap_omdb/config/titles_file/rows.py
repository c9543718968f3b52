"""Splits delimited files into rows."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from tap_omdb.config.titles_file.opening import Line

MAX_LINES_OF_A_ROW = 20
"""A quoted cell may contain line ends; a cell over more lines has a quote that is not closed."""

TOO_LONG = "the line is longer than 1 MB"
_OPEN_QUOTE = "a quote is not closed"


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        line: The line on which it starts, from 1; in JSON, the number of the item.
        cells: Its cells, or its text if there is an error.
        error: What is wrong with it.
        columns: Its values by column, if they are more than the cells.
    """

    line: int
    cells: list[str]
    error: str | None = None
    columns: dict[str, Any] | None = None


def unquoted_rows(lines: Iterator[Line], delimiter: str) -> Iterator[Row]:
    """Split lines at each delimiter, as in IMDb's data sets: quotation marks have no meaning.

    Yields:
        A row for each line that is not blank.
    """
    for number, text, is_truncated in lines:
        yield Row(number, text.split(delimiter), TOO_LONG if is_truncated else None)


def quoted_rows(lines: Iterator[Line], delimiter: str) -> Iterator[Row]:
    """Split lines as CSV, in which a quoted cell may span lines.

    A quote that is not closed would swallow the rest of the file. Only that line is an
    error; the lines after it are parsed as usual.

    Yields:
        A row for each record that is not blank, the header included.
    """
    waiting: deque[Line] = deque()
    width: int | None = None

    def take() -> Line | None:
        return waiting.popleft() if waiting else next(lines, None)

    while first := take():
        record, cells, error = [first], None, TOO_LONG if first.is_truncated else None
        while cells is None and not error:
            try:
                cells = _parse(record, delimiter)
            except csv.Error as problem:
                error = str(problem)
            if cells is None and not error:  # a quote is open
                line = take()
                record += [line] if line else []
                if not line or line.is_truncated or len(record) > MAX_LINES_OF_A_ROW:
                    error = _OPEN_QUOTE
        if cells is not None and _swallows_rows(record, delimiter, width):
            cells, error = None, _OPEN_QUOTE
        if cells is None:
            waiting.extendleft(reversed(record[1:]))
            yield Row(first.number, [first.text], error)
        elif any(map(str.strip, cells)):
            width = width or len(cells)
            yield Row(first.number, cells)


def _parse(record: list[Line], delimiter: str) -> list[str] | None:
    """Return the cells of a record; None if a quote is open at its end."""
    # The line ends in a quoted cell are a part of it, as are blank lines, which `record` lacks.
    after = [line.number for line in (*record[1:], record[-1])]
    lines = [line.text + "\n" * (n - line.number) for line, n in zip(record, after, strict=True)]
    if '"' not in lines[0] and len(lines[0]) <= csv.field_size_limit():
        return lines[0].split(delimiter)  # ten times as fast
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return None
        if len(lines) > 1:
            raise csv.Error(_OPEN_QUOTE) from None
    # Text after a closing quote, for example, is an error only in strict mode; nothing is lost.
    return next(csv.reader(lines, delimiter=delimiter), [])


def _swallows_rows(record: list[Line], delimiter: str, width: int | None) -> bool:
    """Return whether lines within a quoted cell are rows by themselves."""
    if width is None or width == 1:
        return len(record) > 1
    return any(
        # A line that opens or closes a quote is no row by itself.
        line.text.count('"') % 2 == 0 and len(_parse([line], delimiter) or ()) >= width
        for line in record[1:]
    )
