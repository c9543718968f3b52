"""What the settings mean: checked and typed; tap.py declares them, mending.py reads text."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tap_omdb import clock
from tap_omdb.faults import NO_KEY, show
from tap_omdb.records import STREAM_OF_TYPE
from tap_omdb.titles_file import TITLE_BASICS, TitlesFileError, imdb_id_in, recognise

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import date

FIRST_YEAR = 1870
"""The oldest titles of IMDb are of the 1870s."""

YEARS_AHEAD = 10
"""IMDb lists announced titles some years ahead."""

TYPES = tuple(STREAM_OF_TYPE)
DEFAULT_TYPES = TYPES[:1]
DEFAULT_COVERAGE = 0.9
SOURCES = ("years", "search_terms", "imdb_ids", "titles", "titles_file")

_MOST_DAYS = 36_500
_RANGE = re.compile(r"\s*(\d{4})\s*(?:(-)\s*(\d{4})?\s*)?")
_USUAL_KEY = re.compile(r"\s*[0-9a-fA-F]{8}\s*")
_NEVER_IN_KEYS = re.compile(r"[^\w.~-]", re.ASCII)  # a URL would have to escape it
_LIKELY = 0.75
"""How alike a name and a misspelt one are, from 0 to 1."""


class SettingError(ValueError):
    """A setting that can't be used; the text names it and the remedy."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """After how many days a known title is asked for again; None is never."""

    this_year: int | None = 7
    recent: int | None = 30
    older: int | None = 180

    RECENT_YEARS = 3

    def days(self, year: int | None, today: date) -> int | None:
        """Return the days that a title of this year stays fresh; None is for ever."""
        if year is None or year < today.year - self.RECENT_YEARS:
            return self.older
        return self.this_year if year >= today.year else self.recent


@dataclass(frozen=True, slots=True)
class Title:
    """A title asked for by name."""

    title: str
    year: int | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The tap's settings, checked and typed; see tap.py for what each means."""

    api_url: str
    years: tuple[int, ...]
    search_terms: tuple[str, ...]
    imdb_ids: tuple[str, ...]
    titles: tuple[Title, ...]
    titles_file: Path | None
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
        """Read a validated config.

        Raises:
            SettingError: If a setting can't be used.
        """
        return cls(
            api_url=_url(config["api_url"]),
            years=parse_years(config.get("years") or (), clock.today()),
            search_terms=tuple(_terms(config.get("search_terms") or ())),
            imdb_ids=tuple(dict.fromkeys(map(imdb_id, config.get("imdb_ids") or ()))),
            titles=tuple(map(_title, config.get("titles") or ())),
            titles_file=_path(config.get("titles_file")),
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


def problems(
    config: Mapping[str, Any], known: Collection[str], faulty: Collection[str] = ()
) -> list[str]:
    """Return what is wrong with a config that its JSON schema let pass; one text a problem.

    Args:
        config: The config with defaults filled in.
        known: The names of all settings.
        faulty: Those that the schema did not let pass; they are not looked at.
    """
    found = [_unknown(name, known) for name in config if name not in known]
    checks: dict[str, Callable[[Any], object]] = {
        "api_key": _key,
        "user_agent": _user_agent,
        "years": lambda values: parse_years(values, clock.today()),
        "search_terms": lambda values: list(_terms(values)),
        "imdb_ids": lambda values: [imdb_id(value) for value in values],
        "titles": lambda items: [_title(item) for item in items],
        "titles_file": lambda text: _readable(_path(text)),
        "types": _some_types,
        "cache_dir": lambda text: _writable(_path(text)),
        "refresh": _refresh,
        "api_url": _url,
    }
    for name, check in checks.items():
        if name in config and name not in faulty:
            found += _problem(check, config[name])
    if not any(config.get(name) or name in faulty for name in SOURCES):
        found.append(f"nothing to fetch: set at least one of {', '.join(SOURCES)}")
    return found


def _problem(check: Callable[[Any], object], value: object) -> list[str]:
    try:
        check(value)
    except SettingError as error:
        return [str(error)]
    return []


def remarks(config: Mapping[str, Any], selected: Collection[str]) -> Iterator[str]:
    """Yield what may surprise in a config without problems; one text a surprise.

    Args:
        config: The config with defaults filled in.
        selected: The streams that are wanted.
    """
    if not _USUAL_KEY.fullmatch(config["api_key"]):
        yield (
            "api_key does not look like OMDb's keys, which are eight hexadecimal digits: look at "
            "it again if OMDb refuses it"
        )
    if config.get("search_terms") and config["coverage"] != DEFAULT_COVERAGE:
        yield "coverage has no effect: it is for a search by years alone, without search_terms"
    path = _path(config.get("titles_file"))
    if config.get("years") and path and recognise(path).kind != TITLE_BASICS:
        yield (
            "years are searched besides titles_file: they filter it only if it is IMDb's "
            "title.basics; leave years out to fetch no more than the file names"
        )
    wanted = [kind for kind, stream in STREAM_OF_TYPE.items() if stream in selected]
    searches = config.get("years") or config.get("search_terms")
    if searches and wanted and not {*wanted} & {*config["types"]}:
        yield (
            f"types: searches look for {', '.join(config['types'])}, and that stream is not "
            f"selected; set types to {json.dumps(wanted)} for the streams that are"
        )


def stray_variables(
    environment: Iterable[str], prefix: str, known: Collection[str], *, only_likely: bool
) -> list[str]:
    """Return a text for each variable that looks like a setting's, and is not one.

    Args:
        environment: The names of all variables.
        prefix: What the names of settings' variables begin with.
        known: The names of all settings.
        only_likely: Leave out what is none of these names misspelt. Meltano exports variables of
            its own, such as TAP_OMDB__SELECT and TAP_OMDB_REFRESH_OLDER, and those of plugins
            that inherit from the tap.
    """
    found = []
    for variable in sorted(environment):
        name = variable.removeprefix(prefix).lower()
        if not variable.startswith(prefix) or name in {*known, "loglevel"} or name[:1] in {"", "_"}:
            continue
        if near := difflib.get_close_matches(name, known, n=1, cutoff=_LIKELY):
            hint = f"did you mean {prefix}{near[0].upper()}?"
            found.append(f"{variable} is none of the settings, and is ignored: {hint}")
        elif not only_likely:
            hint = "tap-omdb --about tells all settings"
            found.append(f"{variable} is none of the settings, and is ignored: {hint}")
    return found


def parse_years(values: Iterable[int | str], today: date) -> tuple[int, ...]:
    """Read years and ranges of years: 2010, "2010", "2010-2015", "2020-" (until this year).

    Returns:
        Each year once, in the order given.

    Raises:
        SettingError: If a value is not a year, or a year in which there are no films.
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

    A bare number is mended: 1375666 → tt1375666.

    Raises:
        SettingError: If the text is no id.
    """
    found = imdb_id_in(str(text))
    if found is None:
        message = f"imdb_ids: {show(text)} is not an IMDb id; use one such as tt1375666"
        raise SettingError(message)
    return found


def _terms(values: Iterable[str]) -> Iterable[str]:
    for value in values:
        term = " ".join(str(value).split())
        if len(term.rstrip("*")) < 2:  # noqa: PLR2004 - OMDb refuses a single character
            message = (
                f"search_terms: {show(value)} is too short; OMDb wants at least two characters"
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


def _key(text: str) -> None:
    key = text.strip()
    if not key:
        raise SettingError(NO_KEY)
    if _NEVER_IN_KEYS.search(key):
        message = (
            "api_key is no OMDb key, which is eight hexadecimal digits: put yours there, or get "
            "one at https://www.omdbapi.com/apikey.aspx"
        )
        raise SettingError(message)


def _some_types(types: Collection[str]) -> None:
    if not types:
        message = f"types: the list is empty; name some of {', '.join(TYPES)}, or leave types out"
        raise SettingError(message)


def _refresh(value: Mapping[str, int | str | None]) -> Refresh:
    days: dict[str, int | None] = {}
    for name, given in value.items():
        if given is None:
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
        message = "api_url: leave out the query; the key belongs into api_key"
        raise SettingError(message)
    return text if parts.path else f"{text}/"


def _user_agent(text: str | None) -> None:
    if text and not (text.isascii() and text.isprintable() and text == text.strip()):
        message = f"user_agent: {show(text)} can't be sent; use plain letters, digits and signs"
        raise SettingError(message)


def is_plain_remote(url: str) -> bool:
    """Tell whether the key would travel unencrypted to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.netloc)


def is_loopback(netloc: str) -> bool:
    """Tell whether a host, with or without a port, is this machine."""
    host = urlsplit(f"//{netloc}").hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.") or host.endswith(".localhost")


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def _readable(path: Path | None) -> None:
    if path and not path.is_file():
        message = f"titles_file: there is no file {path.absolute()}; check the path"
        raise SettingError(message)
    if path:
        try:
            recognise(path)
        except TitlesFileError as error:
            message = f"titles_file: {error}"
            raise SettingError(message) from None


def _writable(path: Path | None) -> None:
    if path is None:
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        message = (
            f"cache_dir: {path.absolute()} can't be written ({error.strerror}); "
            "choose another folder"
        )
        raise SettingError(message) from None


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]}?" if near else "tap-omdb --about tells all settings"
    return f"unknown setting {name}: {hint}"
