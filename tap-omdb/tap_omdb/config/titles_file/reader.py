"""Reads the titles of a file, in whatever layout."""

from __future__ import annotations

from itertools import dropwhile
from typing import TYPE_CHECKING

from tap_omdb.config.titles_file.entries import InvalidRow, TitleEntry, invalid_row
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
    from collections.abc import Collection, Container, Iterator
    from pathlib import Path

    from tap_omdb.config.titles_file.opening import Line


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
    selection = Selection(years, types) if layout.kind == TITLE_BASICS else None
    return _read(path, layout, selection)


def _read(
    path: Path, layout: Layout, selection: Selection | None
) -> Iterator[TitleEntry | InvalidRow]:
    with open_text(path) as text:
        if layout.kind == SEQUENCE_OF_JSON:
            yield from json_items(text, path)
            return
        lines = lines_of(text, path)
        if layout.kind == LIST_OF_IDS:
            yield from _ids(lines)
        elif layout.kind == LIST_OF_TITLES:
            yield from _titles(lines)
        else:
            yield from _table(lines, layout, selection)


def _ids(lines: Iterator[Line]) -> Iterator[TitleEntry | InvalidRow]:
    for line in lines:
        if entry := strip_comment(line.text):
            if imdb_id := imdb_id_in(entry):
                yield TitleEntry(imdb_id, None, None, None, line.number)
            else:
                yield invalid_row(line.number, entry, why_not_an_id(entry))


def _titles(lines: Iterator[Line]) -> Iterator[TitleEntry | InvalidRow]:
    for line in lines:
        text = line.text.strip()
        if line.is_truncated:
            yield invalid_row(line.number, text, TOO_LONG)
        elif text and not is_comment(text):
            title, year = title_and_year(text, None)
            yield TitleEntry(None, title, year, None, line.number)


def _table(
    lines: Iterator[Line], layout: Layout, selection: Selection | None
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
    table = Table(layout, header)
    for row in rows:
        if result := table.convert(row, selection):
            yield result
