"""What a titles file contains: titles, and rows that do not identify one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_INVALID_ROW_TEXT = 500


class TitlesFileError(ValueError):
    """The whole file cannot be used; the message says why and gives the remedy."""


class TitleEntry(NamedTuple):
    """One title of the file, identified by `imdb_id` or, without one, by `title`.

    Attributes:
        imdb_id: IMDb's id, normalised to "tt" and 7 or 8 digits.
        title: The title without year and with its article in front.
        year: The year of release, or the first of a series.
        type: OMDb's type (movie, series, episode, game), if the file has it.
        line: The line on which the row starts, from 1.
        list: The file's name.
        columns: Everything else of the row, by column: text, or any JSON value if the file is
            JSON. A cell is left out if it says no more than the attributes above. None for a
            catalogue.
    """

    imdb_id: str | None
    title: str | None
    year: int | None
    type: str | None
    line: int
    list: str
    columns: Mapping[str, Any] | None = None


class InvalidRow(NamedTuple):
    """One row that does not identify a title.

    Attributes:
        line: The line on which the row starts, from 1.
        text: The row, truncated to `MAX_INVALID_ROW_TEXT` characters.
        reason: What is wrong with it.
        list: The file's name.
        columns: The row, by column; None for a catalogue.
    """

    line: int
    text: str
    reason: str
    list: str
    columns: Mapping[str, Any] | None = None


def rest_of(columns: dict[str, Any], read: Mapping[str | None, object]) -> dict[str, Any]:
    """Return a row's columns without those that say no more than what was read from them."""
    for name, value in read.items():
        if name is not None and value is not None and columns.get(name) in {value, str(value)}:
            del columns[name]
    return columns
