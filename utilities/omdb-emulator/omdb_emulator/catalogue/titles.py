"""A title, and how titles are read from files of JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

NOT_AVAILABLE = "N/A"
#: IMDb's name among the sources in ``Ratings``.
IMDB = "Internet Movie Database"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_PLOT = ("Plot", "Language", "Country", "Awards", "Poster", "Ratings", "Metascore")
_HEAD = ("Title", "Year", "Rated", "Released")
_CREDITS = ("Runtime", "Genre", "Director", "Writer", "Actors", *_PLOT, "imdbRating", "imdbVotes")
_MOVIE = (*_HEAD, *_CREDITS, "imdbID", "Type", "DVD", "BoxOffice", "Production", "Website")

#: The keys of a details response in OMDb's order, by type, without ``Response``.
KEYS: Mapping[str, tuple[str, ...]] = {
    "movie": _MOVIE,
    "game": _MOVIE,
    "series": (*_HEAD, *_CREDITS, "imdbID", "Type", "totalSeasons"),
    "episode": (*_HEAD, "Season", "Episode", *_CREDITS, "imdbID", "seriesID", "Type"),
}

#: Additional keys of a line, which are never served.
PLOT_FULL = "PlotFull"
DIRECTIVES = "Emulator"


class TitleError(ValueError):
    """A line that is not a title; the message gives the reason."""


def to_json(value: object) -> bytes:
    """Serialise as OMDb does: compact, UTF-8 unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def votes_of(details: Mapping[str, Any]) -> int:
    """Return ``imdbVotes`` as a number, 0 if it is missing."""
    digits = re.sub(r"\D", "", str(details.get("imdbVotes", "")))
    return int(digits) if digits else 0


def start_year(year: str) -> int:
    """Return the first year of a year or a range of years, 0 for anything else."""
    found = re.match(r"\d{4}", year)
    return int(found[0]) if found else 0


@lru_cache(maxsize=10_000)
def release_date(released: str) -> date | None:
    """Return the date of ``05 May 2017``, None for anything else."""
    found = re.fullmatch(r"(\d{2}) ([A-Z][a-z]{2}) (\d{4})", released)
    try:
        return found and date(int(found[3]), MONTHS.index(found[2]) + 1, int(found[1]))
    except ValueError:
        return None


class EpisodePosition(NamedTuple):
    """The series, season and number of an episode."""

    series_id: str
    season: int
    episode: int


class Summary(NamedTuple):
    """What search results show of a title, and its votes, by which they are ordered."""

    title: str
    year: str
    imdb_id: str
    kind: str
    poster: str
    votes: int

    def as_json(self) -> dict[str, str]:
        """Return a search result as OMDb sends it."""
        return {
            "Title": self.title,
            "Year": self.year,
            "imdbID": self.imdb_id,
            "Type": self.kind,
            "Poster": self.poster,
        }


@dataclass(slots=True)
class Title:
    """One title: its details, and how the emulator serves it.

    Attributes:
        details: OMDb's keys in the order served; ``Response`` is added if it is missing.
        plot_full: the plot for ``plot=full``; None serves ``Plot`` for both.
        raw: an exact body to serve instead of ``details``, such as broken JSON.
        merged_into: the id of the title to serve instead of this one.
        error: the text of OMDb's error response to send instead of the details.
        copies: how often searches list the title: OMDb omits some (0) and duplicates some (2).
    """

    details: dict[str, Any]
    plot_full: str | None = None
    raw: str | None = None
    merged_into: str | None = None
    error: str | None = None
    copies: int = 1
    _bodies: dict[bool, bytes] = field(default_factory=dict, repr=False)

    @property
    def imdb_id(self) -> str:
        """The IMDb id, such as ``tt1375666``."""
        return str(self.details["imdbID"])

    @property
    def is_listed(self) -> bool:
        """Whether searches, ``t`` and season listings include the title."""
        return self.merged_into is None and "Title" in self.details

    @property
    def summary(self) -> Summary:
        """What search results show of the title."""
        details = self.details
        return Summary(
            str(details.get("Title", "")),
            str(details.get("Year", NOT_AVAILABLE)),
            self.imdb_id,
            str(details.get("Type", NOT_AVAILABLE)),
            str(details.get("Poster", NOT_AVAILABLE)),
            votes_of(details),
        )

    @property
    def position(self) -> EpisodePosition | None:
        """The position of an episode; None for other types and for episodes without one."""
        details = self.details
        if details.get("Type") != "episode":
            return None
        try:
            season, episode = int(details["Season"]), int(details["Episode"])
            return EpisodePosition(details["seriesID"], season, episode)
        except (KeyError, ValueError):
            return None

    def body(self, *, full: bool = False) -> bytes:
        """Return the body of the details response, with the full plot on request."""
        full = full and self.plot_full is not None
        body = self._bodies.get(full)
        if body is None:
            body = self._bodies[full] = self._serialise(full=full)
        return body

    def _serialise(self, *, full: bool) -> bytes:
        if self.raw is not None:
            return self.raw.encode()
        details = {**self.details, "Plot": self.plot_full} if full else self.details
        return to_json(details if "Response" in details else {**details, "Response": "True"})


def title_from_line(line: Mapping[str, Any]) -> Title:
    """Make a title from one parsed JSON line.

    Args:
        line: a details response with the optional keys ``PlotFull`` (text) and ``Emulator``
            (object with ``raw``, ``merged_into``, ``error`` or ``search``, see the README).

    Raises:
        TitleError: if the line has no valid id, or an unknown directive.
    """
    imdb_id = line.get("imdbID")
    if not isinstance(imdb_id, str) or not re.fullmatch(r"tt\d{7,8}", imdb_id):
        msg = f"imdbID must be tt and 7 or 8 digits, not {imdb_id!r}"
        raise TitleError(msg)
    directives = line.get(DIRECTIVES, {})
    if not isinstance(directives, dict):
        msg = f"{imdb_id}: {DIRECTIVES} must be an object"
        raise TitleError(msg)
    unknown = directives.keys() - {"raw", "merged_into", "error", "search"}
    if unknown:
        msg = f"{imdb_id}: unknown {DIRECTIVES} key {', '.join(sorted(unknown))}"
        raise TitleError(msg)
    if "Title" not in line and not directives:
        msg = f"{imdb_id}: a title needs Title"
        raise TitleError(msg)
    return Title(
        details={key: value for key, value in line.items() if key not in {PLOT_FULL, DIRECTIVES}},
        plot_full=line.get(PLOT_FULL),
        raw=directives.get("raw"),
        merged_into=directives.get("merged_into"),
        error=directives.get("error"),
        copies=int(directives.get("search", 1)),
    )


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the object of each line that is not blank.

    Raises:
        TitleError: if a line is not a JSON object; the message names file and line.
        OSError: if the file cannot be read.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except ValueError as error:
                msg = f"{path}:{number}: not JSON: {error}"
                raise TitleError(msg) from None
            if not isinstance(value, dict):
                msg = f"{path}:{number}: not a JSON object"
                raise TitleError(msg)
            yield number, value
