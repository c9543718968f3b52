"""What a run says of itself, in `syncs` and in progress lines, and how its messages are written."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import BufferedReader
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omdb_emulator.testing import Emulator
from singer_sdk.singerlib.messages import RecordMessage, SchemaMessage
from tap_omdb.message_writer import MAX_BUFFERED_BYTES, MessageWriter

from tests.tap.conftest import Config, Run, Tap

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


def test_each_run_has_an_id_of_its_own(sync: Tap, config: Config) -> None:
    config["imdb_ids"] = IDS[:1]
    assert len({outcome(sync())["sync_id"] for _ in range(3)}) == 3


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


def test_it_is_a_stream_like_any_other(sync: Tap, config: Config) -> None:
    config["imdb_ids"] = IDS
    assert sync(select={"movies"}).records("syncs") == []
    run = sync(select={"syncs"})
    assert run.counts == {}
    assert outcome(run)["requests"] == 0


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


@pytest.mark.usefixtures("_report_each_response")
def test_a_budget_that_is_too_small_is_reported(sync: Tap) -> None:
    run = sync({"search_terms": ["man*"], "concurrency": 1, "max_requests": 5})
    assert {line["until"] for line in lines(run)} == {"until the budget is exhausted"}
    assert lines(run)[-1]["left"] == "0"


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
