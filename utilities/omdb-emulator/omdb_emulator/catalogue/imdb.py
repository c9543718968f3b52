"""IMDb's ratings, which change from day to day, and its daily files of titles and ratings.

A rating is a function of the title and the day, so nothing is stored and any day can be computed by
itself. The day on which changes start has the values of the catalogue. The format of the files:
https://developer.imdb.com/non-commercial-datasets/
"""

from __future__ import annotations

import dataclasses
import gzip
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from omdb_emulator.catalogue.titles import (
    IMDB,
    NOT_AVAILABLE,
    Title,
    release_date,
    start_year,
    votes_of,
)

BASICS = "title.basics.tsv.gz"
RATINGS = "title.ratings.tsv.gz"
BASICS_COLUMNS = (
    "tconst", "titleType", "primaryTitle", "originalTitle", "isAdult", "startYear", "endYear",
    "runtimeMinutes", "genres",
)  # fmt: skip
RATINGS_COLUMNS = ("tconst", "averageRating", "numVotes")
_NULL = r"\N"
_TYPES = {"movie": "movie", "series": "tvSeries", "episode": "tvEpisode", "game": "videoGame"}
_MAX_GENRES = 3

# (age in days up to which it applies, days per change): one change in each such period.
_PERIODS = ((60, 1), (365, 3), (3 * 365, 7), (10 * 365, 30))
_PERIOD_OF_OLD_TITLES = 90
# Votes grow with a power of the age: at first fast, later slowly. The exponent varies by title.
_GROWTH = (0.3, 0.9)
_AGE_OFFSET = 7
# How far the mean of the new votes can be from the rating.
_NEW_VOTES_DEVIATION = 2.0
_LOWEST, _HIGHEST = 1.0, 10.0
_MASK = 2**64 - 1
_UNIX_EPOCH = date(1970, 1, 1)


class Rating(NamedTuple):
    """IMDb's rating of a title, 1.0 to 10.0 with one decimal, and the number of its votes."""

    average: float
    votes: int


class RatedTitle(NamedTuple):
    """What the change of a rating depends on.

    Attributes:
        number: the digits of the IMDb id.
        released: the day of the release as days since 1970.
        rating: the rating in the catalogue.
        is_fixed: whether the title has an exact body, which cannot change.
    """

    number: int
    released: int
    rating: Rating
    is_fixed: bool

    @classmethod
    def of(cls, title: Title) -> RatedTitle | None:
        """Return this part of a title, None if it has no rating or no votes."""
        details = title.details
        votes = votes_of(details)
        average = str(details.get("imdbRating", NOT_AVAILABLE))
        if not votes or not re.fullmatch(r"\d+\.\d", average):
            return None
        rating = Rating(float(average), votes)
        return cls(int(title.imdb_id[2:]), _release_day(details), rating, title.raw is not None)


class RatingsOnDay(NamedTuple):
    """The ratings and votes of all titles on one day.

    Attributes:
        start: the day from which on they change; before it they are those of the catalogue.
        day: the day, like ``start`` in days since 1970.
    """

    start: int
    day: int

    def rating(self, title: RatedTitle) -> Rating:
        """Return the rating of a title on this day; its votes never decrease."""
        changed = _last_change(title.number, title.released, self.day)
        days = changed - max(self.start, title.released)
        if days <= 0 or title.is_fixed:
            return title.rating
        age = max(0, self.start - title.released) + _AGE_OFFSET
        low, high = _GROWTH
        exponent = low + (high - low) * _random(title.number, 1)
        average, votes = title.rating
        total = int(votes * (1 + days / age) ** exponent)
        of_new_votes = average + _NEW_VOTES_DEVIATION * (2 * _random(title.number, 2) - 1)
        mean = average + (of_new_votes - average) * (1 - votes / total)
        return Rating(round(min(max(mean, _LOWEST), _HIGHEST), 1), total)

    def apply(self, title: Title) -> Title:
        """Return a title with its rating and votes on this day."""
        rated = RatedTitle.of(title)
        if rated is None:
            return title
        rating = self.rating(rated)
        if rating == rated.rating:
            return title
        details = {
            **title.details,
            "imdbRating": f"{rating.average:.1f}",
            "imdbVotes": _votes_text(rating.votes, title.details["imdbVotes"]),
        }
        if "Ratings" in details:
            details["Ratings"] = [
                {**one, "Value": f"{rating.average:.1f}/10"} if one["Source"] == IMDB else one
                for one in details["Ratings"]
            ]
        return dataclasses.replace(title, details=details, _bodies={})


def _last_change(number: int, released: int, day: int) -> int:
    """Return the last day up to this one on which a title changed.

    Time is divided into periods, which get longer with the age of the title; in each there is one
    change, on a day that depends on the title.
    """
    age = day - released
    first_age, length = 0, _PERIOD_OF_OLD_TITLES
    for limit, days in _PERIODS:
        if age < limit:
            length = days
            break
        first_age = limit
    period = day // length
    changed = _day_in_period(number, period, length)
    if changed > day:
        changed = _day_in_period(number, period - 1, length)
    # Not before the title reached this age: changes up to then followed shorter periods.
    return max(changed, released + first_age) if first_age else changed


def _day_in_period(number: int, period: int, length: int) -> int:
    return period * length + int(length * _random(number, period + 3))


def _random(number: int, purpose: int) -> float:
    """Return a number from 0 up to 1 that depends on nothing but the arguments (splitmix64)."""
    mixed = (number * 0x9E3779B97F4A7C15 + purpose * 0xD1B54A32D192ED03) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return (mixed ^ (mixed >> 31)) / 2**64


def days_since_1970(day: date) -> int:
    """Return a date as the number of days since 1970."""
    return (day - _UNIX_EPOCH).days


def _release_day(details: Mapping[str, Any]) -> int:
    released = release_date(str(details.get("Released", "")))
    year = start_year(str(details.get("Year", "")))
    return days_since_1970(released or date(max(year, 1), 7, 1))


def _votes_text(votes: int, previous: str) -> str:
    """Format votes with commas, unless the previous text had none where one belongs."""
    has_commas = "," in previous or len(previous) <= len("999")
    return f"{votes:,}" if has_commas else str(votes)


class ImdbFiles:
    """Writes the files for a fixed set of titles, sorted by id."""

    def __init__(self, titles: Iterable[Title]) -> None:
        """Keep what the files need of these titles.

        Those that neither searches nor ``t=`` find, such as merged ones, are left out.
        """
        basics, rated = [], []
        for title in titles:
            if title.is_listed:
                basics.append(_line(basics_row(title)))
                rated.append((title.imdb_id, RatedTitle.of(title)))
        # It is the same every day, and one compressed text takes the least memory.
        self._basics = _compress([_line(BASICS_COLUMNS), *sorted(basics)])
        self._rated = [(imdb_id, one) for imdb_id, one in sorted(rated) if one is not None]

    def write(self, directory: Path, ratings: RatingsOnDay | None = None) -> None:
        """Write both files into a directory, which is created if it is missing.

        Args:
            directory: where to write; each file is replaced as a whole.
            ratings: the ratings of a day; None for those of the catalogue.

        Raises:
            OSError: if a file cannot be written.
        """
        rows = (
            (imdb_id, f"{average:.1f}", str(votes))
            for imdb_id, (average, votes) in self.ratings(ratings)
        )
        directory.mkdir(parents=True, exist_ok=True)
        _replace(directory / BASICS, self._basics)
        _replace(directory / RATINGS, _compress(map(_line, (RATINGS_COLUMNS, *rows))))

    def ratings(self, ratings: RatingsOnDay | None = None) -> Iterator[tuple[str, Rating]]:
        """Yield the id and rating of each title that has one, on a day or in the catalogue."""
        for imdb_id, rated in self._rated:
            yield imdb_id, rated.rating if ratings is None else ratings.rating(rated)


def basics_row(title: Title) -> tuple[str, ...]:
    """Return the row of a title in the file of titles, one string for each column."""
    details = title.details
    kind = str(details.get("Type", NOT_AVAILABLE))
    genres = [name for name in _text(details, "Genre").split(", ") if name]
    title_type = "short" if kind == "movie" and "Short" in genres else _TYPES.get(kind, "movie")
    name = _clean(html.unescape(str(details["Title"])))
    years = re.match(r"(\d{4})(?:.(\d{4}))?", _text(details, "Year"))
    end_year = years[2] if years and kind == "series" else None
    return (
        title.imdb_id,
        title_type,
        name,
        name,
        "1" if "Adult" in genres else "0",
        years[1] if years else _NULL,
        end_year or _NULL,
        _minutes(_text(details, "Runtime")),
        ",".join(genres[:_MAX_GENRES]) or _NULL,
    )


def _text(details: Mapping[str, Any], key: str) -> str:
    value = str(details.get(key, NOT_AVAILABLE))
    return "" if value == NOT_AVAILABLE else value


def _minutes(runtime: str) -> str:
    found = re.fullmatch(r"(?:(\d+) h ?)?(?:(\d+) min)?", runtime)
    minutes = 60 * int(found[1] or 0) + int(found[2] or 0) if found else 0
    return str(minutes) if minutes else _NULL


def _clean(text: str) -> str:
    """Replace what would end a field or a row."""
    return re.sub(r"[\t\r\n]", " ", text)


def _line(fields: Iterable[str]) -> bytes:
    return "\t".join(fields).encode() + b"\n"


def _compress(lines: Iterable[bytes]) -> bytes:
    # Without the time in it, the same lines give the same bytes.
    return gzip.compress(b"".join(lines), mtime=0)


def _replace(path: Path, content: bytes) -> None:
    """Replace a file as a whole, so that no reader finds an incomplete one."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(path)
