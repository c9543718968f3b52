"""IMDb's daily files of titles and ratings, with the titles of the emulator.

Their format: https://developer.imdb.com/non-commercial-datasets/
"""

from __future__ import annotations

import gzip
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from omdb_emulator.catalogue.ratings import RatedTitle, Rating, RatingsOnDay
from omdb_emulator.catalogue.titles import NOT_AVAILABLE, Title

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
