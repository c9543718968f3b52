"""What a titles file contains, and how ids, titles, years and types are read."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

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
        line: The line on which the row starts, from 1; in JSON, the number of the item.
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
        line: The line on which the row starts, from 1; in JSON, the number of the item.
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


# OMDb counts everything that is not a series, an episode or a game as a movie.
_OMDB_TYPES = {
    name: omdb_name
    for omdb_name, names in {
        "movie": "movie tvmovie short tvshort video tvspecial musicvideo featurefilm shortfilm film"
        " documentary",
        "series": "series tvseries tvminiseries miniseries tvshow show tv serietv miniserietv",
        "episode": "episode tvepisode",
        "game": "game videogame",
    }.items()
    for name in names.split()
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
_ENTITY = re.compile(r"&(?:#\d+|#[xX][\da-fA-F]+|\w+);")


def imdb_id_in(text: str) -> str | None:
    """Find the IMDb id of a title in a text: an id, a bare number or an IMDb URL.

    Returns:
        The id as "tt" and 7 or 8 digits, zeros restored; None if there is none.
    """
    match = _IMDB_ID.search(text) or _BARE_NUMBER.fullmatch(text.strip())
    number = int(match[1]) if match else 0
    return f"tt{number:07d}" if number else None


def has_imdb_id(text: str) -> bool:
    """Return whether a text contains an IMDb id with its "tt"."""
    return _IMDB_ID.search(text) is not None


def link_to_title(text: str) -> str | None:
    """Return the id of a text that is nothing but an IMDb id or a link to a title.

    Media servers write `com.plexapp.agents.imdb://tt0111161?lang=en`, or one link for each
    catalogue. None if there are several ids, or words beside it: these may be about another title.
    """
    ids = {int(number) for number in _IMDB_ID.findall(text)} - {0}
    words = text.replace(",", " ").split()
    if len(ids) == 1 and all(":" in w or "/" in w or _IMDB_ID.fullmatch(w) for w in words):
        return f"tt{ids.pop():07d}"
    return None


def is_person_id(text: str) -> bool:
    """Return whether a text contains the IMDb id of a person."""
    return _PERSON_ID.search(text) is not None


def split_title(text: str) -> tuple[str, int | None]:
    """Split MovieLens' "City of Lost Children, The (Cité des enfants perdus, La) (1995)".

    Returns:
        The title ("The City of Lost Children") and its year; a text that does not end in a year
        is returned as it is, with None.
    """
    if not text.rstrip().endswith(")"):
        return text, None
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


def title_and_year(text: str, year: int | None) -> tuple[str, int | None]:
    """Read a title, and split its year off unless it contradicts one known from elsewhere."""
    text = text.replace("\xa0", " ")
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    title, title_year = split_title(text)
    return (title, title_year) if title_year and year in {None, title_year} else (text, year)


def ends_in_year(text: str) -> bool:
    """Return whether a text is a title with its year in parentheses."""
    return split_title(text)[1] is not None


@lru_cache(maxsize=1024)
def omdb_type(name: str) -> str | None:
    """Translate IMDb's name of a type ("tvMiniSeries", "TV Mini Series") to OMDb's."""
    return _OMDB_TYPES.get(plain(name))


@lru_cache(maxsize=1024)
def year_in(text: str) -> int | None:
    """Find a year from 1800 to 2099 in a text."""
    match = _YEAR.search(text)
    return int(match[0]) if match else None


def plain(name: str) -> str:
    """Return a name in lower case without spaces and punctuation."""
    return "".join(character for character in name.lower() if character.isalnum())
