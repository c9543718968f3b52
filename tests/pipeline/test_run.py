"""The pipeline from end to end: what the emulator has arrives in Postgres, once."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project

YEARS = ("2010", "2011", "2012", "2013", "2014")


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


def test_make_demo_shows_what_came_of_it(ran: Project, shown: str) -> None:
    result = shown.partition("== Rows")[2]
    (row,) = ran.rows("select count(*) as n from demo_marts.movies")
    assert re.search(rf"demo_marts movies +{row['n']}\n", result)
    assert re.search(r"2010 +8.8 Inception\n", result)
    assert f"{ran.emulator.stats()['requests']} requests spent." in result
    assert "make psql" in result


def test_every_title_that_was_asked_for_has_arrived(ran: Project, asked: set[str]) -> None:
    loaded = {row["imdb_id"] for row in ran.rows("select imdb_id from demo_raw.movies")}
    rejected = {row["imdb_id"] for row in ran.rows("select imdb_id from demo_raw.rejects")}
    assert loaded | rejected == asked
    assert not loaded & rejected


def test_most_of_the_catalogue_is_asked_for(ran: Project, asked: set[str]) -> None:
    replies = {imdb_id: ran.emulator.title(imdb_id) for imdb_id in ran.emulator.titles()}
    catalogue = {
        imdb_id
        for imdb_id, reply in replies.items()
        if reply.get("Type") == "movie" and reply["Year"] in YEARS
    }
    assert len(catalogue) > 300
    assert asked <= catalogue
    assert len(asked) > 0.85 * len(catalogue)


def test_every_field_is_what_the_emulator_says(ran: Project, asked: set[str]) -> None:
    rejected = {row["imdb_id"] for row in ran.rows("select imdb_id from demo_raw.rejects")}
    replies = []
    for imdb_id in asked - rejected:
        with urlopen(f"{ran.emulator.url}?apikey=00000000&i={imdb_id}") as reply:  # noqa: S310
            replies.append((imdb_id, json.loads(reply.read(), strict=False)))
    assert ran.differences(replies) == []


def test_the_marts_have_every_movie(ran: Project) -> None:
    query = "select imdb_id, title from {}.movies order by imdb_id"
    assert ran.rows(query.format("demo_marts")) == ran.rows(query.format("demo_raw"))


def test_timestamps_are_utc(ran: Project) -> None:
    (row,) = ran.rows(
        "select bool_and(now() at time zone 'UTC' - fetched_at between '0' and '1 hour') as ok"
        " from demo_raw.movies"
    )
    assert row["ok"]


def test_a_second_run_asks_for_nothing_and_changes_nothing(ran: Project) -> None:
    spent, before = ran.emulator.stats()["requests"], ran.snapshot()
    assert len(before["demo_raw.movies"]) > 250
    ran.run()
    assert ran.emulator.stats()["requests"] == spent
    after = ran.snapshot()
    assert after.keys() == before.keys()
    assert [table for table in before if after[table] != before[table]] == []


def test_a_key_of_yours_is_not_sent_to_the_emulator(ran: Project) -> None:
    assert ran.emulator.stats()["by_key"].keys() == {"00000000"}


def test_nothing_is_written_outside_the_project_but_logs(ran: Project) -> None:
    home = ran.root.parent / "home"
    written = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    assert {path for path in written if not path.startswith(".local/state/meltano/log")} == set()


def test_a_second_demo_says_that_nothing_was_due(ran: Project) -> None:
    assert "0 requests spent: nothing was due." in ran.make("demo")


def test_the_state_can_be_read_and_a_full_refresh_starts_over(
    ran: Project, asked: set[str]
) -> None:
    state = ran.meltano("state", "get", "demo:tap-omdb-to-target-postgres")
    assert state.returncode == 0, state.stdout
    assert '"ledger"' in state.stdout
    spent = ran.emulator.stats()["requests"]
    again = ran.meltano("run", "--full-refresh", "tap-omdb", "target-postgres")
    assert again.returncode == 0, again.stdout
    assert ran.emulator.stats()["requests"] - spent >= len(asked)
