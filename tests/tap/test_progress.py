"""The progress lines of a long run: tasks done, time left and requests left."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from omdb_emulator.testing import Emulator

    from tests.tap.conftest import Config, Run, RunTap

LINE = re.compile(
    r" \| (?P<rows>[\w ,]+) · (?P<done>\d+) of (?P<all>\d+) tasks done, "
    r"(?P<rate>[\d.]+)/s, (?P<time>[\d:]+) (?P<until>left|until the budget is exhausted) · "
    r"(?P<spent>[\d,]+) requests spent, (?P<left>[\d,]+) left"
)


@pytest.fixture(autouse=True)
def _report_each_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_omdb.sync.progress.INTERVAL_SECONDS", 0)


def lines(run: Run) -> list[dict[str, str]]:
    return [match.groupdict() for match in LINE.finditer(run.log)]


def test_each_line_counts_the_tasks_done(sync: RunTap, config: Config, omdb: Emulator) -> None:
    omdb.set_latency(5)
    ids = sorted(i for i in omdb.titles() if omdb.title(i).get("Type") == "movie")[:20]
    config = {**config, "imdb_ids": ids, "concurrency": 2}
    run = sync(config)
    assert [(line["done"], line["all"]) for line in lines(run)] == [
        (str(done), "20") for done in range(1, 20)
    ]
    assert {line["until"] for line in lines(run)} == {"left"}
    for line in lines(run):
        assert int(line["done"]) <= int(line["spent"]) <= 20
        assert int(line["left"].replace(",", "")) + int(line["spent"]) == 1000
    assert lines(run)[-1]["rows"] == "movies 19"
    omdb.set_latency(0)


def test_titles_found_by_a_search_are_counted_as_soon_as_its_page_is_read(
    sync: RunTap, config: Config
) -> None:
    run = sync({**config, "search_terms": ["man*"], "concurrency": 1})
    totals = [int(line["all"]) for line in lines(run)]
    assert totals[0] == 10 + 2
    assert totals == sorted(totals)
    [search] = run.records("searches")
    assert totals[-1] == search["hits"] + search["pages_read"]


def test_a_budget_that_is_too_small_is_reported(sync: RunTap, config: Config) -> None:
    run = sync({**config, "search_terms": ["man*"], "concurrency": 1, "max_requests": 5})
    assert {line["until"] for line in lines(run)} == {"until the budget is exhausted"}
    assert lines(run)[-1]["left"] == "0"
