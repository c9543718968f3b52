"""Which requests are sent to OMDb, in which order, and which are not."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import time_machine
from omdb_emulator.testing import Emulator, title_line

from tests.tap.conftest import KEY, Config, RunTap

NOW = datetime(2026, 6, 15, 12, tzinfo=timezone.utc)
BAND_OF_BROTHERS = "tt0185906"


def movie(number: int, title: str, year: int = 2010) -> dict[str, Any]:
    """Return a title for the emulator; more votes put one further up in a search."""
    votes = f"{9_000_000 - number:,}"
    return title_line(f"tt{number:07d}", title, Year=str(year), imdbVotes=votes)


@pytest.fixture
def own() -> Iterator[Emulator]:
    """An emulator for one test, with 35 movies about the sea.

    They are tt1000001 to tt1000035; the first 25 are of 2010, the others of 2011.
    """
    titles = [movie(1_000_000 + n, f"Sea {n}", 2010 if n <= 25 else 2011) for n in range(1, 36)]
    with Emulator(titles, keys={KEY: None}) as emulator:
        yield emulator


@pytest.fixture
def sea(own: Emulator) -> Config:
    """A config that searches for those movies, with one worker so that the order is fixed."""
    return {
        "api_key": KEY,
        "api_url": own.url,
        "search_terms": ["sea"],
        "concurrency": 1,
        "max_retry_time": 0,
    }


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


def test_titles_are_fetched_right_after_their_search_page(
    sync: RunTap, sea: Config, own: Emulator
) -> None:
    run = sync({**sea, "search_terms": ["sea", " SEA "]})
    assert requested(own) == [
        "sea p1",
        *ids(*range(1, 11)),
        "sea p2",
        *ids(*range(11, 21)),
        "sea p3",
        *ids(*range(21, 31)),
        "sea p4",
        *ids(*range(31, 36)),
    ]
    assert run.counts == {"movies": 35, "searches": 1}
    [row] = run.records("searches")
    assert {name: row[name] for name in row if name != "searched_at"} == {
        "search_id": "sea|-|movie",
        "search_term": "sea",
        "year": None,
        "type": "movie",
        "total_results": 35,
        "pages_read": 4,
        "hits": 35,
        "new_titles": 35,
        "missed": 0,
        "is_complete": True,
        "error": None,
    }


@pytest.mark.parametrize("budget", [1, 2, 5, 11, 12, 20, 39])
def test_the_whole_budget_is_spent_and_movies_come_first(
    budget: int, sync: RunTap, sea: Config, own: Emulator
) -> None:
    run = sync({**sea, "max_requests": budget})
    searches = sum(request.startswith("sea") for request in requested(own))
    assert run.exit_code == 0
    assert len(requested(own)) == budget
    assert searches == -(-budget // 11)
    assert run.counts.get("movies", 0) == budget - searches
    [row] = run.records("searches")
    assert row["is_complete"] is (searches == 4)
    again = sync(sea, run.state)
    assert len(requested(own)) == len(set(requested(own))) == 39
    assert len(run.ids("movies")) + len(again.ids("movies")) == 35
    assert [row["is_complete"] for row in again.records("searches")] == [True] * (searches < 4)


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_a_small_budget_brings_movies_when_only_years_are_given(
    concurrency: int, sync: RunTap, config: Config, omdb: Emulator
) -> None:
    # A year of the catalogue, by prefixes, with a tenth of a free key's daily requests.
    budget = 100
    run = sync({**config, "years": [2010], "max_requests": budget, "concurrency": concurrency})
    assert run.exit_code == 0
    assert omdb.stats()["requests"] == budget
    years = {record["year"] for record in run.records("movies")}
    assert years == {2010}
    assert len(run.ids("movies")) == len(set(run.ids("movies")))
    # The catalogue has about 80 movies of the year; a real year has thousands.
    assert len(run.ids("movies")) >= 25
    assert run.sync_state["pending"] == {} or sum(map(len, run.sync_state["pending"].values())) < 80


def test_titles_found_by_one_part_of_a_split_search_come_before_its_other_parts(
    sync: RunTap, sea: Config, own: Emulator
) -> None:
    for number in range(30):
        own.add_title(movie(2_000_000 + number, f"Sol{'etani'[number // 6]} {number}"))
    own.settings(max_results=20)
    run = sync({**sea, "search_terms": ["sol*"], "max_requests": 20})
    assert requested(own)[:4] == ["sol* p1", "sol p1", "sole* p1", "tt2000000"]
    assert run.counts["movies"] >= 12
    again = sync({**sea, "search_terms": ["sol*"]}, run.state)
    assert len({*run.ids("movies"), *again.ids("movies")}) == 30
    assert len(requested(own)) == 1 + 37 + 30


def test_a_title_found_by_several_searches_is_fetched_once(
    sync: RunTap, config: Config, omdb: Emulator
) -> None:
    search = {**config, "search_terms": ["toy story", "toy*", "story", "sto*"], "concurrency": 8}
    run = sync(search)
    assert len(run.ids("movies")) == len(set(run.ids("movies"))) > 3
    details = [request for request in omdb.requests() if request["kind"] == "details"]
    assert len(details) == len(run.ids("movies"))
    found = [row["new_titles"] for row in run.records("searches")]
    assert sum(found) == len(details)


def test_a_title_listed_twice_on_one_page_is_fetched_once(
    sync: RunTap, config: Config, omdb: Emulator
) -> None:
    run = sync({**config, "search_terms": ["seen double"]})
    assert run.ids("movies") == ["tt99000063"]
    assert requested(omdb) == ["seen double p1", "tt99000063"]
    [row] = run.records("searches")
    assert (row["total_results"], row["hits"], row["missed"]) == (2, 1, 0)


def test_hits_of_other_years_are_ignored_where_omdb_ignores_the_year(
    sync: RunTap, sea: Config, own: Emulator
) -> None:
    own.settings(year_filter=False)
    run = sync({**sea, "years": [2011]})
    assert sorted(run.ids("movies")) == ids(*range(26, 36))
    [row] = run.records("searches")
    assert (row["hits"], row["new_titles"], row["missed"]) == (35, 10, 0)
    assert len(requested(own)) == 4 + 10


@pytest.mark.parametrize(
    ("types", "searched", "streams"),
    [
        (["movie"], ["movie"], {"movies"}),
        (["series"], ["series"], {"series"}),
        (["game"], ["game"], {"games"}),
        (["movie", "series"], ["movie", "series"], {"movies", "series"}),
        (["movie", "series", "game"], [None], {"movies", "series", "games"}),
        (["movie", "game", "episode"], [None], {"movies", "games", "episodes"}),
        (["episode"], ["series"], {"episodes"}),
    ],
    ids=lambda value: "+".join(sorted(map(str, value))),
)
def test_all_types_are_searched_at_once_where_possible(
    types: list[str],
    searched: list[str | None],
    streams: set[str],
    sync: RunTap,
    config: Config,
    omdb: Emulator,
) -> None:
    # "order" occurs in titles of movies, games and series; one series has episodes.
    terms = ["order", "brothers"]
    run = sync({**config, "search_terms": terms, "types": types, "concurrency": 1})
    pages = [r["query"] for r in omdb.requests() if r["kind"] == "search"]
    assert {page.get("type") for page in pages} == set(searched)
    assert set(run.counts) - {"searches", "rejects"} == streams
    for stream, kind in (("movies", "movie"), ("series", "series"), ("games", "game")):
        assert {record["type"] for record in run.records(stream)} <= {kind}


# Coverage


def test_more_coverage_takes_more_requests_and_finds_more(
    sync: RunTap, config: Config, omdb: Emulator
) -> None:
    found, spent = [], []
    for coverage in (0, 0.3, 0.6, 0.9):
        before = omdb.stats()["requests"]
        run = sync(
            {**config, "years": [2010], "coverage": coverage, "daily_requests": 10**6},
            select={"movies", "searches"},
        )
        found.append(len(run.ids("movies")))
        spent.append(omdb.stats()["requests"] - before)
    truth = _movies_of(omdb, 2010)
    assert found[0] == spent[0] == 0
    assert found == sorted(found)
    assert spent == sorted(spent)
    assert found[3] / truth > 0.85


def test_search_terms_replace_the_ranked_prefixes(sync: RunTap, sea: Config, own: Emulator) -> None:
    sync({**sea, "years": [2010]})
    assert {request.split(" ")[0] for request in requested(own) if " p" in request} == {"sea"}


# Refresh


@pytest.fixture
def sea_known(sync: RunTap, sea: Config) -> tuple[Config, dict[str, Any]]:
    """A config that reads the search again after 30 days, and the state after 39 requests."""
    config = {**sea, "refresh": {"older": 30}}
    with time_machine.travel(NOW):
        return config, sync(config).state


def test_an_unchanged_search_takes_one_request_when_it_is_due_again(
    sync: RunTap, sea_known: tuple[Config, dict[str, Any]], own: Emulator
) -> None:
    sea, state = sea_known
    with time_machine.travel(NOW + timedelta(days=29)):
        assert sync(sea, state).counts == {}
    assert len(requested(own)) == 39
    only_searches = {**sea, "max_requests": 1}
    with time_machine.travel(NOW + timedelta(days=30)):
        again = sync(only_searches, state)
        assert requested(own, 39) == ["sea p1"]
        assert again.sync_state["searches"] == {"2026-07-15": {"- movie": {"sea": 35}}}


def test_a_changed_search_is_read_again_and_new_titles_come_before_refreshes(
    sync: RunTap, sea_known: tuple[Config, dict[str, Any]], own: Emulator
) -> None:
    own.add_title(movie(1_000_036, "Sea 36"))
    own.add_title(movie(999_999, "Sea 0"))
    with time_machine.travel(NOW + timedelta(days=30)):
        run = sync(*sea_known)
    requests = requested(own, 39)
    assert requests[:3] == ["sea p1", "tt0999999", "sea p2"]
    assert "tt1000036" in requests[:7]
    assert sorted(requests[6:]) == ids(*range(1, 36))
    assert run.counts == {"movies": 37, "searches": 1}


def test_a_new_title_on_the_last_page_is_noticed_by_the_total(
    sync: RunTap, sea_known: tuple[Config, dict[str, Any]], own: Emulator
) -> None:
    own.add_title(movie(1_000_036, "Sea 36"))
    with time_machine.travel(NOW + timedelta(days=30)):
        sync(*sea_known)
    assert requested(own, 39)[:5] == ["sea p1", "sea p2", "sea p3", "sea p4", "tt1000036"]


def test_titles_are_refreshed_by_their_year_and_oldest_first(sync: RunTap, own: Emulator) -> None:
    for number, year in ((1, 2026), (2, 2025), (3, 2023), (4, 2022), (5, 1950)):
        own.add_title(movie(2_000_000 + number, f"Age {number}", year))
    now, last, three, four, old = (f"tt200000{n}" for n in (1, 2, 3, 4, 5))
    config = {
        "api_key": KEY,
        "api_url": own.url,
        "imdb_ids": [now, last, three, four, old],
        "concurrency": 1,
        "refresh": {"this_year": 7, "recent": 30, "older": 180},
    }
    state: dict[str, Any] = {}
    due = {}
    for days in (0, 6, 7, 13, 14, 29, 30, 36, 37, 180):
        with time_machine.travel(NOW + timedelta(days=days)):
            before = len(own.requests())
            state = sync(config, state).state
            due[days] = requested(own, before)
    assert due == {
        0: [now, last, three, four, old],
        6: [],
        7: [now],
        13: [],
        14: [now],
        29: [now],
        30: [last, three],
        36: [now],
        37: [],
        180: [four, old, last, three, now],
    }


def test_a_refresh_emits_changed_values(sync: RunTap, own: Emulator) -> None:
    config = {"api_key": KEY, "api_url": own.url, "imdb_ids": ids(1), "refresh": {"older": 10}}
    with time_machine.travel(NOW):
        first = sync(config)
    own.update_title(ids(1)[0], imdbRating="7.1")
    with time_machine.travel(NOW + timedelta(days=10)):
        second = sync(config, first.state)
    assert [run.records("movies")[0]["imdb_rating"] for run in (first, second)] == [None, 7.1]
    assert second.records("movies")[0]["fetched_at"] == "2026-06-25T12:00:00Z"


# Titles by name


def test_titles_are_looked_up_by_name_year_and_type(
    sync: RunTap, config: Config, omdb: Emulator
) -> None:
    titles = [
        {"title": "Inception", "year": 2010},
        {"title": "Breaking Bad", "type": "series"},
        {"title": "Up", "year": 1900},
        {"title": "Inception", "year": 2010},
        {"title": "inception", "year": 2010},
    ]
    config = {**config, "titles": titles, "year_tolerance": 0}
    run = sync({**config, "concurrency": 1})
    assert run.ids("movies") == ["tt1375666"]
    assert run.ids("series") == ["tt0903747"]
    [reject] = run.records("rejects")
    assert reject["reject_id"] == "t=Up&y=1900"
    assert (reject["source"], reject["reason"]) == ("titles", "not_found")
    assert requested(omdb) == ["Inception", "Breaking Bad", "Up"]
    assert sync(config, run.state).counts == {}


def test_a_title_with_special_characters_is_looked_up_unchanged(
    sync: RunTap, own: Emulator, sea: Config
) -> None:
    name = 'Ünder & Over: 100% #1 = "Más"? +1'
    own.add_title(movie(3_000_001, name))
    run = sync({**sea, "search_terms": None, "titles": [{"title": name}]})
    assert run.ids("movies") == ["tt3000001"]


def test_a_title_is_fetched_again_once_its_stream_is_selected(
    sync: RunTap, config: Config, omdb: Emulator
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


# Titles of a file

# Which layouts can be read is in test_titles_file.py.
LINKS = "movieId,imdbId,tmdbId\n1,0114709,862\n2,1375666,27205\n3,,1\n"
MOVIES = 'movieId,title,genres\n1,Toy Story 3 (2010),Comedy\n2,"Social Network, The (2010)",Drama\n'
BASICS = (
    "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes\tgenres\n"
    "tt1375666\tmovie\tInception\tInception\t0\t2010\t\\N\t148\tAction\n"
    "tt0816692\tmovie\tInterstellar\tInterstellar\t0\t2014\t\\N\t169\tDrama\n"
    "tt0903747\ttvSeries\tBreaking Bad\tBreaking Bad\t0\t2008\t2013\t49\tCrime\n"
    "tt0435761\tmovie\tToy Story 3\tToy Story 3\t0\t2010\t\\N\t103\tComedy\n"
)


@pytest.mark.parametrize(
    ("name", "content", "movies", "rejects", "requests"),
    [
        # OMDb does not have the first title.
        ("links.csv", LINKS, ["tt1375666"], {2: "no_data", 4: "invalid_row"}, 2),
        ("movies.csv", MOVIES, ["tt0435761", "tt1285016"], {}, 2),
        ("title.basics.tsv.gz", BASICS, ["tt1375666", "tt0435761"], {}, 2),
    ],
)
def test_a_file_of_titles(
    name: str,
    content: str,
    movies: list[str],
    rejects: dict[int, str],
    requests: int,
    sync: RunTap,
    config: Config,
    omdb: Emulator,
    tmp_path: Path,
) -> None:
    path = tmp_path / name
    data = content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    years = {"years": [2010]} if "basics" in name else {}
    config = {**config, "titles_file": str(path), "concurrency": 1, **years}
    run = sync(config)
    assert run.exit_code == 0
    assert run.ids("movies") == movies
    assert omdb.stats()["requests"] == requests
    found = [(row["line_number"], row["reason"]) for row in run.records("rejects")]
    assert found == [*rejects.items()]
    for row in run.records("rejects"):
        if row["reason"] != "invalid_row":
            continue
        assert row["reject_id"] == f"{name}:{row['line_number']}"
        assert row["payload"] in content
        assert row["message"]
    assert "titles_file: " in run.log
    again = sync(config, run.state)
    assert again.records("movies") == []
    assert omdb.stats()["requests"] == requests


# Series


def test_all_episodes_of_a_series_take_one_request_per_season(
    sync: RunTap, config: Config, omdb: Emulator
) -> None:
    # Battlestar Galactica has four seasons.
    types = ["series", "episode"]
    config = {**config, "imdb_ids": ["tt0407362"], "types": types, "concurrency": 1}
    run = sync(config)
    assert run.counts == {"series": 1, "episodes": 13 + 20 + 20 + 21}
    assert requested(omdb) == ["tt0407362", *(f"tt0407362 S{n}" for n in (1, 2, 3, 4))]
    assert {episode["series_id"] for episode in run.records("episodes")} == {"tt0407362"}
    assert {episode["season"] for episode in run.records("episodes")} == {1, 2, 3, 4}
    assert sync(config, run.state).counts == {}
    assert omdb.stats()["requests"] == 5


@pytest.mark.parametrize("budget", [1, 2, 3, 4])
def test_seasons_that_the_budget_did_not_reach_are_fetched_by_the_next_run(
    budget: int, sync: RunTap, config: Config, omdb: Emulator
) -> None:
    config = {**config, "imdb_ids": ["tt0407362"], "types": ["series", "episode"]}
    first = sync({**config, "max_requests": budget})
    second = sync(config, first.state)
    both = [*first.ids("episodes"), *second.ids("episodes")]
    assert len(both) == len(set(both)) == 74
    assert omdb.stats()["requests"] == 5


def test_episodes_of_a_known_series_are_fetched_once_the_type_is_set(
    sync: RunTap, config: Config, omdb: Emulator
) -> None:
    config = {**config, "imdb_ids": ["tt0407362"], "types": ["series"], "concurrency": 1}
    first = sync(config)
    assert first.counts == {"series": 1}
    later = {**config, "types": ["series", "episode"]}
    assert sync(later, first.state, select={"series"}).counts == {}
    second = sync({**later, "max_requests": 2}, first.state)
    third = sync(later, second.state)
    assert (second.counts, third.counts) == ({"episodes": 33}, {"episodes": 41})
    assert requested(omdb) == ["tt0407362", *(f"tt0407362 S{n}" for n in (1, 2, 3, 4))]
    assert sync(later, third.state).counts == {}
    assert omdb.stats()["requests"] == 5


def test_a_search_finds_the_series_of_episodes(
    sync: RunTap, config: Config, omdb: Emulator
) -> None:
    run = sync({**config, "search_terms": ["brothers"], "types": ["episode"]})
    assert run.counts["episodes"] == 10
    assert run.records("series") == []
    assert f"{BAND_OF_BROTHERS} S1" in requested(omdb)
    assert BAND_OF_BROTHERS not in requested(omdb)


# Limits


def test_titles_that_the_limit_left_out_are_reported_as_not_started(
    sync: RunTap, config: Config, omdb: Emulator
) -> None:
    named = ["tt1375666", "tt0816692", "tt0435761", "tt1049413"]
    run = sync({**config, "imdb_ids": named, "max_requests": 2, "concurrency": 8})
    assert "Pending: further tasks not started. Run again" in run.log
    assert len(sync({**config, "imdb_ids": named}, run.state).ids("movies")) == 2
    assert omdb.stats()["requests"] == 4


def test_concurrency_limits_the_requests_in_flight(
    sync: RunTap, sea: Config, own: Emulator
) -> None:
    own.set_latency(20)
    sync({**sea, "concurrency": 5, "imdb_ids": ids(*range(1, 36))})
    assert own.stats()["peak_in_flight"] == 5


def _movies_of(omdb: Emulator, year: int) -> int:
    titles = [omdb.title(imdb_id) for imdb_id in omdb.titles()]
    return sum(t.get("Type") == "movie" and t.get("Year") == str(year) for t in titles)
