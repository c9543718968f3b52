"""Parses the values of settings; a message says what is wrong with one, and the remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from datetime import date
from glob import glob
from pathlib import Path
from urllib.parse import urlsplit

from tap_omdb.config.ratings_file import check_ratings_file
from tap_omdb.config.titles_file import TitlesFile, imdb_id_in, open_titles_files
from tap_omdb.config.validation import show
from tap_omdb.omdb.records import STREAM_OF_TYPE

FIRST_YEAR = 1870
"""The oldest titles on IMDb are from the 1870s."""

YEARS_AHEAD = 10
"""IMDb lists announced titles a few years ahead."""

TYPES = tuple(STREAM_OF_TYPE)

_MOST_DAYS = 36_500
_RANGE = re.compile(r"\s*(\d{4})\s*(?:([-\u2010-\u2015\u2212])\s*(\d{4})?\s*)?")
_NEVER_IN_KEYS = re.compile(r"[^\w.~-]", re.ASCII)  # would need escaping in a URL


class SettingError(ValueError):
    """An invalid value; the message says why and gives the remedy, without the setting's name."""


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
            message = f'{show(value)} is not a year; use 2010, "2010-2015" or "2020-"'
            raise SettingError(message)
        first = int(match[1])
        last = int(match[3]) if match[3] else today.year if match[2] else first
        for year in (first, last):
            check_year(year, today, show(value))
        if last < first:
            end = "" if match[3] else f" (a range without an end ends with {last})"
            message = f"{show(value)} ends before it begins{end}; put the earlier year first"
            raise SettingError(message)
        years.update(dict.fromkeys(range(first, last + 1)))
    return tuple(years)


def check_year(year: int, today: date, name: str) -> None:
    """Check that films of a year may be known, past or announced.

    Raises:
        SettingError: They are not; the message calls the year by the given name.
    """
    latest = today.year + YEARS_AHEAD
    if not FIRST_YEAR <= year <= latest:
        message = f"{name} is outside the years of films; use {FIRST_YEAR} to {latest}"
        raise SettingError(message)


def parse_imdb_id(value: int | str) -> str:
    """Return an IMDb id in its usual form, "tt" and at least seven digits.

    A bare number is accepted: 1375666 → tt1375666.

    Raises:
        SettingError: The value is not an id.
    """
    found = imdb_id_in(str(value))
    if found is None:
        message = f"{show(value)} is not an IMDb id; use one such as tt1375666"
        raise SettingError(message)
    return found


def parse_imdb_ids(values: Iterable[int | str]) -> tuple[str, ...]:
    """Return each IMDb id once, in its usual form.

    Raises:
        SettingError: A value is not an id.
    """
    return tuple(dict.fromkeys(map(parse_imdb_id, values)))


def parse_search_terms(values: Iterable[str]) -> tuple[str, ...]:
    """Return search terms in lower case.

    Raises:
        SettingError: A term is too short.
    """
    terms = []
    for value in values:
        term = " ".join(value.split())
        if len(term.rstrip("*")) < 2:  # noqa: PLR2004 - OMDb rejects a single character
            message = f"{show(value)} is too short; OMDb requires at least two characters"
            raise SettingError(message)
        terms.append(term.lower())
    return tuple(terms)


def parse_types(types: Collection[str]) -> frozenset[str]:
    """Return a set of types that has at least one.

    Raises:
        SettingError: The list is empty.
    """
    if not types:
        message = f"the list is empty; name some of {', '.join(TYPES)}, or leave types out"
        raise SettingError(message)
    return frozenset(types)


def parse_key(text: str) -> str:
    """Return a key without the white space around it.

    Raises:
        SettingError: It cannot be a key of OMDb.
    """
    key = text.strip()
    if _NEVER_IN_KEYS.search(key):
        message = (
            "this is not an OMDb key, which has eight hexadecimal digits: set yours, or get "
            "one at https://www.omdbapi.com/apikey.aspx"
        )
        raise SettingError(message)
    return key


def parse_days(value: int | str) -> int | None:
    """Return a number of days; None for "never".

    Raises:
        SettingError: The value is neither.
    """
    text = str(value).strip().lower()
    if text == "never":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_DAYS:
        message = f'{show(value)} is neither a number of days, 1 to {_MOST_DAYS}, nor "never"'
        raise SettingError(message)
    return int(text)


def parse_url(text: str) -> str:
    """Return the URL of an API, with a path.

    Raises:
        SettingError: The text is not a complete URL, or has a query.
    """
    try:
        parts = urlsplit(text)
        is_complete = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete:
        message = f"{show(text)} is not a URL; use one such as https://www.omdbapi.com/"
        raise SettingError(message)
    if parts.query or parts.fragment:
        message = "leave out the query; the key belongs in api_key"
        raise SettingError(message)
    return text if parts.path else f"{text}/"


def is_plain_remote(url: str) -> bool:
    """Return whether the key would be sent unencrypted to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.netloc)


def is_loopback(netloc: str) -> bool:
    """Return whether a host, with or without a port, is this machine."""
    host = urlsplit(f"//{netloc}").hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.") or host.endswith(".localhost")


def parse_titles_files(value: str | list[str]) -> tuple[TitlesFile, ...]:
    """Return files whose layouts are known, from a path, a glob, or a list of them.

    Raises:
        SettingError: There is no such file.
        TitlesFileError: No titles can be read from one.
    """
    if isinstance(value, str):
        value = _listed(value)
    return open_titles_files([path for text in value for path in _matching(text)])


def _listed(text: str) -> list[str]:
    """Return the items of a JSON array, as a variable of the environment may have one."""
    try:
        items = json.loads(text)
    except ValueError:
        return [text]
    is_list = isinstance(items, list) and all(isinstance(item, str) for item in items)
    return items if is_list else [text]


def _matching(text: str) -> list[Path]:
    """Return the file of a path, or those that match a glob."""
    path = Path(text).expanduser()
    if path.is_file():
        return [path]
    if path.exists():
        message = (
            f"{path} is not a regular file, and is read more than once; save what it gives to a "
            "file first"
        )
        raise SettingError(message)
    found = [Path(match) for match in sorted(glob(str(path), recursive=True))]  # noqa: PTH207 - an absolute one
    if files := [match for match in found if match.is_file()]:
        return files
    message = f"there is no file {path.absolute()}; check the path"
    raise SettingError(message)


def parse_ratings_file(text: str) -> Path:
    """Return the path of a file whose header is that of IMDb's ratings.

    Raises:
        RatingsFileError: It is another file, or cannot be read.
    """
    path = Path(text).expanduser()
    check_ratings_file(path)
    return path
