"""The pipeline from end to end: what the emulator has arrives in Postgres, once."""

# ruff: noqa: S608 - the SQL is the tests' own

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project

YEARS = ("2013", "2014")
COVERAGE = 0.7
SERIES = "tt0407362"


@pytest.fixture(scope="module")
def shown(project: Project) -> str:
    """What the first run prints."""
    return project.make("demo")


@pytest.fixture(scope="module")
def ran(project: Project, shown: str) -> Project:
    """The project after one run."""
    assert "Run completed" in shown
    return project


@pytest.fixture(scope="module")
def asked(ran: Project) -> set[str]:
    """The titles whose details were asked for in the first run."""
    return {r["query"]["i"] for r in ran.emulator.requests() if r["kind"] == "details"}


def test_make_demo_prints_a_summary(ran: Project, shown: str) -> None:
    result = shown.partition("== Tables and views")[2]
    (row,) = ran.rows("select count(*) as n from demo_marts.movies")
    assert re.search(rf"\nmovies +{row['n']} movie\n", result)
    assert re.search(r"\n *2010 +2010 +8.8 Inception +Christopher Nolan +Action, Adventure", result)
    assert f"\n{ran.emulator.stats()['requests']} requests spent;" in result
    assert "make psql" in result


def test_it_fits_into_a_day_of_a_free_key(ran: Project, shown: str) -> None:
    assert "requests spent" in shown
    assert 0 < ran.emulator.stats()["requests"] <= 1000


def test_only_rejects_and_data_issues_are_empty(shown: str) -> None:
    listed = shown.partition("== Best movies")[0]
    counts = re.findall(r"^(raw \w+|\w+) +(\d+) \w", listed, re.MULTILINE)
    assert len(counts) > 30
    assert {name for name, rows in counts if rows == "0"} == {
        "raw rejects",
        "data_issues",
        "rejects",
    }


@pytest.fixture(scope="module")
def loaded(ran: Project) -> set[str]:
    """The titles in the raw tables."""
    kinds = ("movies", "series", "episodes", "games")
    query = " union all ".join(f"select imdb_id from demo_raw.{kind}" for kind in kinds)
    return {row["imdb_id"] for row in ran.rows(query)}


@pytest.fixture(scope="module")
def catalogue(ran: Project) -> dict[str, Any]:
    """What the emulator has, by id."""
    return {imdb_id: ran.emulator.title(imdb_id) for imdb_id in ran.emulator.titles()}


@pytest.fixture(scope="module")
def watchlist(ran: Project) -> set[str]:
    """The titles of the demo's file."""
    rows = (ran.root / "scripts" / "demo_watchlist.csv").read_text(encoding="utf-8").splitlines()
    return {row.partition(",")[0] for row in rows[1:]}


def test_every_title_of_the_watchlist_is_loaded(loaded: set[str], watchlist: set[str]) -> None:
    assert len(watchlist) > 300
    assert watchlist <= loaded


def test_every_requested_title_is_loaded(ran: Project, asked: set[str], loaded: set[str]) -> None:
    rejects = ran.rows("select imdb_id from demo_raw.rejects where source <> 'season'")
    assert {SERIES} < asked <= loaded | {row["imdb_id"] for row in rejects}


def test_search_reaches_the_configured_coverage(
    loaded: set[str], asked: set[str], catalogue: dict[str, Any], watchlist: set[str]
) -> None:
    there = {
        imdb_id
        for imdb_id, response in catalogue.items()
        if response.get("Type") == "movie" and response["Year"] in YEARS
    }
    assert len(there) > 100
    assert len(loaded & there) > COVERAGE * len(there)
    years = {catalogue[imdb_id]["Year"][:4] for imdb_id in asked - {SERIES} - watchlist}
    assert years == set(YEARS)


def test_the_series_has_all_of_its_episodes(
    loaded: set[str], catalogue: dict[str, Any], ran: Project
) -> None:
    episodes = {i for i, response in catalogue.items() if response.get("seriesID") == SERIES}
    assert len(episodes) > 70
    assert episodes <= loaded
    (row,) = ran.rows(f"select count(*) as n from demo_marts.episodes where series_id = '{SERIES}'")
    assert row["n"] == len(episodes)


def test_every_field_matches_the_response(ran: Project, loaded: set[str]) -> None:
    responses = []
    for imdb_id in loaded:
        with urlopen(f"{ran.emulator.url}?apikey=00000000&i={imdb_id}") as response:  # noqa: S310
            responses.append((imdb_id, json.loads(response.read(), strict=False)))
    assert ran.differences(responses) == []


def test_the_marts_have_every_movie(ran: Project) -> None:
    query = "select imdb_id, title from {}.movies order by imdb_id"
    assert ran.rows(query.format("demo_marts")) == ran.rows(query.format("demo_raw"))


def test_timestamps_are_utc(ran: Project) -> None:
    (row,) = ran.rows(
        "select bool_and(now() at time zone 'UTC' - fetched_at between '0' and '1 hour') as ok"
        " from demo_raw.movies"
    )
    assert row["ok"]


def test_a_second_run_sends_no_requests_and_changes_nothing(ran: Project) -> None:
    spent, before = ran.emulator.stats()["requests"], ran.snapshot()
    assert len(before["demo_raw.movies"]) > 100
    ran.run()
    assert ran.emulator.stats()["requests"] == spent
    after = ran.snapshot()
    assert after.keys() == before.keys()
    changed = {table for table in before if after[table] != before[table]}
    assert changed == {"demo_raw.syncs"}


def test_a_real_key_is_not_sent_to_the_emulator(ran: Project) -> None:
    assert ran.emulator.stats()["by_key"].keys() == {"00000000"}


def test_nothing_is_written_outside_the_project_but_logs(ran: Project) -> None:
    home = ran.root.parent / "home"
    written = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    assert {path for path in written if not path.startswith(".local/state/meltano/log")} == set()


def test_a_second_demo_reports_nothing_due(ran: Project) -> None:
    assert "0 requests spent: nothing was due" in ran.make("demo")


def test_state_is_readable_and_full_refresh_ignores_it(ran: Project, asked: set[str]) -> None:
    state = ran.meltano("state", "get", "demo:tap-omdb-to-target-postgres")
    assert state.returncode == 0, state.stdout
    assert '"sync_state"' in state.stdout
    spent = ran.emulator.stats()["requests"]
    again = ran.meltano("run", "--full-refresh", "tap-omdb", "target-postgres")
    assert again.returncode == 0, again.stdout
    assert ran.emulator.stats()["requests"] - spent >= len(asked)
