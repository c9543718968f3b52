"""The tap: its settings and its streams."""

from __future__ import annotations

import io
import os
import sys
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import Tap
from singer_sdk import typing as th
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import (
    CapabilitiesEnum,
    PluginCapabilities,
    TapCapabilities,
)
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from tap_omdb import redaction
from tap_omdb.arguments import read_catalog, read_config, read_state
from tap_omdb.faults import faults
from tap_omdb.ledger import LedgerError
from tap_omdb.mending import mend
from tap_omdb.settings import (
    DEFAULT_COVERAGE,
    DEFAULT_TYPES,
    TYPES,
    Settings,
    imdb_id,
    problems,
    remarks,
    stray_variables,
)
from tap_omdb.streams import STREAMS
from tap_omdb.sync import Sync

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from singer_sdk.plugin_base import _ConfigInput
    from singer_sdk.singerlib.messages import Message

    from tap_omdb.client import OMDbStream

_DAYS = th.CustomType({"type": ["integer", "string"]})
_READ: dict[str, Callable[[str], str]] = {
    "state": read_state,
    "catalog": partial(read_catalog, streams=frozenset(map(attrgetter("name"), STREAMS))),
}
_Validator = th.extend_validator_with_defaults(th.DEFAULT_JSONSCHEMA_VALIDATOR)


def _read_file(
    read: Callable[[str], str], _: click.Context, __: click.Parameter, path: str | None
) -> io.StringIO | None:
    """Hand the text of a file on to the SDK, which wants to read it by itself."""
    return None if path is None else io.StringIO(read(path))


class Writer(MsgSpecWriter):
    """Writes messages to standard output for as long as somebody reads them."""

    @override
    def write_message(self, message: Message) -> None:
        """Write a message, or end the run with one line if the target has gone."""
        try:
            super().write_message(message)
        except BrokenPipeError:
            # What is still buffered would fail once more as the interpreter exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            TapOMDb.logger.error("The target reads no further: its own log says why")
            sys.exit(1)


class TapOMDb(Tap):
    """Movies, series, episodes and games of OMDb, the Open Movie Database."""

    name = "tap-omdb"
    package_name = "tap-omdb"
    message_writer_class = Writer

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
            description="Where OMDb answers. Patrons may use https://private.omdbapi.com/.",
        ),
        th.Property(
            "years",
            th.ArrayType(th.CustomType({"type": ["integer", "string"]})),
            title="Years",
            description='Years to search, as numbers and ranges: `[2010, "2012-2015", "2020-"]`. '
            "They also filter `titles_file` where that is IMDb's title.basics.",
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
            description="Titles by name, with an optional year and type; OMDb answers with the "
            "most popular match.",
            examples=[[{"title": "Inception", "year": 2010}]],
        ),
        th.Property(
            "titles_file",
            th.StringType,
            title="Titles file",
            description="A file of titles: one IMDb id a line, or CSV/TSV (optionally .gz) with "
            "a column of IMDb ids or with titles and years: IMDb and Letterboxd exports, "
            "MovieLens' links.csv and movies.csv, IMDb's title.basics.tsv.gz.",
        ),
        th.Property(
            "types",
            th.ArrayType(th.StringType(nullable=False, allowed_values=[*TYPES])),
            default=[*DEFAULT_TYPES],
            title="Types",
            description="What searches look for: `movie`, `series`, `episode`, `game`. `episode` "
            "reads the seasons of each series found.",
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
            "alone goes for. The last tenth costs as much as the rest.",
        ),
        th.Property(
            "max_requests",
            th.IntegerType(minimum=1),
            title="Requests a run",
            description="The most requests that one run may spend, retries included; no limit by "
            "default.",
        ),
        th.Property(
            "daily_requests",
            th.IntegerType(nullable=False, minimum=1),
            default=1000,
            title="Requests a day",
            description="What your key allows a day (UTC): 1,000 for a free one, 100,000 and "
            "more for patrons. Shared by all runs that share `cache_dir`.",
        ),
        th.Property(
            "concurrency",
            th.IntegerType(nullable=False, minimum=1, maximum=64),
            default=8,
            title="Concurrency",
            description="Requests under way at once.",
        ),
        th.Property(
            "requests_per_second",
            th.NumberType(exclusive_minimum=0),
            title="Requests a second",
            description="The most requests started in a second; no limit by default.",
        ),
        th.Property(
            "refresh",
            th.ObjectType(
                th.Property(
                    "this_year", _DAYS, description="Titles of this year or later: 7 unless set."
                ),
                th.Property(
                    "recent", _DAYS, description="Titles of the three years before: 30 unless set."
                ),
                th.Property("older", _DAYS, description="All others: 180 unless set."),
                additional_properties=False,
            ),
            default={"this_year": 7, "recent": 30, "older": 180},
            title="Refresh",
            description="After how many days a known title (and a search of a year) is asked "
            "for again, by the title's year; `never` is possible.",
            examples=[{"this_year": 3, "older": "never"}],
        ),
        th.Property(
            "timeout",
            th.NumberType(nullable=False, minimum=1, maximum=3600),
            default=30,
            title="Timeout",
            description="Seconds to wait for a connection and for each part of a reply.",
        ),
        th.Property(
            "max_retry_time",
            th.NumberType(nullable=False, minimum=0, maximum=86400),
            default=120,
            title="Retry time",
            description="Seconds for which a failing request is tried again before it is given "
            "up. A reply of OMDb's that refuses a title is not retried.",
        ),
        th.Property(
            "cache_dir",
            th.StringType,
            title="Cache directory",
            description="Folder where replies are kept until a state that covers them has come "
            "back, so that a crash costs no request, and where the day's requests are counted.",
        ),
        th.Property(
            "user_agent",
            th.StringType,
            title="User agent",
            description="Sent with every request; `tap-omdb/VERSION` by default.",
        ),
    ).to_dict()

    @override
    def discover_streams(self) -> Sequence[OMDbStream]:
        return [stream(tap=self) for stream in STREAMS]

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """Return the command, with options that tell in one line what is wrong with a file."""
        command = super().get_singer_command()
        options = {option.name: option for option in command.params}
        for name, read in _READ.items():
            options[name].type = click.STRING
            options[name].callback = partial(_read_file, read)
        options["test"].type = click.Choice([choice.value for choice in CliTestOptionValue])
        return command

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """Read what `--config` names, once: it may be a pipe."""
        given = super().cb_config(ctx, param, tuple(name for name in value if name == "ENV"))
        for name in value:
            if name != "ENV":
                given.config |= read_config(name)
        return given

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Test; the SDK itself would tell bad settings with a traceback here."""
        try:
            super().cb_test(ctx, param, value)
        except ConfigValidationError as error:
            for text in error.errors:
                cls.logger.error(text)  # noqa: TRY400 - the text says all
            ctx.exit(1)

    @property
    def _env_var_config(self) -> dict[str, Any]:
        """The settings in the environment as the texts that they are; `mend` reads them."""
        self.append_builtin_config(self.config_jsonschema)
        texts = {name: {"type": "string"} for name in self.config_jsonschema["properties"]}
        config = parse_environment_config({"properties": texts}, self._env_var_prefix)
        self._tell_stray_variables(only_likely=False)
        return config

    def _tell_stray_variables(self, *, only_likely: bool) -> None:
        known = self.config_jsonschema["properties"]
        for text in stray_variables(
            os.environ, self._env_var_prefix, known, only_likely=only_likely
        ):
            self.logger.warning(text)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings, and see to it that no message about them tells the key."""
        redaction.hide(self._config.get("api_key"))
        self.append_builtin_config(self.config_jsonschema)
        properties = self.config_jsonschema["properties"]
        self._config = mend(self._config, properties)
        faulty = faults(_Validator(self.config_jsonschema).iter_errors(self._config), properties)
        if not raise_errors:
            return [*map(redaction.redact, faulty.values())]
        if "MELTANO_EXTRACTOR_NAME" in os.environ:
            self._tell_stray_variables(only_likely=True)
        errors = [*faulty.values(), *problems(self._config, properties, faulty)]
        if errors:
            errors = [*map(redaction.redact, errors)]
            message = "Config validation failed"
            raise ConfigValidationError(message, errors=errors, schema=self.config_jsonschema)
        return []

    @property
    def sync(self) -> Sync:
        """What all streams share during a sync; made at its first use."""
        if self._sync is None:
            for given in self.config.get("imdb_ids") or ():
                if given != imdb_id(given):
                    self.logger.info("imdb_ids: %s is taken for %s", given, imdb_id(given))
            selected = {name for name, stream in self.streams.items() if stream.selected}
            for text in remarks(self.config, selected):
                self.logger.warning(text)
            try:
                self._sync = Sync(
                    Settings.from_config(self.config),
                    api_key=str(self.config["api_key"]),
                    state=self._state,
                    selected=selected,
                )
            except LedgerError as error:
                self.logger.error("%s", error)  # noqa: TRY400 - the text says all
                sys.exit(1)
        return self._sync

    _sync: Sync | None = None

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End the sync between two records; the SDK would cut one in half."""
        if self._sync is None:
            sys.exit(128 + signum)
        self._sync.stop(signum)
