"""Splits delimited files into rows. Pure but for reading the lines."""

from __future__ import annotations

import csv
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    while True:
        first = waiting.popleft() if waiting else next(lines, None)
        if first is None:
            return
        if first.is_truncated:
            yield Row(first.number, [first.text], TOO_LONG)
            continue
        record = [first]
        cells, error = _parse(record, delimiter)
        while cells is None and error is None:
            line = waiting.popleft() if waiting else next(lines, None)
            if line is None or len(record) == MAX_LINES_OF_A_ROW or line.is_truncated:
                if line is not None:
                    waiting.appendleft(line)
                error = _OPEN_QUOTE
                break
            record.append(line)
            cells, error = _parse(record, delimiter)
        if cells is not None and _swallows_rows(record, delimiter, width):
            cells, error = None, _OPEN_QUOTE
        if cells is None:
            waiting.extendleft(reversed(record[1:]))
            yield Row(first.number, [first.text], error)
        elif any(map(str.strip, cells)):
            width = width or len(cells)
            yield Row(first.number, cells)


def _parse(record: list[Line], delimiter: str) -> tuple[list[str] | None, str | None]:
    """Return the cells of a record, or an error; neither if a quote is open at its end."""
    text = record[0].text
    if '"' not in text and len(record) == 1 and len(text) <= csv.field_size_limit():
        return text.split(delimiter), None  # ten times as fast
    reader = csv.reader(_texts(record), delimiter=delimiter, strict=True)
    try:
        return next(reader, []), None
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return None, None
        if len(record) > 1:
            return None, _OPEN_QUOTE
    # Text after a closing quote, for example, is an error only in strict mode; nothing is lost.
    try:
        return next(csv.reader((line.text for line in record), delimiter=delimiter), []), None
    except csv.Error as error:
        return None, str(error)


def _texts(record: list[Line]) -> Iterator[str]:
    """Yield lines with their ends, and with those of the empty lines between them."""
    for line, following in pairwise(record):
        yield line.text + "\n" * (following.number - line.number)
    yield record[-1].text


def _swallows_rows(record: list[Line], delimiter: str, width: int | None) -> bool:
    """Return whether lines within a quoted cell are rows by themselves."""
    if width is None or width == 1:
        return len(record) > 1
    return any(
        (cells := _parse([line], delimiter)[0]) is not None and len(cells) >= width
        for line in record[1:]
    )
