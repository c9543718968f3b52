"""Reads JSON arrays and JSON lines, one item at a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

from tap_omdb.config.titles_file.entries import (
    MAX_INVALID_ROW_TEXT,
    InvalidRow,
    TitleEntry,
    TitlesFileError,
    rest_of,
)
from tap_omdb.config.titles_file.names import (
    imdb_id_in,
    omdb_type,
    plain,
    title_and_year,
    year_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MAX_ITEM = 1_000_000
"""Characters of one item."""

_CHUNK = 65_536
_ITEM = "item"
"""The column of an item that is not an object."""
_BETWEEN = " \t\r\n,[]\ufeff"
_ID_KEYS = ("imdbid", "imdb", "tconst", "const", "imdbtitleid")
_TITLE_KEYS = ("title", "name", "primarytitle", "movie", "film")
_YEAR_KEYS = ("year", "startyear", "releaseyear", "released", "releasedate")
_NESTED = ("episode", "movie", "show", "series", "game")
"""As in Trakt's exports, where an item may have both an episode and its show: the first counts."""

_decoder = json.JSONDecoder()


def json_items(text: TextIO, path: Path, name: str) -> Iterator[TitleEntry | InvalidRow]:
    """Yield the title of each item of a JSON array, or of each line of JSON lines.

    An item is an IMDb id, a title, or an object that has one of them.

    Raises:
        TitlesFileError: The rest of the file is not JSON, or an item is too large.
    """
    buffer, line = "", 1
    while True:
        buffer, skipped = _skip(buffer)
        line += skipped
        try:
            item, end = _decoder.raw_decode(buffer)
        except ValueError as error:
            more = text.read(_CHUNK)
            if more and len(buffer) <= MAX_ITEM:
                buffer += more
                continue
            if not buffer and not more:
                return
            message = f"line {line} of {path} is not JSON, or too long ({error}). Check that line."
            raise TitlesFileError(message) from None
        if end == len(buffer) and not isinstance(item, (dict, str)) and (more := text.read(_CHUNK)):
            buffer += more  # a number may continue in the next chunk
            continue
        yield _convert(item, line, buffer[:end], name)
        line += buffer.count("\n", 0, end)
        buffer = buffer[end:]


def _skip(buffer: str) -> tuple[str, int]:
    rest = buffer.lstrip(_BETWEEN)
    return rest, buffer.count("\n", 0, len(buffer) - len(rest))


def _convert(item: object, line: int, text: str, list_name: str) -> TitleEntry | InvalidRow:
    if isinstance(item, (str, int)) and not isinstance(item, bool):
        if imdb_id := imdb_id_in(str(item)):
            columns = rest_of({_ITEM: item}, {_ITEM: imdb_id})
            return TitleEntry(imdb_id, None, None, None, line, list_name, columns)
        if isinstance(item, str) and item.strip():
            title, year = title_and_year(item.strip(), None)
            columns = rest_of({_ITEM: item}, {_ITEM: title})
            return TitleEntry(None, title, year, None, line, list_name, columns)
    if isinstance(item, dict):
        columns = {str(key): value for key, value in item.items()}
        values = {plain(str(key)): value for key, value in item.items()}
        kind = omdb_type(str(values.get("type") or ""))
        for name in _NESTED:
            if isinstance(values.get(name), dict):
                kind = omdb_type(name)
                values = {plain(str(key)): value for key, value in values[name].items()}
                break
        imdb_id, title = _imdb_id(values), _first(values, _TITLE_KEYS)
        if imdb_id or title:
            year = year_in(_first(values, _YEAR_KEYS))
            name, year = title_and_year(title, year)
            return TitleEntry(imdb_id, name or None, year, kind, line, list_name, columns)
    else:
        columns = {_ITEM: item}
    text = text.strip()[:MAX_INVALID_ROW_TEXT]
    return InvalidRow(line, text, "no IMDb id and no title", list_name, columns)


def _imdb_id(values: Mapping[str, Any]) -> str | None:
    ids = values.get("ids")
    nested = {plain(str(key)): value for key, value in ids.items()} if isinstance(ids, dict) else {}
    return imdb_id_in(_first({**values, **nested}, _ID_KEYS))


def _first(values: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """Return the first value that is a non-empty text or number, as text; "" if there is none."""
    texts = (str(values[key]).strip() for key in keys if isinstance(values.get(key), (str, int)))
    return next(filter(None, texts), "")
