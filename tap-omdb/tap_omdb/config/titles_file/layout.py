"""Detects what a titles file contains, from its first lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_omdb.config.titles_file.entries import TitlesFileError
from tap_omdb.config.titles_file.names import (
    ends_in_year,
    has_imdb_id,
    imdb_id_in,
    is_long_number,
    plain,
)
from tap_omdb.config.titles_file.opening import Line, open_text
from tap_omdb.config.titles_file.tables import quoted_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LIST_OF_IDS = "list of ids"
LIST_OF_TITLES = "list of titles"
TABLE_OF_IDS = "table of ids"
TABLE_OF_TITLES = "table of titles"
TITLE_BASICS = "IMDb title.basics"
MOVIELENS = "MovieLens movies.dat"
SEQUENCE_OF_JSON = "JSON"

# Names are compared without case, spaces and punctuation; the first match wins.
_ID_COLUMNS = ("const", "tconst", "imdbid", "imdbtitleid", "imdbconst", "imdburl", "imdblink")
# These only count if all of their values look like the numbers in IMDb's ids.
_NUMBER_COLUMNS = ("imdb", "imdbnumber", "imdbno", "imdbcode", "imdbtt")
# These often hold something else: they only count if they contain an IMDb id.
_POSSIBLE_ID_COLUMNS = ("titleid", "imdb", "url", "link", "uri", "id")
_TITLE_COLUMNS = (
    *("title", "primarytitle", "name", "movietitle", "filmtitle", "movie", "film"),
    *("moviename", "filmname", "originaltitle"),
)
_YEAR_COLUMNS = ("year", "startyear", "releaseyear", "yearreleased", "releasedate", "released")
_TYPE_COLUMNS = ("titletype", "type")

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
MOVIELENS_DELIMITER = "::"
_MOVIELENS_ROW = re.compile(r"\d+::.*\(\d{4}\)\s*::")
_MARKUP = ("<!doctype", "<html", "<?xml", "<rss")
_MAX_TITLE = 300

_SAMPLE_CHARACTERS = 65_536
_SAMPLE_ROWS = 50


@dataclass(frozen=True)
class Layout:
    """What was detected in a file.

    Attributes:
        kind: One of the kinds defined in this module.
        columns: The file's column name for each of imdb_id, title, year, type that it has; empty
            for lists and JSON.
        delimiter: The character between columns; None for lists and JSON.
        header_line: The line with the column names, from 1; 0 if there is none.
    """

    kind: str
    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    header_line: int = 0

    def describe(self) -> str:
        """Describe in one line, for the log, what was detected."""
        if self.kind in _DESCRIPTIONS:
            return _DESCRIPTIONS[self.kind]
        found = ", ".join(f'{role} from "{name}"' for role, name in self.columns.items())
        filtered = ", filtered on type and year" if self.kind == TITLE_BASICS else ""
        delimiter = DELIMITERS[self.delimiter or ","]
        return f"{self.kind} ({delimiter}-separated): {found}{filtered}"


_DESCRIPTIONS = {
    LIST_OF_IDS: "a list of IMDb ids, one per line",
    LIST_OF_TITLES: "a list of titles, one per line",
    MOVIELENS: f"{MOVIELENS} ({MOVIELENS_DELIMITER}-separated): title and year from column 2",
    SEQUENCE_OF_JSON: "JSON: ids, or objects with an IMDb id or a title and year",
}


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
    if start is None:
        message = f"{path} is empty. Write one IMDb id per line, or use a CSV file with a header."
        raise TitlesFileError(message)
    # The last line of the sample may be cut in the middle.
    content = lines[start:] if is_whole or len(lines) == start + 1 else lines[start:-1]
    layout = _detect(content, start)
    if layout:
        return layout
    seen = lines[start].strip()[:200]
    message = (
        f"{path} has no known column: its first line is {seen!r}. Name a column 'imdb_id', or "
        "'title' (with 'year' beside it), or write one IMDb id or title per line."
    )
    raise TitlesFileError(message)


def strip_comment(line: str) -> str:
    """Return a line of a list of ids without its comment."""
    return re.split(r"(?:^|\s)#(?![,;|\t])", line, maxsplit=1)[0].strip()


def is_comment(line: str) -> bool:
    """Return whether a line of a list of titles is a comment; "#Alive" is a title."""
    return line.lstrip().startswith("# ")


def _detect(lines: list[str], start: int) -> Layout | None:
    first = lines[0].lstrip("\ufeff \t")
    if first.startswith(("[", "{")):
        return Layout(SEQUENCE_OF_JSON)
    if _MOVIELENS_ROW.match(first):
        return Layout(MOVIELENS, {"title": "2"}, MOVIELENS_DELIMITER)
    table = _detect_table(lines, start)
    if table:
        return table
    if _are_ids(lines):
        return Layout(LIST_OF_IDS)
    return Layout(LIST_OF_TITLES) if _are_titles(lines) else None


def _first_line_of_content(lines: list[str]) -> int | None:
    """Return the index of the header or the first entry in `lines`."""
    start = 0
    # An exported Letterboxd list begins with its own description, up to a blank line.
    if lines and lines[0].startswith("Letterboxd list export"):
        start = next((i for i, line in enumerate(lines) if not line.strip()), 0)
    contents = (i for i in range(start, len(lines)) if strip_comment(lines[i]))
    hashes = (i for i in range(start, len(lines)) if lines[i].strip() and not is_comment(lines[i]))
    return next(contents, next(hashes, None))


def _detect_table(lines: list[str], start: int) -> Layout | None:
    """Use the first delimiter that splits a known column off the header."""
    for delimiter in DELIMITERS:
        sample = (Line(n, line.rstrip("\r\n")) for n, line in enumerate(lines[:_SAMPLE_ROWS]))
        rows = [row for row in quoted_rows(sample, delimiter) if not row.error]
        if not rows or rows[0].line > 0:  # the quote in the first line is not closed
            continue
        header, *cells = (row.cells for row in rows)
        columns = _detect_columns([name.strip() for name in header], cells)
        if columns:
            return Layout(_kind(columns), columns, delimiter, start + 1)
    return None


def _detect_columns(header: list[str], sample: list[list[str]]) -> dict[str, str]:
    by_plain_name = {plain(name): name for name in reversed(header)}

    def first(names: tuple[str, ...]) -> str | None:
        return next((by_plain_name[name] for name in names if name in by_plain_name), None)

    def values(plain_name: str) -> list[str]:
        index = header.index(by_plain_name[plain_name])
        return [row[index] for row in sample if index < len(row) and row[index].strip()]

    def holds_ids(plain_name: str) -> bool:
        return any(map(has_imdb_id, values(plain_name)))

    def holds_numbers(plain_name: str) -> bool:
        found = [value for value in values(plain_name) if value.strip() != "0"]
        return bool(found) and all(map(is_long_number, found))

    possible = tuple(n for n in _POSSIBLE_ID_COLUMNS if n in by_plain_name and holds_ids(n))
    numbers = tuple(n for n in _NUMBER_COLUMNS if n in by_plain_name and holds_numbers(n))
    roles = {
        "imdb_id": first(_ID_COLUMNS) or first(possible) or first(numbers),
        "title": first(_TITLE_COLUMNS),
        "year": first(_YEAR_COLUMNS),
        "type": first(_TYPE_COLUMNS),
    }
    if not (roles["imdb_id"] or roles["title"]):
        return {}
    return {role: name for role, name in roles.items() if name}


def _kind(columns: Mapping[str, str]) -> str:
    if [columns.get(role) for role in ("imdb_id", "type", "year")] == [
        "tconst",
        "titleType",
        "startYear",
    ]:
        return TITLE_BASICS
    return TABLE_OF_IDS if "imdb_id" in columns else TABLE_OF_TITLES


def _are_ids(lines: list[str]) -> bool:
    """Return whether lines are ids; a short number may be a title, such as "1917"."""
    entries = [entry for entry in map(strip_comment, lines) if entry]
    first = entries[0] if entries else ""
    is_id = has_imdb_id(first) or is_long_number(first)
    return is_id or (bool(entries) and all(map(imdb_id_in, entries)))


def _are_titles(lines: list[str]) -> bool:
    """Return whether lines are titles: without ids, without a delimiter, and of sensible length."""
    titles = [line.strip() for line in lines if line.strip() and not is_comment(line)]
    if any(
        has_imdb_id(title) or len(title) > _MAX_TITLE or title.lower().startswith(_MARKUP)
        for title in titles
    ):
        return False
    if all(map(ends_in_year, titles)):
        return True
    has_delimiter = any(sign in title for title in titles for sign in ("\t", ";", "|", "::"))
    commas = {title.count(",") for title in titles}
    # Many titles have a comma; the same number of them in each line is a table's.
    return not has_delimiter and (len(commas) > 1 or commas == {0})
