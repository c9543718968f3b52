"""What a titles file contains: titles, and rows that do not identify one. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MAX_INVALID_ROW_TEXT = 500


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


def invalid_row(line: int, text: str, reason: str) -> InvalidRow:
    """Return an invalid row with its text truncated."""
    return InvalidRow(line, text.strip()[:MAX_INVALID_ROW_TEXT], reason)
