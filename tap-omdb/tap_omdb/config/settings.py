"""The settings, checked and typed; tap.py declares them, coercion.py converts text."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tap_omdb import clock
from tap_omdb.config.ratings_file import RatingsFileError, check_ratings_file
from tap_omdb.config.titles_file import TITLE_BASICS, TitlesFileError, detect_layout, imdb_id_in
from tap_omdb.config.validation import NO_KEY, show
from tap_omdb.omdb.records import STREAM_OF_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import date

FIRST_YEAR = 1870
"""The oldest titles on IMDb are from the 1870s."""

YEARS_AHEAD = 10
"""IMDb lists announced titles a few years ahead."""

TYPES = tuple(STREAM_OF_TYPE)
DEFAULT_TYPES = TYPES[:1]
DEFAULT_COVERAGE = 0.9
SOURCES = ("years", "search_terms", "imdb_ids", "titles", "titles_file")

_MOST_DAYS = 36_500
_RANGE = re.compile(r"\s*(\d{4})\s*(?:([-\u2010-\u2015\u2212])\s*(\d{4})?\s*)?")
_USUAL_KEY = re.compile(r"\s*[0-9a-fA-F]{8}\s*")
_NEVER_IN_KEYS = re.compile(r"[^\w.~-]", re.ASCII)  # would need escaping in a URL
_SIMILAR = 0.75
"""Similarity of a name and its misspelling, from 0 to 1."""


class SettingError(ValueError):
    """An invalid setting; the message names it and the remedy."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """After how many days a known title is fetched again; None means never."""

    this_year: int | None = 7
    recent: int | None = 30
    older: int | None = 180
    votes_change: float = 0.1
    """The share by which the votes on IMDb must change for a title to be due."""

    RECENT_YEARS = 3

    def days(self, year: int | None, today: date) -> int | None:
        """Return how many days a title of this year stays fresh; None means for ever."""
        if year is None or year < today.year - self.RECENT_YEARS:
            return self.older
        return self.this_year if year >= today.year else self.recent


@dataclass(frozen=True, slots=True)
class Title:
    """A title to look up by name."""

    title: str
    year: int | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The tap's settings, checked and typed; tap.py describes each."""

    api_url: str
    years: tuple[int, ...]
    search_terms: tuple[str, ...]
    imdb_ids: tuple[str, ...]
    titles: tuple[Title, ...]
    year_tolerance: int
    titles_file: Path | None
    ratings_file: Path | None
    min_votes: int
    types: frozenset[str]
    plot: str
    coverage: float
    max_requests: int | None
    daily_requests: int
    concurrency: int
    requests_per_second: float | None
    refresh: Refresh
    timeout: float
    max_retry_time: float
    cache_dir: Path | None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Convert a validated config.

        Raises:
            SettingError: A setting is invalid.
        """
        return cls(
            api_url=_url(config["api_url"]),
            years=parse_years(config.get("years") or (), clock.today()),
            search_terms=tuple(_terms(config.get("search_terms") or ())),
            imdb_ids=tuple(dict.fromkeys(map(imdb_id, config.get("imdb_ids") or ()))),
            titles=tuple(map(_title, config.get("titles") or ())),
            year_tolerance=config["year_tolerance"],
            titles_file=_path(config.get("titles_file")),
            ratings_file=_path(config.get("ratings_file")),
            min_votes=config.get("min_votes") or 0,
            types=frozenset(config["types"]),
            plot=config["plot"],
            coverage=config["coverage"],
            max_requests=config.get("max_requests"),
            daily_requests=config["daily_requests"],
            concurrency=config["concurrency"],
            requests_per_second=config.get("requests_per_second"),
            refresh=_refresh(config["refresh"]),
            timeout=config["timeout"],
            max_retry_time=config["max_retry_time"],
            cache_dir=_path(config.get("cache_dir")),
        )


def setting_errors(
    config: Mapping[str, Any], known: Collection[str], invalid: Collection[str] = ()
) -> list[str]:
    """Return what is wrong with a config beyond its JSON schema; one message an error.

    Args:
        config: The config with defaults filled in.
        known: The names of all settings.
        invalid: Those that violate the schema; they are not checked here.
    """
    found = [_unknown(name, known) for name in config if name not in known]
    checks: dict[str, Callable[[Any], object]] = {
        "api_key": _check_key,
        "user_agent": _check_user_agent,
        "years": lambda values: parse_years(values, clock.today()),
        "search_terms": lambda values: list(_terms(values)),
        "imdb_ids": lambda values: [imdb_id(value) for value in values],
        "titles": lambda items: [_title(item) for item in items],
        "titles_file": lambda text: _check_readable(_path(text)),
        "ratings_file": lambda text: _check_ratings(_path(text)),
        "types": _check_types,
        "cache_dir": lambda text: _check_writable(_path(text)),
        "refresh": _refresh,
        "api_url": _url,
    }
    for name, check in checks.items():
        if name in config and name not in invalid:
            found += _errors(check, config[name])
    if config.get("min_votes") and not config.get("ratings_file"):
        found.append("min_votes needs ratings_file, IMDb's title.ratings.tsv.gz, for the votes")
    if not any(config.get(name) or name in invalid for name in SOURCES):
        found.append(f"nothing to fetch: set at least one of {', '.join(SOURCES)}")
    return found


def _errors(check: Callable[[Any], object], value: object) -> list[str]:
    try:
        check(value)
    except SettingError as error:
        return [str(error)]
    return []


def config_warnings(config: Mapping[str, Any], selected: Collection[str]) -> Iterator[str]:
    """Yield warnings about a valid config that may not do what was intended.

    Args:
        config: The config with defaults filled in.
        selected: The streams that are selected.
    """
    if not _USUAL_KEY.fullmatch(config["api_key"]):
        yield (
            "api_key does not look like an OMDb key, which has eight hexadecimal digits: check it "
            "if OMDb rejects it"
        )
    if config.get("search_terms") and config["coverage"] != DEFAULT_COVERAGE:
        yield "coverage has no effect: it only applies to a search by years, without search_terms"
    path = _path(config.get("titles_file"))
    if config.get("years") and path and detect_layout(path).kind != TITLE_BASICS:
        yield (
            "years are searched in addition to titles_file: they only filter it if it is IMDb's "
            "title.basics; leave years out to fetch only the titles of the file"
        )
    selected_types = [kind for kind, stream in STREAM_OF_TYPE.items() if stream in selected]
    searches = config.get("years") or config.get("search_terms")
    if searches and selected_types and not {*selected_types} & {*config["types"]}:
        yield (
            f"types: searches look for {', '.join(config['types'])}, and that stream is not "
            f"selected; set types to {json.dumps(selected_types)} for the streams that are"
        )


def unknown_variables(
    environment: Iterable[str], prefix: str, known: Collection[str], *, only_misspelt: bool
) -> list[str]:
    """Return a warning for each environment variable that looks like a setting and is not one.

    Args:
        environment: The names of all variables.
        prefix: The prefix of the settings' variables.
        known: The names of all settings.
        only_misspelt: Only warn about likely misspellings. Meltano exports variables of its own,
            such as TAP_OMDB__SELECT and TAP_OMDB_REFRESH_OLDER, and those of plugins that inherit
            from the tap.
    """
    found = []
    for variable in sorted(environment):
        name = variable.removeprefix(prefix).lower()
        if not variable.startswith(prefix) or name in {*known, "loglevel"} or name[:1] in {"", "_"}:
            continue
        if near := difflib.get_close_matches(name, known, n=1, cutoff=_SIMILAR):
            hint = f"did you mean {prefix}{near[0].upper()}?"
            found.append(f"{variable} is not a setting and is ignored: {hint}")
        elif not only_misspelt:
            hint = "tap-omdb --about lists all settings"
            found.append(f"{variable} is not a setting and is ignored: {hint}")
    return found


def parse_years(values: Iterable[int | str], today: date) -> tuple[int, ...]:
    """Parse years and ranges of years: 2010, "2010", "2010-2015", "2020-" (until this year).

    Returns:
        Each year once, in the order given.

    Raises:
        SettingError: A value is not a year, or there are no films of that year.
    """
    years: dict[int, None] = {}
    for value in values:
        match = _RANGE.fullmatch(str(value))
        if not match:
            message = f'years: {show(value)} is not a year; use 2010, "2010-2015" or "2020-"'
            raise SettingError(message)
        first = int(match[1])
        last = int(match[3]) if match[3] else today.year if match[2] else first
        for year in (first, last):
            _check_year(year, today, f"years: {show(value)}")
        if last < first:
            end = "" if match[3] else f" (a range without an end ends with {last})"
            message = f"years: {show(value)} ends before it begins{end}; put the earlier year first"
            raise SettingError(message)
        years.update(dict.fromkeys(range(first, last + 1)))
    return tuple(years)


def _check_year(year: int, today: date, what: str) -> None:
    latest = today.year + YEARS_AHEAD
    if not FIRST_YEAR <= year <= latest:
        message = f"{what} is outside the years of films; use {FIRST_YEAR} to {latest}"
        raise SettingError(message)


def imdb_id(text: object) -> str:
    """Return an IMDb id in its usual form, "tt" and at least seven digits.

    A bare number is accepted: 1375666 → tt1375666.

    Raises:
        SettingError: The text is not an id.
    """
    found = imdb_id_in(str(text))
    if found is None:
        message = f"imdb_ids: {show(text)} is not an IMDb id; use one such as tt1375666"
        raise SettingError(message)
    return found


def _terms(values: Iterable[str]) -> Iterable[str]:
    for value in values:
        term = " ".join(str(value).split())
        if len(term.rstrip("*")) < 2:  # noqa: PLR2004 - OMDb rejects a single character
            message = (
                f"search_terms: {show(value)} is too short; OMDb requires at least two characters"
            )
            raise SettingError(message)
        yield term.lower()


def _title(item: Mapping[str, Any]) -> Title:
    name = str(item["title"]).strip()
    kind = item.get("type")
    if not name:
        message = 'titles: a title is empty; give each item a title such as "Inception"'
        raise SettingError(message)
    if kind is not None and kind not in TYPES:
        message = f"titles: {show(name)} has the type {show(kind)}; use one of {', '.join(TYPES)}"
        raise SettingError(message)
    year = item.get("year")
    if year is not None:
        _check_year(year, clock.today(), f"titles: the year {year} of {show(name)}")
    return Title(title=name, year=year, type=kind)


def _check_key(text: str) -> None:
    key = text.strip()
    if not key:
        raise SettingError(NO_KEY)
    if _NEVER_IN_KEYS.search(key):
        message = (
            "api_key is not an OMDb key, which has eight hexadecimal digits: set yours, or get "
            "one at https://www.omdbapi.com/apikey.aspx"
        )
        raise SettingError(message)


def _check_types(types: Collection[str]) -> None:
    if not types:
        message = f"types: the list is empty; name some of {', '.join(TYPES)}, or leave types out"
        raise SettingError(message)


def _refresh(value: Mapping[str, float | str | None]) -> Refresh:
    days: dict[str, Any] = {}
    for name, given in value.items():
        if given is None:
            continue
        if name == "votes_change":
            days[name] = float(given)
            continue
        text = str(given).strip().lower()
        if text != "never" and not (text.isdecimal() and 1 <= int(text) <= _MOST_DAYS):
            message = (
                f"refresh.{name}: {show(given)} is neither a number of days, 1 to {_MOST_DAYS}, "
                'nor "never"'
            )
            raise SettingError(message)
        days[name] = None if text == "never" else int(text)
    return Refresh(**days)


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_complete = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete:
        message = f"api_url: {show(text)} is not a URL; use one such as https://www.omdbapi.com/"
        raise SettingError(message)
    if parts.query or parts.fragment:
        message = "api_url: leave out the query; the key belongs in api_key"
        raise SettingError(message)
    return text if parts.path else f"{text}/"


def _check_user_agent(text: str | None) -> None:
    if text and not (text.isascii() and text.isprintable() and text == text.strip()):
        message = (
            f"user_agent: {show(text)} cannot be sent; use ASCII letters, digits and punctuation"
        )
        raise SettingError(message)


def is_plain_remote(url: str) -> bool:
    """Return whether the key would be sent unencrypted to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.netloc)


def is_loopback(netloc: str) -> bool:
    """Return whether a host, with or without a port, is this machine."""
    host = urlsplit(f"//{netloc}").hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.") or host.endswith(".localhost")


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def _check_readable(path: Path | None) -> None:
    if path and not path.exists():
        message = f"titles_file: there is no file {path.absolute()}; check the path"
        raise SettingError(message)
    if path and not path.is_file():
        message = (
            f"titles_file: {path} is not a regular file, and is read more than once; save what it "
            "gives to a file first"
        )
        raise SettingError(message)
    if path:
        try:
            detect_layout(path)
        except TitlesFileError as error:
            message = f"titles_file: {error}"
            raise SettingError(message) from None


def _check_ratings(path: Path | None) -> None:
    if path:
        try:
            check_ratings_file(path)
        except RatingsFileError as error:
            message = f"ratings_file: {error}"
            raise SettingError(message) from None


def _check_writable(path: Path | None) -> None:
    if path is None:
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path).close()
    except OSError as error:
        message = (
            f"cache_dir: {path.absolute()} is not writable ({error.strerror}); "
            "choose another directory"
        )
        raise SettingError(message) from None


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]}?" if near else "tap-omdb --about lists all settings"
    return f"unknown setting {name}: {hint}"
