"""What a run emits: the SDK's standard tests, stricter ones, and a whole run compared with another.

Also what it says of itself, in `syncs` and in progress lines, and how its messages are written.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import datetime, timezone
from io import BufferedReader
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from jsonschema import Draft202012Validator, FormatChecker
from omdb_emulator.testing import Emulator
from singer_sdk.singerlib.messages import RecordMessage, SchemaMessage
from singer_sdk.testing import SuiteConfig, get_tap_test_class
from tap_omdb.message_writer import MAX_BUFFERED_BYTES, MessageWriter
from tap_omdb.tap import TapOMDb

from tests.tap.conftest import DETAILS, KEY, STREAMS, Config, Run, Tap, run_in_process

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


@pytest.mark.parametrize("stream", sorted(STREAMS))
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


@pytest.mark.parametrize("select", [set(), {"syncs"}], ids=str)
def test_no_request_is_sent_if_no_stream_of_rows_is_selected(
    select: set[str], sync: Tap, omdb: Emulator
) -> None:
    run = sync({**EVERYTHING}, select=select)
    assert (run.exit_code, run.counts) == (0, {})
    assert {m["stream"] for m in run.messages if "stream" in m} == select
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


# What a run says of itself


LINE = re.compile(
    r" \| (?P<rows>[\w ,]+) · (?P<done>\d+) of (?P<all>\d+) tasks done, "
    r"(?P<rate>[\d.]+)/s, (?P<time>[\d:]+) (?P<until>left|until the budget is exhausted) · "
    r"(?P<spent>[\d,]+) requests spent, (?P<left>[\d,]+) left"
)
IDS = ["tt1375666", "tt0816692", "tt0435761"]


def outcome(run: Run) -> dict[str, Any]:
    """Return the one row of `syncs`, which must be the last record."""
    [row] = run.records("syncs")
    records = [message for message in run.messages if message["type"] == "RECORD"]
    assert records[-1]["stream"] == "syncs"
    assert row["records"] == run.counts
    assert row["rejects"] == run.counts.get("rejects", 0)
    return row


def test_a_complete_run(sync: Tap, config: Config, omdb: Emulator) -> None:
    config |= {"imdb_ids": [*IDS, "tt0000404", "tt99000098"], "titles": [{"title": "Up"}]}
    run = sync()
    row = outcome(run)
    assert row["outcome"] == "complete"
    assert row["message"] is None
    assert row["requests"] == omdb.stats()["requests"] == 6
    assert (row["requests_left_today"], row["daily_requests"]) == (1000 - 6, 1000)
    assert row["unparsed_values"] == sum(
        len(record["unparsed"] or {}) for record in run.records("movies")
    )
    assert row["known_titles"] == 4, "the other two are retried tomorrow"
    assert (row["retries"], row["responses_reused"]) == (0, 0)
    assert (row["pending_titles"], row["pending_searches"]) == (0, 0)
    assert row["started_at"] <= row["ended_at"]
    assert row["tap_version"].count(".") == 2


@pytest.mark.usefixtures("_report_each_response")
def test_an_exhausted_budget(sync: Tap) -> None:
    run = sync({"search_terms": ["man*"], "max_requests": 5, "concurrency": 1})
    row = outcome(run)
    assert row["outcome"] == "budget_exhausted"
    assert "max_requests" in row["message"]
    assert row["requests"] == 5
    assert row["pending_titles"] > 0
    assert row["pending_searches"] == 1
    assert re.search(r"Pending: \d+ titles, 1 unfinished search\. Run again to cont", run.log)
    assert run.exit_code == 0
    assert {line["until"] for line in lines(run)} == {"until the budget is exhausted"}
    assert lines(run)[-1]["left"] == "0"


def test_reused_responses_are_counted(
    sync: Tap, config: Config, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config |= {"imdb_ids": IDS, "cache_dir": str(tmp_path_factory.mktemp("cache"))}
    sync()  # whose state is lost
    row = outcome(sync(state={"bookmarks": {"sync_state": {"version": 2, "titles": {}}}}))
    assert (row["responses_reused"], row["requests"]) == (3, 0)


def test_an_unexpected_error(sync: Tap, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        message = f"a defect, {config['api_key']}"
        raise RuntimeError(message)

    rows: list[dict[str, Any]] = []
    monkeypatch.setattr("tap_omdb.omdb.records.to_record", fail)
    monkeypatch.setattr(
        "tap_omdb.streams.SyncsStream.emit", lambda _, record: rows.append(dict(record))
    )
    with pytest.raises(RuntimeError, match="a defect") as caught:
        sync({"imdb_ids": IDS})
    where = (caught.type, caught.value, caught.tb)
    logged = logging.getLogger("x").makeRecord("x", logging.ERROR, "f", 1, "%s", ("y",), where)
    assert "RuntimeError: a defect, ***" in logging.Formatter().format(logged)
    [row] = rows
    assert row["outcome"] == "failed"
    assert row["message"] == "RuntimeError: a defect, ***"


def test_the_sdks_counter_has_all_requests_however_often_it_is_logged(
    sync: Tap, omdb: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singer_sdk.metrics.Counter._ready_to_log", lambda _: True)
    run = sync({"search_terms": ["man*"]})
    counts = re.findall(r'METRIC: .*"http_request_count","value":(\d+)', run.log)
    assert len(counts) > 2
    assert sum(map(int, counts)) == omdb.stats()["requests"]


# Progress lines


@pytest.fixture
def _report_each_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_omdb.sync.progress.INTERVAL_SECONDS", 0)


def lines(run: Run) -> list[dict[str, str]]:
    return [match.groupdict() for match in LINE.finditer(run.log)]


@pytest.mark.usefixtures("_report_each_response")
def test_each_line_counts_the_tasks_done(sync: Tap, config: Config, omdb: Emulator) -> None:
    omdb.set_latency(5)
    ids = sorted(i for i in omdb.titles() if omdb.title(i).get("Type") == "movie")[:20]
    config |= {"imdb_ids": ids, "concurrency": 2}
    run = sync()
    assert [(line["done"], line["all"]) for line in lines(run)] == [
        (str(done), "20") for done in range(1, 20)
    ]
    assert {line["until"] for line in lines(run)} == {"left"}
    for line in lines(run):
        assert int(line["done"]) <= int(line["spent"]) <= 20
        assert int(line["left"].replace(",", "")) + int(line["spent"]) == 1000
    assert lines(run)[-1]["rows"] == "movies 19"
    omdb.set_latency(0)


@pytest.mark.usefixtures("_report_each_response")
def test_titles_found_by_a_search_are_counted_as_soon_as_its_page_is_read(sync: Tap) -> None:
    run = sync({"search_terms": ["man*"], "concurrency": 1})
    totals = [int(line["all"]) for line in lines(run)]
    assert totals[0] == 10 + 2
    assert totals == sorted(totals)
    [search] = run.records("searches")
    assert totals[-1] == search["hits"] + search["pages_read"]


@pytest.mark.usefixtures("_report_each_response")
@pytest.mark.parametrize(
    ("most", "until"), [(9, "0:00:00 until the budget is exhausted"), (900, "")]
)
def test_a_list_that_was_not_counted_has_no_end(
    sync: Tap,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    until: str,
) -> None:
    monkeypatch.setattr("tap_omdb.sync.planner._SMALL_FILE", 0)
    (tmp_path / "list.txt").write_text("".join(f"tt{number:07}\n" for number in range(1, 21)))
    settings = {"titles_file": str(tmp_path / "list.txt"), "max_requests": most}
    run = sync({**settings, "years": [1900], "concurrency": 20})
    assert "years are searched, too" in run.log
    shown = re.findall(r" · [\d,]+ tasks done, [\d.]+/s(?:, ([\w: ]+))? · ", run.log)
    assert until in shown
    assert " of " not in "".join(line for line in run.log.splitlines() if "tasks done" in line)


# How messages are written


TEXT = "x" * 2**20


@contextmanager
def pipe() -> Iterator[BufferedReader]:
    """Put a pipe in the place of standard output; yield its other end."""
    reader, writer = os.pipe()
    with (
        os.fdopen(reader, "rb") as output,
        os.fdopen(writer, "w") as stdout,
        redirect_stdout(stdout),
    ):
        yield output


def record(number: int, text: str = "") -> RecordMessage:
    return RecordMessage("movies", {"number": number, "text": text})


def numbers(output: BufferedReader, count: int) -> list[int]:
    return [json.loads(output.readline())["record"]["number"] for _ in range(count)]


def test_messages_stay_in_their_order_and_arrive_without_a_further_one() -> None:
    writer = MessageWriter()
    with pipe() as output:
        for number in range(5000):
            writer.write_message(record(number))
            if number == 9:
                assert numbers(output, 10) == [*range(10)]
        closing = threading.Thread(target=writer.close)
        closing.start()
        assert numbers(output, 4990) == [*range(10, 5000)]
        closing.join(10)
        assert not closing.is_alive()


def test_a_target_that_does_not_read_is_waited_for_only_when_the_buffer_is_full() -> None:
    writer, written = MessageWriter(), 0
    most = 2 * MAX_BUFFERED_BYTES // len(TEXT) + 2

    def write() -> None:
        nonlocal written
        for number in range(2 * most):
            writer.write_message(record(number, TEXT))
            written += 1
        writer.close()

    with pipe() as output:
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(2)
        waiting, before = thread.is_alive(), written
        assert numbers(output, 2 * most) == [*range(2 * most)]
        thread.join(10)
        assert not thread.is_alive()
    assert waiting
    assert MAX_BUFFERED_BYTES // len(TEXT) <= before <= most


def test_a_schema_is_written_before_anything_else_happens() -> None:
    with pipe() as output:
        MessageWriter().write_message(SchemaMessage("movies", {"properties": {}}, ["imdb_id"]))
        os.set_blocking(output.fileno(), False)
        assert b"SCHEMA" in output.read()


def test_an_error_is_raised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = MessageWriter()
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=full))
        writer.write_message(record(1))
        with pytest.raises(OSError, match="No space left"):
            writer.close()
        writer.close()
