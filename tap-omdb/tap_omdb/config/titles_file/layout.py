"""Detects what a titles file contains, from its first lines, and reads it as rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import dropwhile, islice
from typing import TYPE_CHECKING

from tap_omdb.config.titles_file.columns import (
    IMDB_ID,
    LINE,
    TITLE,
    TYPE,
    YEAR,
    find_roles,
    find_roles_by_values,
)
from tap_omdb.config.titles_file.entries import (
    TitlesFileError,
    ends_in_year,
    has_imdb_id,
    imdb_id_in,
    link_to_title,
)
from tap_omdb.config.titles_file.json_items import cells_of, json_items, json_rows
from tap_omdb.config.titles_file.opening import Line, lines_of, open_text
from tap_omdb.config.titles_file.rows import TOO_LONG, Row, quoted_rows, unquoted_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from tap_omdb.config.titles_file.columns import Roles

LIST_OF_IDS = "a list of IMDb ids, one per line"
LIST_OF_TITLES = "a list of titles, one per line"
TABLE = "a table"
TITLE_BASICS = "IMDb's title.basics, filtered on type and year"
JSON = "JSON"

_MOVIELENS = "::"
_DELIMITERS = {",": "comma", _MOVIELENS: _MOVIELENS, "\t": "tab", ";": "semicolon", "|": "bar"}
_TITLE_BASICS_COLUMNS = {IMDB_ID: "tconst", TYPE: "titleType", YEAR: "startYear"}
# "[REC]" is a title.
_JSON = re.compile(r"\s*(\{|\[\s*[\[\]{\"\d])")
_EXCEL_SEPARATOR = re.compile(r'"?sep=')
_NUMBERED = re.compile(r"\s*\d+[,;|\t]")
_UNQUOTED = frozenset({"tconst", "titleId"})
"""Columns of IMDb's data sets, in which quotation marks have no meaning."""
_BLANK = " \t\r\n\xa0\ufeff\u200b"
_MARKUP = ("<!doctype", "<html", "<?xml", "<rss")
_MAX_TITLE = 300
_MAX_NAME = 60
_MAX_NAMES = 30
_LONG_NUMBER = re.compile(r"\d{5,8}(?:\.0)?", re.ASCII)

_SAMPLE_CHARACTERS = 65_536
_SAMPLE_ROWS = 50


@dataclass(frozen=True)
class Layout:
    """What was detected in a file.

    Attributes:
        kind: One of the kinds defined in this module.
        names: The names of all columns.
        roles: Which columns have the ids, titles, years and types, by their indexes.
        delimiter: The text between columns; None for lists and JSON.
        start: The line on which the table begins, from 1.
        has_header: Whether there is a line with the names of columns.
    """

    kind: str
    names: list[str]
    roles: Roles
    delimiter: str | None = None
    start: int = 1
    has_header: bool = False

    def describe(self) -> str:
        """Describe in one line, for the log, what was detected."""
        if self.names == [LINE]:
            return self.kind
        used = {i for indexes in self.roles.values() for i in indexes}
        parts = [
            f"{role} from {quoted(self.names[i] for i in indexes)}"
            for role, indexes in self.roles.items()
        ]
        others = [name for i, name in enumerate(self.names) if i not in used]
        if others and self.kind != TITLE_BASICS:
            parts.append(f"kept as they are: {quoted(others)}")
        how = f" ({_DELIMITERS[self.delimiter]}-separated)" if self.delimiter else ""
        header = "" if self.has_header or not self.delimiter else " without a header"
        return f"{self.kind}{header}{how}: {'; '.join(parts)}"


def quoted(names: Iterable[str]) -> str:
    """Return names as a user sees them in a message."""
    return ", ".join(f'"{name[:_MAX_NAME]}"' for name in names)


def detect_layout(path: Path) -> Layout:
    """Detect what a file contains from its first lines.

    Raises:
        TitlesFileError: The file is missing, unreadable, empty or binary, or none of its columns
            is known.
    """
    with open_text(path) as text:
        sample = text.read(_SAMPLE_CHARACTERS)
        is_whole = len(sample) < _SAMPLE_CHARACTERS
    if "\0" in sample:
        message = f"{path} is not a text file. Save it as CSV in UTF-8."
        raise TitlesFileError(message)
    if _JSON.match(sample):
        return _detect_json(path)
    lines = sample.splitlines(keepends=True)
    start = _first_line_of_content(lines)
    if start is None:
        raise _empty(path)
    # The last line of the sample may be cut in the middle.
    content = lines[start:] if is_whole or len(lines) == start + 1 else lines[start:-1]
    layout = _detect(content, start + 1)
    if layout is None:
        raise _unknown(path, _first_cells(content))
    return layout


def read_rows(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield the rows of a file, except blank lines and comments.

    Raises:
        TitlesFileError: The rest of the file cannot be read.
    """
    with open_text(path) as text:
        if layout.kind == JSON:
            yield from json_rows(text, path, layout.names)
            return
        lines = dropwhile(lambda line: line.number < layout.start, lines_of(text, path))
        if layout.delimiter is None:
            yield from _rows_of_list(lines, with_ids=IMDB_ID in layout.roles)
            return
        rows = _split(lines, layout.delimiter, layout.names)
        yield from islice(rows, 1 if layout.has_header else 0, None)


def _split(lines: Iterator[Line], delimiter: str, header: Sequence[str] = ()) -> Iterator[Row]:
    is_of_imdb = delimiter == "\t" and not _UNQUOTED.isdisjoint(header)
    is_unquoted = is_of_imdb or delimiter == _MOVIELENS
    return (unquoted_rows if is_unquoted else quoted_rows)(lines, delimiter)


def _rows_of_list(lines: Iterator[Line], *, with_ids: bool) -> Iterator[Row]:
    for number, line, is_truncated in lines:
        text = _strip_comment(line) if with_ids else "" if _is_comment(line) else line.strip()
        if text:
            columns = None if text == line else {LINE: line}
            yield Row(number, [text], TOO_LONG if is_truncated else None, columns)


def _strip_comment(line: str) -> str:
    """Return a line of a list of ids without its comment."""
    return re.split(r"(?:^|\s)#(?![,;|\t])", line, maxsplit=1)[0].strip()


def _is_comment(line: str) -> bool:
    """Return whether a line of a list of titles is a comment; "#Alive" is a title."""
    return line.lstrip().startswith("# ")


def _first_line_of_content(lines: list[str]) -> int | None:
    """Return the index of the header or the first entry in `lines`."""
    start = 0
    # An exported Letterboxd list begins with its own description, up to a blank line.
    if lines and lines[0].startswith("Letterboxd list export"):
        start = next((i for i, line in enumerate(lines) if not line.strip()), 0)
    elif lines and _EXCEL_SEPARATOR.match(lines[0]):
        start = 1
    contents = (i for i in range(start, len(lines)) if _strip_comment(lines[i]))
    hashes = (i for i in range(start, len(lines)) if lines[i].strip() and not _is_comment(lines[i]))
    return next(contents, next(hashes, None))


def _empty(path: Path) -> TitlesFileError:
    message = f"{path} is empty. Write one IMDb id per line, or use a CSV file with a header."
    return TitlesFileError(message)


def _unknown(path: Path, names: Sequence[str]) -> TitlesFileError:
    message = (
        f"{path} has no known column among {quoted(names[:_MAX_NAMES])}. Name a column 'imdb_id', "
        "or 'title' (with 'year' beside it), or write one IMDb id or title per line."
    )
    return TitlesFileError(message)


def _detect_json(path: Path) -> Layout:
    items: list[dict[str, str]] = []
    with open_text(path) as text:
        try:
            items += map(cells_of, islice(json_items(text, path), _SAMPLE_ROWS))
        except TitlesFileError:  # it counts when the item is reached
            if not items:
                raise
    if not items:
        raise _empty(path)
    names = [*dict.fromkeys(name for cells in items for name in cells)]
    roles = find_roles(names, [[cells.get(name, "") for name in names] for cells in items])
    if not roles:
        raise _unknown(path, names)
    return Layout(JSON, names, roles)


def _detect(lines: list[str], start: int) -> Layout | None:
    if _have_years(lines):
        return Layout(LIST_OF_TITLES, [LINE], {TITLE: [0]})
    tables = [(d, rows) for d in _DELIMITERS if (rows := _sample(lines, d))]
    tables.sort(key=lambda table: -len(table[1][0]))
    for delimiter, (header, *rows) in tables:
        is_header = not any(link_to_title(cell) or ends_in_year(cell) for cell in header)
        is_column = len(header) > 1 or len(tables[0][1][0]) == 1
        if is_header and is_column and (roles := find_roles(header, rows)):
            kind = TITLE_BASICS if _is_title_basics(header, roles) else TABLE
            return Layout(kind, _unique(header), roles, delimiter, start, has_header=True)
    for delimiter, rows in tables:
        widths = [*map(len, rows)]
        width = widths[0] if delimiter == _MOVIELENS else min(widths)
        roles = find_roles_by_values(rows, width) if width > 1 else {}
        # In a last column of titles, a comma without quotes is part of the title.
        if roles and (max(widths) == width or roles.get(TITLE) == [width - 1]):
            return Layout(TABLE, _unique([""] * width), roles, delimiter, start)
    if _are_ids(lines):
        return Layout(LIST_OF_IDS, [LINE], {IMDB_ID: [0]})
    if _are_titles(lines):
        return Layout(LIST_OF_TITLES, [LINE], {TITLE: [0]})
    return None


def _sample(lines: list[str], delimiter: str) -> list[list[str]]:
    """Return the cells of the first rows; none if the first line is not a row by itself."""
    numbered = (Line(n, line.rstrip("\r\n")) for n, line in enumerate(lines[:_SAMPLE_ROWS]))
    rows = [row for row in _split(numbered, delimiter) if not row.error]
    return [row.cells for row in rows] if rows and rows[0].line == 0 else []


def _first_cells(lines: list[str]) -> list[str]:
    cells = [_sample(lines[:1], delimiter) or [[lines[0]]] for delimiter in _DELIMITERS]
    return [cell.strip() for cell in max(cells, key=lambda rows: len(rows[0]))[0]]


def _is_title_basics(header: list[str], roles: Roles) -> bool:
    return all(
        role in roles and header[roles[role][0]] == name
        for role, name in _TITLE_BASICS_COLUMNS.items()
    )


def _unique(header: list[str]) -> list[str]:
    """Return the names of all columns: "column 2" where there is none, "title (2)" for a second."""
    names: list[str] = []
    for number, text in enumerate(header, start=1):
        name = plain = text.strip(_BLANK) or f"column {number}"
        count = 1
        while name in names:
            count += 1
            name = f"{plain} ({count})"
        names.append(name)
    return names


def _have_years(lines: list[str]) -> bool:
    """Return whether lines are titles with their years; numbered ones are a table."""
    titles = [line for line in lines if line.strip() and not _is_comment(line)]
    return all(map(ends_in_year, titles)) and not all(map(_NUMBERED.match, titles))


def _are_ids(lines: list[str]) -> bool:
    """Return whether lines are ids; a short number may be a title, such as "1917"."""
    entries = [entry for entry in map(_strip_comment, lines) if entry]
    first = entries[0] if entries else ""
    is_id = has_imdb_id(first) or _LONG_NUMBER.fullmatch(first) is not None
    return is_id or (bool(entries) and all(map(imdb_id_in, entries)))


def _are_titles(lines: list[str]) -> bool:
    """Return whether lines are titles: without ids, without a delimiter, and of sensible length.

    Some titles have a comma; in most lines, it is a table's.
    """
    titles = [line.strip() for line in lines if line.strip() and not _is_comment(line)]
    if any(
        has_imdb_id(title)
        or len(title) > _MAX_TITLE
        or title.lower().startswith(_MARKUP)
        or any(sign in title for sign in _DELIMITERS if sign != ",")
        for title in titles
    ):
        return False
    return sum("," in title for title in titles) * 2 <= len(titles)
