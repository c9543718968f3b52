"""What the settings mean: checked, mended and typed; tap.py declares them."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tap_omdb.records import STREAM_OF_TYPE
from tap_omdb.titles_file import TITLE_BASICS, TitlesFileError, imdb_id_in, recognise

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from jsonschema import ValidationError

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
_NUMBER = re.compile(r"\s*-?\d+(\.\d+)?\s*")
_YEAR = re.compile(r"\s*\d{4}\s*")
_NO_KEY = (
    "api_key is missing: get a key at https://www.omdbapi.com/apikey.aspx, then set api_key in "
    "the config or TAP_OMDB_API_KEY in the environment"
)
_USUAL_KEY = re.compile(r"\s*[0-9a-fA-F]{8}\s*")
_NEVER_IN_KEYS = re.compile(r"[^\w.~-]", re.ASCII)  # a URL would have to escape it
_TRUTH = {"true": True, "yes": True, "on": True, "1": True} | {
    "false": False, "no": False, "off": False, "0": False
}  # fmt: skip
_NOUNS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "string": "text",
}
_BOUNDS = {
    "minimum": "less than",
    "exclusiveMinimum": "not more than",
    "maximum": "more than",
}
_LONGEST_SHOWN = 60
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
            years=parse_years(config.get("years") or (), _today()),
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


def faults(errors: Iterable[ValidationError], properties: Mapping[str, Any]) -> dict[str, str]:
    """Return what a JSON schema has against a config: by setting, the first that it found.

    Args:
        errors: What the validator found.
        properties: The JSON schema of each setting, by name.
    """
    found: dict[str, str] = {}
    for error in errors:
        if error.path:
            found.setdefault(str(error.path[0]), _explain(error, properties))
        else:
            found["api_key"] = _NO_KEY  # the one setting that is required
    return found


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
        "years": lambda values: parse_years(values, _today()),
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


def mend(config: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with what environment variables and other tools can't say as JSON does.

    Null and empty text are left out, since they mean the default. Text is read as what the
    setting wants: a number, true or false, JSON, or a list with commas ("2010, 2012-2015"), and
    a list of one thing may be that thing (2010). What can't be read stays as it is.

    Args:
        config: The config as given.
        properties: The JSON schema of each setting, by name.
    """
    mended = {
        name: _mend(value, properties.get(name, {}))
        for name, value in config.items()
        if value is not None and value != ""
    }
    titles = mended.get("titles")
    if isinstance(titles, list):
        mended["titles"] = [*map(_mend_title, titles)]
    return mended


def _mend(value: object, schema: Mapping[str, Any]) -> object:
    kinds = schema.get("type", ())
    if isinstance(value, Decimal):  # as the SDK reads JSON
        value = float(value)
    if isinstance(value, float) and value.is_integer() and "integer" in kinds:
        return int(value)
    if "array" in kinds:
        return _mend_list(value, schema.get("items", {}).get("type", ()))
    if isinstance(value, str):
        return _mend_text(value, kinds)
    return value


def _mend_text(text: str, kinds: Collection[str]) -> object:
    if "object" in kinds:
        return _from_json(text, dict)
    if "boolean" in kinds:
        return _TRUTH.get(text.strip().lower(), text)
    if _NUMBER.fullmatch(text):
        number = float(text) if "." in text else int(text)
        if "number" in kinds or ("integer" in kinds and isinstance(number, int)):
            return number
    return text


def _mend_list(value: object, kinds: Collection[str]) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and "integer" in kinds:
        return [value]
    if not isinstance(value, str):
        return value
    found = _from_json(value, list)
    if found is value and "string" in kinds:
        parts = (part.strip(" \t\r\n'\"") for part in value.strip(" \t\r\n[]").split(","))
        return [part for part in parts if part]
    return found


def _mend_title(item: object) -> object:
    if isinstance(item, dict) and _YEAR.fullmatch(str(item.get("year"))):
        return {**item, "year": int(item["year"])}
    return item


def _from_json(text: str, kind: type) -> object:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, kind) else text


def _explain(error: ValidationError, properties: Mapping[str, Any]) -> str:
    """Turn what a JSON schema says of a setting into a text that names it and a remedy."""
    name, *inner = error.path
    if name == "api_key":
        return "api_key: a key is text, so put it in quotes"
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in inner)
    text = f"{name}{place}: {_fault(error)}"
    if error.validator == "enum":
        return text
    schema = properties[str(name)]
    example = f" For example: {json.dumps(schema['examples'][0])}" if "examples" in schema else ""
    return f"{text}. {schema['description']}{example}"


def _fault(error: ValidationError) -> str:
    """Say what the schema has against a value, as one who does not know schemas would."""
    instance: Any = error.instance
    wanted: Any = error.validator_value
    rule = str(error.validator)
    shown = show(instance)
    if rule == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        nouns = (_NOUNS[kind] for kind in kinds if kind != "null")
        return f"{shown} is not {' or '.join(nouns)}"
    if rule == "enum":
        return f"{shown} is not one of {', '.join(filter(None, wanted))}"
    if rule in _BOUNDS:
        return f"{shown} is {_BOUNDS[rule]} {wanted}"
    if rule == "required":
        missing = next(name for name in wanted if name not in instance)
        return f"{shown} has no {missing}"
    if rule == "additionalProperties":
        schema: Any = error.schema
        names = schema["properties"]
        extra = next(name for name in instance if name not in names)
        return f"unknown name {show(extra)}, use {', '.join(names)}"
    return str(error.message)


def show(value: object) -> str:
    """Return a value as a user would have written it, cut if it is long."""
    text = json.dumps(value, ensure_ascii=False, default=float)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


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
        _check_year(year, _today(), f"titles: the year {year} of {show(name)}")
    return Title(title=name, year=year, type=kind)


def _key(text: str) -> None:
    key = text.strip()
    if not key:
        raise SettingError(_NO_KEY)
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


def _today() -> date:
    return datetime.now(timezone.utc).date()
