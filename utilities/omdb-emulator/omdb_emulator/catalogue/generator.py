"""Any number of generated titles, each computed from its row and a seed.

The same row and seed always give the same title, whatever the number of titles. Nothing is stored,
so a million titles take no more memory than one. The mix of types, the shares of "N/A" and the
irregularities are those of OMDb's responses.

Each hundred rows hold 2 series, 8 of their episodes, 1 game and 89 movies.
"""

from __future__ import annotations

# The numbers compared with draws are shares of titles.
# ruff: noqa: PLR2004
import json
import random
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import accumulate
from typing import Any, NamedTuple

from omdb_emulator.catalogue.titles import (
    DIRECTIVES,
    IMDB,
    KEYS,
    MONTHS,
    NOT_AVAILABLE,
    PLOT_FULL,
    EpisodePosition,
    Summary,
    title_from_line,
    to_json,
)

Draw = Callable[[], float]

MAX_TITLES = 1_000_000
_BLOCK = 100
_SERIES = 2
_EPISODES_EACH = 4
_GAME = _SERIES + _SERIES * _EPISODES_EACH
_FIRST_ID = 10_000
_ID_STEP = 9
_EIGHT_DIGITS = 10_000_000
_THIS_YEAR = 2024

# About one response in 40,000 is not valid JSON; one title in 10,000 has no type.
_BROKEN_EVERY, _BROKEN_ROW = 40_000, 12_345
_TYPELESS_EVERY = 10_000


class _Choice:
    """Draws one of several values, all equally often or by weight."""

    def __init__(self, values: Sequence[str] | Mapping[str, int]) -> None:
        self._values = list(values)
        weights = [values[value] if isinstance(values, dict) else 1 for value in values]
        self._upto = list(accumulate(weights))

    def __call__(self, draw: Draw) -> str:
        return self._values[bisect(self._upto, draw() * self._upto[-1])]


# Weights are how often OMDb had a value in some 7,600 responses.
_VOCABULARY = json.loads(
    files("omdb_emulator.catalogue").joinpath("vocabulary.json").read_text(encoding="utf-8")
)
_FORMER_COUNTRIES: dict[str, int] = _VOCABULARY.pop("former_countries")
_OLD_COUNTRIES: dict[str, str] = _VOCABULARY.pop("old_countries")
_CHOICES = {name: _Choice(values) for name, values in _VOCABULARY.items()}


class _Core(NamedTuple):
    """What is drawn first of each title: all that searches need."""

    title: str
    kind: str
    year: int
    votes: int
    rated_by: str


def _pick(draw: Draw, name: str) -> str:
    return _CHOICES[name](draw)


def _several(draw: Draw, name: str, count: int) -> list[str]:
    """Draw this many values, fewer if one is drawn twice."""
    return list(dict.fromkeys(_pick(draw, name) for _ in range(count)))


def _word(draw: Draw) -> str:
    # Common words are drawn far more often than rare ones.
    words = _VOCABULARY["title_words"]
    return str(words[int(len(words) * draw() ** 2.2)]).capitalize()


def _place(draw: Draw) -> str:
    parts = ("onsets", "vowels", "onsets", "vowels", "codas")
    return "".join([_pick(draw, part) for part in parts]).capitalize()


class _TitleParts(dict[str, str]):
    """The parts of a title, each drawn anew where a form names it."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def __missing__(self, name: str) -> str:
        if name == "word":
            return _word(self._draw)
        if name == "place":
            return _place(self._draw)
        if name == "number":
            return str(int(self._draw() * 100))
        return _pick(self._draw, f"{name}s")


def _kind(row: int) -> str:
    position = row % _BLOCK
    if position < _SERIES:
        return "series"
    if position < _GAME:
        return "episode"
    if position == _GAME:
        return "game"
    return NOT_AVAILABLE if row % _TYPELESS_EVERY == _TYPELESS_EVERY - 1 else "movie"


class GeneratedTitles:
    """The first titles of a seed; rows count from 0."""

    def __init__(self, count: int, seed: int = 0) -> None:
        """Describe the titles; nothing is generated yet.

        Args:
            count: the number of titles, at most a million.
            seed: titles of different seeds differ.

        Raises:
            ValueError: if the number is negative or above a million.
        """
        if not 0 <= count <= MAX_TITLES:
            msg = f"between 0 and {MAX_TITLES} titles can be generated, not {count}"
            raise ValueError(msg)
        self._count = count
        self._seed = seed
        self._random = random.Random()  # noqa: S311

    def __len__(self) -> int:
        """Return the number of titles."""
        return self._count

    def id_of(self, row: int) -> str:
        """Return the id of a row; ids grow with rows, except one in thirty, which has 8 digits."""
        number = _FIRST_ID + row * _ID_STEP + (row * 2654435761 + self._seed) % _ID_STEP
        return f"tt{number + (_EIGHT_DIGITS if row % 30 == 17 else 0):07d}"

    def row_of(self, imdb_id: str) -> int | None:
        """Return the row of an id, None if there is none."""
        if not imdb_id[2:].isdecimal():
            return None
        row = (int(imdb_id[2:]) % _EIGHT_DIGITS - _FIRST_ID) // _ID_STEP
        return row if 0 <= row < self._count and self.id_of(row) == imdb_id else None

    def index_entries(self) -> Iterator[tuple[str, str, int, int]]:
        """Yield title, type, start year and votes of each row in order."""
        for row in range(self._count):
            yield self._core(row, self._draw(row))[:4]

    def summary(self, row: int) -> Summary:
        """Return what search results show of a row."""
        return title_from_line(self.line(row)).summary

    def episodes_of(self, imdb_id: str) -> Iterator[tuple[EpisodePosition, str]]:
        """Yield the position and id of each episode that the listings of a series contain."""
        series = self.row_of(imdb_id)
        if series is None or _kind(series) != "series":
            return
        position = series % _BLOCK
        first = series - position + _SERIES + position * _EPISODES_EACH
        for row in range(first, min(first + _EPISODES_EACH, self._count)):
            line = self.line(row)
            if line["seriesID"] == imdb_id:
                season, number = int(line["Season"]), int(line["Episode"])
                yield EpisodePosition(imdb_id, season, number), line["imdbID"]

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield all titles as lines in the format of the catalogue."""
        return (self.line(row) for row in range(self._count))

    def line(self, row: int) -> dict[str, Any]:
        """Return one title as a line in the format of the catalogue."""
        draw = self._draw(row)
        core = self._core(row, draw)
        fields = _fields(draw, core)
        fields["imdbID"] = self.id_of(row)
        if core.kind == "series":
            fields["Year"] = _series_year(draw, core.year)
            fields["totalSeasons"] = "2" if draw() < 0.73 else NOT_AVAILABLE
        elif core.kind == "episode":
            fields.update(self._position_of(row, draw))
        plot = fields["Plot"]
        line = {key: fields[key] for key in KEYS.get(core.kind, KEYS["movie"])}
        if plot != NOT_AVAILABLE:
            line[PLOT_FULL] = _full_plot(draw, plot)
        if row % _BROKEN_EVERY == _BROKEN_ROW:
            line[DIRECTIVES] = {"raw": _broken(line)}
        return line

    def _draw(self, row: int) -> Draw:
        self._random.seed((self._seed << 32) + row)
        return self._random.random

    def _core(self, row: int, draw: Draw) -> _Core:
        kind = _kind(row)
        year = _THIS_YEAR - int(100 * draw() ** 2.2)
        rated_by = _pick(draw, "rated_by")
        votes = int(10 ** (0.9 + 5.4 * draw()))
        if "I" not in rated_by and draw() > 0.02:
            votes = 0
        if kind == "episode" and draw() < 0.3:
            title = f"Episode #{_season(row)}.{_number(row)}"
        else:
            title = _pick(draw, "title_forms").format_map(_TitleParts(draw))
        return _Core(title, kind, year, votes, rated_by)

    def _position_of(self, row: int, draw: Draw) -> dict[str, str]:
        if draw() < 0.3:
            return dict.fromkeys(("Season", "Episode", "seriesID"), NOT_AVAILABLE)
        position = row % _BLOCK
        series = row - position + (position - _SERIES) // _EPISODES_EACH
        return {
            "Season": str(_season(row)),
            "Episode": str(_number(row)),
            "seriesID": self.id_of(series),
        }


def _season(row: int) -> int:
    return 1 + (row % _BLOCK - _SERIES) % _EPISODES_EACH // 2


def _number(row: int) -> int:
    number = 1 + (row % _BLOCK - _SERIES) % 2
    # Some seasons start with an episode 0.
    return 0 if number == 1 and row // _BLOCK % 20 == 0 else number


def _series_year(draw: Draw, start: int) -> str:
    form = draw()
    if form < 0.2:
        return str(start)
    last = start + 1 + int(draw() * 12)
    return f"{start}–" if form < 0.4 or last > _THIS_YEAR else f"{start}–{last}"  # noqa: RUF001


def _fields(draw: Draw, core: _Core) -> dict[str, Any]:
    """Return all fields that do not depend on other titles."""
    # OMDb last updated one title in seven before it changed its wording in 2021.
    is_old = draw() < 0.14
    genres = _genres(draw)
    ratings, imdb_rating, metascore = _ratings(draw, core.rated_by)
    return {
        "Title": core.title,
        "Year": str(core.year),
        "Rated": _pick(draw, "rated"),
        "Released": _released(draw, core.year),
        "Runtime": _runtime(draw, core.kind),
        "Genre": ", ".join(genres) or NOT_AVAILABLE,
        "Director": _directors(draw),
        "Writer": _writers(draw, is_old=is_old),
        "Actors": _names(draw, 4 if is_old else 3, 0.02),
        "Plot": _plot(draw, genres),
        "Language": _languages(draw),
        "Country": _countries(draw, core.year, is_old=is_old),
        "Awards": _awards(draw, is_old=is_old),
        "Poster": _poster(draw),
        "Ratings": ratings,
        "Metascore": metascore,
        "imdbRating": imdb_rating,
        "imdbVotes": _votes(draw, core),
        "Type": core.kind,
        "DVD": f"{1 + int(draw() * 28):02d} Mar {core.year}" if draw() < 0.008 else NOT_AVAILABLE,
        "BoxOffice": f"${int(10 ** (4 + 4.8 * draw())):,}" if draw() < 0.65 else NOT_AVAILABLE,
        "Production": "Lantern &amp; Sons, Miller&#39;s Inc." if draw() < 0.004 else NOT_AVAILABLE,
        "Website": NOT_AVAILABLE,
    }


def _genres(draw: Draw) -> list[str]:
    share = draw()
    if share < 0.004:
        return []
    count = 5 if share > 0.994 else 1 + (share > 0.1) + (share > 0.4)
    return sorted(_several(draw, "genres", count))


def _ratings(draw: Draw, rated_by: str) -> tuple[list[dict[str, str]], str, str]:
    quality = min(max(6.4 + (draw() + draw() + draw() - 1.5) * 3.4, 1.0), 10.0)
    imdb = f"{quality:.1f}" if "I" in rated_by else NOT_AVAILABLE
    percent = min(100, max(0, int(quality * 14 - 35 + draw() * 30)))
    meta = (
        str(min(100, max(1, percent - 5 + int(draw() * 10)))) if "M" in rated_by else NOT_AVAILABLE
    )
    ratings = []
    if "I" in rated_by:
        ratings.append({"Source": IMDB, "Value": f"{imdb}/10"})
    if "R" in rated_by:
        ratings.append({"Source": "Rotten Tomatoes", "Value": f"{percent}%"})
    if "M" in rated_by:
        ratings.append({"Source": "Metacritic", "Value": f"{meta}/100"})
    return ratings, imdb, meta


def _votes(draw: Draw, core: _Core) -> str:
    if not core.votes:
        return NOT_AVAILABLE
    return str(core.votes) if core.kind == "episode" and draw() < 0.15 else f"{core.votes:,}"


def _released(draw: Draw, year: int) -> str:
    share = draw()
    if share < 0.03:
        return NOT_AVAILABLE
    if share < 0.05:
        return f"01 Jan {year}"
    return f"{1 + int(draw() * 28):02d} {MONTHS[int(draw() * 12)]} {year + (share > 0.86)}"


def _runtime(draw: Draw, kind: str) -> str:
    share = draw()
    if share < (0.5 if kind == "game" else 0.04):
        return NOT_AVAILABLE
    if kind in {"series", "episode"}:
        return f"{20 + int(draw() * 45)} min"
    if share > 0.9999:
        return "34S min"
    minutes = 60 + int((draw() + draw() + draw()) * 33) + (int(draw() * 450) if share > 0.99 else 0)
    if share < 0.041:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{minutes} min"


def _name(draw: Draw) -> str:
    name = f"{_pick(draw, 'first_names')} {_pick(draw, 'last_names')}"
    return f"{name} Jr." if draw() < 0.01 else name


def _names(draw: Draw, most: int, missing: float) -> str:
    if draw() < missing:
        return NOT_AVAILABLE
    count = most if draw() < 0.95 else 1
    return ", ".join(dict.fromkeys(_name(draw) for _ in range(count)))


def _directors(draw: Draw) -> str:
    names = _names(draw, 1 if draw() < 0.94 else 2, 0.015)
    return f"{names}(co-director)" if ", " in names and draw() < 0.05 else names


def _writers(draw: Draw, *, is_old: bool) -> str:
    share = draw()
    if share < 0.04:
        return NOT_AVAILABLE
    names = [_name(draw) for _ in range(1 + (share > 0.35) + (share > 0.68))]
    if is_old or share > 0.993:
        names = [f"{name} ({_pick(draw, 'writer_notes')})" for name in names]
    return ", ".join(names)


def _languages(draw: Draw) -> str:
    share = draw()
    if share < 0.008:
        return NOT_AVAILABLE
    languages = _several(draw, "languages", 1 + (share > 0.63) + (share > 0.87) + (share > 0.95))
    return "None" if "None" in languages else ", ".join(languages)


def _countries(draw: Draw, year: int, *, is_old: bool) -> str:
    share = draw()
    if share < 0.005:
        return NOT_AVAILABLE
    if share < 0.03:
        former = [name for name, last in _FORMER_COUNTRIES.items() if 1945 < year <= last]
        if former:
            return former[int(draw() * len(former))]
    names = _several(draw, "countries", 1 + (share > 0.73) + (share > 0.92))
    return ", ".join(_OLD_COUNTRIES.get(name, name) if is_old else name for name in names)


def _awards(draw: Draw, *, is_old: bool) -> str:
    parts = _pick(draw, "old_awards" if is_old else "awards").split("#")
    text = parts[0]
    for part in parts[1:]:
        # There are few Oscars and many wins.
        most = 9 if part.startswith((" Oscar", " BAFTA", " Golden", " Prime")) else 90
        text += f"{2 + int(most * draw() ** 2)}{part}"
    return text


_POSTER_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def _poster(draw: Draw) -> str:
    share = draw()
    if share < 0.05:
        return NOT_AVAILABLE
    number, name = int(draw() * 62**8), ""
    for _ in range(8):
        number, letter = divmod(number, 62)
        name += _POSTER_LETTERS[letter]
    start = f"https://m.media-amazon.com/images/M/MV5BMadeUp{name}"
    if share > 0.995:
        return f"{start}._V1._CR40,37,255,349_SY132_CR3,0,89,132_AL_.jpg_V1_SX300.jpg"
    return f"{start}@._V1_SX300.jpg"


def _plot(draw: Draw, genres: Sequence[str]) -> str:
    share = draw()
    if share < 0.03:
        return NOT_AVAILABLE
    who, where, what = _pick(draw, "first_names"), _place(draw), _word(draw).lower()
    mood = genres[0].lower() if genres else "untold"
    plot = f"In {where}, {who} must face the {what} in this {mood} tale."
    if share > 0.97:
        plot = f'{who} says "no" to the {what} of {where} and is sorry.'
    elif share > 0.96:
        plot = f"{who} &amp; {_pick(draw, 'first_names')} look for the {what} of {where}."
    return f"{plot[:-1]} ..." if share < 0.08 else plot


def _full_plot(draw: Draw, plot: str) -> str:
    short = plot.removesuffix(" ...").rstrip(".")
    who, what, where = _pick(draw, "first_names"), _word(draw).lower(), _place(draw)
    more = f"{who} knows more about the {what} than anyone in {where}."
    return (
        f"{short}. {more} What begins as a {_word(draw).lower()} ends with a {_word(draw).lower()}."
    )


def _broken(line: dict[str, Any]) -> str:
    """Return a body with a raw control character in the plot, as OMDb sends at times."""
    details = {key: value for key, value in line.items() if key != PLOT_FULL}
    body = to_json({**details, "Response": "True"}).decode()
    return body.replace('"Plot":"', '"Plot":"\x1f', 1)
