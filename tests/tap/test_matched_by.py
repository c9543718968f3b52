"""`matched_by` shows how each title was found, however many runs it took to fetch it.

A title looked up by name whose year OMDb does not have is looked up once more without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from omdb_emulator.testing import Emulator, title_line

from tests.tap.conftest import DETAILS, STREAMS, Config, Run, Tap, merged

Clock = time_machine.Traveller

DASH = "\N{EN DASH}"
MOVIE, GAME, SERIES, EPISODE = "tt0000001", "tt0000002", "tt0000003", "tt0000004"

SOURCES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "imdb_ids": ({"imdb_ids": [MOVIE]}, {MOVIE: "imdb_id"}),
    "ids from titles_file": ({"titles_file": f"imdb_id\n{MOVIE}\n"}, {MOVIE: "imdb_id"}),
    "names from titles_file": (
        {"titles_file": "title,year\nAlpha,2010\n"},
        {MOVIE: "title_and_year"},
    ),
    "titles with their year": (
        {"titles": [{"title": "Alpha", "year": 2010}]},
        {MOVIE: "title_and_year"},
    ),
    "titles with another year": ({"titles": [{"title": "Alpha", "year": 2009}]}, {MOVIE: "title"}),
    "search": ({"search_terms": ["Alpha"]}, {MOVIE: "search", GAME: "search"}),
    "season": ({"imdb_ids": [SERIES]}, {SERIES: "imdb_id", EPISODE: "season"}),
}
"""Config of each source, and `matched_by` of each title that it finds."""

CATALOGUE = [
    title_line(MOVIE, "Alpha", Year="2010"),
    title_line(GAME, "Alpha Two", "game", Year="2011"),
    title_line(SERIES, "Gamma", "series", Year="2012", totalSeasons="1"),
    title_line(EPISODE, "Pilot", "episode", Year="2012", seriesID=SERIES, Season="1", Episode="1"),
    title_line("tt0000005", "Festival Film", Year="2010"),
    title_line("tt0000006", "Ended Series", "series", Year=f"2008{DASH}2013", totalSeasons="5"),
    title_line("tt0000007", "Running Series", "series", Year=f"2015{DASH}", totalSeasons="5"),
    title_line("tt0000008", "No Year"),
]


@pytest.fixture
def days() -> Iterator[Clock]:
    with time_machine.travel("2026-01-01T12:00:00+00:00") as clock:
        yield clock


@pytest.fixture
def find(sync: Tap, tmp_path: Path) -> Tap:
    """Run the tap to fetch what a source names, of every type."""

    def run(source: str, state: dict[str, Any] | None = None, **options: Any) -> Run:  # noqa: ANN401
        settings = {"types": [*DETAILS.values()], **SOURCES[source][0]}
        if "titles_file" in settings:
            path = tmp_path / "titles.csv"
            path.write_text(settings["titles_file"], encoding="utf-8")
            settings["titles_file"] = str(path)
        return sync(settings, state, **options)

    return run


def matched_by(run: Run) -> dict[str, str | None]:
    return {
        record["imdb_id"]: record["matched_by"]
        for stream in DETAILS
        for record in run.records(stream)
    }


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_has_its_value_and_refreshes_keep_it(
    find: Tap, source: str, days: Clock
) -> None:
    run = find(source)
    assert matched_by(run) == SOURCES[source][1]
    for date in ("2026-09-01", "2027-05-01"):
        days.move_to(f"{date}T12:00:00+00:00")
        run = find(source, run.state)
        assert matched_by(run) == SOURCES[source][1]


@pytest.mark.parametrize("source", SOURCES)
def test_a_title_found_while_its_stream_was_not_selected(
    find: Tap, source: str, days: Clock
) -> None:
    # A stream of titles has to be selected for any title to be requested.
    streams = {"movies", "games"} if source == "season" else {"series", "searches"}
    run = find(source, select=streams)
    assert matched_by(run) == {}
    days.shift(86_400)
    run = find(source, run.state)
    assert matched_by(run) == SOURCES[source][1]


def test_merged_states_keep_it_in_whichever_order_they_are_merged(
    sync: Tap, config: Config, omdb: Emulator, days: Clock
) -> None:
    config["types"] = [*DETAILS.values()]
    omdb.fault("error", {"i": MOVIE}, message="Error getting data.")
    omdb.fault("error", {"i": SERIES}, message="Movie not found!")
    shards = [
        sync(scope, select={*STREAMS} - {"games"}).state
        for scope in (
            {"search_terms": ["Alpha"]},
            {"imdb_ids": [SERIES], "titles": [{"title": "Alpha Two"}]},
        )
    ]
    omdb.clear_faults()
    days.shift(86_400 * 180)
    for first, second in (shards, shards[::-1]):
        run = sync({"imdb_ids": [MOVIE]}, merged(first, second))
        assert matched_by(run) == {
            MOVIE: "search",  # failed
            GAME: "title",  # not selected
            SERIES: "imdb_id",  # not found
            EPISODE: "season",
        }


# Lookups whose year differs


def lookups(*titles: tuple[str, int | None]) -> list[dict[str, Any]]:
    return [{"title": title, **({"year": year} if year else {})} for title, year in titles]


@pytest.mark.parametrize(
    ("title", "year", "tolerance", "matched_by", "requests"),
    [
        ("Festival Film", 2010, 1, "title_and_year", 1),
        ("Festival Film", None, 1, "title", 1),
        ("Festival Film", 2011, 1, "title", 2),
        ("Festival Film", 2012, 2, "title", 2),
        ("Festival Film", 2012, 1, None, 2),
        ("Festival Film", 2011, 0, None, 1),
        ("Ended Series", 2011, 1, "title", 2),
        ("Ended Series", 2014, 1, None, 2),
        ("Running Series", 2026, 1, "title", 2),
        ("Running Series", 2013, 1, None, 2),
        ("No Year", 2010, 1, None, 2),
        ("Unknown", 2010, 1, None, 2),
    ],
)
def test_a_year_that_is_near_is_accepted(
    sync: Tap,
    config: Config,
    title: str,
    year: int | None,
    tolerance: int,
    matched_by: str | None,
    requests: int,
) -> None:
    config |= {"titles": lookups((title, year)), "year_tolerance": tolerance}
    run = sync()
    records = [*run.records("movies"), *run.records("series")]
    assert [record["matched_by"] for record in records] == ([matched_by] if matched_by else [])
    assert len(run.records("rejects")) == (matched_by is None)
    assert run.requests == requests
    assert sync(state=run.state).requests == 0


def test_a_run_that_ends_between_the_two_requests_continues_with_the_second(
    sync: Tap, config: Config
) -> None:
    config |= {"titles": lookups(("Festival Film", 2011))}
    first = sync({"max_requests": 1})
    assert first.records("movies") == first.records("rejects") == []
    second = sync(state=first.state)
    assert second.ids("movies") == ["tt0000005"]
    assert second.requests == 1


def test_a_failed_second_request_is_sent_again_on_a_later_day(
    sync: Tap, config: Config, omdb: Emulator, days: Clock
) -> None:
    config |= {"titles": lookups(("Festival Film", 2011))}
    omdb.fault("error", skip=1, times=1)
    run = sync()
    assert [reject["reason"] for reject in run.records("rejects")] == ["no_data"]
    run = sync(state=run.state)
    assert run.requests == 0
    days.shift(86_400)
    run = sync(state=run.state)
    assert (run.ids("movies"), run.requests) == (["tt0000005"], 1)
