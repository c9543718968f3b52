"""The tap: its settings and its streams."""

from __future__ import annotations

import os
import sys
import uuid
from typing import TYPE_CHECKING, ClassVar

from singer_sdk import typing as th
from singer_sdk.helpers.capabilities import (
    CapabilitiesEnum,
    PluginCapabilities,
    TapCapabilities,
)
from typing_extensions import override

from tap_omdb import clock, redaction
from tap_omdb.cli import CommandLineTap
from tap_omdb.config.settings import Settings, json_properties
from tap_omdb.config.validation import coerce, schema_violations
from tap_omdb.config.values import parse_imdb_id
from tap_omdb.state.errors import StateError
from tap_omdb.streams import STREAMS
from tap_omdb.sync.run import SyncRun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from tap_omdb.client import OMDbStream


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

    config_jsonschema = th.PropertiesList(*json_properties(Settings)).to_dict()

    settings: Settings
    """The parsed settings; not set if the config was not to be validated."""

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
    def sync_run(self) -> SyncRun:
        """What all streams share during a sync; made at its first use."""
        if self._sync_run is None:
            self._sync_run = self._start_sync_run()
        return self._sync_run

    def _start_sync_run(self) -> SyncRun:
        for given in self.config.get("imdb_ids") or ():
            if given != parse_imdb_id(given):
                self.logger.info("imdb_ids: %s is read as %s", given, parse_imdb_id(given))
        selected = {name for name, stream in self.streams.items() if stream.selected}
        for text in self.settings.warnings(selected):
            self.logger.warning(text)
        try:
            return SyncRun(
                self.settings,
                api_key=self.settings.api_key,
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
