"""The tap: its settings and its streams."""

from __future__ import annotations

import os
import sys
import uuid
from typing import TYPE_CHECKING, ClassVar

from singer_sdk import typing as th
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import (
    CapabilitiesEnum,
    PluginCapabilities,
    TapCapabilities,
)
from typing_extensions import override

from tap_omdb import clock, redaction
from tap_omdb.cli import CommandLineTap
from tap_omdb.config.coercion import coerce
from tap_omdb.config.settings import (
    DEFAULT_COVERAGE,
    DEFAULT_TYPES,
    TYPES,
    Settings,
    config_warnings,
    imdb_id,
    setting_errors,
)
from tap_omdb.config.validation import validation_errors
from tap_omdb.state.errors import StateError
from tap_omdb.streams import STREAMS
from tap_omdb.sync.run import SyncRun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from tap_omdb.client import OMDbStream

_DAYS = th.CustomType({"type": ["integer", "string"]})
_Validator = th.extend_validator_with_defaults(th.DEFAULT_JSONSCHEMA_VALIDATOR)


class TapOMDb(CommandLineTap):
    """Movies, series, episodes and games of OMDb, the Open Movie Database."""

    name = "tap-omdb"
    package_name = "tap-omdb"

    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.DISCOVER,
        TapCapabilities.STATE,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    config_jsonschema = th.PropertiesList(
        th.Property(
            "api_key",
            th.StringType(nullable=False),
            required=True,
            secret=True,
            title="API key",
            description="Your OMDb key: eight hexadecimal digits. A free one allows 1,000 "
            "requests a day.",
        ),
        th.Property(
            "api_url",
            th.StringType(nullable=False),
            default="https://www.omdbapi.com/",
            title="API URL",
            description="The API's address. Patrons may use https://private.omdbapi.com/.",
        ),
        th.Property(
            "years",
            th.ArrayType(th.CustomType({"type": ["integer", "string"]})),
            title="Years",
            description='Years to search, as numbers and ranges: `[2010, "2012-2015", "2020-"]`. '
            "They also filter `titles_file` if that is IMDb's title.basics.",
            examples=[[2010, 2011], ["2010-2015"], ["2020-"]],
        ),
        th.Property(
            "search_terms",
            th.ArrayType(th.StringType),
            title="Search terms",
            description="Words to search for; a trailing `*` makes one a prefix. Without them, "
            "`years` are searched with a ranked list of prefixes (see `coverage`).",
            examples=[["batman", "star*"]],
        ),
        th.Property(
            "imdb_ids",
            th.ArrayType(th.CustomType({"type": ["integer", "string"]})),
            title="IMDb ids",
            description="Titles by their IMDb id.",
            examples=[["tt1375666", "tt0944947"]],
        ),
        th.Property(
            "titles",
            th.ArrayType(
                th.ObjectType(
                    th.Property("title", th.StringType(nullable=False), required=True),
                    th.Property("year", th.IntegerType),
                    th.Property("type", th.StringType),
                    additional_properties=False,
                )
            ),
            title="Titles",
            description="Titles by name, with an optional year and type; OMDb returns the most "
            "popular match.",
            examples=[[{"title": "Inception", "year": 2010}]],
        ),
        th.Property(
            "year_tolerance",
            th.IntegerType(nullable=False, minimum=0, maximum=10),
            default=1,
            title="Year tolerance",
            description="By how many years a title looked up by name may differ from the year "
            "given. If OMDb does not find a name with its year, it is looked up once more without "
            "it; 0 turns this off.",
        ),
        th.Property(
            "titles_file",
            th.StringType,
            title="Titles file",
            description="A file of titles: one IMDb id per line, or CSV/TSV (optionally .gz) with "
            "a column of IMDb ids or with titles and years: IMDb and Letterboxd exports, "
            "MovieLens' links.csv and movies.csv, IMDb's title.basics.tsv.gz.",
        ),
        th.Property(
            "ratings_file",
            th.StringType,
            title="Ratings file",
            description="IMDb's title.ratings.tsv.gz. With it, the titles with most votes are "
            "fetched first, and known titles are fetched again when their rating or votes have "
            "changed there.",
        ),
        th.Property(
            "min_votes",
            th.IntegerType(minimum=1),
            title="Minimum votes",
            description="Titles with fewer votes in `ratings_file` are not fetched, unless "
            "`imdb_ids` names them; no minimum by default.",
        ),
        th.Property(
            "types",
            th.ArrayType(th.StringType(nullable=False, allowed_values=[*TYPES])),
            default=[*DEFAULT_TYPES],
            title="Types",
            description="The types that searches look for: `movie`, `series`, `episode`, `game`. "
            "`episode` fetches the seasons of each series found.",
            examples=[["movie", "series"]],
        ),
        th.Property(
            "plot",
            th.StringType(nullable=False, allowed_values=["short", "full"]),
            default="short",
            title="Plot",
            description="Length of the plot: `short` or `full`.",
        ),
        th.Property(
            "coverage",
            th.NumberType(nullable=False, minimum=0, maximum=1),
            default=DEFAULT_COVERAGE,
            title="Coverage",
            description="Share of each year's titles, from 0 to 1, that a search by `years` "
            "alone aims for; at most 0.98 can be found. 0.95 takes 1.2 to 1.7 times as many search "
            "requests as 0.9.",
        ),
        th.Property(
            "max_requests",
            th.IntegerType(minimum=1),
            title="Requests per run",
            description="The maximum number of requests of one run, including retries; no limit "
            "by default.",
        ),
        th.Property(
            "daily_requests",
            th.IntegerType(nullable=False, minimum=1),
            default=1000,
            title="Requests per day",
            description="The daily quota of your key (UTC): 1,000 for a free one, 100,000 or "
            "more for patrons. Shared by all runs that share `cache_dir`.",
        ),
        th.Property(
            "concurrency",
            th.IntegerType(nullable=False, minimum=1, maximum=64),
            default=8,
            title="Concurrency",
            description="The maximum number of concurrent requests.",
        ),
        th.Property(
            "requests_per_second",
            th.NumberType(exclusive_minimum=0),
            title="Requests per second",
            description="The maximum number of requests started in a second; no limit by default.",
        ),
        th.Property(
            "refresh",
            th.ObjectType(
                th.Property(
                    "this_year",
                    _DAYS,
                    description="Titles of this year or later: 7 by default.",
                ),
                th.Property(
                    "recent",
                    _DAYS,
                    description="Titles of the three years before: 30 by default.",
                ),
                th.Property("older", _DAYS, description="All others: 180 by default."),
                th.Property(
                    "votes_change",
                    th.NumberType(minimum=0),
                    description="With `ratings_file`: the share by which the votes must have "
                    "changed for a title to be fetched again; 0.1 by default.",
                ),
                additional_properties=False,
            ),
            default={"this_year": 7, "recent": 30, "older": 180},
            title="Refresh",
            description="After how many days a known title (or a search of a year) is fetched "
            "again, by the title's year; `never` is possible.",
            examples=[{"this_year": 3, "older": "never"}],
        ),
        th.Property(
            "timeout",
            th.NumberType(nullable=False, minimum=1, maximum=3600),
            default=30,
            title="Timeout",
            description="Seconds to wait for a connection and for each part of a response.",
        ),
        th.Property(
            "max_retry_time",
            th.NumberType(nullable=False, minimum=0, maximum=86400),
            default=120,
            title="Retry time",
            description="Seconds for which a failing request is retried. An error response "
            'about a title, such as "Movie not found!", is not retried.',
        ),
        th.Property(
            "cache_dir",
            th.StringType,
            title="Cache directory",
            description="Directory where responses are kept until a state that covers them has "
            "been stored, so that a crash costs no requests, and where the day's requests are "
            "counted.",
        ),
        th.Property(
            "user_agent",
            th.StringType,
            title="User agent",
            description="The User-Agent header; `tap-omdb/VERSION` by default.",
        ),
    ).to_dict()

    @override
    def discover_streams(self) -> Sequence[OMDbStream]:
        return [stream(tap=self) for stream in STREAMS]

    @classmethod
    @override
    def stream_names(cls) -> frozenset[str]:
        return frozenset(stream.name for stream in STREAMS)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Validate the settings, and keep the key out of every message about them."""
        redaction.register_secret(self._config.get("api_key"))
        self.append_builtin_config(self.config_jsonschema)
        properties = self.config_jsonschema["properties"]
        self._config = coerce(self._config, properties)
        violations = _Validator(self.config_jsonschema).iter_errors(self._config)
        invalid = validation_errors(violations, properties)
        if not raise_errors:
            return [*map(redaction.redact, invalid.values())]
        if "MELTANO_EXTRACTOR_NAME" in os.environ:
            self._warn_of_unknown_variables(only_misspelt=True)
        errors = [*invalid.values(), *setting_errors(self._config, properties, invalid)]
        if errors:
            errors = [*map(redaction.redact, errors)]
            message = "Config validation failed"
            raise ConfigValidationError(message, errors=errors, schema=self.config_jsonschema)
        return []

    _sync_run: SyncRun | None = None

    @property
    def sync_run(self) -> SyncRun:
        """What all streams share during a sync; made at its first use."""
        if self._sync_run is None:
            self._sync_run = self._start_sync_run()
        return self._sync_run

    def _start_sync_run(self) -> SyncRun:
        for given in self.config.get("imdb_ids") or ():
            if given != imdb_id(given):
                self.logger.info("imdb_ids: %s is read as %s", given, imdb_id(given))
        selected = {name for name, stream in self.streams.items() if stream.selected}
        for text in config_warnings(self.config, selected):
            self.logger.warning(text)
        try:
            return SyncRun(
                Settings.from_config(self.config),
                api_key=str(self.config["api_key"]),
                state=self._state,
                selected=selected,
                run_id=_new_run_id(),
            )
        except StateError as error:
            self.logger.error("%s", error)  # noqa: TRY400 - the message is complete
            sys.exit(1)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End the sync between two records; the SDK would end it in the middle of one."""
        if self._sync_run is None:
            sys.exit(128 + signum)
        self._sync_run.stop(signum)


def _new_run_id() -> str:
    """Return an id of a run: ids sort in the order in which the runs started."""
    return f"{int(clock.now().timestamp()):08x}{uuid.uuid4().hex[:4]}"
