"""Reads the titles of files, in whatever layout."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, repeat
from pathlib import Path
from typing import Any

from tap_omdb.config.titles_file.columns import (
    ITEM,
    digits_of_ids,
    is_missing,
    is_of_other_title,
)
from tap_omdb.config.titles_file.entries import (
    MAX_INVALID_ROW_TEXT,
    InvalidRow,
    TitleEntry,
    has_imdb_id,
    imdb_id_in,
    is_person_id,
    link_to_title,
    omdb_type,
    plain,
    title_and_year,
    year_in,
)
from tap_omdb.config.titles_file.layout import TITLE_BASICS, Layout, detect_layout, read_rows
from tap_omdb.config.titles_file.rows import Row

_MISSING = "\\N"
_SEASON = r"(?:Season|Series|Limited Series|Miniseries)"
# "Show: Season 1: Pilot"; in Netflix's own export, other words for a season count as well.
_EPISODE = re.compile(rf"(.+?): {_SEASON} ?\d*: .+")
_EPISODE_OF_NETFLIX = re.compile(
    rf"(.+?): (?:{_SEASON}|Part|Volume|Book|Chapter|Collection)(?: [\w ]+)?: .+"
)


@dataclass(frozen=True)
class TitlesFile:
    """A file of titles.

    Attributes:
        path: A text file, plain or gzipped.
        name: Its name; with folders, if several files have the same.
        layout: What it contains.
    """

    path: Path
    name: str
    layout: Layout

    @property
    def is_catalogue(self) -> bool:
        """Whether it is IMDb's title.basics, and not a list of titles that somebody chose."""
        return self.layout.kind == TITLE_BASICS

    def rows(
        self,
        years: Container[int] | None = None,
        types: Collection[str] = (),
        *,
        with_columns: bool = True,
    ) -> Iterator[TitleEntry | InvalidRow]:
        """Read the titles in their order; a title that occurs twice is yielded twice.

        Args:
            years: Years to select from a catalogue; None for all.
            types: OMDb types to select from a catalogue.
            with_columns: Whether to give the columns of each row, which takes as long again.

        Yields:
            One result for each row, except blank lines, comments and what was filtered out of a
            catalogue.

        Raises:
            TitlesFileError: The rest of the file cannot be read.
        """
        converter = _Converter(self, with_columns=with_columns)
        is_list = not self.is_catalogue
        for row in read_rows(self.path, self.layout):
            if is_list or converter.is_selected(row, years, types):
                yield converter.convert(row)


def open_titles_files(paths: Sequence[Path]) -> tuple[TitlesFile, ...]:
    """Detect the layouts of files; a file that is named twice is read once.

    Raises:
        TitlesFileError: As `detect_layout`.
    """
    files = {path.resolve(): path for path in reversed(paths)}
    ordered = [*dict.fromkeys(path.resolve() for path in paths)]
    return tuple(
        TitlesFile(files[path], _name(path, ordered), detect_layout(files[path]))
        for path in ordered
    )


def _name(path: Path, paths: Sequence[Path]) -> str:
    """Return the end of a path that distinguishes it from the others."""
    return next(
        "/".join(path.parts[-length:])
        for length in count(1)
        if sum(other.parts[-length:] == path.parts[-length:] for other in paths) == 1
    )


class _Converter:
    """Converts the rows of one file."""

    def __init__(self, file: TitlesFile, *, with_columns: bool) -> None:
        names, roles = file.layout.names, file.layout.roles
        self._list = file.name
        self._names = names
        self._is_catalogue = file.is_catalogue
        self._with_columns = with_columns and not file.is_catalogue
        self._delimiter = file.layout.delimiter
        self._ids = [(index, digits_of_ids(names[index])) for index in roles.imdb_id]
        _, self._title, self._year, self._type = roles
        used = (*roles.imdb_id[:1], *roles[1:]) if roles.imdb_id else (None, *roles[1:])
        self._used_names = [None if index is None else names[index] for index in used]
        is_of_netflix = {*map(plain, names)} == {"title", "date"}
        self._episode = _EPISODE_OF_NETFLIX if is_of_netflix else _EPISODE

    def is_selected(self, row: Row, years: Container[int] | None, types: Collection[str]) -> bool:
        """Return whether a row of a catalogue is selected, or too short to tell."""
        cells = row.cells
        if len(cells) < len(self._names):
            return True
        if omdb_type(cells[self._type or 0]) not in types:
            return False
        year = year_in(cells[self._year or 0])
        return years is None or (year is not None and year in years)

    def convert(self, row: Row) -> TitleEntry | InvalidRow:
        """Return a row's title, or what is wrong with it."""
        imdb_id = self._id(row)
        title = _cell(row, self._title) if self._title is not None else ""
        if imdb_id is None and self._is_wide(row) and self._title == len(self._names) - 1:
            title = (self._delimiter or "").join(row.cells[self._title :]).strip()
        year = year_in(_cell(row, self._year)) if self._year is not None else None
        kind = omdb_type(_cell(row, self._type)) if self._type is not None else None
        if title:
            title, year = title_and_year(title, year)
            if episode := ": " in title and self._episode.fullmatch(title):
                title, year, kind = episode[1], None, "series"
        reason = row.error or (imdb_id is None and self._why_invalid(row, title, year, kind))
        if self._is_catalogue and len(row.cells) < len(self._names):
            reason = "the row is truncated"
        if reason:
            text = (self._delimiter or "").join(row.cells).strip()[:MAX_INVALID_ROW_TEXT]
            columns = self._columns(row) if self._with_columns else None
            return InvalidRow(row.line, text, reason, self._list, columns)
        read = (imdb_id, title or None, year, kind)
        columns = self._columns(row, *read) if self._with_columns else None
        return TitleEntry(*read, row.line, self._list, columns)

    def _id(self, row: Row) -> str | None:
        for index, digits in self._ids:
            text = _cell(row, index)
            if (len(text) >= digits or has_imdb_id(text)) and (imdb_id := imdb_id_in(text)):
                return imdb_id
        if self._is_catalogue or "tt" not in (text := " ".join(row.cells)) or not has_imdb_id(text):
            return None
        names = chain(self._names, repeat(""))
        cells = (
            c for c, name in zip(row.cells, names, strict=False) if not is_of_other_title(name)
        )
        found = {*filter(None, map(link_to_title, cells))}
        return found.pop() if len(found) == 1 else None

    def _why_invalid(self, row: Row, title: str, year: int | None, kind: str | None) -> str:
        """Return what is wrong with a row without an id; "" if its title is enough."""
        not_ids = [cell for i, _ in self._ids if not is_missing(cell := _cell(row, i))]
        if any(map(is_person_id, not_ids)):
            return "the id is a person's, not a title's"
        if not title:
            nothing = "no IMDb id" if self._title is None else "no IMDb id and no title"
            return "not an IMDb id" if not_ids else nothing
        if kind == "episode":
            return "an episode can only be found by its IMDb id"
        if self._is_wide(row) and year is None and self._title != len(self._names) - 1:
            return "more cells than columns: put a title with a comma in quotation marks"
        return ""

    def _is_wide(self, row: Row) -> bool:
        """Return whether a row of a table has cells without a column: a comma without quotes."""
        width = len(self._names)
        return len(row.cells) > width and bool(self._delimiter) and any(row.cells[width:])

    def _columns(self, row: Row, *read: object) -> dict[str, Any]:
        """Return a row by column, without the cells that say no more than what was read."""
        if row.error:
            return {ITEM: row.cells[0]}
        columns = row.columns
        if columns is None:
            columns = dict(zip(self._names, row.cells, strict=False))
            for number, cell in enumerate(row.cells[len(self._names) :], len(self._names) + 1):
                columns[f"column {number}"] = cell
        for name, value in zip(self._used_names, read, strict=False):
            if value is not None and name in columns and columns[name] in (value, str(value)):
                del columns[name]
        return columns


def _cell(row: Row, index: int | None) -> str:
    if index is None or index >= len(row.cells):
        return ""
    text = row.cells[index].strip()
    return "" if text == _MISSING else text
