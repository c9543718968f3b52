"""The SDK's standard tests, stricter ones, and a whole run compared with a committed one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import time_machine
from jsonschema import Draft202012Validator, FormatChecker
from omdb_emulator.testing import Emulator
from singer_sdk.testing import SuiteConfig, get_tap_test_class
from tap_omdb.tap import TapOMDb

from tests.tap.conftest import DETAILS, KEY, STREAMS, Run, Tap, run_in_process

WITH_ROWS = {*STREAMS} - {"syncs"}
"""The streams that `Run.counts` counts."""
NOW = datetime(2026, 6, 15, 12, 30, 15, 123456, tzinfo=timezone.utc)

EVERYTHING: dict[str, Any] = {
    "years": [2010],
    "search_terms": ["harry*", "the", "no such words"],
    "imdb_ids": [
        "tt1375666",
        "tt99000001",
        "tt0000404",  # OMDb has no such title
        "tt99000061",  # nor the data of this one
        "tt4440394",  # merged into tt2250912
        "tt0185906",  # a series with one season
        "tt0491738",  # a series, most seasons of which are missing
    ],
    "titles": [{"title": "Up", "year": 2009}, {"title": "No Such Title"}],
    "titles_file": str(Path(__file__).with_name("watchlist.csv")),
    "types": ["movie", "series", "episode", "game"],
}
"""A config with which each stream has records and rejects occur for several reasons."""

# The SDK's runner runs when its class is set up and knows no fixtures: hence one for the module.
_emulator = Emulator(keys={KEY: None})


def setup_module() -> None:
    _emulator.__enter__()
    # The emulator's port is known from now on.
    _config["api_url"] = _emulator.url


def teardown_module() -> None:
    _emulator.__exit__(None, None, None)


_config: dict[str, Any] = {"api_key": KEY, "api_url": "http://127.0.0.1:1/", **EVERYTHING}
# parse_env_config would read what developers have set for their own runs.
_Standard = get_tap_test_class(
    TapOMDb,
    config=_config,
    suite_config=SuiteConfig(max_records_limit=None),
    parse_env_config=False,
)


# For `unparsed` and `extra`, which are null in valid records.
@pytest.mark.filterwarnings("ignore:No records were available to test")
class TestStandard(_Standard):  # type: ignore[misc, valid-type]
    """The tests that the SDK requires every tap to pass."""

    params = _Standard.params


@pytest.fixture(scope="module")
def everything() -> Run:
    """A run at a fixed time in which each stream has records."""
    with time_machine.travel(NOW, tick=False):
        return run_in_process(_config)


def test_each_record_comes_after_its_schema_and_has_each_field(everything: Run) -> None:
    schemas: dict[str, dict[str, Any]] = {}
    for message in everything.messages:
        if message["type"] == "SCHEMA":
            # Fields outside the schema: the loader would drop them silently.
            schema = {**message["schema"], "additionalProperties": False}
            Draft202012Validator.check_schema(schema)
            assert schemas.setdefault(message["stream"], schema) == schema
        elif message["type"] == "RECORD":
            schema = schemas[message["stream"]]
            Draft202012Validator(schema, format_checker=_formats()).validate(message["record"])
            assert list(message["record"]) == list(schema["properties"])
    assert set(everything.counts) == WITH_ROWS
    assert [m["type"] for m in everything.messages if m["type"] != "SCHEMA"][-1] == "STATE"


def test_keys_are_unique_and_each_title_is_in_one_stream(everything: Run) -> None:
    keys = {
        message["stream"]: message["key_properties"]
        for message in everything.messages
        if message["type"] == "SCHEMA"
    }
    assert keys == STREAMS
    for stream, names in keys.items():
        values = [tuple(map(record.get, names)) for record in everything.records(stream)]
        assert len(values) == len(set(values)), stream
        assert not [value for value in values if None in value]
    ids = [imdb_id for stream in DETAILS for imdb_id in everything.ids(stream)]
    assert len(ids) == len(set(ids))


def test_a_run_after_a_complete_one_sends_no_request_and_leaves_the_state(everything: Run) -> None:
    before = _emulator.stats()["requests"]
    with time_machine.travel(NOW, tick=False):
        again = run_in_process(_config, everything.state)
    assert again.counts == {"rejects": 1}, "the row of the list that is invalid"
    assert again.state == everything.state
    assert _emulator.stats()["requests"] == before
    assert "Nothing was due: everything known is fresh" in again.log


@pytest.mark.parametrize("stream", sorted(WITH_ROWS))
def test_a_stream_that_is_not_selected_causes_no_message_and_no_request(
    stream: str, sync: Tap, omdb: Emulator
) -> None:
    run = sync({**EVERYTHING}, select={*STREAMS} - {stream})
    assert {m["stream"] for m in run.messages if "stream" in m} == {*STREAMS} - {stream}
    assert set(run.counts) == WITH_ROWS - {stream}
    kinds = [r["query"].get("type") for r in omdb.requests() if r["kind"] == "search"]
    kind = {"movies": "movie", "games": "game"}.get(stream)
    if kind:
        assert kind not in kinds
    if stream == "episodes":
        assert omdb.stats()["by_kind"].get("season", 0) == 0


@pytest.mark.parametrize("stream", DETAILS)
def test_a_stream_that_is_selected_alone(
    stream: str, everything: Run, sync: Tap, omdb: Emulator
) -> None:
    run = sync({**EVERYTHING}, select={stream})
    assert {m["stream"] for m in run.messages if "stream" in m} == {stream}
    assert set(run.counts) == {stream}
    seasons = {"season"} if stream == "episodes" else set()
    assert set(omdb.stats()["by_kind"]) <= {"search", "details", "title"} | seasons
    assert sorted(run.ids(stream)) == sorted(everything.ids(stream))


def test_no_request_is_sent_if_no_stream_is_selected(sync: Tap, omdb: Emulator) -> None:
    run = sync({**EVERYTHING}, select=set())
    assert run.exit_code == 0
    assert [m for m in run.messages if m["type"] != "STATE"] == []
    assert omdb.stats()["requests"] == 0


def _is_timestamp(value: object) -> bool:
    if isinstance(value, str):
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007
    return True


def _formats() -> FormatChecker:
    """Check dates, and times as the tap writes them; jsonschema itself does not check times."""
    checker = FormatChecker(["date"])
    checker.checkers = {**checker.checkers, "date-time": (_is_timestamp, ValueError)}
    return checker


# A whole run, to the letter: all that it emits and all that it logs
#
# Renew the committed files with `UPDATE_GOLDEN=1 pytest tests/tap/test_core.py -k as_it_was`, and
# read the difference before it is committed: each line of it is a change that users see.


GOLDEN = Path(__file__).with_name("golden")
GOLDEN_CONFIG = {
    "api_key": KEY,
    "imdb_ids": [
        "tt1375666",  # a movie
        "tt1475582",  # a series: OMDb has the first of its four seasons
        "tt5691474",  # a game
        "tt99000004",  # a movie with odd values
        "tt99000098",  # a movie of which not all values parse, with a key that is not OMDb's
        "4440394",  # merged into another, and in need of its "tt"
        "tt0000404",  # none
    ],
    "search_terms": ["toy"],
    "types": ["movie", "series", "episode", "game"],
}
RUN_ID = re.compile(r"\b6a2fe940[0-9a-f]{4}\b")
"""The frozen time in hexadecimal, and a random part."""
FROZEN = """
import sys, time_machine
from tap_omdb.tap import TapOMDb
with time_machine.travel("2026-06-15T12:00:00+00:00", tick=False):
    TapOMDb.cli(sys.argv[1:])
"""


@pytest.mark.parametrize("is_shuffled", [False, True], ids=["at once", "out of order"])
def test_a_run_is_as_it_was(is_shuffled: bool, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with Emulator(map(json.loads, _committed("titles.jsonl")), keys={KEY: None}) as omdb:
        if is_shuffled:
            # What comes late must not change the order of what is emitted.
            omdb.fault("delay", seconds=0.05, probability=0.5, seed=7)
        path.write_text(json.dumps({**GOLDEN_CONFIG, "api_url": omdb.url}))
        command = [sys.executable, "-c", FROZEN, "--config", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    log, output = _normalise(done.stderr), RUN_ID.sub("RUN", done.stdout)
    if os.environ.get("UPDATE_GOLDEN") and not is_shuffled:
        (GOLDEN / "singer.jsonl").write_text(output, encoding="utf-8")
        (GOLDEN / "log.txt").write_text(log, encoding="utf-8")
    assert output.splitlines() == _committed("singer.jsonl")
    assert log.splitlines() == _committed("log.txt")
    assert KEY not in done.stdout + done.stderr


def _committed(name: str) -> list[str]:
    return (GOLDEN / name).read_text(encoding="utf-8").splitlines()


def _normalise(log: str) -> str:
    """Remove from a log what differs between runs, and the SDK's version."""
    log = re.sub(r"^2026-06-15 \d\d:00:00,000 \| ", "", log, flags=re.MULTILINE)
    log = re.sub(r'"pid":\d+', '"pid":0', log)
    return re.sub(r"Meltano SDK v[\d.]+", "Meltano SDK", log)
