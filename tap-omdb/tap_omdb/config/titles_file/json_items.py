"""Reads JSON item by item: an array, JSON lines, or the items within an object around them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from tap_omdb.config.titles_file.columns import ITEM, find_roles
from tap_omdb.config.titles_file.entries import TitlesFileError, link_to_title
from tap_omdb.config.titles_file.rows import Row

MAX_ITEM = 1_000_000
"""Characters of one item."""

_CHUNK = 65_536
_BETWEEN = " \t\r\n,\ufeff"
_MAX_DEPTH = 3
"""Of the objects around the items."""
_NESTED = ("episode", "movie", "show", "series", "game")
"""As in Trakt's exports, where an item may have both an episode and its show: the first counts."""

_decode = json.JSONDecoder().raw_decode


def json_rows(text: TextIO, path: Path, names: list[str]) -> Iterator[Row]:
    """Yield a row for each item of a JSON text.

    Args:
        text: As for `json_items`.
        path: As for `json_items`.
        names: The names of the first cells, as in `cells_of`; any others of an item follow.

    Raises:
        TitlesFileError: As for `json_items`.
    """
    for number, item in enumerate(json_items(text, path), start=1):
        cells = cells_of(item)
        ordered = [cells.pop(name, "") for name in names]
        columns = item if isinstance(item, dict) else {ITEM: item}
        yield Row(number, [*ordered, *cells.values()], None, columns)


def json_items(text: TextIO, path: Path) -> Iterator[object]:
    """Yield the items of a JSON text: IMDb ids, titles, or objects that have one of them.

    Args:
        text: An array, JSON lines, or an object with arrays of items or with items by their id.
        path: The path, for errors.

    Raises:
        TitlesFileError: The rest of the file is not JSON, or an item is too large.
    """
    source = _Source(text, path)
    if source.peek() == "{" and not _is_title(first := source.value(keep=True)):
        item = None
        for item in _items_within(source):
            yield item
        if item is None:
            yield first
    while character := source.peek():
        if character == "[":
            yield from _elements(source)
        else:
            yield source.value()


def cells_of(item: object) -> dict[str, str]:
    """Return an item's values as text, those of objects within it by names such as "ids.imdb"."""
    if not isinstance(item, dict):
        return {ITEM: _text(item)}
    for name in _NESTED:
        if isinstance(nested := item.get(name), dict):
            around = {key: value for key, value in item.items() if not isinstance(value, dict)}
            return {**_flatten(around), "type": name, **_flatten(nested)}
    return _flatten(item)


class _Source:
    """A JSON text that is decoded value by value, while it is read."""

    def __init__(self, text: TextIO, path: Path) -> None:
        self._text = text
        self._path = path
        self._buffer, self._position, self._line = "", 0, 1

    def peek(self) -> str:
        """Return the character that comes next; "" at the end."""
        while True:
            buffer, size = self._buffer, len(self._buffer)
            while self._position < size and buffer[self._position] in _BETWEEN:
                self._position += 1
            if self._position < size or not self._read():
                return self._buffer[self._position : self._position + 1]

    def skip(self) -> None:
        """Skip a character."""
        self.peek()
        self._position += 1

    def value(self, *, keep: bool = False) -> Any:  # noqa: ANN401
        """Decode the value that comes next.

        Args:
            keep: Whether it comes again; it is None then if it is too long for an item.
        """
        self.peek()
        while True:
            try:
                value, end = _decode(self._buffer, self._position)
            except (ValueError, RecursionError) as error:
                if len(self._buffer) - self._position <= MAX_ITEM and self._read():
                    continue
                if keep:
                    return None
                line = self._line + self._buffer.count("\n", 0, self._position)
                message = (
                    f"line {line} of {self._path} is not JSON, or too long ({error}). Check that "
                    "line."
                )
                raise TitlesFileError(message) from None
            if end == len(self._buffer) and not isinstance(value, (dict, str)) and self._read():
                continue  # a number may go on in the next chunk
            self._position = self._position if keep else end
            return value

    def _read(self) -> bool:
        more = self._text.read(_CHUNK)
        self._line += self._buffer.count("\n", 0, self._position)
        self._buffer, self._position = self._buffer[self._position :] + more, 0
        return bool(more)


def _items_within(source: _Source, depth: int = 1) -> Iterator[object]:
    """Yield the elements of the arrays of titles in an object, and what it has by IMDb id."""
    source.skip()
    while source.peek() != "}":
        key = str(source.value())
        source.skip()  # the colon
        character = source.peek()
        if link_to_title(key):
            value = source.value()
            yield {"imdb_id": key, **(value if isinstance(value, dict) else {"value": value})}
        elif character == "{" and depth < _MAX_DEPTH:
            yield from _items_within(source, depth + 1)
        elif character == "[":
            elements = _elements(source)
            first = next(elements, None)
            if _is_title(first):
                yield first
                yield from elements
            else:
                deque(elements, maxlen=0)
        else:
            source.value()
    source.skip()


def _elements(source: _Source) -> Iterator[object]:
    source.skip()
    while source.peek() != "]":
        yield source.value()
    source.skip()


def _is_title(item: object) -> bool:
    """Return whether an item has an id, or a title and a year; a list may have a title too."""
    if isinstance(item, dict) and any(map(link_to_title, item)):
        return False
    cells = cells_of(item)
    roles = find_roles([*cells], [[*cells.values()]])
    return bool(roles.imdb_id) or (roles.title is not None and roles.year is not None)


def _flatten(item: dict[str, Any]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for key, value in item.items():
        if isinstance(value, dict) and "value" not in value:
            cells |= {f"{key}.{name}": _text(inner) for name, inner in value.items()}
        else:
            cells[key] = _text(value)
    return cells


def _text(value: object) -> str:
    """Return a value as text, and a list of values or of objects with an id, as Plex has them."""
    if isinstance(value, list):
        return ", ".join(_text(inner) for inner in value if not isinstance(inner, list))
    if isinstance(value, dict):
        value = value.get("value", value.get("id"))
    return str(value) if isinstance(value, (str, int, float)) else ""
