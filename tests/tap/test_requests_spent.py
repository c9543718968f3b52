"""Which requests are sent to OMDb, in which order, and which are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import time_machine
from omdb_emulator.testing import Emulator, title_line

from tests.tap.conftest import KEY, Config, Run, Tap

State = dict[str, Any]

NOW = datetime(2026, 6, 15, 12, tzinfo=timezone.utc)


def movie(number: int, title: str, year: str = "2010") -> dict[str, Any]:
    """Return a title for the emulator; more votes put one further up in a search."""
    votes = f"{9_000_000 - number:,}"
    return title_line(f"tt{number:07d}", title, Year=year, imdbVotes=votes)


@pytest.fixture
def own() -> Iterator[Emulator]:
    """An emulator for one test, with 35 movies about the sea.

    They are tt1000001 to tt1000035; the first 25 are of 2010, the others of 2011.
    """
    titles = [movie(1_000_000 + n, f"Sea {n}", "2010" if n <= 25 else "2011") for n in range(1, 36)]
    with Emulator(titles, keys={KEY: None}) as emulator:
        yield emulator


@pytest.fixture
def sea(sync: Tap, own: Emulator) -> Tap:
    """Run the tap to search for those movies, with one worker so that the order is fixed."""

    def run(settings: Mapping[str, Any] | None = None, state: State | None = None) -> Run:
        searched = {"api_url": own.url, "search_terms": ["sea"], "concurrency": 1}
        return sync({**searched, **(settings or {})}, state)

    return run


def requested(omdb: Emulator, since: int = 0) -> list[str]:
    """Return the requests in short: "sea p1", "tt1000001", "Jaws", "tt0185906 S1"."""
    return [_shorten(request["query"]) for request in omdb.requests()[since:]]


def _shorten(query: dict[str, str]) -> str:
    if "s" in query:
        return f"{query['s']} p{query['page']}"
    if "season" in query:
        return f"{query['i']} S{query['season']}"
    return query.get("i") or query["t"]


def ids(*numbers: int) -> list[str]:
    return [f"tt{1_000_000 + number:07d}" for number in numbers]


# Searches


def test_titles_are_fetched_after_their_search_page(sea: Tap, own: Emulator) -> None:
    run = sea({"search_terms": ["sea", " SEA "]})
    pages = [ids(*range(first, min(first + 10, 36))) for first in (1, 11, 21, 31)]
    assert requested(own) == [
        request for number, page in enumerate(pages, 1) for request in (f"sea p{number}", *page)
    ]
    assert run.counts == {"movies": 35, "searches": 1}
    [row] = run.records("searches")
    counted = ("total_results", "pages_read", "hits", "new_titles", "missed", "is_complete")
    assert [row[name] for name in counted] == [35, 4, 35, 35, 0, True]


@pytest.mark.parametrize("budget", [1, 11, 12, 39])
def test_the_whole_budget_is_spent_and_movies_come_first(
    budget: int, sea: Tap, own: Emulator
) -> None:
    run = sea({"max_requests": budget})
    searches = sum(request.startswith("sea") for request in requested(own))
    assert run.exit_code == 0
    assert len(requested(own)) == budget
    assert searches == -(-budget // 11)
    assert run.counts.get("movies", 0) == budget - searches
    [row] = run.records("searches")
    assert row["is_complete"] is (searches == 4)
    again = sea(state=run.state)
    assert len(requested(own)) == len(set(requested(own))) == 39
    assert len(run.ids("movies")) + len(again.ids("movies")) == 35
    assert [row["is_complete"] for row in again.records("searches")] == [True] * (searches < 4)


@pytest.mark.parametrize("concurrency", [1, 16])
def test_a_small_budget_brings_movies_when_only_years_are_given(
    concurrency: int, sync: Tap, omdb: Emulator
) -> None:
    # A year of the catalogue, by prefixes, with a tenth of a free key's daily requests.
    budget = 100
    run = sync({"years": [2010], "max_requests": budget, "concurrency": concurrency})
    assert run.exit_code == 0
    assert omdb.stats()["requests"] == budget
    years = {record["year"] for record in run.records("movies")}
    assert years == {2010}
    assert len(run.ids("movies")) == len(set(run.ids("movies")))
    # The catalogue has about 80 movies of the year; a real year has thousands.
    assert len(run.ids("movies")) >= 25
    assert run.sync_state["pending"] == {} or sum(map(len, run.sync_state["pending"].values())) < 80


def test_titles_found_by_one_part_of_a_split_search_come_before_its_other_parts(
    sea: Tap, own: Emulator
) -> None:
    for number in range(30):
        own.add_title(movie(2_000_000 + number, f"Sol{'etani'[number // 6]} {number}"))
    own.settings(max_results=20)
    run = sea({"search_terms": ["sol*"], "max_requests": 20})
    assert requested(own)[:4] == ["sol* p1", "sol p1", "sole* p1", "tt2000000"]
    assert run.counts["movies"] >= 12
    again = sea({"search_terms": ["sol*"]}, run.state)
    assert len({*run.ids("movies"), *again.ids("movies")}) == 30
    assert len(requested(own)) == 1 + 37 + 30


def test_a_title_listed_twice_on_one_page_is_fetched_once(sync: Tap, omdb: Emulator) -> None:
    run = sync({"search_terms": ["seen double"]})
    assert run.ids("movies") == ["tt99000063"]
    assert requested(omdb) == ["seen double p1", "tt99000063"]
    [row] = run.records("searches")
    assert (row["total_results"], row["hits"], row["missed"]) == (2, 1, 0)


def test_hits_of_other_years_are_ignored_where_omdb_ignores_the_year(
    sea: Tap, own: Emulator
) -> None:
    own.settings(year_filter=False)
    run = sea({"years": [2011]})
    assert sorted(run.ids("movies")) == ids(*range(26, 36))
    [row] = run.records("searches")
    assert (row["hits"], row["new_titles"], row["missed"]) == (35, 10, 0)
    assert len(requested(own)) == 4 + 10


@pytest.mark.parametrize(
    ("types", "searched", "streams"),
    [
        ("movie", ["movie"], {"movies"}),
        ("movie, series", ["movie", "series"], {"movies", "series"}),
        ("movie, series, game", [None], {"movies", "series", "games"}),
        ("movie, game, episode", [None], {"movies", "games", "episodes"}),
        ("episode", ["series"], {"episodes"}),
    ],
)
def test_all_types_are_searched_at_once_where_possible(
    types: str,
    searched: list[str | None],
    streams: set[str],
    sync: Tap,
    omdb: Emulator,
) -> None:
    # "order" occurs in titles of movies, games and series; one series has episodes.
    terms = ["order", "brothers"]
    run = sync({"search_terms": terms, "types": types, "concurrency": 1})
    pages = [r["query"] for r in omdb.requests() if r["kind"] == "search"]
    assert {page.get("type") for page in pages} == set(searched)
    assert set(run.counts) - {"searches", "rejects"} == streams
    for stream, kind in (("movies", "movie"), ("series", "series"), ("games", "game")):
        assert {record["type"] for record in run.records(stream)} <= {kind}
    if types == "episode":
        assert {*omdb.stats()["by_kind"]} == {"search", "season"}, "not the series itself"


# Refresh


MONTHLY: dict[str, Any] = {"refresh": {"older": 30}}


@pytest.fixture
def known(sea: Tap) -> State:
    """The state after the 39 requests of the search."""
    with time_machine.travel(NOW):
        return sea(MONTHLY).state


def test_an_unchanged_search_takes_one_request_when_it_is_due_again(
    sea: Tap, known: State, own: Emulator
) -> None:
    with time_machine.travel(NOW + timedelta(days=29)):
        assert sea(MONTHLY, known).counts == {}
    assert len(requested(own)) == 39
    with time_machine.travel(NOW + timedelta(days=30)):
        again = sea({**MONTHLY, "max_requests": 1}, known)
    assert requested(own, 39) == ["sea p1"]
    assert again.sync_state["searches"] == {"2026-07-15": {"- movie": {"sea": 35}}}


def test_a_changed_search_is_read_again_and_new_titles_come_before_refreshes(
    sea: Tap, known: State, own: Emulator
) -> None:
    own.add_title(movie(1_000_036, "Sea 36"))
    own.add_title(movie(999_999, "Sea 0"))
    with time_machine.travel(NOW + timedelta(days=30)):
        run = sea(MONTHLY, known)
    requests = requested(own, 39)
    assert requests[:3] == ["sea p1", "tt0999999", "sea p2"]
    assert "tt1000036" in requests[:7]
    assert sorted(requests[6:]) == ids(*range(1, 36))
    assert run.counts == {"movies": 37, "searches": 1}


def test_a_new_title_on_the_last_page_is_noticed_by_the_total(
    sea: Tap, known: State, own: Emulator
) -> None:
    own.add_title(movie(1_000_036, "Sea 36"))
    with time_machine.travel(NOW + timedelta(days=30)):
        sea(MONTHLY, known)
    assert requested(own, 39)[:5] == ["sea p1", "sea p2", "sea p3", "sea p4", "tt1000036"]


def test_titles_are_refreshed_by_their_year_and_oldest_first(sync: Tap, own: Emulator) -> None:
    named = ids(*range(101, 108))
    announced, now, last, three, four, old, unknown = named
    for number, year in enumerate(
        ("2030", "2026", "2025", "2023", "2022", "1894", "N/A"), 1_000_101
    ):
        own.add_title(movie(number, f"Age {year}", year))
    refresh = {"this_year": 7, "recent": 30, "older": 180}
    config = {"api_url": own.url, "imdb_ids": named, "concurrency": 1}
    state: State = {}
    due = {}
    for days in (0, 6, 7, 13, 14, 29, 30, 36, 37, 180):
        with time_machine.travel(NOW + timedelta(days=days)):
            before = len(own.requests())
            state = sync({**config, "refresh": refresh}, state).state
            due[days] = requested(own, before)
    assert {day: titles for day, titles in due.items() if titles} == {
        0: named,
        7: [announced, now],
        14: [announced, now],
        29: [announced, now],
        30: [last, three],
        36: [announced, now],
        180: [four, old, unknown, last, three, announced, now],
    }


def test_a_refresh_emits_changed_values(sync: Tap, own: Emulator) -> None:
    config = {"api_url": own.url, "imdb_ids": ids(1), **MONTHLY}
    with time_machine.travel(NOW):
        first = sync(config)
    own.update_title(ids(1)[0], imdbRating="7.1")
    with time_machine.travel(NOW + timedelta(days=30)):
        second = sync(config, first.state)
    assert [run.records("movies")[0]["imdb_rating"] for run in (first, second)] == [None, 7.1]
    assert second.records("movies")[0]["fetched_at"] == "2026-07-15T12:00:00Z"


# Titles by name


def test_a_title_with_special_characters_is_looked_up_unchanged(sea: Tap, own: Emulator) -> None:
    name = 'Ünder & Over: 100% #1 = "Más"? +1'
    own.add_title(movie(3_000_001, name))
    run = sea({"search_terms": None, "titles": [{"title": name}]})
    assert run.ids("movies") == ["tt3000001"]


def test_a_title_is_fetched_again_once_its_stream_is_selected(
    sync: Tap, config: Config, omdb: Emulator
) -> None:
    named = {
        **config,
        "imdb_ids": ["tt1375666", "tt0407362"],
        "titles": [{"title": "Breaking Bad"}],
        "refresh": {"older": 100},
    }
    with time_machine.travel(NOW):
        first = sync(named, select={"movies"})
        assert first.counts == {"movies": 1}
        assert sync(named, first.state, select={"movies"}).counts == {}
    assert omdb.stats()["requests"] == 3
    with time_machine.travel(NOW + timedelta(days=200)):
        second = sync(named, first.state, select={"movies"})
        assert second.counts == {"movies": 1}, (
            "titles of streams that are not selected are not refreshed"
        )
        third = sync(named, second.state)
        assert third.counts == {"series": 2}
        assert sync(named, third.state).counts == {}
    assert omdb.stats()["requests"] == 3 + 1 + 2


# Series


def test_episodes_of_a_known_series_are_fetched_once_the_type_is_set(
    sync: Tap, config: Config, omdb: Emulator
) -> None:
    config |= {"imdb_ids": ["tt0407362"], "types": ["series"], "concurrency": 1}
    first = sync()
    assert first.counts == {"series": 1}
    later = {**config, "types": ["series", "episode"]}
    assert sync(later, first.state, select={"series"}).counts == {}
    second = sync({**later, "max_requests": 2}, first.state)
    third = sync(later, second.state)
    assert (second.counts, third.counts) == ({"episodes": 33}, {"episodes": 41})
    assert requested(omdb) == ["tt0407362", *(f"tt0407362 S{n}" for n in (1, 2, 3, 4))]
    assert sync(later, third.state).counts == {}
    assert omdb.stats()["requests"] == 5


# Limits


def test_titles_that_the_limit_left_out_are_reported(sync: Tap, omdb: Emulator) -> None:
    named = ["tt1375666", "tt0816692", "tt0435761", "tt1049413"]
    run = sync({"imdb_ids": named, "max_requests": 2, "concurrency": 8})
    assert "Pending: further tasks not started. Run again" in run.log
    assert len(sync({"imdb_ids": named}, run.state).ids("movies")) == 2
    assert omdb.stats()["requests"] == 4


def test_concurrency_limits_the_requests_in_flight(sea: Tap, own: Emulator) -> None:
    own.set_latency(20)
    sea({"concurrency": 5, "imdb_ids": ids(*range(1, 36))})
    assert own.stats()["peak_in_flight"] == 5
