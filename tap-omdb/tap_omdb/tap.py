"""The tap: its settings, its streams and its command line."""

from __future__ import annotations

import io
import os
import sys
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from types import FrameType
from typing import Any, ClassVar

import click
from singer_sdk import Tap, metrics
from singer_sdk import typing as th
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import (
    CapabilitiesEnum,
    PluginCapabilities,
    TapCapabilities,
)
from singer_sdk.plugin_base import _ConfigInput
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from tap_omdb import clock, redaction
from tap_omdb.config.files import read_catalog, read_config, read_state
from tap_omdb.config.settings import Settings, json_properties
from tap_omdb.config.validation import coerce, schema_violations, unknown_variables
from tap_omdb.config.values import parse_imdb_id
from tap_omdb.message_writer import MessageWriter
from tap_omdb.state import StateError
from tap_omdb.streams import STREAMS, OMDbStream
from tap_omdb.sync.run import SyncRun


class TapOMDb(Tap):
    """Movies, series, episodes and games of OMDb, the Open Movie Database."""

    name = "tap-omdb"
    package_name = "tap-omdb"
    message_writer_class = MessageWriter
    message_writer: MessageWriter

    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.DISCOVER,
        TapCapabilities.STATE,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    config_jsonschema = th.PropertiesList(*json_properties(Settings)).to_dict()

    settings: Settings
    """The parsed settings; not set if the config was not to be validated."""

    @override
    def discover_streams(self) -> Sequence[OMDbStream]:
        return [stream(tap=self) for stream in STREAMS]

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """Return the command, with options that validate the files they name."""
        command = super().get_singer_command()
        options = {option.name: option for option in command.params}
        readers: dict[str, Callable[[str], str]] = {
            "state": read_state,
            "catalog": partial(read_catalog, streams={stream.name for stream in STREAMS}),
        }
        for name, read in readers.items():
            options[name].type = click.STRING
            options[name].callback = partial(_read_file, read)
        options["test"].type = click.Choice([choice.value for choice in CliTestOptionValue])
        return command

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """Read the files that `--config` names, once: they may be pipes."""
        given = super().cb_config(ctx, param, tuple(name for name in value if name == "ENV"))
        for name in value:
            if name != "ENV":
                given.config |= read_config(name)
        return given

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Run the connection test; the SDK would print a traceback for invalid settings here."""
        try:
            super().cb_test(ctx, param, value)
        except ConfigValidationError as error:
            for text in error.errors:
                cls.logger.error(text)  # noqa: TRY400 - the message is complete
            ctx.exit(1)

    @property
    def _env_var_config(self) -> dict[str, Any]:
        """The settings in the environment, as text; `coerce` converts them."""
        self.append_builtin_config(self.config_jsonschema)
        texts = {name: {"type": "string"} for name in self.config_jsonschema["properties"]}
        config = parse_environment_config({"properties": texts}, self._env_var_prefix)
        self._warn_of_unknown_variables(only_misspelt=False)
        return config

    def _warn_of_unknown_variables(self, *, only_misspelt: bool) -> None:
        known = self.config_jsonschema["properties"]
        for text in unknown_variables(
            os.environ, self._env_var_prefix, known, only_misspelt=only_misspelt
        ):
            self.logger.warning(text)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Validate the settings, and keep the key out of every message about them."""
        redaction.register_secret(self._config.get("api_key"))
        schema = self.config_jsonschema
        self.append_builtin_config(schema)
        self._config = coerce(self._config, schema)
        violations = schema_violations(self._config, schema)
        if not raise_errors:
            return [*map(redaction.redact, violations.values())]
        if "MELTANO_EXTRACTOR_NAME" in os.environ:
            self._warn_of_unknown_variables(only_misspelt=True)
        self.settings = Settings.parse(self._config, schema, violations)
        return []

    _sync_run: SyncRun | None = None

    @property
    def has_run(self) -> bool:
        """Whether the run has begun."""
        return self._sync_run is not None

    def execute_run(self, first: OMDbStream) -> None:
        """Execute the run, and emit the rows of all selected streams; only once.

        Args:
            first: The stream whose schema is emitted already.
        """
        if self._sync_run is not None:
            return
        streams = {
            stream.name: stream
            for stream in self.streams.values()
            if isinstance(stream, OMDbStream) and stream.selected
        }
        run = self._sync_run = self._start_sync_run({*streams})
        for stream in streams.values():
            if stream is not first:
                stream.begin()
        is_test = first.ABORT_AT_RECORD_COUNT == 1
        with (
            closing(self.message_writer),
            metrics.http_request_counter(self.name, endpoint="") as requests,
            closing(run.rows(is_test=is_test)) as rows,
        ):
            counted = 0
            for row in rows:
                streams[row.stream].emit(row.values)
                now = run.requests  # read once, since other threads count on
                requests.increment(now - counted)
                counted = now
                if run.is_state_due():
                    self.write_state()
                if is_test:
                    break
            requests.increment(run.requests - counted)
            if run.exit_code:
                self.write_state()
                sys.exit(run.exit_code)

    def write_state(self) -> None:
        """Write a STATE message: the run's state changes with more than records."""
        if self._sync_run:
            self._sync_run.save()
        self.state_writer.write_state(self.state)

    def _start_sync_run(self, selected: set[str]) -> SyncRun:
        for given in self.config.get("imdb_ids") or ():
            if given != parse_imdb_id(given):
                self.logger.info("imdb_ids: %s is read as %s", given, parse_imdb_id(given))
        for text in self.settings.warnings(selected):
            self.logger.warning(text)
        try:
            return SyncRun(self.settings, self._state, selected, _new_run_id())
        except StateError as error:
            self.logger.error("%s", error)  # noqa: TRY400 - the message is complete
            sys.exit(1)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End the sync between two records; the SDK would end it in the middle of one."""
        if self._sync_run is None:
            sys.exit(128 + signum)
        self._sync_run.stop(signum)


def _read_file(
    read: Callable[[str], str], _: click.Context, __: click.Parameter, path: str | None
) -> io.StringIO | None:
    """Return the text of a file in the form that the SDK expects."""
    return None if path is None else io.StringIO(read(path))


def _new_run_id() -> str:
    """Return an id of a run: ids sort in the order in which the runs started."""
    return f"{int(clock.now().timestamp()):08x}{uuid.uuid4().hex[:4]}"
