"""The tap's settings: each is declared once, as a field with its JSON type and its parser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

from singer_sdk import typing as th
from singer_sdk.exceptions import ConfigValidationError

from tap_omdb import clock
from tap_omdb.config import values
from tap_omdb.config.ratings_file import RatingsFileError
from tap_omdb.config.titles_file import TitleEntry, TitlesFile, TitlesFileError
from tap_omdb.config.validation import show, unknown_setting
from tap_omdb.config.values import TYPES, SettingError, check_year
from tap_omdb.omdb.records import STREAM_OF_TYPE, storable
from tap_omdb.redaction import redact

SOURCES = ("years", "search_terms", "imdb_ids", "titles", "titles_file")
"""The settings that name titles or searches; one of them is required."""

_DEFAULT_COVERAGE = 0.9
_USUAL_KEY = re.compile(r"[0-9a-fA-F]{8}")
_YEARS_OR_IDS = th.ArrayType(th.CustomType({"type": ["integer", "string"]}))
_DAYS = th.CustomType({"type": ["integer", "string"]})


def _as_given(value: object) -> object:
    return value


def setting(
    json_type: th.JSONTypeHelper[Any] | type[th.JSONTypeHelper[Any]],
    description: str,
    *,
    default: Any = MISSING,  # noqa: ANN401
    unset: object = MISSING,
    parse: Callable[..., object] = _as_given,
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Declare a setting as a field of a dataclass.

    Args:
        json_type: What a user may give, with its bounds.
        description: What it does, for `--about`.
        default: The default as a user would give it.
        unset: The field's value if there is neither a default nor a value.
        parse: Converts a value of the JSON type into the field's value. It raises `SettingError`
            if the value is invalid. If it is a class of settings, these are parsed one by one.
        options: Further arguments of `th.Property`, such as `title`, `examples` and `secret`.
    """
    options |= {"wrapped": json_type, "description": description}
    value = unset
    if default is not MISSING:
        options["default"] = default
        value = parse(**default) if isinstance(parse, type) else parse(default)
    metadata = {"property": options, "parse": parse}
    return field(default=value, repr=not options.get("secret"), metadata=metadata)


def json_properties(declared: type) -> list[th.Property[Any]]:
    """Return the JSON schema of each setting of a class; its title is its name by default."""
    return [
        th.Property(
            item.name,
            **{"title": item.name.replace("_", " ").capitalize(), **item.metadata["property"]},
        )
        for item in fields(declared)
    ]


@dataclass(frozen=True, slots=True)
class Refresh:
    """After how many days a known title is fetched again; None means never."""

    this_year: int | None = setting(
        _DAYS, "Titles of this year or later: 7 by default.", unset=7, parse=values.parse_days
    )
    recent: int | None = setting(
        _DAYS, "Titles of the three years before: 30 by default.", unset=30, parse=values.parse_days
    )
    older: int | None = setting(
        _DAYS, "All others: 180 by default.", unset=180, parse=values.parse_days
    )
    daily_share: float = setting(
        th.NumberType(minimum=0, maximum=1),
        "With `ratings_file`: the share of `daily_requests` after which no more titles whose "
        "rating or votes have changed are fetched again that day; 0.5 by default.",
        unset=0.5,
    )

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

    @classmethod
    def of(cls, entry: TitleEntry) -> Title:
        """Return what a row of a list without an id is looked up as."""
        return cls(storable(entry.title), entry.year, entry.type)

    @property
    def key(self) -> str:
        """What identifies the lookup: in the state, in `lookups` and in `list_entries`."""
        return f"{self.title.casefold()}|{self.year or ''}|{self.type or ''}"


def _parse_title(item: Mapping[str, Any]) -> Title:
    title = Title(item["title"].strip(), item.get("year"), item.get("type"))
    if not title.title:
        message = 'a title is empty; give each item a title such as "Inception"'
        raise SettingError(message)
    name = show(title.title)
    if title.type is not None and title.type not in TYPES:
        message = f"{name} has the type {show(title.type)}; use one of {', '.join(TYPES)}"
        raise SettingError(message)
    if title.year is not None:
        check_year(title.year, clock.today(), f"the year {title.year} of {name}")
    return title


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The tap's settings, checked and typed."""

    api_key: str = setting(
        th.StringType,
        "Your OMDb key: eight hexadecimal digits. A free one allows 1,000 requests a day.",
        title="API key",
        required=True,
        secret=True,
        parse=values.parse_key,
    )
    api_url: str = setting(
        th.StringType,
        "The API's address. Patrons may use https://private.omdbapi.com/.",
        title="API URL",
        default="https://www.omdbapi.com/",
        parse=values.parse_url,
    )
    years: tuple[int, ...] = setting(
        _YEARS_OR_IDS,
        'Years to search, as numbers and ranges: `[2010, "2012-2015", "2020-"]`. They also filter '
        "`titles_file` if that is IMDb's title.basics.",
        unset=(),
        parse=lambda given: values.parse_years(given, clock.today()),
        examples=[[2010, 2011], ["2010-2015"], ["2020-"]],
    )
    search_terms: tuple[str, ...] = setting(
        th.ArrayType(th.StringType),
        "Words to search for; a trailing `*` makes one a prefix. Without them, `years` are "
        "searched with a ranked list of prefixes (see `coverage`).",
        unset=(),
        parse=values.parse_search_terms,
        examples=[["batman", "star*"]],
    )
    imdb_ids: tuple[str, ...] = setting(
        _YEARS_OR_IDS,
        "Titles by their IMDb id.",
        title="IMDb ids",
        unset=(),
        parse=values.parse_imdb_ids,
        examples=[["tt1375666", "tt0944947"]],
    )
    titles: tuple[Title, ...] = setting(
        th.ArrayType(
            th.ObjectType(
                th.Property("title", th.StringType, required=True),
                th.Property("year", th.IntegerType),
                th.Property("type", th.StringType),
                additional_properties=False,
            )
        ),
        "Titles by name, with an optional year and type; OMDb returns the most popular match.",
        unset=(),
        parse=lambda items: tuple(map(_parse_title, items)),
        examples=[[{"title": "Inception", "year": 2010}]],
    )
    year_tolerance: int = setting(
        th.IntegerType(minimum=0, maximum=10),
        "By how many years a title looked up by name may differ from the year given. If OMDb does "
        "not find a name with its year, it is looked up once more without it; 0 turns this off.",
        default=1,
    )
    titles_file: tuple[TitlesFile, ...] = setting(
        th.CustomType({"type": ["string", "array"], "items": {"type": "string"}}),
        "A file of titles, or several as a JSON array of paths or a glob: one IMDb id or title per "
        "line, or CSV, TSV or JSON (optionally .gz) with IMDb ids or titles and years. Exports of "
        "IMDb, Letterboxd, Trakt and others are read as they are, and IMDb's title.basics.tsv.gz.",
        unset=(),
        parse=values.parse_titles_files,
        examples=["watchlist.csv", ["ratings.csv", "lists/*.csv"]],
    )
    ratings_file: Path | None = setting(
        th.StringType,
        "IMDb's title.ratings.tsv.gz. With it, the titles with most votes are fetched first, and "
        "known titles are fetched again when their rating or votes have changed there.",
        unset=None,
        parse=values.parse_ratings_file,
    )
    min_votes: int = setting(
        th.IntegerType(minimum=1),
        "Titles with fewer votes in `ratings_file` are not fetched, unless `imdb_ids` names them; "
        "no minimum by default.",
        title="Minimum votes",
        unset=0,
    )
    types: frozenset[str] = setting(
        th.ArrayType(th.StringType(allowed_values=[*TYPES])),
        "The types that searches look for: `movie`, `series`, `episode`, `game`. `episode` "
        "fetches the seasons of each series found.",
        default=["movie"],
        parse=values.parse_types,
        examples=[["movie", "series"]],
    )
    plot: str = setting(
        th.StringType(allowed_values=["short", "full"]),
        "Length of the plot: `short` or `full`.",
        default="short",
    )
    coverage: float = setting(
        th.NumberType(minimum=0, maximum=1),
        "Share of each year's titles, from 0 to 1, that a search by `years` alone aims for; at "
        "most 0.98 can be found. 0.95 takes 1.2 to 1.7 times as many search requests as 0.9.",
        default=_DEFAULT_COVERAGE,
    )
    max_requests: int | None = setting(
        th.IntegerType(minimum=1),
        "The maximum number of requests of one run, including retries; no limit by default.",
        title="Requests per run",
        unset=None,
    )
    daily_requests: int = setting(
        th.IntegerType(minimum=1),
        "The daily quota of your key (UTC): 1,000 for a free one, 100,000 or more for patrons. "
        "Shared by all runs that share `cache_dir`.",
        title="Requests per day",
        default=1000,
    )
    concurrency: int = setting(
        th.IntegerType(minimum=1, maximum=64),
        "The maximum number of concurrent requests.",
        default=8,
    )
    refresh: Refresh = setting(
        th.ObjectType(*json_properties(Refresh), additional_properties=False),
        "After how many days a known title (or a search of a year) is fetched again, by the "
        "title's year; `never` is possible.",
        default=asdict(Refresh()),
        parse=Refresh,
        examples=[{"this_year": 3, "older": "never"}],
    )
    timeout: float = setting(
        th.NumberType(minimum=1, maximum=3600),
        "Seconds to wait for a connection and for each part of a response.",
        default=30,
    )
    max_retry_time: float = setting(
        th.NumberType(minimum=0, maximum=86400),
        "Seconds for which a failing request is retried. An error response about a title, such as "
        '"Movie not found!", is not retried.',
        title="Retry time",
        default=120,
    )
    cache_dir: Path | None = setting(
        th.StringType,
        "Directory where responses are kept until a state that covers them has been stored, so "
        "that a crash costs no requests, and where the day's requests are counted.",
        title="Cache directory",
        unset=None,
        parse=lambda text: Path(text).expanduser(),
    )

    @classmethod
    def parse(
        cls, config: Mapping[str, Any], schema: Mapping[str, Any], violations: Mapping[str, str]
    ) -> Settings:
        """Parse a config.

        Args:
            config: Values of the JSON types of `schema`.
            schema: The JSON schema of these and of the SDK's settings.
            violations: What violates the schema, by setting; these are not parsed.

        Raises:
            ConfigValidationError: Settings are invalid; it has all their messages.
        """
        errors = dict(violations)
        parsed = _parse(cls, config, errors)
        known = schema["properties"]
        messages = [unknown_setting(name, known) for name in config if name not in known]
        messages += errors.values()
        if parsed.get("min_votes") and not config.get("ratings_file"):
            messages.append(
                "min_votes needs ratings_file, IMDb's title.ratings.tsv.gz, for the votes"
            )
        if not any(parsed.get(name) or name in errors for name in SOURCES):
            messages.append(f"nothing to fetch: set at least one of {', '.join(SOURCES)}")
        if messages:
            message = "Config validation failed"
            raise ConfigValidationError(
                message, errors=[*map(redact, messages)], schema=dict(schema)
            )
        return cls(**parsed)

    def warnings(self, selected: Collection[str]) -> Iterator[str]:
        """Yield warnings about settings that may not do what was intended.

        Args:
            selected: The streams that are selected.
        """
        if not _USUAL_KEY.fullmatch(self.api_key):
            yield (
                "api_key does not look like an OMDb key, which has eight hexadecimal digits: check "
                "it if OMDb rejects it"
            )
        if self.search_terms and self.coverage != _DEFAULT_COVERAGE:
            yield (
                "coverage has no effect: it only applies to a search by years, without search_terms"
            )
        selected_types = [kind for kind, stream in STREAM_OF_TYPE.items() if stream in selected]
        searches = self.years or self.search_terms
        if searches and selected_types and not self.types & {*selected_types}:
            yield (
                f"types: searches look for {', '.join(sorted(self.types))}, and that stream is not "
                f"selected; set types to {json.dumps(selected_types)} for the streams that are"
            )


def _parse(
    declared: type, config: Mapping[str, Any], errors: dict[str, str], prefix: str = ""
) -> dict[str, Any]:
    """Return the parsed values of the settings of a class; add what is wrong to `errors`."""
    parsed: dict[str, Any] = {}
    for item in fields(declared):
        name = prefix + item.name
        given, parse = config.get(item.name), item.metadata["parse"]
        if given is None or name in errors:
            continue
        try:
            if isinstance(parse, type):
                parsed[item.name] = parse(**_parse(parse, given, errors, f"{name}."))
            else:
                parsed[item.name] = parse(given)
        except (SettingError, TitlesFileError, RatingsFileError) as error:
            errors[name] = f"{name}: {error}"
    return parsed
