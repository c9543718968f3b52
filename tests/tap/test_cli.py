"""The command: what it says of itself, what it exits with, and how it stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tap_omdb.tap import TapOMDb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from omdb_emulator.testing import Emulator

    from tests.tap.conftest import Command, Config, RunTap

TAP = Path(sys.executable).with_name("tap-omdb")
STREAMS = ["episodes", "games", "movies", "rejects", "searches", "series"]
SETTINGS = [
    "api_key",
    "api_url",
    "years",
    "search_terms",
    "imdb_ids",
    "titles",
    "titles_file",
    "types",
    "plot",
    "coverage",
    "max_requests",
    "daily_requests",
    "concurrency",
    "requests_per_second",
    "refresh",
    "timeout",
    "max_retry_time",
    "cache_dir",
    "user_agent",
]


@pytest.fixture
def many(config: Config, omdb: Emulator, tmp_path: Path) -> Config:
    """A config with 200 movies to fetch."""
    ids = [imdb_id for imdb_id in omdb.titles() if imdb_id < "tt99"]
    movies = [imdb_id for imdb_id in ids if omdb.title(imdb_id).get("Type") == "movie"][:200]
    return {**config, "imdb_ids": movies, "cache_dir": str(tmp_path / "cache")}


@contextmanager
def started(config: Mapping[str, Any], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The command, running, with its output to be read."""
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
    """Return the lines up to so many records; fails if the command ends before."""
    assert process.stdout
    assert process.stderr
    lines: list[str] = []
    while sum('"type":"RECORD"' in line for line in lines) < count:
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    return lines


# What it says of itself


def test_version(command: Command) -> None:
    run = command("--version")
    assert run.exit_code == 0
    assert run.stdout.startswith(f"tap-omdb v{version('tap-omdb')}, Meltano SDK v0.54.")


def test_the_module_runs_as_the_command_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tap_omdb", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"tap-omdb v{version('tap-omdb')}")


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


def test_about_as_markdown_has_every_setting(command: Command) -> None:
    run = command("--about", "--format=markdown")
    assert run.exit_code == 0
    for name in SETTINGS:
        assert f"\n| {name} " in run.stdout


def test_about_as_text(command: Command) -> None:
    run = command("--about")
    assert run.exit_code == 0
    assert "tap-omdb" in run.stdout


@pytest.mark.parametrize("has_config", [True, False])
def test_discovery_needs_no_config_and_no_request(
    has_config: bool,  # noqa: FBT001
    command: Command,
    config: Config,
    omdb: Emulator,
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**config, "imdb_ids": ["tt1375666"]}))
    run = command(*(["--config", str(path)] if has_config else []), "--discover")
    assert run.exit_code == 0
    catalog = json.loads(run.stdout)
    assert [stream["tap_stream_id"] for stream in catalog["streams"]] == STREAMS
    for stream in catalog["streams"]:
        assert stream["key_properties"]
        [root] = [item for item in stream["metadata"] if item["breadcrumb"] == []]
        assert root["metadata"]["selected"] is True
    assert omdb.stats()["requests"] == 0


def test_no_config_is_told_in_one_line(command: Command) -> None:
    run = command()
    assert run.exit_code == 1
    assert "api_key is missing" in run.log
    assert "Traceback" not in run.log


# The files it is given

UNUSABLE = [
    # what the file holds · what is said of it
    (b"", "is empty"),
    (b'{"api_key": "a1b2c3d4", years: [2010]}', "is not JSON (Expecting property name"),
    (b'["a1b2c3d4"]', "holds no JSON object"),
    (b'"a1b2c3d4"', "holds no JSON object"),
    (b"\xff\xfea1b2c3d4", "is not text in UTF-8"),
    (None, "can't be read (No such file or directory): check the path"),
]


@pytest.fixture
def refusal(
    config: Config, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> Callable[[str, Path], str]:
    """The one line with which a file is refused."""
    good = tmp_path / "config.json"
    good.write_text(json.dumps({**config, "imdb_ids": ["tt1375666"]}))

    def refuse(option: str, path: Path) -> str:
        first = [] if option == "--config" else ["--config", str(good)]
        with pytest.raises(SystemExit) as end:
            TapOMDb.get_singer_command().main([*first, option, str(path)])
        assert end.value.code == 1
        [line] = caplog.messages
        return line

    return refuse


@pytest.mark.parametrize("option", ["--config", "--state", "--catalog"])
@pytest.mark.parametrize(("content", "says"), UNUSABLE)
def test_a_file_that_cannot_be_used_is_told_in_one_line(
    option: str,
    content: bytes | None,
    says: str,
    refusal: Callable[[str, Path], str],
    tmp_path: Path,
) -> None:
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_bytes(content)
    line = refusal(option, path)
    assert f"{option}: {path} {says}" in line
    assert "a1b2c3d4" not in line


def test_the_command_tells_it_in_one_line_too(command: Command, tmp_path: Path) -> None:
    run = command("--config", str(tmp_path / "config.json"), "--discover")
    assert run.exit_code == 1
    assert run.stdout == ""
    [line] = run.log.splitlines()
    assert "can't be read (No such file or directory): check the path" in line


@pytest.mark.parametrize(
    "state",
    [{"bookmarks": []}, {"bookmarks": {"ledger": 1}}, {"type": "STATE", "value": {}}, {"x": 1}],
    ids=str,
)
def test_a_state_of_another_shape_is_not_taken_for_none(
    state: dict[str, Any], refusal: Callable[[str, Path], str], tmp_path: Path
) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(state))
    wanted = 'it must hold the last line that the target printed, such as {"bookmarks": {...}}'
    assert refusal("--state", path) == f"--state: {path} is no state: {wanted}"


@pytest.mark.parametrize(
    "catalog",
    [{}, {"streams": []}, {"streams": 5}, {"streams": [{}]}, {"streams": [{"tap_stream_id": "x"}]}],
    ids=str,
)
def test_a_catalog_without_any_of_the_streams_is_refused(
    catalog: dict[str, Any], refusal: Callable[[str, Path], str], tmp_path: Path
) -> None:
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(catalog))
    wanted = "it must hold what tap-omdb --discover prints"
    line = refusal("--catalog", path)
    assert line == f"--catalog: {path} has none of the tap's streams: {wanted}"


def test_a_state_with_nothing_in_it_is_a_first_run(run_tap: RunTap, config: Config) -> None:
    assert run_tap({**config, "imdb_ids": ["tt1375666"]}, {}).ids("movies") == ["tt1375666"]


def test_a_config_may_come_in_parts_and_through_a_pipe(config: Config, tmp_path: Path) -> None:
    (tmp_path / "ids.json").write_text('{"imdb_ids": ["tt1375666"], "requests_per_second": 99.5}')
    done = subprocess.run(
        [TAP, "--config", "/dev/stdin", "--config", tmp_path / "ids.json"],
        input=json.dumps({**config, "imdb_ids": ["tt0816692"]}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    messages = map(json.loads, done.stdout.splitlines())
    assert [m["record"]["imdb_id"] for m in messages if m["type"] == "RECORD"] == ["tt1375666"]


# --test


@pytest.mark.parametrize("test", ["--test", "--test=schema"])
def test_test_without_a_config_is_told_as_a_run_is(test: str, command: Command) -> None:
    run = command(test)
    assert run.exit_code == 1
    assert "api_key is missing" in run.log
    assert "nothing to fetch" in run.log
    assert "Traceback" not in run.log


def test_test_of_the_schema_asks_nothing(
    command: Command, many: Config, omdb: Emulator, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(many))
    run = command("--config", str(path), "--test=schema")
    assert run.exit_code == 0
    messages = map(json.loads, run.stdout.splitlines())
    assert [(m["type"], m["stream"]) for m in messages] == [("SCHEMA", name) for name in STREAMS]
    assert omdb.stats()["requests"] == 0


def test_there_is_no_other_test(command: Command) -> None:
    run = command("--test=everything")
    assert run.exit_code == 2
    assert "'everything' is not one of 'all', 'schema', 'disabled'" in run.log


def test_test_costs_a_few_requests(
    command: Command, many: Config, omdb: Emulator, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**many, "concurrency": 4}))
    run = command("--config", str(path), "--test")
    assert run.exit_code == 0, run.log
    assert 1 <= omdb.stats()["requests"] <= 2 * 4
    assert "Traceback" not in run.log


def test_test_with_a_bad_key_fails(
    command: Command, many: Config, omdb: Emulator, tmp_path: Path
) -> None:
    omdb.remove_key(many["api_key"])
    path = tmp_path / "config.json"
    path.write_text(json.dumps(many))
    run = command("--config", str(path), "--test")
    assert run.exit_code == 1
    assert "check api_key" in run.log
    assert "Traceback" not in run.log


# A state


def test_a_state_of_a_newer_version_is_told_in_one_line(
    run_tap: RunTap, config: Config, omdb: Emulator
) -> None:
    state = {"bookmarks": {"ledger": {"version": 99}}}
    run = run_tap({**config, "imdb_ids": ["tt1375666"]}, state)
    assert run.exit_code == 1
    assert "the state is of version 99" in run.log
    assert "upgrade tap-omdb" in run.log
    assert "Traceback" not in run.log
    assert omdb.stats()["requests"] == 0


def test_a_state_that_is_none_of_the_taps_is_told_in_one_line(
    run_tap: RunTap, config: Config
) -> None:
    state = {"bookmarks": {"ledger": {"version": 1, "titles": {"yesterday": {"movie": "x"}}}}}
    run = run_tap({**config, "imdb_ids": ["tt1375666"]}, state)
    assert run.exit_code == 1
    assert "the state can't be read" in run.log
    assert "Traceback" not in run.log


def test_a_titles_file_that_breaks_off_ends_the_run_after_what_it_gave(
    run_tap: RunTap, config: Config, omdb: Emulator, tmp_path: Path
) -> None:
    import gzip  # noqa: PLC0415
    import random  # noqa: PLC0415

    movies = [i for i in omdb.titles() if i < "tt99" and omdb.title(i).get("Type") == "movie"]
    noise = [f"# {random.Random(n).getrandbits(2000):x}" for n in range(2000)]  # noqa: S311
    whole = gzip.compress("\n".join(["imdb_id", *movies[:20], *noise]).encode())
    path = tmp_path / "titles.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    run = run_tap({**config, "titles_file": str(path)})
    assert run.exit_code == 1
    assert f"titles_file: {path} cannot be read" in run.log
    assert "Traceback" not in run.log
    assert len(run.ids("movies")) == 20
    assert run.messages[-1]["type"] == "STATE"


# How it stops


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_the_run_between_two_records(
    number: signal.Signals, many: Config, run_tap: RunTap, omdb: Emulator, tmp_path: Path
) -> None:
    omdb.set_latency(30)
    with started({**many, "concurrency": 4, "cache_dir": None}, tmp_path) as process:
        lines = until_record(process, 20)
        process.send_signal(number)
        at = time.monotonic()
        rest, log = process.communicate(timeout=20)
        assert time.monotonic() - at < 5
        assert process.returncode == 128 + number
    omdb.set_latency(0)
    messages = [json.loads(line) for line in [*lines, *rest.splitlines()]]
    emitted = [m["record"]["imdb_id"] for m in messages if m["type"] == "RECORD"]
    assert 20 <= len(emitted) < 60
    assert messages[-1]["type"] == "STATE"
    ledger = messages[-1]["value"]["bookmarks"]["sync_state"]
    known = [
        f"tt{n}" for day in ledger["titles"].values() for ids in day.values() for n in ids.split()
    ]
    assert sorted(known) == sorted(emitted)
    assert "Ended early: stopped" in log
    assert "Traceback" not in log
    assert omdb.stats()["requests"] == len(emitted)
    again = run_tap({**many, "cache_dir": None}, messages[-1]["value"])
    assert again.exit_code == 0
    assert sorted([*emitted, *again.ids("movies")]) == sorted(many["imdb_ids"])
    assert omdb.stats()["requests"] == 200


def test_a_signal_is_heeded_while_omdb_is_down(
    many: Config, omdb: Emulator, tmp_path: Path
) -> None:
    omdb.fault("unavailable", skip=20)
    with started({**many, "max_retry_time": 600}, tmp_path) as process:
        while omdb.stats()["requests"] < 45:
            assert process.poll() is None
            time.sleep(0.05)
        process.terminate()
        at = time.monotonic()
        output, log = process.communicate(timeout=30)
        assert time.monotonic() - at < 5
        assert process.returncode == 143
    messages = [json.loads(line) for line in output.splitlines()]
    assert sum(message["type"] == "RECORD" for message in messages) == 20
    assert messages[-1]["type"] == "STATE"
    assert messages[-1]["value"]["bookmarks"]["sync_state"]["failing"] == {}
    assert "Ended early: stopped" in log


def test_a_signal_waits_no_longer_than_the_timeout_for_what_is_under_way(
    many: Config, omdb: Emulator, tmp_path: Path
) -> None:
    omdb.fault("hang", skip=5)
    with started({**many, "timeout": 2, "max_retry_time": 60}, tmp_path) as process:
        while omdb.stats()["in_flight"] < 8:
            assert process.poll() is None
            time.sleep(0.02)
        process.terminate()
        at = time.monotonic()
        process.communicate(timeout=30)
        assert time.monotonic() - at < 5
        assert process.returncode == 143


def test_a_target_that_dies_ends_the_run_with_one_line(
    many: Config, omdb: Emulator, tmp_path: Path
) -> None:
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
    assert "The target reads no further" in errors[0]
    assert "Traceback" not in log
    assert "BrokenPipe" not in log
    assert omdb.stats()["requests"] < 60


def test_a_pipe_that_nobody_ever_reads_ends_the_run(
    many: Config, omdb: Emulator, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(many))
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [TAP, "--config", path], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert done.returncode == 1
    assert "The target reads no further" in done.stderr
    assert "Traceback" not in done.stderr
    assert omdb.stats()["requests"] == 0
