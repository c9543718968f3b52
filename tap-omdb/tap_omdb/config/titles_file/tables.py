"""Splits delimited files into rows, and converts each row. Pure but for reading the lines."""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_omdb.config.titles_file.entries import (
    MAX_INVALID_ROW_TEXT,
    InvalidRow,
    TitleEntry,
    rest_of,
)
from tap_omdb.config.titles_file.names import (
    imdb_id_in,
    is_person_id,
    omdb_type,
    title_and_year,
    why_not_an_id,
    year_in,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator

    from tap_omdb.config.titles_file.layout import Layout
    from tap_omdb.config.titles_file.opening import Line

MAX_LINES_OF_A_ROW = 20
"""A quoted cell may contain line ends; a cell over more lines has a quote that is not closed."""

_MISSING = "\\N"
TOO_LONG = "the line is longer than 1 MB"
_NO_ID = frozenset({"-", "n/a", "nan", "none", "null"})


class Row(NamedTuple):
    """The cells of a row, or what is wrong with it."""

    line: int
    cells: list[str]
    error: str | None = None


class Selection:
    """Selects rows of title.basics."""

    def __init__(self, years: Container[int] | None, types: Collection[str]) -> None:
        """Select years, None for all, and OMDb types."""
        self._years = years
        self._types = frozenset(types)

    def includes(self, kind: str | None, year: int | None) -> bool:
        """Return whether a title of this type and year is selected."""
        return kind in self._types and (
            self._years is None or (year is not None and year in self._years)
        )


class Table:
    """Converts the rows of one table."""

    def __init__(self, layout: Layout, header: list[str], name: str, *, is_catalogue: bool) -> None:
        """Find the columns of a layout in the header."""
        self._name = name
        self._header = None if is_catalogue else unique(header)
        names = [name.strip() for name in header]
        index = {role: names.index(name) for role, name in layout.columns.items()}
        self._id = index.get("imdb_id")
        self._title = index.get("title")
        self._year = index.get("year")
        self._type = index.get("type")
        self._last_selected = max(self._type or 0, self._year or 0)
        self._delimiter = layout.delimiter or ""

    def convert(self, row: Row, selection: Selection | None) -> TitleEntry | InvalidRow | None:
        """Return a row's title, or what is wrong with it; None if it is not selected."""
        line, cells, error = row
        if error:
            return self._invalid(row, error)
        kind = omdb_type(self._cell(cells, self._type))
        year = year_in(self._cell(cells, self._year))
        if selection and not selection.includes(kind, year):
            # A row too short to have a type or year is invalid, not deselected.
            is_whole = self._last_selected < len(cells)
            return None if is_whole else self._invalid(row, "the row is truncated")
        text = self._cell(cells, self._id)
        imdb_id = imdb_id_in(text) if text.lower() not in _NO_ID else None
        title = self._cell(cells, self._title) or None
        if title and not (text and is_person_id(text)):
            title, year = title_and_year(title, year)
            return TitleEntry(
                imdb_id,
                title,
                year,
                kind,
                line,
                self._name,
                self._rest(cells, imdb_id, title, year, kind),
            )
        if imdb_id:
            return TitleEntry(
                imdb_id,
                None,
                year,
                kind,
                line,
                self._name,
                self._rest(cells, imdb_id, None, year, kind),
            )
        if text and text.lower() not in _NO_ID:
            return self._invalid(row, why_not_an_id(text))
        empty = "no IMDb id and no title" if self._title is not None else "no IMDb id"
        return self._invalid(row, empty)

    @staticmethod
    def _cell(cells: list[str], index: int | None) -> str:
        if index is None or index >= len(cells):
            return ""
        text = cells[index].strip()
        return "" if text == _MISSING else text

    def _invalid(self, row: Row, reason: str) -> InvalidRow:
        text = self._delimiter.join(row.cells).strip()[:MAX_INVALID_ROW_TEXT]
        return InvalidRow(row.line, text, reason, self._name, self._columns(row.cells, row.error))

    def _columns(self, cells: list[str], error: str | None = None) -> dict[str, Any] | None:
        if self._header is None:
            return None
        if error:
            return {"line": cells[0]}
        columns = dict(zip(self._header, cells, strict=False))
        for number, cell in enumerate(cells[len(self._header) :], start=len(self._header) + 1):
            columns[f"column {number}"] = cell
        return columns

    def _rest(self, cells: list[str], *read: object) -> dict[str, Any] | None:
        columns, header = self._columns(cells), self._header
        if columns is None or header is None:
            return None
        names = (
            header[i] if i is not None else None
            for i in (self._id, self._title, self._year, self._type)
        )
        return rest_of(columns, dict(zip(names, read, strict=True)))


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
                error = "a quote is not closed"
                break
            record.append(line)
            cells, error = _parse(record, delimiter)
        if cells is not None and _swallows_rows(record, delimiter, width):
            cells, error = None, "a quote is not closed"
        if cells is None:
            waiting.extendleft(reversed(record[1:]))
            yield Row(first.number, [first.text], error)
        elif any(cell.strip() for cell in cells):
            width = width or len(cells)
            yield Row(first.number, cells)


def _parse(record: list[Line], delimiter: str) -> tuple[list[str] | None, str | None]:
    """Return the cells of a record, or an error; neither if a quote is open at its end."""
    reader = csv.reader((line.text for line in record), delimiter=delimiter, strict=True)
    try:
        return next(reader, []), None
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return None, None
        if len(record) > 1:
            return None, "a quote is not closed"
    # Text after a closing quote, for example, is an error only in strict mode; nothing is lost.
    try:
        return next(csv.reader((line.text for line in record), delimiter=delimiter), []), None
    except csv.Error as error:
        return None, str(error)


def _swallows_rows(record: list[Line], delimiter: str, width: int | None) -> bool:
    """Return whether lines within a quoted cell are rows by themselves."""
    if width is None or width == 1:
        return len(record) > 1
    return any(
        (cells := _parse([line], delimiter)[0]) is not None and len(cells) >= width
        for line in record[1:]
    )


def unique(header: list[str]) -> list[str]:
    """Return the names of all columns: "column 2" where there is none, "title (2)" for a second."""
    names: list[str] = []
    for number, text in enumerate(header, start=1):
        name = plain = text.strip() or f"column {number}"
        count = 1
        while name in names:
            count += 1
            name = f"{plain} ({count})"
        names.append(name)
    return names
