from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tap_omdb import clock
from tap_omdb.backfill import cli, describe_pending, plan, seed, split_evenly
from tap_omdb.config.settings import Settings
from tap_omdb.state.budget import Budget
from tap_omdb.state.cache_file import CacheFile
from tap_omdb.tap import TapOMDb

KEY = "0000abcd"
CONFIG = {"api_key": KEY, "years": ["2012-2013", 2010], "daily_requests": 100}
SETTINGS = TapOMDb(config=CONFIG).settings


def state(**sync_state: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"bookmarks": {"sync_state": {"version": 2} | sync_state}}


def shares(settings: Settings, known: dict[str, Any]) -> list[int]:
    return [int(run["TAP_OMDB_MAX_REQUESTS"]) for run in plan(settings, known)]


@given(st.integers(0, 10**6), st.integers(1, 200))
def test_the_shares_are_the_total_and_as_equal_as_possible(total: int, parts: int) -> None:
    found = split_evenly(total, parts)
    assert len(found) == parts
    assert sum(found) == total
    assert max(found) - min(found) <= 1


def test_each_year_has_its_share_of_the_day() -> None:
    assert plan(SETTINGS, {}) == [
        {"TAP_OMDB_YEARS": "2010", "TAP_OMDB_MAX_REQUESTS": "34"},
        {"TAP_OMDB_YEARS": "2012", "TAP_OMDB_MAX_REQUESTS": "33"},
        {"TAP_OMDB_YEARS": "2013", "TAP_OMDB_MAX_REQUESTS": "33"},
    ]


def test_max_requests_is_the_limit_of_all_and_a_year_without_a_share_is_left_out() -> None:
    assert shares(replace(SETTINGS, max_requests=2), {}) == [1, 1]
    assert shares(replace(SETTINGS, max_requests=1000), {}) == [34, 33, 33]
    assert shares(replace(SETTINGS, daily_requests=0), {}) == []


def test_only_todays_requests_with_the_same_key_count(tmp_path: Path) -> None:
    counts: dict[str, dict[str, int]] = {}
    Budget(SETTINGS, counts, "a", None).spend()
    counts |= {"2020-01-01/7d": {"a": 50}, f"{clock.today()}/no": {"a": 50}}
    assert sum(shares(SETTINGS, state(requests=counts))) == 99
    on_disk = replace(SETTINGS, cache_dir=tmp_path)
    with closing(CacheFile(tmp_path)) as cache_file:
        budget = Budget(SETTINGS, {}, "b", cache_file)
        for _ in range(3):
            budget.spend()
    assert sum(shares(on_disk, state(requests=counts))) == 97
    assert sum(shares(replace(on_disk, api_key="another"), state(requests=counts))) == 100


def test_a_run_begins_with_what_is_known_and_with_no_work_of_others() -> None:
    known = {
        "titles": {"2026-11-22": {"movie older search": {"k3v9": "1375666"}}},
        "requests": {"2026-11-22/7d": {"k3v9": 1}},
    }
    work = {"pending": {"movie": {"k3v9": "0816692"}}, "failures": {"tt0000001": {}}}
    assert seed(state(**known, **work)) == state(**known)
    assert seed({}) == {}
    assert seed({"bookmarks": {}}) == {}


def test_what_is_pending_is_counted_once() -> None:
    pending = {"movie": {"a": "1 2", "b": "2"}, "season": {"a": "7/1"}}
    counted = dict.fromkeys(("total", "rows", "hits", "new_titles"), 5)
    one = {"since": "2026-11-22", "next_page": 2, **counted}
    searches = {"the*|2010|movie": {"a": one, "b": {**one, "next_page": 3}}}
    described = describe_pending(state(pending=pending, search_progress=searches))
    assert described.startswith("3 titles and seasons and 1 unfinished searches are pending")
    assert describe_pending(state()) == "Nothing is pending."
    assert describe_pending({}) == "Nothing is pending."


@pytest.mark.parametrize(
    ("given_config", "code", "named"),
    [
        ({"years": "2010-2012", "types": "movie,film"}, 2, 'types[1]: "film" is not one of movie'),
        ({"years": "2015-2010"}, 2, 'years: "2015-2010" ends before it begins'),
        ({"years": "2010", "max_requests": "-1"}, 2, "max_requests: -1 is less than 1"),
        ({"imdb_ids": "tt1375666"}, 2, "years: none is given"),
        ({"years": "2010"}, 1, "the state is of version 9"),
    ],
)
def test_errors_name_the_setting_and_whether_another_try_may_help(
    tmp_path: Path, given_config: dict[str, str], code: int, named: str
) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"api_key": KEY, **given_config}))
    finished = CliRunner().invoke(
        cli, ["plan", f"--config={file}"], input=json.dumps(state(version=9))
    )
    assert finished.exit_code == code
    assert f"Error: {named}" in finished.output
    assert KEY not in finished.output


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("seed", '{"bookmarks": {"sync_state": {"version": 2}}}\n'),
        ("pending", "Nothing is pending.\n"),
    ],
)
def test_a_command_reads_the_state_from_its_input(command: str, printed: str) -> None:
    finished = CliRunner().invoke(cli, [command], input=json.dumps(state()))
    assert (finished.exit_code, finished.output) == (0, printed)
