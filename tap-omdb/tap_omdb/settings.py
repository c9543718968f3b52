"""What the settings mean: checked, mended and typed; tap.py declares them."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tap_omdb.titles_file import TitlesFileError, imdb_id_in, recognise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FIRST_YEAR = 1870
"""The oldest titles of IMDb are of the 1870s."""

YEARS_AHEAD = 10
"""IMDb lists announced titles some years ahead."""

TYPES = ("movie", "series", "episode", "game")
SOURCES = ("years", "search_terms", "imdb_ids", "titles", "titles_file")

_RANGE = re.compile(r"\s*(\d{4})\s*(?:(-)\s*(\d{4})?\s*)?")
_NUMBER = re.compile(r"\s*-?\d+(\.\d+)?\s*")
_PLACE = re.compile(r"(.*) in config\['(\w+)'\](.*)", re.DOTALL)
_OR_NULL = ", 'null'"
_NO_KEY = (
    "setting api_key is missing: get a key at https://www.omdbapi.com/apikey.aspx, then set "
    "api_key in the config or TAP_OMDB_API_KEY in the environment"
)


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
            years=parse_years(config.get("years") or (), _today()),
            search_terms=tuple(_terms(config.get("search_terms") or ())),
            imdb_ids=tuple(dict.fromkeys(map(imdb_id, config.get("imdb_ids") or ()))),
            titles=tuple(map(_title, config.get("titles") or ())),
            titles_file=_path(config.get("titles_file")),
            types=frozenset(config["types"] or TYPES[:1]),
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


def problems(config: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    """Return what is wrong with a config that its JSON schema let pass; one text a problem.

    Args:
        config: The config with defaults filled in.
        known: The names of all settings.
    """
    found = [_unknown(name, known) for name in config if name not in set(known)]
    if not str(config.get("api_key", "")).strip():
        found.append(_NO_KEY)
    checks = (
        lambda: _user_agent(config.get("user_agent")),
        lambda: parse_years(config.get("years") or (), _today()),
        lambda: list(_terms(config.get("search_terms") or ())),
        lambda: [imdb_id(text) for text in config.get("imdb_ids") or ()],
        lambda: [_title(item) for item in config.get("titles") or ()],
        lambda: _readable(_path(config.get("titles_file"))),
        lambda: _writable(_path(config.get("cache_dir"))),
        lambda: _refresh(config["refresh"]),
        lambda: _url(config["api_url"]),
    )
    found += filter(None, map(_problem, checks))
    if not any(config.get(name) for name in SOURCES):
        found.append(f"nothing to fetch: set at least one of {', '.join(SOURCES)}")
    return found


def _problem(check: Callable[[], object]) -> str | None:
    try:
        check()
    except SettingError as error:
        return str(error)
    return None


def mend(config: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with what environment variables and other tools can't say as JSON does.

    Null is left out, since it means the default, and a number that came as text is a number.

    Args:
        config: The config as given.
        properties: The JSON schema of each setting, by name.
    """
    mended = {name: value for name, value in config.items() if value is not None}
    for name, value in mended.items():
        kinds = properties.get(name, {}).get("type", ())
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            if "integer" in kinds and "." not in value:
                mended[name] = int(value)
            elif "number" in kinds:
                mended[name] = float(value)
    return mended


def explain(schema_error: str, properties: Mapping[str, Any]) -> str:
    """Turn a text of the JSON schema validator into one that names the setting and a remedy.

    Args:
        schema_error: Such as "0 is not of type 'array', 'null' in config['years']".
        properties: The JSON schema of each setting, by name.
    """
    if "'api_key' is a required property" in schema_error:
        return _NO_KEY
    match = _PLACE.fullmatch(schema_error)
    if match is None:
        return schema_error
    what, name, place = match.groups()
    if name == "api_key":
        return f"api_key: {what}; a key is text, so put it in quotes"
    schema = properties[name]
    example = f" For example: {json.dumps(schema['examples'][0])}" if "examples" in schema else ""
    return f"{name}{place}: {what.replace(_OR_NULL, '')}. {schema['description']}{example}"


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
            message = f"years: {value!r} is not a year; use 2010, '2010-2015' or '2020-'"
            raise SettingError(message)
        first = int(match[1])
        last = int(match[3]) if match[3] else today.year if match[2] else first
        latest = today.year + YEARS_AHEAD
        if not FIRST_YEAR <= first <= last <= latest:
            message = (
                f"years: {value!r} is outside {FIRST_YEAR} to {latest}, or ends before it begins"
            )
            raise SettingError(message)
        years.update(dict.fromkeys(range(first, last + 1)))
    return tuple(years)


def imdb_id(text: object) -> str:
    """Return an IMDb id in its usual form, "tt" and at least seven digits.

    A bare number is mended: 1375666 → tt1375666.

    Raises:
        SettingError: If the text is no id.
    """
    found = imdb_id_in(str(text))
    if found is None:
        message = f"imdb_ids: {text!r} is not an IMDb id; use one such as tt1375666"
        raise SettingError(message)
    return found


def _terms(values: Iterable[str]) -> Iterable[str]:
    for value in values:
        term = " ".join(str(value).split())
        if len(term.rstrip("*")) < 2:  # noqa: PLR2004 - OMDb refuses a single character
            message = (
                f"search_terms: {value!r} is too short; OMDb wants at least two characters, "
                "and finds too many results for most words of two"
            )
            raise SettingError(message)
        yield term.lower()


def _title(item: Mapping[str, Any]) -> Title:
    name = str(item["title"]).strip()
    kind = item.get("type")
    if not name:
        message = "titles: a title is empty; give each item a title such as 'Inception'"
        raise SettingError(message)
    if kind is not None and kind not in TYPES:
        message = f"titles: {name!r} has the type {kind!r}; use one of {', '.join(TYPES)}"
        raise SettingError(message)
    return Title(title=name, year=item.get("year"), type=kind)


def _refresh(value: Mapping[str, int | str]) -> Refresh:
    days: dict[str, int | None] = {}
    for name, given in value.items():
        if given is None:
            continue
        text = str(given).strip().lower()
        if text != "never" and not (text.isdigit() and int(text) >= 1):
            message = f"refresh.{name}: {given!r} is neither a number of days nor 'never'"
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
        message = f"api_url: {text!r} is not a URL; use one such as https://www.omdbapi.com/"
        raise SettingError(message)
    if parts.query or parts.fragment:
        message = "api_url: leave out the query; the key belongs into api_key"
        raise SettingError(message)
    return text if parts.path else f"{text}/"


def _user_agent(text: str | None) -> None:
    if text and not (text.isascii() and text.isprintable() and text == text.strip()):
        message = f"user_agent: {text!r} can't be sent; use plain letters, digits and signs"
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
        message = f"titles_file: there is no file {str(path)!r}; check the path"
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
            f"cache_dir: {str(path)!r} can't be written ({error.strerror}); choose another folder"
        )
        raise SettingError(message) from None


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else "see tap-omdb --about for all settings"
    return f"unknown setting {name!r}: {hint}"


def _today() -> date:
    return datetime.now(timezone.utc).date()
