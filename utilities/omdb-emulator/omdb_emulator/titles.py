"""What a title is, and how titles are read from JSON lines."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

NOT_AVAILABLE = "N/A"

_PLOT = ("Plot", "Language", "Country", "Awards", "Poster", "Ratings", "Metascore")
_HEAD = ("Title", "Year", "Rated", "Released")
_CREDITS = ("Runtime", "Genre", "Director", "Writer", "Actors", *_PLOT, "imdbRating", "imdbVotes")
_MOVIE = (*_HEAD, *_CREDITS, "imdbID", "Type", "DVD", "BoxOffice", "Production", "Website")

#: The keys of a details reply in OMDb's order, by type, without ``Response``.
KEYS: Mapping[str, tuple[str, ...]] = {
    "movie": _MOVIE,
    "game": _MOVIE,
    "series": (*_HEAD, *_CREDITS, "imdbID", "Type", "totalSeasons"),
    "episode": (*_HEAD, "Season", "Episode", *_CREDITS, "imdbID", "seriesID", "Type"),
}

#: Keys of a line that are not OMDb's and are never served as such.
PLOT_FULL = "PlotFull"
DIRECTIVES = "Emulator"


class TitleError(ValueError):
    """A line that is not a title; the message says why."""


def to_json(value: object) -> bytes:
    """Serialise as OMDb does: compact, UTF-8 unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def votes_of(details: Mapping[str, Any]) -> int:
    """Return ``imdbVotes`` as a number, 0 when it has none."""
    digits = re.sub(r"\D", "", str(details.get("imdbVotes", "")))
    return int(digits) if digits else 0


def start_year(year: str) -> int:
    """Return the first year of a year or a range of years, 0 for anything else."""
    found = re.match(r"\d{4}", year)
    return int(found[0]) if found else 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where an episode stands: its series, season and number."""

    series_id: str
    season: int
    episode: int


@dataclass(slots=True)
class Title:
    """One title: its details and how the emulator treats it.

    Attributes:
        details: OMDb's keys in the order served; ``Response`` is added when it is missing.
        plot_full: the plot for ``plot=full``; None serves ``Plot`` for both.
        raw: an exact body served instead of ``details``, such as broken JSON.
        merged_into: the id whose title answers instead of this one.
        error: OMDb's error text that answers instead of the details.
        copies: how often a search lists the title: OMDb leaves some out (0) and doubles some.
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
        """Whether searches, ``t`` and season listings know the title."""
        return self.merged_into is None and "Title" in self.details

    @property
    def place(self) -> Place | None:
        """The episode's place in its season; None for other types and for unplaced episodes."""
        details = self.details
        if details.get("Type") != "episode":
            return None
        try:
            return Place(details["seriesID"], int(details["Season"]), int(details["Episode"]))
        except (KeyError, ValueError):
            return None

    def body(self, *, full: bool = False) -> bytes:
        """Return the details reply, with the full plot if asked."""
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
    """Make a title of one parsed JSON line.

    Args:
        line: a details reply with the optional keys ``PlotFull`` (text) and ``Emulator`` (object
            with ``raw``, ``merged_into``, ``error`` or ``search``, see the README).

    Raises:
        TitleError: if the line has no usable id or an unknown directive.
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


@contextlib.contextmanager
def at_line(path: Path, number: int) -> Iterator[None]:
    """Make a TitleError of the block name file and line."""
    try:
        yield
    except TitleError as error:
        msg = f"{path}:{number}: {error}"
        raise TitleError(msg) from None


def read_titles(path: Path) -> Iterator[Title]:
    """Yield the titles of a file in the catalogue's format.

    Raises:
        TitleError: naming file and line of the first line that is not a title.
        OSError: if the file cannot be read.
    """
    for number, line in json_lines(path):
        with at_line(path, number):
            title = title_from_line(line)
        yield title


def problems(titles: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with catalogue lines: ids, keys, their order, values, references."""
    seen: dict[str, str] = {}
    references: list[tuple[str, str, str]] = []
    for line in titles:
        try:
            title = title_from_line(line)
        except TitleError as error:
            yield str(error)
            continue
        imdb_id = title.imdb_id
        if imdb_id in seen:
            yield f"{imdb_id}: there twice"
        kind = seen[imdb_id] = str(title.details.get("Type", ""))
        if title.merged_into is not None:
            references.append((imdb_id, "merged_into", title.merged_into))
        if "Title" in title.details:
            yield from _field_problems(imdb_id, kind, title.details)
        if kind == "episode" and title.details.get("seriesID") not in {None, NOT_AVAILABLE}:
            references.append((imdb_id, "seriesID", title.details["seriesID"]))
    for imdb_id, name, target in references:
        if target not in seen:
            yield f"{imdb_id}: {name} {target} is not in the catalogue"
        elif name == "seriesID" and seen[target] != "series":
            yield f"{imdb_id}: seriesID {target} is a {seen[target]}"


def _field_problems(imdb_id: str, kind: str, details: Mapping[str, Any]) -> Iterator[str]:
    if kind not in KEYS:
        yield f"{imdb_id}: Type {kind!r} is none of {', '.join(KEYS)}"
        return
    if tuple(details) != KEYS[kind]:
        yield f"{imdb_id}: the keys of a {kind} are, in this order, {' '.join(KEYS[kind])}"
    for name, value in details.items():
        if name == "Ratings":
            if not _are_ratings(value):
                yield f"{imdb_id}: Ratings must be a list of objects with Source and Value"
        elif not isinstance(value, str) or not value:
            yield f"{imdb_id}: {name} must be a text that is not empty, not {value!r}"


def _are_ratings(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict)
        and tuple(item) == ("Source", "Value")
        and all(isinstance(text, str) for text in item.values())
        for item in value
    )
