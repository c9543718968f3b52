"""The command line: its options, exit codes and error messages, and how a run is stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from omdb_emulator.testing import Emulator
from tap_omdb.config.settings import Settings
from tap_omdb.tap import TapOMDb

from tests.tap.conftest import STREAMS, TAP, Command, Config, Run, Tap

SETTINGS = [setting.name for setting in fields(Settings)]


@pytest.fixture
def many(config: Config, omdb: Emulator, tmp_path: Path) -> Config:
    """A config with 200 movies to fetch."""
    ids = [imdb_id for imdb_id in omdb.titles() if imdb_id < "tt99"]
    movies = [imdb_id for imdb_id in ids if omdb.title(imdb_id).get("Type") == "movie"][:200]
    return {**config, "imdb_ids": movies, "cache_dir": str(tmp_path / "cache")}


@contextmanager
def started(config: Mapping[str, Any], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the command, with its output to be read."""
    path = tmp_path / "started.json"
    path.write_text(json.dumps(config))
    with subprocess.Popen(
        [TAP, "--config", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def until_record(process: subprocess.Popen[str], count: int) -> list[str]:
    """Return the lines up to the given number of records; fails if the command ends before."""
    assert process.stdout
    assert process.stderr
    lines: list[str] = []
    while sum('"type":"RECORD"' in line for line in lines) < count:
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    return lines


def read_to_end(process: subprocess.Popen[str], seconds: float) -> tuple[str, str]:
    """Return the rest of both outputs; `communicate` would lose what `readline` has buffered."""
    assert process.stdout
    assert process.stderr
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    outputs = process.stdout.read(), process.stderr.read()
    process.wait()
    timer.cancel()
    return outputs


# Version and settings


@pytest.mark.parametrize("program", [[TAP], [sys.executable, "-m", "tap_omdb"]])
def test_version(program: list[str | Path]) -> None:
    printed = subprocess.check_output([*program, "--version"], text=True)
    assert printed.startswith(f"tap-omdb v{version('tap-omdb')}, Meltano SDK v0.54.")


@pytest.mark.parametrize("arguments", [[], ["--test"]])
def test_without_a_config_each_error_is_one_line(arguments: list[str], command: Command) -> None:
    run = command(*arguments)
    assert run.exit_code == 1
    assert "api_key is missing" in run.log
    assert "nothing to fetch" in run.log
    assert "Traceback" not in run.log


def test_about_as_json_has_every_setting(command: Command) -> None:
    run = command("--about", "--format=json")
    assert run.exit_code == 0
    about = json.loads(run.stdout)
    assert about["name"] == "tap-omdb"
    assert about["version"] == version("tap-omdb")
    assert set(about["capabilities"]) == {
        *("about", "catalog", "discover", "schema-flattening", "state", "stream-maps"),
        "structured-logging",
    }
    properties = about["settings"]["properties"]
    assert [name for name in properties if name in SETTINGS] == SETTINGS
    for name in SETTINGS:
        assert properties[name]["description"].endswith((".", "`."))
        assert properties[name]["title"]
    assert properties["api_key"]["secret"] is True
    assert about["settings"]["required"] == ["api_key"]


def test_discovery_requires_no_config(command: Command) -> None:
    run = command("--discover")
    assert run.exit_code == 0
    catalog = json.loads(run.stdout)
    assert [stream["tap_stream_id"] for stream in catalog["streams"]] == sorted(STREAMS)
    for stream in catalog["streams"]:
        assert stream["key_properties"]
        [root] = [item for item in stream["metadata"] if item["breadcrumb"] == []]
        assert root["metadata"]["selected"] is True


# Files

NOT_JSON = [
    ("", "is empty"),
    ('{"api_key": "a1b2c3d4", years: [2010]}', "is not JSON (Expecting property name"),
    ('["a1b2c3d4"]', "does not hold a JSON object"),
    ("\udcff\udcfea1b2c3d4", "is not UTF-8 text"),
    (None, "cannot be read (No such file or directory): check the path"),
]
NOT_A_STATE = (
    'is not a state: it must hold the last line that the target printed, such as {"bookmarks": '
)
NO_CATALOG = "has none of the tap's streams: it must hold what tap-omdb --discover prints"
INVALID = [
    # the option, the content of its file, the message
    *(("--config", *case) for case in NOT_JSON),
    *((option, *NOT_JSON[0]) for option in ("--state", "--catalog")),
    ("--state", '{"bookmarks": []}', NOT_A_STATE),
    ("--state", '{"bookmarks": {"sync_state": 1}}', NOT_A_STATE),
    ("--state", '{"type": "STATE", "value": {}}', NOT_A_STATE),
    ("--state", '{"x": 1}', NOT_A_STATE),
    ("--catalog", "{}", NO_CATALOG),
    ("--catalog", '{"streams": 5}', NO_CATALOG),
    ("--catalog", '{"streams": [{}]}', NO_CATALOG),
    ("--catalog", '{"streams": [{"tap_stream_id": "x"}]}', NO_CATALOG),
]


@pytest.mark.parametrize(("option", "content", "message"), INVALID)
def test_an_invalid_file_is_one_line(
    option: str,
    content: str | None,
    message: str,
    config: Config,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    good, bad = tmp_path / "config.json", tmp_path / "bad.json"
    good.write_text(json.dumps({**config, "imdb_ids": ["tt1375666"]}))
    if content is not None:
        bad.write_text(content, encoding="utf-8", errors="surrogateescape")
    first = [] if option == "--config" else ["--config", str(good)]
    with pytest.raises(SystemExit) as end:
        TapOMDb.get_singer_command().main([*first, option, str(bad)])
    assert end.value.code == 1
    [line] = caplog.messages
    assert f"{option}: {bad} {message}" in line
    assert "a1b2c3d4" not in line


def test_a_config_may_be_in_several_files_and_a_pipe_and_a_state_may_be_empty(
    config: Config, tmp_path: Path
) -> None:
    ids, state = tmp_path / "ids.json", tmp_path / "state.json"
    ids.write_text('{"imdb_ids": ["tt1375666"], "max_retry_time": 9.5}')
    state.write_text("{}")
    done = subprocess.run(
        [TAP, "--config", "/dev/stdin", "--config", ids, "--state", state],
        input=json.dumps({**config, "imdb_ids": ["tt0816692"]}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert Run(done.returncode, done.stdout, done.stderr).ids("movies") == ["tt1375666"]


# --test


def test_test_of_the_schema_sends_no_request(
    command: Command, many: Config, omdb: Emulator
) -> None:
    run = command("--test=schema", config=many)
    assert run.exit_code == 0
    messages = map(json.loads, run.stdout.splitlines())
    assert [(m["type"], m["stream"]) for m in messages] == [
        ("SCHEMA", name) for name in sorted(STREAMS)
    ]
    assert omdb.stats()["requests"] == 0


def test_test_sends_only_a_few_requests(command: Command, many: Config, omdb: Emulator) -> None:
    run = command("--test", config={**many, "concurrency": 4})
    assert run.exit_code == 0, run.log
    assert 1 <= omdb.stats()["requests"] <= 2 * 4
    assert "Traceback" not in run.log


def test_test_with_a_bad_key_fails(
    command: Command, many: Config, omdb: Emulator, tmp_path: Path
) -> None:
    omdb.remove_key(many["api_key"])
    (tmp_path / "list.csv").write_text("title\nUp\n")  # a row needs no request
    run = command("--test", config={**many, "titles_file": str(tmp_path / "list.csv")})
    assert run.exit_code == 1
    assert "check api_key" in run.log
    assert "Traceback" not in run.log


# Signals and broken pipes


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_the_run_between_two_records(
    number: signal.Signals, many: Config, sync: Tap, omdb: Emulator, tmp_path: Path
) -> None:
    omdb.set_latency(30)
    with started({**many, "concurrency": 4, "cache_dir": None}, tmp_path) as process:
        lines = until_record(process, 20)
        process.send_signal(number)
        at = time.monotonic()
        rest, log = read_to_end(process, 20)
        assert time.monotonic() - at < 5
        assert process.returncode == 128 + number
    omdb.set_latency(0)
    run = Run(process.returncode, "".join([*lines, rest]), log)
    emitted = run.ids("movies")
    assert 20 <= len(emitted) < 60
    assert run.counts == {"movies": len(emitted)}
    assert run.messages[-1]["type"] == "STATE"
    assert [row["outcome"] for row in run.records("syncs")] == ["stopped"]
    assert "Ended early: stopped" in log
    assert "Traceback" not in log
    assert omdb.stats()["requests"] == len(emitted)
    again = sync({**many, "cache_dir": None}, run.state)
    assert again.exit_code == 0
    assert sorted([*emitted, *again.ids("movies")]) == sorted(many["imdb_ids"])
    assert omdb.stats()["requests"] == 200


@pytest.mark.parametrize(
    ("effect", "requests"),
    [("unavailable", 45), ("hang", 20 + 8)],
    ids=["waiting for retries", "no longer than the timeout for requests in flight"],
)
def test_a_signal_ends_what_the_run_waits_for(
    effect: str, requests: int, many: Config, omdb: Emulator, tmp_path: Path
) -> None:
    omdb.fault(effect, skip=20)
    with started({**many, "timeout": 2, "max_retry_time": 600}, tmp_path) as process:
        while omdb.stats()["requests"] < requests:
            assert process.poll() is None
            time.sleep(0.05)
        process.terminate()
        at = time.monotonic()
        output, log = process.communicate(timeout=30)
        assert time.monotonic() - at < 5
        assert process.returncode == 143
    run = Run(process.returncode, output, log)
    assert run.counts == {"movies": 20}
    assert run.messages[-1]["type"] == "STATE"
    assert run.sync_state["failures"] == {}
    assert "Ended early: stopped" in log


def test_a_target_that_exits_ends_the_run(many: Config, omdb: Emulator, tmp_path: Path) -> None:
    omdb.set_latency(20)
    with started(many, tmp_path) as process:
        assert process.stdout
        assert process.stderr
        until_record(process, 1)
        process.stdout.close()
        log = process.stderr.read()
        assert process.wait(timeout=20) == 1
    errors = [line for line in log.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert "The target has stopped reading" in errors[0]
    assert "Traceback" not in log
    assert "BrokenPipe" not in log
    assert omdb.stats()["requests"] < 60
