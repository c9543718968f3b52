"""A title looked up by name whose year OMDb does not have is looked up once more without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from omdb_emulator.testing import Emulator, title_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tap.conftest import Config, RunTap

KEY = "a1b2c3d4"
DASH = "\N{EN DASH}"


@pytest.fixture
def omdb() -> Iterator[Emulator]:
    titles = [
        title_line("tt0000001", "Festival Film", Year="2010"),
        title_line("tt0000002", "Ended Series", "series", Year=f"2008{DASH}2013", totalSeasons="5"),
        title_line("tt0000003", "Running Series", "series", Year=f"2015{DASH}", totalSeasons="5"),
        title_line("tt0000004", "No Year"),
    ]
    with Emulator(titles, keys={KEY: None}) as emulator:
        yield emulator


def lookups(*titles: tuple[str, int | None]) -> list[dict[str, Any]]:
    return [{"title": title, **({"year": year} if year else {})} for title, year in titles]


@pytest.mark.parametrize(
    ("title", "year", "tolerance", "matched_by", "requests"),
    [
        ("Festival Film", 2010, 1, "title_and_year", 1),
        ("Festival Film", None, 1, "title", 1),
        ("Festival Film", 2009, 1, "title", 2),
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
        ("Unknown", None, 1, None, 1),
    ],
)
def test_a_year_that_is_near_is_accepted(  # noqa: PLR0913, PLR0917
    sync: RunTap,
    config: Config,
    title: str,
    year: int | None,
    tolerance: int,
    matched_by: str | None,
    requests: int,
) -> None:
    config |= {"titles": lookups((title, year)), "year_tolerance": tolerance}
    run = sync(config)
    records = [*run.records("movies"), *run.records("series")]
    assert [record["matched_by"] for record in records] == ([matched_by] if matched_by else [])
    assert len(run.records("rejects")) == (matched_by is None)
    [outcome] = run.records("syncs")
    assert outcome["requests"] == requests
    again = sync(config, run.state)
    assert again.records("syncs")[0]["requests"] == 0


def test_a_mismatch_names_what_omdb_offers(sync: RunTap, config: Config) -> None:
    run = sync({**config, "titles": lookups(("Festival Film", 1999))})
    [reject] = run.records("rejects")
    assert reject["reason"] == "year_mismatch"
    assert reject["reject_id"] == "t=Festival%20Film&y=1999"
    assert reject["request"] == "t=Festival%20Film&plot=short"
    for offered in ("Festival Film", "2010", "tt0000001"):
        assert offered in reject["message"]
    assert "Festival Film" in reject["payload"]


def test_a_miss_is_looked_up_again_when_old_titles_are(sync: RunTap, config: Config) -> None:
    config |= {"titles": lookups(("Festival Film", 1999), ("Unknown", 1999))}
    with time_machine.travel("2026-01-01T12:00:00+00:00"):
        run = sync(config)
    for day, requests in (("2026-06-29", 0), ("2026-07-01", 4)):
        with time_machine.travel(f"{day}T12:00:00+00:00"):
            run = sync(config, run.state)
        assert run.records("syncs")[0]["requests"] == requests


def test_a_run_that_ends_between_the_two_requests_continues_with_the_second(
    sync: RunTap, config: Config
) -> None:
    config |= {"titles": lookups(("Festival Film", 2011))}
    first = sync({**config, "max_requests": 1})
    assert first.records("movies") == first.records("rejects") == []
    second = sync(config, first.state)
    assert second.ids("movies") == ["tt0000001"]
    assert second.records("syncs")[0]["requests"] == 1


def test_a_failed_second_request_is_sent_again_on_a_later_day(
    sync: RunTap, config: Config, omdb: Emulator
) -> None:
    config |= {"titles": lookups(("Festival Film", 2011)), "timeout": 1}
    omdb.fault("error", skip=1, times=1)
    with time_machine.travel("2026-01-01T12:00:00+00:00"):
        run = sync(config)
        assert [reject["reason"] for reject in run.records("rejects")] == ["no_data"]
        run = sync(config, run.state)
        assert run.records("syncs")[0]["requests"] == 0
    with time_machine.travel("2026-01-02T12:00:00+00:00"):
        run = sync(config, run.state)
    assert run.ids("movies") == ["tt0000001"]
    assert run.records("syncs")[0]["requests"] == 1
