"""Reads titles from a user's file: lists, exports and data sets.

The columns are detected by their names, so an IMDb list, a Letterboxd export, MovieLens'
`links.csv` and `movies.csv` and IMDb's own `title.basics.tsv.gz` can be used as they are. Rows are
streamed: memory does not grow with the file.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TextIO

from tap_omdb.omdb.encoding import CP1252_FALLBACK

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator, Mapping
    from pathlib import Path

LIST_OF_IDS = "list of ids"
TABLE_OF_IDS = "table of ids"
TABLE_OF_TITLES = "table of titles"
TITLE_BASICS = "IMDb title.basics"

MAX_INVALID_ROW_TEXT = 500

# Names are compared without case, spaces and punctuation; the first match wins.
_ID_COLUMNS = ("const", "tconst", "imdbid", "imdbtitleid", "imdbconst", "imdburl", "imdblink")
# These often hold something else: they only count if they contain an IMDb id.
_POSSIBLE_ID_COLUMNS = ("titleid", "imdb", "url", "link", "uri", "id")
_TITLE_COLUMNS = (
    *("title", "primarytitle", "name", "movietitle", "filmtitle", "movie", "film"),
    *("moviename", "filmname", "originaltitle"),
)
_YEAR_COLUMNS = ("year", "startyear", "releaseyear", "yearreleased", "releasedate", "released")
_TYPE_COLUMNS = ("titletype", "type")

_DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_MISSING = "\\N"
_NO_ID = frozenset({"-", "n/a", "nan", "none", "null"})

# OMDb counts everything that is not a series, an episode or a game as a movie.
_OMDB_TYPES = {
    **dict.fromkeys(
        (
            *("movie", "tvmovie", "short", "tvshort", "video", "tvspecial", "musicvideo"),
            *("featurefilm", "shortfilm", "film", "documentary"),
        ),
        "movie",
    ),
    **dict.fromkeys(("series", "tvseries", "tvminiseries", "miniseries", "tvshow"), "series"),
    **dict.fromkeys(("episode", "tvepisode"), "episode"),
    **dict.fromkeys(("game", "videogame"), "game"),
}

_IMDB_ID = re.compile(r"\btt(\d{1,8})\b", re.ASCII | re.IGNORECASE)
# Spreadsheets and pandas write the number in MovieLens' `imdbId` as 114709.0.
_BARE_NUMBER = re.compile(r"(\d{1,8})(?:\.0)?", re.ASCII)
_PERSON_ID = re.compile(r"\bnm\d{7,8}\b", re.ASCII)
_YEAR = re.compile(r"(?<!\d)(?:18|19|20)\d\d(?!\d)", re.ASCII)
_TITLE_AND_YEAR = re.compile(
    r"(.*\S) ?\(((?:18|19|20)\d\d)(?: ?[-\u2013] ?(?:\d{4})?)?\)", re.ASCII
)
# "Birdman: Or (The Unexpected Virtue of Ignorance)" is one title, not two.
_OTHER_TITLE = re.compile(r"(.*[^ :])(?<!\bor) \([^()]*\)", re.IGNORECASE)
_MOVED_ARTICLE = re.compile(
    r"(.+), (The|An?|Les?|La|L'|Une?|Il|Lo|I|Gli|El|Los|Las"
    r"|Der|Die|Das|Eine?|Det|Den|De|Het|Een|Os?|Uma?)"
)

_SAMPLE_CHARACTERS = 65_536
_SAMPLE_ROWS = 50
_GZIP = b"\x1f\x8b"
_ARCHIVES = (b"PK\x03\x04", b"7z\xbc\xaf", b"Rar!")


class TitlesFileError(ValueError):
    """The whole file cannot be used; the message says why and gives the remedy."""


@dataclass(frozen=True)
class TitleEntry:
    """One title of the file, identified by `imdb_id` or, without one, by `title`.

    Attributes:
        imdb_id: IMDb's id, normalised to "tt" and 7 or 8 digits.
        title: The title without year and with its article in front.
        year: The year of release, or the first of a series.
        type: OMDb's type (movie, series, episode, game), if the file has it.
        line: The line on which the row starts, from 1.
    """

    imdb_id: str | None
    title: str | None
    year: int | None
    type: str | None
    line: int


@dataclass(frozen=True)
class InvalidRow:
    """One row that does not identify a title.

    Attributes:
        line: The line on which the row starts, from 1.
        text: The row, truncated to `MAX_INVALID_ROW_TEXT` characters.
        reason: What is wrong with it.
    """

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class Layout:
    """What was detected in a file.

    Attributes:
        kind: One of the four kinds defined in this module.
        columns: The file's column name for each of imdb_id, title, year, type that it
            has; empty for a list of ids.
        delimiter: The character between columns; None for a list of ids.
        header_line: The line with the column names, from 1; 0 for a list of ids.
    """

    kind: str
    columns: Mapping[str, str]
    delimiter: str | None
    header_line: int = 0

    def describe(self) -> str:
        """Describe in one line, for the log, what was detected."""
        if self.delimiter is None:
            return "a list of IMDb ids, one per line"
        found = ", ".join(f'{role} from "{name}"' for role, name in self.columns.items())
        filtered = ", filtered on type and year" if self.kind == TITLE_BASICS else ""
        return f"{self.kind} ({_DELIMITERS[self.delimiter]}-separated): {found}{filtered}"


class _Row(NamedTuple):
    line: int
    cells: list[str]
    broken: str | None = None


def detect_layout(path: Path) -> Layout:
    """Detect what a file contains from its first lines.

    Raises:
        TitlesFileError: The file is missing, unreadable, empty or binary, or none of its columns
            is known.
    """
    with _open(path) as text:
        sample = text.read(_SAMPLE_CHARACTERS)
    if "\0" in sample:
        message = f"{path} is not a text file. Save it as CSV in UTF-8."
        raise TitlesFileError(message)
    lines = list(io.StringIO(sample, newline=""))
    start = _first_line_of_content(lines)
    if start is None:
        message = f"{path} is empty. Write one IMDb id per line, or use a CSV file with a header."
        raise TitlesFileError(message)
    layout = _detect_table(lines, start)
    if layout:
        return layout
    if imdb_id_in(_strip_comment(lines[start])):
        return Layout(LIST_OF_IDS, {}, None)
    seen = lines[start].strip()[:200]
    message = (
        f"{path} has no known column: its first line is {seen!r}. Name a column 'imdb_id', or "
        "'title' (with 'year' beside it), or write one IMDb id per line."
    )
    raise TitlesFileError(message)


def read_titles_file(
    path: Path, *, years: Container[int] | None, types: Collection[str]
) -> Iterator[TitleEntry | InvalidRow]:
    """Read the titles of a file in its order; a title that occurs twice is yielded twice.

    Args:
        path: A text file, plain or gzipped, in any layout that `detect_layout` knows.
        years: Years to select from IMDb's title.basics; None for all. Other files list titles
            that somebody chose, so every row of those counts.
        types: OMDb types to select from IMDb's title.basics.

    Returns:
        An iterator with one result for each row, except blank lines, comments and what was
        filtered out of title.basics.

    Raises:
        TitlesFileError: As `detect_layout`, immediately; or, while iterating, when the rest of
            the file cannot be read.
    """
    layout = detect_layout(path)
    return _read(path, layout, years, types)


def imdb_id_in(text: str) -> str | None:
    """Find the IMDb id of a title in a text: an id, a bare number or an IMDb URL.

    Returns:
        The id as "tt" and 7 or 8 digits, zeros restored; None if there is none.
    """
    match = _IMDB_ID.search(text) or _BARE_NUMBER.fullmatch(text.strip())
    number = int(match[1]) if match else 0
    return f"tt{number:07d}" if number else None


def split_title(text: str) -> tuple[str, int | None]:
    """Split MovieLens' "City of Lost Children, The (Cité des enfants perdus, La) (1995)".

    Returns:
        The title ("The City of Lost Children") and its year; a text that does not end
        in a year is returned as it is, with None.
    """
    match = _TITLE_AND_YEAR.fullmatch(" ".join(text.split()))
    if not match:
        return text, None
    title = match[1]
    while other := _OTHER_TITLE.fullmatch(title):
        title = other[1]
    if moved := _MOVED_ARTICLE.fullmatch(title):
        name, article = moved.groups()
        title = article + ("" if article.endswith("'") else " ") + name
    return title, int(match[2])


def omdb_type(name: str) -> str | None:
    """Translate IMDb's name of a type ("tvMiniSeries", "TV Mini Series") to OMDb's."""
    return _OMDB_TYPES.get(_plain(name))


def _read(
    path: Path, layout: Layout, years: Container[int] | None, types: Collection[str]
) -> Iterator[TitleEntry | InvalidRow]:
    with _open(path) as text:
        if layout.delimiter is None:
            for line, content in enumerate(text, start=1):
                if entry := _strip_comment(content):
                    yield _listed(line, entry)
            return
        rows = _rows(text, layout)
        header = next(rows)
        table = _Table(layout, header.cells)
        selection = _Selection(years, types) if layout.kind == TITLE_BASICS else None
        for row in rows:
            if result := table.result(row, selection):
                yield result


class _Selection:
    """Selects rows of title.basics."""

    def __init__(self, years: Container[int] | None, types: Collection[str]) -> None:
        self._years = years
        self._types = frozenset(types)

    def includes(self, omdb: str | None, year: int | None) -> bool:
        return omdb in self._types and (
            self._years is None or (year is not None and year in self._years)
        )


class _Table:
    """Converts the rows of one table."""

    def __init__(self, layout: Layout, header: list[str]) -> None:
        names = [name.strip() for name in header]
        index = {role: names.index(name) for role, name in layout.columns.items()}
        self._id = index.get("imdb_id")
        self._title = index.get("title")
        self._year = index.get("year")
        self._type = index.get("type")
        self._delimiter = layout.delimiter or ""

    def result(self, row: _Row, selection: _Selection | None) -> TitleEntry | InvalidRow | None:
        """Return a row's title, or what is wrong with it; None if it is not selected."""
        line, cells, broken = row
        if broken:
            return self._invalid(row, broken)
        omdb = _type_in(self._cell(cells, self._type))
        year = _year_in(self._cell(cells, self._year))
        if selection and not selection.includes(omdb, year):
            # A row too short to have a type or year is invalid, not deselected.
            complete = max(self._type or 0, self._year or 0) < len(cells)
            return None if complete else self._invalid(row, "the row is truncated")
        imdb_id = None
        text = self._cell(cells, self._id)
        if text and text.lower() not in _NO_ID and not (imdb_id := imdb_id_in(text)):
            return self._invalid(row, _why_no_id(text))
        title = self._cell(cells, self._title) or None
        if title:
            if len(title.splitlines()) > 1:
                return self._invalid(row, "the title spans several lines: is a quote not closed?")
            plain, title_year = split_title(title)
            if title_year and year in (None, title_year):
                title, year = plain, title_year
        if imdb_id or title:
            return TitleEntry(imdb_id, title, year, omdb, line)
        empty = "no IMDb id and no title" if self._title is not None else "no IMDb id"
        return self._invalid(row, empty)

    @staticmethod
    def _cell(cells: list[str], index: int | None) -> str:
        if index is None or index >= len(cells):
            return ""
        text = cells[index].strip()
        return "" if text == _MISSING else text

    def _invalid(self, row: _Row, reason: str) -> InvalidRow:
        text = self._delimiter.join(row.cells)
        return InvalidRow(row.line, text[:MAX_INVALID_ROW_TEXT], reason)


def _listed(line: int, entry: str) -> TitleEntry | InvalidRow:
    imdb_id = imdb_id_in(entry)
    if imdb_id:
        return TitleEntry(imdb_id, None, None, None, line)
    return InvalidRow(line, entry[:MAX_INVALID_ROW_TEXT], _why_no_id(entry))


def _why_no_id(text: str) -> str:
    if _PERSON_ID.search(text):
        return "the id is a person's, not a title's"
    return "not an IMDb id"


def _strip_comment(line: str) -> str:
    return re.split(r"(?:^|\s)#(?![,;|\t])", line, maxsplit=1)[0].strip()


@lru_cache(maxsize=1024)
def _year_in(text: str) -> int | None:
    match = _YEAR.search(text)
    return int(match[0]) if match else None


@lru_cache(maxsize=1024)
def _type_in(text: str) -> str | None:
    return omdb_type(text)


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _first_line_of_content(lines: list[str]) -> int | None:
    """Return the index of the header or the first entry in `lines`."""
    start = 0
    # An exported Letterboxd list begins with its own description, up to a blank line.
    if lines and lines[0].startswith("Letterboxd list export"):
        start = next((i for i, line in enumerate(lines) if not line.strip()), 0)
    return next((i for i in range(start, len(lines)) if _strip_comment(lines[i])), None)


def _detect_table(lines: list[str], start: int) -> Layout | None:
    """Use the first delimiter that splits a known column off the header."""
    for delimiter in _DELIMITERS:
        reader = csv.reader(lines[start : start + _SAMPLE_ROWS], delimiter=delimiter)
        try:
            header, *sample = reader
        except (csv.Error, ValueError):
            continue
        columns = _detect_columns([name.strip() for name in header], sample)
        if columns:
            return Layout(_kind(columns), columns, delimiter, start + 1)
    return None


def _detect_columns(header: list[str], sample: list[list[str]]) -> dict[str, str]:
    by_plain_name = {_plain(name): name for name in reversed(header)}

    def first(names: tuple[str, ...]) -> str | None:
        return next((by_plain_name[name] for name in names if name in by_plain_name), None)

    def holds_ids(plain_name: str) -> bool:
        index = header.index(by_plain_name[plain_name])
        return any(_IMDB_ID.search(row[index]) for row in sample if index < len(row))

    possible = tuple(n for n in _POSSIBLE_ID_COLUMNS if n in by_plain_name and holds_ids(n))
    roles = {
        "imdb_id": first(_ID_COLUMNS) or first(possible),
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


def _rows(text: TextIO, layout: Layout) -> Iterator[_Row]:
    """Split a table into rows from its header on, without blank lines."""
    for _ in range(layout.header_line - 1):
        next(text)
    before = layout.header_line - 1
    if layout.delimiter == "\t" and layout.columns.get("imdb_id") in {"tconst", "titleId"}:
        # IMDb's data sets do not use quoting: a quotation mark is part of the title.
        for line, content in enumerate(text, start=before + 1):
            if stripped := content.rstrip("\r\n"):
                yield _Row(line, stripped.split("\t"))
        return
    reader = csv.reader(text, delimiter=layout.delimiter or ",")
    while True:
        line = before + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _Row(line, [], str(error))
            continue
        if any(cell.strip() for cell in cells):
            yield _Row(line, cells)


@contextmanager
def _open(path: Path) -> Iterator[TextIO]:
    """Open a file as text, whatever its compression and encoding."""
    try:
        with path.open("rb") as plain:
            start = plain.peek(4)
            if start.startswith(_ARCHIVES):
                message = (
                    f"{path} is an archive or a workbook. Unpack it or save it as CSV, "
                    "and use the file that lists the titles."
                )
                raise TitlesFileError(message)
            binary = gzip.GzipFile(fileobj=plain) if start.startswith(_GZIP) else plain
            if binary.peek(2).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                encoding, errors = "utf-16", "replace"
            else:
                encoding, errors = "utf-8-sig", CP1252_FALLBACK
            with io.TextIOWrapper(binary, encoding, errors, newline="") as text:
                yield text
    except (OSError, EOFError, zlib.error) as error:
        message = (
            f"{path} cannot be read ({_reason(error)}). Check the path and its permissions; "
            "copy or download a truncated file again."
        )
        raise TitlesFileError(message) from error


def _reason(error: Exception) -> str:
    # The message of an OSError repeats the path.
    return getattr(error, "strerror", None) or str(error)
