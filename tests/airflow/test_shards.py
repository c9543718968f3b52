from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from movies_pipeline.backfill import (
    BackfillError,
    count_requests,
    describe_pending,
    parse_years,
    seed,
    shards,
    split_evenly,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2010", (2010,)),
        ("2010, 2012-2014", (2010, 2012, 2013, 2014)),
        ("2012 2010,2010", (2010, 2012)),
        (" 1999-1999 ", (1999,)),
    ],
)
def test_years_are_parsed(text: str, expected: tuple[int, ...]) -> None:
    assert parse_years(text) == expected


@pytest.mark.parametrize("text", ["", "two", "2012-2010", "2010-", "1066", "9999", "1900-2100"])
def test_other_texts_are_no_years(text: str) -> None:
    with pytest.raises(BackfillError, match=r"^years: "):
        parse_years(text)


@given(st.integers(0, 10**6), st.integers(1, 200))
def test_the_shares_are_the_total_and_as_equal_as_possible(total: int, parts: int) -> None:
    shares = split_evenly(total, parts)
    assert len(shares) == parts
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1


def test_each_year_is_a_shard_with_its_own_state_and_share() -> None:
    planned = shards((2010, 2011, 2012), ["movie", "series"], 100)
    assert [shard["STATE_ID_SUFFIX"] for shard in planned] == [
        "backfill-2010",
        "backfill-2011",
        "backfill-2012",
    ]
    assert [shard["TAP_OMDB_YEARS"] for shard in planned] == ["2010", "2011", "2012"]
    assert [shard["TAP_OMDB_MAX_REQUESTS"] for shard in planned] == ["34", "33", "33"]
    assert {shard["TAP_OMDB_TYPES"] for shard in planned} == {"movie,series"}


def test_without_requests_there_is_no_shard() -> None:
    assert shards((2010, 2011), ["movie"], 0) == []
    assert len(shards((2010, 2011), ["movie"], 1)) == 1


@pytest.mark.parametrize(("types", "named"), [([], "none"), (["movie", "film"], "film")])
def test_other_types_are_errors(types: list[str], named: str) -> None:
    with pytest.raises(BackfillError, match=rf"^types: .*{named}.* choose from movie"):
        shards((2010,), types, 10)


def state(**sync_state: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"singer_state": {"bookmarks": {"sync_state": sync_state}}}


def test_a_shard_begins_with_what_is_known_and_with_no_work_of_others() -> None:
    titles = {"2026-11-22": {"movie older search": {"k3v9": "1375666"}}}
    main = state(
        version=2,
        titles=titles,
        requests={"2026-11-22/7d": {"k3v9": 1}},
        pending={"movie": {"k3v9": "0816692"}},
        failures={"tt0000001": {}},
    )
    known = {"version": 2, "titles": titles, "requests": {"2026-11-22/7d": {"k3v9": 1}}}
    assert seed(main) == state(**known)
    assert seed({}) == {}
    assert seed({"singer_state": {}}) == {}


def test_what_is_pending_is_counted_once() -> None:
    pending = {"movie": {"a": "1 2", "b": "2"}, "season": {"a": "7/1"}}
    searches = {"the*|2010|movie": {"a": {"next_page": 2}, "b": {"next_page": 3}}}
    described = describe_pending(state(pending=pending, search_progress=searches))
    assert described.startswith("3 titles and seasons and 1 unfinished searches are pending")
    assert describe_pending(state(pending={}, search_progress={})) == "Nothing is pending."
    assert describe_pending({}) == "Nothing is pending."


def test_requests_are_counted_by_day_over_all_runs_and_keys() -> None:
    requests = {
        "2026-11-22/7d": {"a": 3, "b": 4},
        "2026-11-22/11": {"a": 1},
        "2026-11-21/7d": {"a": 9},
    }
    assert count_requests(state(requests=requests), date(2026, 11, 22)) == 8
    assert count_requests({}, date(2026, 11, 22)) == 0
