"""Parses what people write for a title: its id, its name and year, its type. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

# OMDb counts everything that is not a series, an episode or a game as a movie.
_OMDB_TYPES = {
    **dict.fromkeys(
        (
            *("movie", "tvmovie", "short", "tvshort", "video", "tvspecial", "musicvideo"),
            *("featurefilm", "shortfilm", "film", "documentary"),
        ),
        "movie",
    ),
    **dict.fromkeys(
        ("series", "tvseries", "tvminiseries", "miniseries", "tvshow", "show"), "series"
    ),
    **dict.fromkeys(("episode", "tvepisode"), "episode"),
    **dict.fromkeys(("game", "videogame"), "game"),
}

_IMDB_ID = re.compile(r"\btt(\d{1,8})\b", re.ASCII | re.IGNORECASE)
# Spreadsheets and pandas write the number in MovieLens' `imdbId` as 114709.0.
_BARE_NUMBER = re.compile(r"(\d{1,8})(?:\.0)?", re.ASCII)
_LONG_NUMBER = re.compile(r"\d{5,8}(?:\.0)?", re.ASCII)
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


def is_long_number(text: str) -> bool:
    """Return whether a text is a number with as many digits as IMDb's ids."""
    return _LONG_NUMBER.fullmatch(text.strip()) is not None


def is_person_id(text: str) -> bool:
    """Return whether a text contains the IMDb id of a person."""
    return _PERSON_ID.search(text) is not None


def why_not_an_id(text: str) -> str:
    """Return what is wrong with a text that should be an IMDb id."""
    return "the id is a person's, not a title's" if is_person_id(text) else "not an IMDb id"


def split_title(text: str) -> tuple[str, int | None]:
    """Split MovieLens' "City of Lost Children, The (Cité des enfants perdus, La) (1995)".

    Returns:
        The title ("The City of Lost Children") and its year; a text that does not end in a year
        is returned as it is, with None.
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


def title_and_year(text: str, year: int | None) -> tuple[str, int | None]:
    """Split the year off a title, unless it contradicts a year known from elsewhere."""
    title, title_year = split_title(text)
    return (title, title_year) if title_year and year in {None, title_year} else (text, year)


def ends_in_year(text: str) -> bool:
    """Return whether a text is a title with its year in parentheses."""
    return _TITLE_AND_YEAR.fullmatch(" ".join(text.split())) is not None


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
