"""An emulator, and two ways to run the tap against it: as a command, and in this process."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from omdb_emulator.testing import Emulator
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.logging import ConsoleFormatter, StructuredFormatter
from tap_omdb.tap import TapOMDb

KEY = "a1b2c3d4"
TAP = Path(sys.executable).with_name("tap-omdb")

DETAILS = {"movies": "movie", "series": "series", "episodes": "episode", "games": "game"}
"""The streams of titles, and the type of those in each."""
STREAMS = {
    **{stream: ["imdb_id"] for stream in DETAILS},
    "list_entries": ["list", "position"],
    "lookups": ["lookup_id"],
    "searches": ["search_id"],
    "rejects": ["reject_id"],
    "syncs": ["sync_id"],
}
"""All streams, and the keys of each."""

Config = dict[str, Any]


@dataclass
class Run:
    """The output of a run of the tap.

    Attributes:
        exit_code: The exit code of the process.
        stdout: Standard output.
        log: Standard error; of a run in this process, the log at every level, as text and JSON.
    """

    exit_code: int
    stdout: str
    log: str
    messages: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        lines = self.stdout.splitlines() if self.stdout.startswith('{"type":') else []
        self.messages = [json.loads(line) for line in lines]

    def records(self, stream: str) -> list[dict[str, Any]]:
        """Return the records of a stream, in the order in which they were emitted."""
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    def ids(self, stream: str) -> list[str]:
        """Return the ids of the records of a stream of titles, in the order emitted."""
        return [record["imdb_id"] for record in self.records(stream)]

    @property
    def counts(self) -> dict[str, int]:
        """How many records each stream has; `syncs` is left out, since each run has one there."""
        counts: dict[str, int] = defaultdict(int)
        for message in self.messages:
            if message["type"] == "RECORD" and message["stream"] != "syncs":
                counts[message["stream"]] += 1
        return dict(counts)

    @property
    def requests(self) -> int:
        """The requests sent, as the row of `syncs` has them."""
        [outcome] = self.records("syncs")
        return int(outcome["requests"])

    @property
    def state(self) -> dict[str, Any]:
        """The last state, as a target would write it."""
        states = [message["value"] for message in self.messages if message["type"] == "STATE"]
        return deepcopy(dict(states[-1]))

    @property
    def sync_state(self) -> dict[str, Any]:
        """The tap's own part of the last state."""
        return dict(self.state["bookmarks"]["sync_state"])


def merged(partial: dict[str, Any], complete: dict[str, Any]) -> dict[str, Any]:
    """Merge the state of a partial run as Meltano does (`meltano.core.utils.merge`)."""
    result = deepcopy(complete)
    for key, value in partial.items():
        result[key] = merged(value, result.get(key, {})) if isinstance(value, dict) else value
    return result


@contextmanager
def memory_below(megabytes: float) -> Iterator[None]:
    """Fail if Python holds more than this at any time meanwhile, beyond what it holds now."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 2**20


Tap = Callable[..., Run]
"""Runs the tap with a config, a state if there is one, and the streams to `select`."""

Command = Callable[..., Run]
"""Runs the installed command with arguments, a `config`, and variables of the environment."""


@pytest.fixture(scope="session")
def _session_emulator() -> Iterator[Emulator]:
    with Emulator(keys={KEY: None}) as emulator:
        yield emulator


@pytest.fixture
def omdb(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """An emulator with `KEY` as its only key and nothing counted yet.

    If the test's module has a `CATALOGUE`, the emulator serves these titles and is the test's own;
    otherwise it has the built-in titles, is shared, and its titles must not be changed.
    """
    titles = getattr(request.module, "CATALOGUE", None)
    if titles is not None:
        with Emulator(titles, keys={KEY: None}) as emulator:
            yield emulator
        return
    shared: Emulator = request.getfixturevalue("_session_emulator")
    before = shared.settings()
    shared.reset()
    yield shared
    shared.reset()
    shared.settings(**before)
    shared.set_key(KEY)


@pytest.fixture
def config(omdb: Emulator) -> Config:
    """A minimal config without anything to fetch; failed requests are not retried."""
    return {"api_key": KEY, "api_url": omdb.url, "max_retry_time": 0}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings that a developer has made for their own runs."""
    for name in os.environ:
        if name.startswith(("TAP_OMDB_", "SINGER_SDK_")) or name == "LOGLEVEL":
            monkeypatch.delenv(name)
    # The SDK warns of Python versions that are about to reach their end of life.
    monkeypatch.setenv("PYTHONWARNINGS", "ignore:Python 3:FutureWarning")
    # The .env file of a checkout, which the SDK looks for in the directories above its own.
    monkeypatch.setattr("singer_sdk.configuration._dict_config.find_dotenv", str)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run the installed command; it may take 30 s."""

    def run(*arguments: str, config: Mapping[str, Any] | None = None, **environment: str) -> Run:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        given: list[str | Path] = ["--config", path] if config else []
        done = subprocess.run(
            [TAP, *given, *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    return run


def run_in_process(
    config: Mapping[str, Any],
    state: Mapping[str, Any] | None = None,
    select: set[str] | None = None,
) -> Run:
    """Run the tap in this process: this is faster, and time_machine applies to it."""
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with _capture_log() as log, _restore_signals(), redirect_stdout(output):
        exit_code = 0
        try:
            TapOMDb(
                config=deepcopy(dict(config)),
                state=deepcopy(dict(state or {})),
                catalog=None if select is None else _catalog(config, select),
            ).sync_all()
        except ConfigValidationError as error:
            # As the command does.
            for text in error.errors:
                TapOMDb.logger.error(text)
            exit_code = 1
        except SystemExit as end:
            exit_code = end.code if isinstance(end.code, int) else 1
    stdout = output.buffer.getvalue().decode()
    return Run(exit_code, stdout, log.getvalue())


@pytest.fixture
def sync(config: Config) -> Tap:
    """Run the tap in this process, with settings in addition to those of `config`."""

    def run(
        settings: Mapping[str, Any] | None = None,
        state: Mapping[str, Any] | None = None,
        *,
        select: set[str] | None = None,
    ) -> Run:
        return run_in_process({**config, **(settings or {})}, state, select)

    return run


def _catalog(config: Mapping[str, Any], select: set[str]) -> dict[str, Any]:
    with _restore_signals():
        catalog = TapOMDb(config=dict(config), validate_config=False).catalog_dict
    for stream in catalog["streams"]:
        for item in stream["metadata"]:
            if item["breadcrumb"] == []:
                item["metadata"]["selected"] = stream["tap_stream_id"] in select
    return catalog


@contextmanager
def _capture_log() -> Iterator[io.StringIO]:
    """Collect the log of all loggers at all levels, in both of the SDK's formats."""
    text = io.StringIO()
    root, level = logging.getLogger(), logging.getLogger().level
    handlers = []
    for formatter in (ConsoleFormatter(), StructuredFormatter()):
        handler = logging.StreamHandler(text)
        handler.setFormatter(formatter)
        handlers.append(handler)
        root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)


@contextmanager
def _restore_signals() -> Iterator[None]:
    """Restore the signal handlers of pytest, which every tap replaces."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
