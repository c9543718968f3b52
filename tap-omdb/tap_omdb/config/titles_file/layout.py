"""Detects what a titles file contains, from its first lines, and reads it as rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, islice
from pathlib import Path

from tap_omdb.config.titles_file.columns import (
    ITEM,
    LONG_NUMBER,
    Roles,
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

LIST_OF_IDS = "a list of IMDb ids, one per line"
LIST_OF_TITLES = "a list of titles, one per line"
TABLE = "a table"
TITLE_BASICS = "IMDb's title.basics, filtered on type and year"
JSON = "JSON"

_MOVIELENS = "::"
_DELIMITERS = {",": "comma", _MOVIELENS: _MOVIELENS, "\t": "tab", ";": "semicolon", "|": "bar"}
_TITLE_BASICS = {"tconst", "titleType", "startYear"}
# Columns of IMDb's data sets, in which quotation marks have no meaning.
_UNQUOTED = frozenset({"tconst", "titleId"})
# "[REC]" is a title.
_JSON = re.compile(r"\s*(\{|\[\s*[\[\]{\"\d])")
_EXCEL_SEPARATOR = re.compile(r'"?sep=')
_NUMBERED = re.compile(r"\s*\d+[,;|\t]")
_COMMENT = re.compile(r"(?:^|\s)#(?![,;|\t])")
_NO_TITLE = re.compile(r"[\t;|]|::|^<(?:!doctype|html|\?xml|rss)", re.IGNORECASE)
_BLANK = " \t\r\n\xa0\ufeff\u200b"
_MAX_TITLE = 300
_MAX_NAME = 60
_MAX_NAMES = 30

_SAMPLE_CHARACTERS = 65_536
_SAMPLE_ROWS = 50


@dataclass(frozen=True)
class Layout:
    """What was detected in a file.

    Attributes:
        kind: One of the kinds defined in this module.
        names: The names of all columns.
        roles: Which columns have the ids, titles, years and types.
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
        if self.kind in {LIST_OF_IDS, LIST_OF_TITLES}:
            return self.kind
        ids = [("imdb_id", index) for index in self.roles.imdb_id]
        found = [*ids, *zip(Roles._fields[1:], self.roles[1:], strict=True)]
        parts = [f"{role} from {quoted([self.names[i]])}" for role, i in found if i is not None]
        used = {index for _, index in found}
        others = [name for index, name in enumerate(self.names) if index not in used]
        if others and self.kind != TITLE_BASICS:
            parts.append(f"kept as they are: {quoted(others)}")
        header = "" if self.has_header or not self.delimiter else " without a header"
        how = f" ({_DELIMITERS[self.delimiter]}-separated)" if self.delimiter else ""
        return f"{self.kind}{header}{how}: {'; '.join(parts)}"


def quoted(names: Sequence[str]) -> str:
    """Return names as a user sees them in a message."""
    return ", ".join(f'"{name[:_MAX_NAME]}"' for name in names[:_MAX_NAMES])


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
    lines = sample.splitlines(keepends=True)
    start = _first_line_of_content(lines)
    # The last line of the sample may be cut in the middle.
    content = lines[start:] if is_whole or len(lines) == start + 1 else lines[start:-1]
    layout, names = _detect_json(path) if _JSON.match(sample) else _detect(content, start + 1)
    if not names:
        message = f"{path} is empty. Write one IMDb id per line, or use a CSV file with a header."
        raise TitlesFileError(message)
    if layout is None:
        message = (
            f"{path} has no known column among {quoted(names)}. Name a column 'imdb_id', or "
            "'title' (with 'year' beside it), or write one IMDb id or title per line."
        )
        raise TitlesFileError(message)
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
            yield from _rows_of_list(lines, with_ids=layout.kind == LIST_OF_IDS)
            return
        rows = _split(lines, layout.delimiter, layout.names)
        yield from islice(rows, 1 if layout.has_header else 0, None)


def _rows_of_list(lines: Iterator[Line], *, with_ids: bool) -> Iterator[Row]:
    for number, line, is_truncated in lines:
        text = _strip_comment(line) if with_ids else "" if _is_comment(line) else line.strip()
        if text:
            columns = None if text == line else {ITEM: line}
            yield Row(number, [text], TOO_LONG if is_truncated else None, columns)


def _split(lines: Iterator[Line], delimiter: str, header: Sequence[str] = ()) -> Iterator[Row]:
    is_of_imdb = delimiter == "\t" and not _UNQUOTED.isdisjoint(header)
    is_unquoted = is_of_imdb or delimiter == _MOVIELENS
    return (unquoted_rows if is_unquoted else quoted_rows)(lines, delimiter)


def _strip_comment(line: str) -> str:
    """Return a line of a list of ids without its comment."""
    return _COMMENT.split(line, maxsplit=1)[0].strip() if "#" in line else line.strip()


def _is_comment(line: str) -> bool:
    """Return whether a line of a list of titles is a comment; "#Alive" is a title."""
    return line.lstrip().startswith("# ")


def _first_line_of_content(lines: list[str]) -> int:
    """Return the index of the header or the first entry in `lines`; or how many there are."""
    start = 0
    # An exported Letterboxd list begins with its own description, up to a blank line.
    if lines and lines[0].startswith("Letterboxd list export"):
        start = next((i for i, line in enumerate(lines) if not line.strip()), 0)
    elif lines and _EXCEL_SEPARATOR.match(lines[0]):
        start = 1
    contents = (i for i in range(start, len(lines)) if _strip_comment(lines[i]))
    hashes = (i for i in range(start, len(lines)) if lines[i].strip() and not _is_comment(lines[i]))
    return next(contents, next(hashes, len(lines)))


def _detect_json(path: Path) -> tuple[Layout | None, list[str]]:
    """Return the layout of JSON, None if it is not known, and its names."""
    items: list[dict[str, str]] = []
    with open_text(path) as text:
        try:
            items += map(cells_of, islice(json_items(text, path), _SAMPLE_ROWS))
        except TitlesFileError:  # it counts when the item is reached
            if not items:
                raise
    names = [*dict.fromkeys(name for cells in items for name in cells)]
    roles = find_roles(names, [[cells.get(name, "") for name in names] for cells in items])
    return Layout(JSON, names, roles) if roles.identify else None, names


def _detect(lines: list[str], start: int) -> tuple[Layout | None, list[str]]:
    """Return the layout of lines, None if it is not known, and the cells of the first line."""
    if _have_years(lines):
        return Layout(LIST_OF_TITLES, [ITEM], Roles([], title=0)), [ITEM]
    tables = [(d, rows) for d in _DELIMITERS if (rows := _sample(lines, d))]
    tables.sort(key=lambda table: -len(table[1][0]))
    first = tables[0][1][0] if tables else lines[:1]
    for delimiter, (header, *rows) in tables:
        is_header = not any(link_to_title(cell) or ends_in_year(cell) for cell in header)
        if not is_header or (len(header) == 1 < len(first)):
            continue
        names, roles = _unique(header), find_roles(header, rows)
        if roles.identify:
            kind = TITLE_BASICS if {*names} >= _TITLE_BASICS else TABLE
            return Layout(kind, names, roles, delimiter, start, has_header=True), names
    for delimiter, rows in tables:
        widths = [*map(len, rows)]
        width = widths[0] if delimiter == _MOVIELENS else min(widths)
        roles = find_roles_by_values(rows, width)
        # In a last column of titles, a comma without quotes is part of the title.
        is_even = max(widths) == width or roles.title == width - 1
        if width > 1 and is_even and roles.identify:
            return Layout(TABLE, _unique([""] * width), roles, delimiter, start), first
    if _are_ids(lines):
        return Layout(LIST_OF_IDS, [ITEM], Roles([0])), first
    if _are_titles(lines):
        return Layout(LIST_OF_TITLES, [ITEM], Roles([], title=0)), first
    return None, [cell.strip() for cell in first]


def _sample(lines: list[str], delimiter: str) -> list[list[str]]:
    """Return the cells of the first rows; none if the first line is not a row by itself."""
    numbered = (Line(n, line.rstrip("\r\n")) for n, line in enumerate(lines[:_SAMPLE_ROWS]))
    rows = [row for row in _split(numbered, delimiter) if not row.error]
    return [row.cells for row in rows] if rows and rows[0].line == 0 else []


def _unique(header: list[str]) -> list[str]:
    """Return the names of all columns: "column 2" where there is none, "title (2)" for a second."""
    names: list[str] = []
    for number, text in enumerate(header, start=1):
        name = text.strip(_BLANK) or f"column {number}"
        others = (f"{name} ({count})" for count in range(2, number + 1))
        names.append(next(other for other in (name, *others) if other not in names))
    return names


def _have_years(lines: list[str]) -> bool:
    """Return whether lines are titles with their years; numbered ones are a table."""
    titles = [line for line in lines if line.strip() and not _is_comment(line)]
    return all(map(ends_in_year, titles)) and not all(map(_NUMBERED.match, titles))


def _are_ids(lines: list[str]) -> bool:
    """Return whether lines are ids; a short number may be a title, such as "1917"."""
    entries = [entry for entry in map(_strip_comment, lines) if entry]
    if not entries:
        return False
    is_id = has_imdb_id(entries[0]) or LONG_NUMBER.fullmatch(entries[0])
    return bool(is_id) or all(map(imdb_id_in, entries))


def _are_titles(lines: list[str]) -> bool:
    """Return whether lines are titles: without ids, without a delimiter, and of sensible length.

    Some titles have a comma; in most lines, it is a table's.
    """
    titles = [line.strip() for line in lines if line.strip() and not _is_comment(line)]
    with_comma = sum("," in title for title in titles)
    return with_comma * 2 <= len(titles) and not any(
        has_imdb_id(title) or len(title) > _MAX_TITLE or _NO_TITLE.search(title) for title in titles
    )
