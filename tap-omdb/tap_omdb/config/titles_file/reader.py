"""Reads the titles of a file, in whatever layout."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, dropwhile
from typing import TYPE_CHECKING

from tap_omdb.config.titles_file.entries import (
    MAX_INVALID_ROW_TEXT,
    InvalidRow,
    TitleEntry,
    rest_of,
)
from tap_omdb.config.titles_file.json_items import json_items
from tap_omdb.config.titles_file.layout import (
    LIST_OF_IDS,
    LIST_OF_TITLES,
    MOVIELENS,
    SEQUENCE_OF_JSON,
    TITLE_BASICS,
    Layout,
    detect_layout,
    is_comment,
    strip_comment,
)
from tap_omdb.config.titles_file.names import imdb_id_in, title_and_year, why_not_an_id
from tap_omdb.config.titles_file.opening import lines_of, open_text
from tap_omdb.config.titles_file.tables import (
    TOO_LONG,
    Selection,
    Table,
    quoted_rows,
    unquoted_rows,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator, Sequence
    from pathlib import Path

    from tap_omdb.config.titles_file.opening import Line

_LINE = "line"
"""The column of a list without columns."""


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
        self, years: Container[int] | None = None, types: Collection[str] = ()
    ) -> Iterator[TitleEntry | InvalidRow]:
        """Read the titles in their order; a title that occurs twice is yielded twice.

        Args:
            years: Years to select from a catalogue; None for all.
            types: OMDb types to select from a catalogue.

        Yields:
            One result for each row, except blank lines, comments and what was filtered out of a
            catalogue.

        Raises:
            TitlesFileError: The rest of the file cannot be read.
        """
        selection = Selection(years, types) if self.is_catalogue else None
        return _read(self.path, self.name, self.layout, selection)


def open_titles_files(paths: Sequence[Path]) -> tuple[TitlesFile, ...]:
    """Detect the layouts of files; a file that is named twice is read once.

    Raises:
        TitlesFileError: As `detect_layout`.
    """
    parts = {path.resolve(): path.absolute().parts[1:] for path in paths}
    by_path = {path.resolve(): path for path in reversed(paths)}
    names = {}
    for resolved, own in parts.items():
        others = [other for path, other in parts.items() if path != resolved]
        names[resolved] = next(
            "/".join(own[-length:])
            for length in count(1)
            if length >= len(own) or all(other[-length:] != own[-length:] for other in others)
        )
    return tuple(
        TitlesFile(by_path[resolved], name, detect_layout(by_path[resolved]))
        for resolved, name in names.items()
    )


def _read(
    path: Path, name: str, layout: Layout, selection: Selection | None
) -> Iterator[TitleEntry | InvalidRow]:
    with open_text(path) as text:
        if layout.kind == SEQUENCE_OF_JSON:
            yield from json_items(text, path, name)
            return
        lines = lines_of(text, path)
        if layout.kind == LIST_OF_IDS:
            yield from _ids(lines, name)
        elif layout.kind == LIST_OF_TITLES:
            yield from _titles(lines, name)
        else:
            yield from _table(lines, name, layout, selection)


def _ids(lines: Iterator[Line], name: str) -> Iterator[TitleEntry | InvalidRow]:
    for line in lines:
        if entry := strip_comment(line.text):
            if imdb_id := imdb_id_in(entry):
                columns = rest_of({_LINE: line.text}, {_LINE: imdb_id})
                yield TitleEntry(imdb_id, None, None, None, line.number, name, columns)
            else:
                yield _invalid(line, why_not_an_id(entry), name)


def _titles(lines: Iterator[Line], name: str) -> Iterator[TitleEntry | InvalidRow]:
    for line in lines:
        text = line.text.strip()
        if line.is_truncated:
            yield _invalid(line, TOO_LONG, name)
        elif text and not is_comment(text):
            title, year = title_and_year(text, None)
            columns = rest_of({_LINE: line.text}, {_LINE: title})
            yield TitleEntry(None, title, year, None, line.number, name, columns)


def _invalid(line: Line, reason: str, name: str) -> InvalidRow:
    text = line.text.strip()[:MAX_INVALID_ROW_TEXT]
    return InvalidRow(line.number, text, reason, name, {_LINE: line.text})


def _table(
    lines: Iterator[Line], name: str, layout: Layout, selection: Selection | None
) -> Iterator[TitleEntry | InvalidRow]:
    delimiter = layout.delimiter or ","
    if layout.kind == MOVIELENS:
        rows, header = unquoted_rows(lines, delimiter), ["1", "2"]
    else:
        lines = dropwhile(lambda line: line.number < layout.header_line, lines)
        is_imdb_data_set = layout.columns.get("imdb_id") in {"tconst", "titleId"}
        is_unquoted = delimiter == "\t" and is_imdb_data_set
        rows = (unquoted_rows if is_unquoted else quoted_rows)(lines, delimiter)
        header = next(rows).cells
    table = Table(layout, header, name, is_catalogue=selection is not None)
    for row in rows:
        if result := table.convert(row, selection):
            yield result
