"""An emulator to ask, and two ways to run the tap against it: as a command, and in here."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from omdb_emulator.testing import Emulator
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.logging import ConsoleFormatter, StructuredFormatter
from tap_omdb.tap import TapOMDb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEY = "a1b2c3d4"
TAP = Path(sys.executable).with_name("tap-omdb")

Config = dict[str, Any]


@dataclass
class Run:
    """What a run of the tap gave.

    Attributes:
        exit_code: As of the process.
        stdout: All that it wrote there.
        log: Standard error; of a run in here, the log at every level, as text and as JSON.
    """

    exit_code: int
    stdout: str
    log: str
    messages: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.messages = [json.loads(line) for line in self.stdout.splitlines()]

    def records(self, stream: str) -> list[dict[str, Any]]:
        """The records of a stream, in the order emitted."""
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    def ids(self, stream: str) -> list[str]:
        """The ids of a details stream's records, in the order emitted."""
        return [record["imdb_id"] for record in self.records(stream)]

    @property
    def counts(self) -> dict[str, int]:
        """How many records each stream had."""
        counts: dict[str, int] = defaultdict(int)
        for message in self.messages:
            if message["type"] == "RECORD":
                counts[message["stream"]] += 1
        return dict(counts)

    @property
    def state(self) -> dict[str, Any]:
        """The last state, as a target would pass it on."""
        states = [message["value"] for message in self.messages if message["type"] == "STATE"]
        return dict(states[-1])

    @property
    def sync_state(self) -> dict[str, Any]:
        """The tap's own part of the last state."""
        return dict(self.state["bookmarks"]["sync_state"])


class RunTap(Protocol):
    """Runs the tap, as a command or in here."""

    def __call__(
        self,
        config: Mapping[str, Any],
        state: Mapping[str, Any] | None = None,
        *,
        select: set[str] | None = None,
    ) -> Run: ...


class Command(Protocol):
    """Runs the installed command with any arguments, and variables beside the environment."""

    def __call__(self, *arguments: str, **environment: str) -> Run: ...


@pytest.fixture(scope="session")
def _session_emulator() -> Iterator[Emulator]:
    with Emulator(keys={KEY: None}) as emulator:
        yield emulator


@pytest.fixture
def omdb(_session_emulator: Emulator) -> Iterator[Emulator]:
    """An emulator that serves its catalogue, with `KEY` as its one key and nothing counted yet.

    A test that changes titles takes an emulator of its own instead.
    """
    before = _session_emulator.settings()
    _session_emulator.reset()
    yield _session_emulator
    _session_emulator.reset()
    _session_emulator.settings(**before)
    _session_emulator.set_key(KEY)


@pytest.fixture
def config(omdb: Emulator) -> Config:
    """The least that a config needs, but for something to fetch; failures are not retried."""
    return {"api_key": KEY, "api_url": omdb.url, "max_retry_time": 0}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep out what a developer has set for runs of their own."""
    for name in os.environ:
        if name.startswith(("TAP_OMDB_", "SINGER_SDK_")) or name == "LOGLEVEL":
            monkeypatch.delenv(name)
    # The SDK's word on the running Python, which comes and goes by the calendar.
    monkeypatch.setenv("PYTHONWARNINGS", "ignore:Python 3:FutureWarning")
    # A checkout's .env, which the SDK looks for above its own folder.
    monkeypatch.setattr("singer_sdk.configuration._dict_config.find_dotenv", str)


@pytest.fixture
def command() -> Command:
    """Run the installed command to its end, for at most half a minute."""

    def run(*arguments: str, **environment: str) -> Run:
        done = subprocess.run(
            [TAP, *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        is_singer = done.stdout.startswith('{"type":')
        run = Run(done.returncode, done.stdout if is_singer else "", done.stderr)
        run.stdout = done.stdout
        return run

    return run


@pytest.fixture
def run_tap(command: Command, tmp_path: Path) -> RunTap:
    """Run the installed command to its end, at the usual log level."""

    def run(
        config: Mapping[str, Any],
        state: Mapping[str, Any] | None = None,
        *,
        select: set[str] | None = None,
    ) -> Run:
        arguments = ["--config", _write(tmp_path / "config.json", config)]
        if state is not None:
            arguments += ["--state", _write(tmp_path / "state.json", state)]
        if select is not None:
            catalog = _catalog(config, select)
            arguments += ["--catalog", _write(tmp_path / "catalog.json", catalog)]
        return command(*arguments)

    return run


@pytest.fixture
def sync() -> RunTap:
    """Run the tap in this process: quicker, and under a clock that time_machine has moved."""

    def run(
        config: Mapping[str, Any],
        state: Mapping[str, Any] | None = None,
        *,
        select: set[str] | None = None,
    ) -> Run:
        output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        with _logged() as log, _signals_kept(), redirect_stdout(output):
            exit_code = 0
            try:
                TapOMDb(
                    config=deepcopy(dict(config)),
                    state=deepcopy(dict(state or {})),
                    catalog=None if select is None else _catalog(config, select),
                ).sync_all()
            except ConfigValidationError as error:
                # As the command does it.
                for text in error.errors:
                    TapOMDb.logger.error(text)
                exit_code = 1
            except SystemExit as end:
                exit_code = end.code if isinstance(end.code, int) else 1
        stdout = output.buffer.getvalue().decode()
        return Run(exit_code, stdout, log.getvalue())

    return run


def _catalog(config: Mapping[str, Any], select: set[str]) -> dict[str, Any]:
    with _signals_kept():
        catalog = TapOMDb(config=dict(config), validate_config=False).catalog_dict
    for stream in catalog["streams"]:
        for item in stream["metadata"]:
            if item["breadcrumb"] == []:
                item["metadata"]["selected"] = stream["tap_stream_id"] in select
    return catalog


def _write(path: Path, value: Mapping[str, Any]) -> str:
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


@contextmanager
def _logged() -> Iterator[io.StringIO]:
    """Collect the log of every logger at every level, as the SDK's two formatters write it."""
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
def _signals_kept() -> Iterator[None]:
    """Give pytest back its Ctrl-C, which every tap takes for itself."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
