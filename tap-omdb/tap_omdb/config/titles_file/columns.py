"""Tells which columns of a table are its ids, titles, years and types."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import zip_longest
from typing import NamedTuple

from tap_omdb.config.titles_file.entries import (
    ends_in_year,
    has_imdb_id,
    link_to_title,
    omdb_type,
    plain,
    year_in,
)

ITEM = "item"
"""The only column of a list, and of JSON whose items are not objects."""

NO_VALUE = frozenset({"", "\\n", "-", "0", "n/a", "nan", "none", "null"})
"""What is written for a missing value, in lower case."""

LONG_NUMBER = re.compile(r"\d{5,8}(?:\.0)?", re.ASCII)
"""A number with about as many digits as IMDb's ids."""
# Kodi's `imdbnumber` may be the number of another catalogue, which has fewer digits.
_FULL_DIGITS = 7
_FULL_NUMBER = re.compile(rf"\d{{{_FULL_DIGITS},8}}", re.ASCII)
_NUMBER_OR_LINK = re.compile(r"[\d\W_]*|\w+:\S+")
_YEAR_ALONE = re.compile(r"\d{4}(?:\.0)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d.*|\d\d?[-/. ](?:\d\d?|[A-Z][a-z]{2})[-/. ]\d{4}")
_LONGEST_DATE = 40
# Such a date or year is not that of the title's release.
_OTHER_DATES = re.compile(
    r"^(?:date|end|last|startdate)|watch|rated|rating|view|seen|added|creat|modif|updat|birth"
    r"|death|stream|dvd|collect|review|log"
)
# The series of an episode, for example, which is another title.
_OTHER_TITLE = re.compile(r"^(?:parent|grandparent)")
_OTHER_NAMES = re.compile(r"^(?:parent|grandparent|episode|season|sort)|director|actor|user|job")


class Roles(NamedTuple):
    """The indexes of the columns that a table has of each role.

    Attributes:
        imdb_id: All columns with IMDb's ids, the best first.
        title: The titles.
        year: Their years of release.
        type: Their types, by IMDb's or OMDb's names.
    """

    imdb_id: list[int]
    title: int | None = None
    year: int | None = None
    type: int | None = None

    @property
    def identify(self) -> bool:
        """Whether they tell one title from another."""
        return bool(self.imdb_id) or self.title is not None


class _Rule(NamedTuple):
    """Names of columns, compared as `plain` with `*` for any text, and a test of their values."""

    names: str
    test: Callable[[Sequence[str]], bool]
    not_named: re.Pattern[str] | None = None


class _Column(NamedTuple):
    number: int
    name: str
    values: list[str]


def _share(
    test: Callable[[str], object], share: float, at_least: int = 1
) -> Callable[[Sequence[str]], bool]:
    """Return a test that this share of the values passes."""
    return lambda values: sum(map(bool, map(test, values))) >= max(at_least, share * len(values))


def _is_text(value: str) -> bool:
    return not _NUMBER_OR_LINK.fullmatch(value)


def _is_year_or_date(value: str) -> bool:
    return len(value) <= _LONGEST_DATE and year_in(value) is not None


# The rules of a role apply in this order, and so do the names of a rule.
_LINKS = (
    _Rule("const tconst imdb* titleid url link uri id item", _share(has_imdb_id, 0)),
    _Rule("*", _share(link_to_title, 0.5), _OTHER_TITLE),
)
_IDS = (
    _Rule("const tconst imdbid imdbtitleid imdbconst imdburl imdblink", lambda _: True),
    _Rule(
        "imdb imdbno imdbcode imdbtt idsimdb uniqueidimdb provideridsimdb item",
        _share(LONG_NUMBER.fullmatch, 1),
    ),
    _Rule("imdbnumber", _share(_FULL_NUMBER.fullmatch, 1)),
)
_TITLES = (
    _Rule("title primarytitle movietitle filmtitle seriestitle", lambda _: True),
    _Rule(
        "moviename filmname name movie film showname seriesname tvshow show *label item"
        " releasegroup release titel titre titulo título titolo",
        _share(_is_text, 0.5, at_least=0),
    ),
    _Rule(
        "originaltitle *title *moviename *filmname *showname *seriesname *itemname",
        _share(_is_text, 0.5, at_least=0),
        _OTHER_NAMES,
    ),
)
_YEARS = (
    _Rule(
        "titleyear movieyear filmyear releaseyear productionyear startyear year jahr année año"
        " anno",
        _share(_is_year_or_date, 0.5, at_least=0),
    ),
    _Rule(
        "released yearreleased *release*year* *release*date* premier* firstair*"
        " originallyavailable* *year* *date",
        _share(_is_year_or_date, 0.9, at_least=0),
        _OTHER_DATES,
    ),
)
_TYPES = (_Rule("titletype type mediatype *type kind category", _share(omdb_type, 0)),)


def find_roles(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Roles:
    """Find what the columns of a table are, by their names and values.

    Args:
        names: The columns' names; the first of two that are the same counts.
        rows: Some rows of the table.
    """
    columns = _columns(names, rows)
    ids = _matching(_LINKS, columns) or _matching(_IDS, columns)[:1]
    others = [column for column in columns if column.number not in ids]
    return Roles(ids, *(_first(_matching(rules, others)) for rules in (_TITLES, _YEARS, _TYPES)))


def find_roles_by_values(rows: Sequence[Sequence[str]], width: int) -> Roles:
    """Find what the first columns of a table without names are.

    A title is a text with its year in parentheses, or the only text beside an id or a year.
    """
    columns = _columns([""] * width, rows)

    def passing(test: Callable[[str], object], share: float = 0.9) -> list[int]:
        return [column.number for column in columns if _share(test, share)(column.values)]

    ids, types, titles = passing(link_to_title), passing(omdb_type), passing(ends_in_year, 0.5)
    years = [*passing(_YEAR_ALONE.fullmatch), *passing(_DATE.fullmatch)]
    if not titles and (ids or years):
        titles = [i for i in passing(_is_text) if i not in {*ids, *types, *years}]
        titles = titles if len(titles) == 1 else []
    return Roles(ids, _first(titles), _first(years), _first(types))


def digits_of_ids(name: str) -> int:
    """Return how many digits a number in a column must at least have to be IMDb's."""
    name = plain(name)
    if name == "imdbnumber":
        return _FULL_DIGITS
    return 1 if "imdb" in name or name in {"const", "tconst", ITEM} else sys.maxsize


def is_of_other_title(name: str) -> bool:
    """Return whether a column is about another title, such as an episode's series."""
    return _OTHER_TITLE.match(plain(name)) is not None


def is_missing(value: str) -> bool:
    """Return whether a cell says that there is no value."""
    return value.lower() in NO_VALUE


def _columns(names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[_Column]:
    cells = [*zip_longest(*rows, fillvalue="")]
    cells += [()] * (len(names) - len(cells))
    return [
        _Column(number, plain(name), [v for v in map(str.strip, values) if not is_missing(v)])
        for number, (name, values) in enumerate(zip(names, cells, strict=False))
    ]


def _matching(rules: Iterable[_Rule], columns: Sequence[_Column]) -> list[int]:
    """Return the indexes of the columns that match a rule, without repetition.

    The name of an only column must be known: it may be the first title of a list.
    """
    found = {
        column.number: None
        for rule in rules
        for pattern in rule.names.split()
        for column in columns
        if fnmatchcase(column.name, pattern if len(columns) > 1 else pattern.replace("*", "."))
        and not (rule.not_named and rule.not_named.search(column.name))
        and rule.test(column.values)
    }
    return [*found]


def _first(numbers: list[int]) -> int | None:
    return numbers[0] if numbers else None
