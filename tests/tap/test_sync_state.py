"""What the ledger knows survives as state: all of it, small, cheap, merged, and for ever."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
)
from tap_omdb.state.sync_state import (
    GONE,
    SKIPPED,
    TRIES_BEFORE_GONE,
    VERSION,
    SyncState,
    StateError,
)
from tap_omdb.omdb.queries import LookupTask, SearchKey, SearchProgress
from tap_omdb.config.settings import Refresh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STATES = sorted(Path(__file__).with_name("states").glob("*.json"))
TODAY = date(2026, 11, 22)
DAY = timedelta(days=1)
KIND = st.sampled_from(["movie", "series", "episode", "game"])


def reloaded(ledger: SyncState, refresh: Refresh | None = None) -> SyncState:
    return SyncState(refresh or Refresh(), json.loads(json.dumps(ledger.to_state())))


def merged(partial: dict[str, Any], complete: dict[str, Any]) -> dict[str, Any]:
    """Merge as Meltano does what a run left that did not end well (`meltano.core.utils.merge`)."""
    result = deepcopy(complete)
    for key, value in partial.items():
        result[key] = merged(value, result.get(key, {})) if isinstance(value, dict) else value
    return result


def due(ledger: SyncState, today: date) -> list[str]:
    return [imdb_id for imdb_id, _ in ledger.due_titles(today)]


# Any history: what is known is what was told, before and after it was written and read


IDS = [f"tt{number:07d}" for number in (1, 404, 1375666, 9999999, 10000000, 31193180)]
NAMES = [
    LookupTask(t, y, k, "titles")
    for t in ("Up", "Éa|b")
    for y in (None, 2009)
    for k in (None, "movie")
]
SEARCHES = [
    SearchKey(t, y, k) for t in ("man*", "a|b c") for y in (None, 2010) for k in (None, "movie")
]
SEASONS = [(series_id, season) for series_id in IDS[:2] for season in (1, 12)]
YEARS = st.sampled_from([None, 1894, 2022, 2023, 2025, 2026, 2027, 2030])


def answers(ledger: SyncState, today: date) -> dict[str, object]:
    """Return the answers to all questions that can be asked."""
    days = [today + DAY * ahead for ahead in (0, 1, 7, 30, 180, 400)]
    return {
        "len": len(ledger),
        "has": [ledger.has(i) for i in IDS],
        "last_try": [ledger.last_try(i) for i in IDS],
        "due": [sorted(ledger.due_titles(day)) for day in days],
        "order": [[ledger.last_try(i) for i in due(ledger, day)] for day in days],
        "failing": [sorted(ledger.failing(day)) for day in days],
        "merged_into": [ledger.merged_into(i) for i in IDS],
        "pending": dict(ledger.pending),
        "pending_seasons": dict(ledger.pending_seasons),
        "season_is_due": [[ledger.season_is_due(*s, day) for s in SEASONS] for day in days],
        "last_season_try": [ledger.last_season_try(*s) for s in SEASONS],
        "skipped": [sorted(ledger.skipped_titles({kind})) for kind in ("movie", "series")],
        "failing_seasons": [sorted(ledger.failing_seasons(day)) for day in days],
        "unopened_series": sorted(ledger.unopened_series()),
        "due_seasons": [sorted(ledger.due_seasons(day)) for day in days],
        "lookup_is_due": [[ledger.lookup_is_due(n, day) for n in NAMES] for day in days],
        "last_lookup": [ledger.last_lookup(n.title, n.year, n.type) for n in NAMES],
        "search_is_due": [[ledger.search_is_due(k, day) for k in SEARCHES] for day in days],
        "last_search": [ledger.last_search(k) for k in SEARCHES],
        "last_total": [ledger.last_total(k) for k in SEARCHES],
        "is_split": [ledger.is_split(k) for k in SEARCHES],
        "passes": {
            str(k): (p.since, p.next_page, p.total, p.rows) for k, p in ledger.passes.items()
        },
    }


class History(RuleBasedStateMachine):
    """Days of runs, each thing dealt with at most once a day, as in a run."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = SyncState(Refresh())
        self.today = TODAY
        self.complete: dict[str, Any] = {}
        self.outcome: dict[str, tuple[date, str]] = {}

    def _is_free(self, imdb_id: str) -> bool:
        last = self.ledger.last_try(imdb_id)
        return (last is None or last < self.today) and imdb_id not in self.linked

    @property
    def linked(self) -> set[str]:
        return {asked for i in IDS for asked in self.ledger.merged_into(i)}

    @rule(days=st.integers(1, 200))
    def time_passes(self, days: int) -> None:
        self.today += DAY * days

    @rule(imdb_id=st.sampled_from(IDS), kind=KIND)
    def find(self, imdb_id: str, kind: str) -> None:
        if not self.ledger.has(imdb_id):
            self.ledger.pending.setdefault(imdb_id, kind)

    @rule(imdb_id=st.sampled_from(IDS), kind=KIND, year=YEARS)
    def fetch(self, imdb_id: str, kind: str, year: int | None) -> None:
        if self._is_free(imdb_id):
            self.ledger.fetched(imdb_id, kind, year, self.today)
            self.outcome[imdb_id] = (self.today, kind)

    @rule(imdb_id=st.sampled_from(IDS), kind=KIND)
    def skip(self, imdb_id: str, kind: str) -> None:
        if self._is_free(imdb_id):
            self.ledger.skipped(imdb_id, kind, self.today)
            self.outcome[imdb_id] = (self.today, SKIPPED)

    @rule(imdb_id=st.sampled_from(IDS))
    def miss(self, imdb_id: str) -> None:
        if self._is_free(imdb_id):
            self.ledger.gone(imdb_id, self.today)
            self.outcome[imdb_id] = (self.today, GONE)

    @rule(imdb_id=st.sampled_from(IDS))
    def fail(self, imdb_id: str) -> None:
        if self._is_free(imdb_id):
            self.ledger.failed(imdb_id, self.today)
            if imdb_id not in self.ledger.failing(self.today + DAY):
                self.outcome[imdb_id] = (self.today, GONE)

    @rule(asked=st.sampled_from(IDS[:3]), answered=st.sampled_from(IDS[3:]))
    def link(self, asked: str, answered: str) -> None:
        # A title has one year a day, by whatever id it is asked for.
        if self._is_free(asked) and self._is_free(answered):
            self.ledger.fetched(answered, "movie", 2010, self.today)
            self.ledger.merged(asked, answered)
            self.outcome[answered] = (self.today, "movie")
            self.outcome.pop(asked, None)

    @rule(season=st.sampled_from(SEASONS))
    def find_season(self, season: tuple[str, int]) -> None:
        if self.ledger.last_season_try(*season) is None:
            self.ledger.pending_seasons[season] = None

    @rule(season=st.sampled_from(SEASONS), year=YEARS)
    def fetch_season(self, season: tuple[str, int], year: int | None) -> None:
        if self.ledger.last_season_try(*season) != self.today:
            self.ledger.season_fetched(*season, year, self.today)

    @rule(season=st.sampled_from(SEASONS))
    def fail_season(self, season: tuple[str, int]) -> None:
        if self.ledger.last_season_try(*season) != self.today:
            self.ledger.season_failed(*season, self.today)

    @rule(name=st.sampled_from(NAMES), found=st.booleans())
    def look_up(self, name: LookupTask, *, found: bool) -> None:
        if self.ledger.last_lookup(name.title, name.year, name.type) != self.today:
            self.ledger.looked_up(name, self.today, found=found)

    @rule(name=st.sampled_from(NAMES))
    def fail_to_look_up(self, name: LookupTask) -> None:
        if self.ledger.last_lookup(name.title, name.year, name.type) != self.today:
            self.ledger.lookup_failed(name, self.today)

    @rule(key=st.sampled_from(SEARCHES), page=st.integers(2, 9), total=st.integers(0, 99))
    def read_a_page(self, key: SearchKey, page: int, total: int) -> None:
        if self.ledger.last_search(key) != self.today:
            since = self.ledger.passes[key].since if key in self.ledger.passes else self.today
            self.ledger.passes[key] = SearchProgress(key, since, page, total, page * 10, page * 9)

    @rule(key=st.sampled_from(SEARCHES), total=st.none() | st.integers(0, 99))
    def search(self, key: SearchKey, total: int | None) -> None:
        self.ledger.searched(key, total, self.today)

    @rule()
    def run_ends(self) -> None:
        self.complete = json.loads(json.dumps(self.ledger.to_state()))

    @rule()
    def next_run(self) -> None:
        self.ledger = reloaded(self.ledger)

    @invariant()
    def knows_what_it_was_told(self) -> None:
        for imdb_id in set(IDS) - self.linked:
            if imdb_id not in self.ledger.failing(self.today + DAY):
                told = self.outcome.get(imdb_id)
                assert self.ledger.last_try(imdb_id) == (told[0] if told else None)
                assert self.ledger.has(imdb_id) == (told is not None)

    @invariant()
    def state_keeps_all(self) -> None:
        now = answers(self.ledger, self.today)
        assert answers(reloaded(self.ledger), self.today) == now
        state = json.loads(json.dumps(self.ledger.to_state()))
        assert SyncState(Refresh(), state).to_state() == state

    @invariant()
    def state_has_each_title_once(self) -> None:
        days = self.ledger.to_state()["titles"].values()
        numbers = [n for labels in days for text in labels.values() for n in text.split()]
        assert len(numbers) == len(set(numbers)) == len(self.ledger)

    @invariant()
    def merged_with_an_older_state_the_newest_day_wins(self) -> None:
        both = merged(self.ledger.to_state(), self.complete)
        assert answers(SyncState(Refresh(), both), self.today) == answers(self.ledger, self.today)


History.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
test_any_history = History.TestCase


# When things are due


@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2030, 7),  # announced
        (2026, 7),
        (2025, 30),
        (2023, 30),
        (2022, 180),
        (1894, 180),
        (None, 180),
    ],
)
def test_a_title_is_due_by_its_age(year: int | None, days: int) -> None:
    ledger = SyncState(Refresh())
    ledger.fetched("tt0000001", "movie", year, TODAY)
    ledger = reloaded(ledger)
    # A title of last December is "this year's" no more in January: its year counts on the day.
    assert due(ledger, TODAY + DAY * (days - 1)) == []
    if TODAY.year == (TODAY + DAY * days).year or days == 180:
        assert list(ledger.due_titles(TODAY + DAY * days)) == [("tt0000001", "movie")]


def test_a_title_ages_with_the_year() -> None:
    ledger = SyncState(Refresh())
    ledger.fetched("tt0000001", "movie", 2026, date(2026, 12, 28))
    ledger.fetched("tt0000002", "movie", 2023, date(2026, 12, 28))
    assert due(ledger, date(2027, 1, 5)) == []
    assert due(ledger, date(2027, 1, 27)) == ["tt0000001"]
    assert due(ledger, date(2027, 6, 26)) == ["tt0000001", "tt0000002"]


@pytest.mark.parametrize("field", ["this_year", "recent", "older"])
def test_never_is_never(field: str) -> None:
    year = {"this_year": 2026, "recent": 2025, "older": 1999}[field]
    ledger = SyncState(Refresh(**{field: None}))
    key = SearchKey("man*", year, "movie")
    ledger.fetched("tt0000001", "movie", year, TODAY)
    ledger.season_fetched("tt0000002", 1, year, TODAY)
    ledger.searched(key, 5, TODAY)
    # Within the year: later the title is of another age.
    day = date(2026, 12, 31) if field != "older" else date(9999, 12, 31)
    assert due(ledger, day) == []
    assert list(ledger.due_seasons(day)) == []
    assert not ledger.search_is_due(key, day)


def test_the_oldest_are_due_first() -> None:
    ledger = SyncState(Refresh())
    for position, imdb_id in enumerate(ids(300)):
        age = position * 67
        ledger.fetched(imdb_id, "movie", 1990, TODAY - DAY * (age % 150 + 180))
    days = [ledger.last_try(imdb_id) for imdb_id in due(reloaded(ledger), TODAY)]
    assert len(days) == 300
    assert days == sorted(days, key=str)


def test_what_is_refreshed_while_it_is_listed_is_not_listed_again() -> None:
    ledger = SyncState(Refresh())
    for number in range(1, 6):
        ledger.fetched(f"tt000000{number}", "movie", 1990, TODAY - DAY * 200)
    listed = []
    for imdb_id, kind in ledger.due_titles(TODAY):
        listed.append(imdb_id)
        ledger.fetched(imdb_id, kind, 1990, TODAY)
        ledger.merged("tt0000004", "tt0000001")
    assert listed == ["tt0000001", "tt0000002", "tt0000003", "tt0000005"]
    assert due(ledger, TODAY) == []


def test_seasons_are_due_by_their_newest_episode() -> None:
    ledger = SyncState(Refresh())
    ledger.season_fetched("tt0944947", 1, 2011, TODAY)
    ledger.season_fetched("tt0944947", 8, 2026, TODAY)
    ledger = reloaded(ledger)
    assert not ledger.season_is_due("tt0944947", 1, TODAY + DAY * 179)
    assert ledger.season_is_due("tt0944947", 9, TODAY)
    assert list(ledger.due_seasons(TODAY + DAY * 7)) == [("tt0944947", 8)]
    assert list(ledger.due_seasons(TODAY + DAY * 180)) == [("tt0944947", 1), ("tt0944947", 8)]


def test_searches_are_due_by_their_year_and_until_they_are_finished() -> None:
    ledger = SyncState(Refresh())
    new, old, any_year = (SearchKey("man*", year, "movie") for year in (2026, 1999, None))
    for key in (new, old, any_year):
        assert ledger.search_is_due(key, TODAY)
        ledger.searched(key, 30, TODAY)
    ledger = reloaded(ledger)
    assert [ledger.search_is_due(k, TODAY + DAY * 7) for k in (new, old, any_year)] == [
        True,
        False,
        False,
    ]
    assert ledger.search_is_due(old, TODAY + DAY * 180)
    ledger.passes[old] = SearchProgress(old, TODAY + DAY * 180, next_page=2, total=31)
    ledger = reloaded(ledger)
    assert ledger.search_is_due(old, TODAY + DAY * 180)
    assert ledger.passes[old].next_page == 2
    ledger.searched(old, 31, TODAY + DAY * 180)
    assert old not in reloaded(ledger).passes


def test_a_split_search_is_no_total_of_zero() -> None:
    ledger = SyncState(Refresh())
    split, empty = SearchKey("the*", 2010, "movie"), SearchKey("xyz*", 2010, "movie")
    ledger.searched(split, None, TODAY)
    ledger.searched(empty, 0, TODAY)
    ledger = reloaded(ledger)
    assert [ledger.is_split(split), ledger.is_split(empty)] == [True, False]
    assert [ledger.last_total(split), ledger.last_total(empty)] == [None, 0]


# What OMDb does not have


def test_a_tombstone_is_tried_again_as_old_titles_are() -> None:
    ledger = SyncState(Refresh())
    ledger.pending["tt0000404"] = "movie"
    ledger.gone("tt0000404", TODAY)
    ledger = reloaded(ledger)
    assert ledger.has("tt0000404")
    assert not ledger.pending
    assert due(ledger, TODAY + DAY * 179) == []
    assert list(ledger.due_titles(TODAY + DAY * 180)) == [("tt0000404", GONE)]
    assert due(SyncState(Refresh(older=None), ledger.to_state()), date(9999, 1, 1)) == []


def test_a_title_may_fail_on_three_days_before_it_is_a_tombstone() -> None:
    ledger = SyncState(Refresh())
    ledger.pending["tt0000500"] = "movie"
    for tries in range(1, TRIES_BEFORE_GONE + 1):
        day = TODAY + DAY * tries
        ledger.failed("tt0000500", day)
        ledger = reloaded(ledger)
        assert not ledger.pending
        assert ledger.failing(day) == []
        assert ledger.failing(day + DAY) == (["tt0000500"] if tries < TRIES_BEFORE_GONE else [])
        assert ledger.has("tt0000500")
    assert due(ledger, day + DAY * 180) == ["tt0000500"]


def test_a_known_title_that_fails_is_asked_for_once_a_day() -> None:
    ledger = SyncState(Refresh())
    ledger.fetched("tt0000001", "movie", 1990, TODAY - DAY * 200)
    ledger.failed("tt0000001", TODAY)
    ledger = reloaded(ledger)
    assert due(ledger, TODAY) == []
    assert ledger.failing(TODAY) == []
    assert due(ledger, TODAY + DAY) == []
    assert ledger.failing(TODAY + DAY) == ["tt0000001"]
    ledger.fetched("tt0000001", "movie", 1990, TODAY + DAY)
    assert reloaded(ledger).failing(TODAY + DAY * 9) == []


def test_a_merged_id_is_known_by_the_title_that_answers() -> None:
    ledger = SyncState(Refresh())
    ledger.fetched("tt2250912", "movie", 2017, TODAY)
    ledger.merged("tt4440394", "tt2250912")
    ledger = reloaded(ledger)
    assert ledger.has("tt4440394")
    assert ledger.last_try("tt4440394") == TODAY
    assert ledger.merged_into("tt2250912") == ["tt4440394"]
    assert due(ledger, TODAY + DAY * 180) == ["tt2250912"]


def test_a_name_that_fails_is_tried_again_on_a_later_day() -> None:
    ledger = SyncState(Refresh())
    name = LookupTask("Up", None, None, "titles")
    ledger.lookup_failed(name, TODAY)
    ledger = reloaded(ledger)
    assert not ledger.lookup_is_due(name, TODAY)
    assert ledger.lookup_is_due(name, TODAY + DAY)


def test_names_are_known_without_case_and_those_not_found_are_tried_again() -> None:
    ledger = SyncState(Refresh())
    found, missed = (LookupTask(title, 2010, None, "titles") for title in ("Inception", "Nix"))
    ledger.looked_up(found, TODAY, found=True)
    ledger.looked_up(missed, TODAY, found=False)
    ledger = reloaded(ledger)
    assert not ledger.lookup_is_due(LookupTask("INCEPTION", 2010, None, "titles_file", 7), TODAY)
    assert ledger.lookup_is_due(LookupTask("Inception", 2011, None, "titles"), TODAY)
    assert ledger.lookup_is_due(LookupTask("Inception", 2010, "game", "titles"), TODAY)
    assert not ledger.lookup_is_due(missed, TODAY + DAY * 179)
    assert ledger.lookup_is_due(missed, TODAY + DAY * 180)
    assert not ledger.lookup_is_due(found, date(9999, 1, 1))


# States that Meltano merged: a run that was killed leaves less than the one before knew


def test_what_the_killed_run_settled_stays_settled() -> None:
    before = SyncState(Refresh())
    before.pending.update(dict.fromkeys(["tt0000001", "tt0000002", "tt0000003"], "movie"))
    before.pending["tt0000004"] = "game"
    before.pending_seasons["tt0944947", 3] = None
    before.failed("tt0000500", TODAY - DAY)
    before.failed("tt0000501", TODAY - DAY)
    before.fetched("tt0000009", "movie", 1990, TODAY - DAY * 400)
    key = SearchKey("man*", 2010, "movie")
    before.passes[key] = SearchProgress(key, TODAY - DAY, next_page=2, total=99)

    killed = reloaded(before)
    killed.fetched("tt0000001", "movie", 1999, TODAY)
    killed.failed("tt0000002", TODAY)
    killed.merged("tt0000003", "tt0000001")
    killed.gone("tt0000004", TODAY)
    killed.season_fetched("tt0944947", 3, 2013, TODAY)
    killed.fetched("tt0000500", "movie", 1999, TODAY)
    killed.merged("tt0000501", "tt0000001")
    killed.merged("tt0000009", "tt0000001")
    killed.searched(key, 99, TODAY)

    after = SyncState(Refresh(), merged(killed.to_state(), before.to_state()))
    assert not after.pending
    assert not after.pending_seasons
    assert not after.passes
    assert after.failing(TODAY) == []
    assert after.failing(TODAY + DAY) == ["tt0000002"]
    assert due(after, TODAY) == []
    assert after.last_search(key) == TODAY


def test_a_season_that_fails_is_tried_on_three_days_and_then_let_rest() -> None:
    ledger = SyncState(Refresh())
    ledger.pending_seasons["tt0944947", 1] = None
    for tries in range(3):
        day = TODAY + DAY * tries
        assert not ledger.failing_seasons(day) or tries
        ledger.season_failed("tt0944947", 1, day)
        ledger = reloaded(ledger)
        assert not ledger.pending_seasons
        assert not ledger.season_is_due("tt0944947", 1, day)
        assert ledger.last_season_try("tt0944947", 1) == day
        assert ledger.failing_seasons(day) == []
        assert ledger.failing_seasons(day + DAY) == ([("tt0944947", 1)] if tries < 2 else [])
    assert list(ledger.due_seasons(day + DAY * 179)) == []
    assert list(ledger.due_seasons(day + DAY * 180)) == [("tt0944947", 1)]


def test_a_season_that_was_had_and_fails_keeps_its_age() -> None:
    ledger = SyncState(Refresh())
    ledger.season_fetched("tt0944947", 1, TODAY.year, TODAY)
    day = TODAY + DAY * 7
    assert list(ledger.due_seasons(day)) == [("tt0944947", 1)]
    for tries in range(3):
        ledger.season_failed("tt0944947", 1, day + DAY * tries)
        assert list(ledger.due_seasons(day + DAY * tries)) == []
    assert list(ledger.due_seasons(day + DAY * 9)) == [("tt0944947", 1)]


def test_a_series_is_unopened_until_a_season_of_it_was_asked_for() -> None:
    ledger = SyncState(Refresh())
    ledger.fetched("tt0000001", "movie", 2010, TODAY)
    for number in range(2, 7):
        ledger.fetched(f"tt000000{number}", "series", 2010 if number % 2 else TODAY.year, TODAY)
    ledger.gone("tt0000002", TODAY)
    ledger.season_fetched("tt0000003", 1, None, TODAY)
    ledger.pending_seasons["tt0000004", 1] = None
    ledger.season_failed("tt0000005", 1, TODAY)
    assert list(reloaded(ledger).unopened_series()) == ["tt0000006"]


def test_of_two_days_the_newest_counts_in_whatever_order_they_come() -> None:
    state = {
        "version": VERSION,
        "titles": {"2026-11-22": {"gone": "0000001"}, "2026-01-01": {"movie older": "0000001"}},
        "seasons": {"2026-11-22": {"season older": "1/1"}, "2026-01-01": {"season older": "1/1"}},
        "searches": {
            "2026-11-22": {"2010 movie": {"man*": 9}},
            "2026-01-01": {"2010 movie": {"man*": 8}},
        },
    }
    ledger = SyncState(Refresh(), state)
    assert ledger.last_try("tt0000001") == TODAY
    assert ledger.last_season_try("tt1", 1) == TODAY
    assert ledger.last_total(SearchKey("man*", 2010, "movie")) == 9


# Size and cost


def ids(count: int, seed: int = 1) -> Iterator[str]:
    """Yield distinct ids, one in five of eight digits, as IMDb's newer ones are."""
    picked = random.Random(seed)  # noqa: S311 - no secret
    number = 0
    for position in range(count):
        number += picked.randint(1, 9)
        yield f"tt{number + (10_000_000 if position % 5 == 0 else 0):07d}"


def fill(ledger: SyncState, count: int, days: int) -> None:
    picked = random.Random(2)  # noqa: S311 - no secret
    for position, imdb_id in enumerate(ids(count)):
        day = TODAY - DAY * (position * days // count)
        kind = picked.choices(["movie", "series", "game"], [90, 8, 2])[0]
        ledger.fetched(imdb_id, kind, picked.randint(1950, 2027), day)


def test_a_hundred_thousand_titles_and_their_searches_take_under_12_bytes_a_title() -> None:
    ledger = SyncState(Refresh())
    fill(ledger, 100_000, days=180)
    letters = "abcdefghijklmnopqrstuvwxyz"
    for year in range(2010, 2020):
        for position in range(600):
            term = letters[position % 26] + letters[position // 26 % 26] + letters[position % 7]
            ledger.searched(SearchKey(f"{term}*", year, "movie"), position, TODAY)
    size = len(json.dumps(ledger.to_state()))
    assert len(ledger) == 100_000
    assert size <= 1_200_000, size


class Counted:
    """Counts the calls of a function: work, whatever the machine."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, argument: Any) -> Any:  # noqa: ANN401
        self.calls += 1
        return self.function(argument)


def test_a_million_known_titles_cost_a_state_only_what_has_changed() -> None:
    count, days = 1_000_000, 180
    numbers = [imdb_id[2:] for imdb_id in ids(count)]
    titles = {}
    for age in range(days):
        share = numbers[age::days]
        titles[(TODAY - DAY * age).isoformat()] = {
            "movie older": " ".join(share[:5000]),
            "series 2025": " ".join(share[5000:]),
        }
    state = {**SyncState(Refresh()).to_state(), "titles": titles}

    ledger = SyncState(Refresh())
    book = ledger._titles  # noqa: SLF001 - the work is counted where it is done
    read = book._read = Counted(book._read)  # noqa: SLF001
    write = book._write = Counted(book._write)  # noqa: SLF001
    ledger._load(state)  # noqa: SLF001
    assert (len(ledger), read.calls, write.calls) == (count, count, 0)

    # A state while nothing changes: no id is looked at, and what the SDK copies are few texts.
    assert ledger.to_state() == state
    assert (read.calls, write.calls) == (count, 0)
    assert sum(len(labels) for labels in titles.values()) == 2 * days

    # New titles cost one write each, however often a state is taken meanwhile.
    for imdb_id in ids(1000, seed=3):
        ledger.fetched(f"tt9{imdb_id[2:]}", "movie", 1990, TODAY + DAY)
        ledger.to_state()
    assert (read.calls, write.calls) == (count, 1000)

    # A refreshed title costs a look at those that were fetched with it, at the next state only.
    refreshed = due(ledger, TODAY + DAY)[:100]
    looked_at = read.calls
    for imdb_id in refreshed:
        ledger.fetched(imdb_id, "movie", 1990, TODAY + DAY)
    ledger.to_state()
    assert write.calls == 1100
    assert read.calls - looked_at < 2 * count // days


# States of this and other versions


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_a_state_of_every_version_loads_for_ever(path: Path) -> None:
    ledger = SyncState(Refresh(), json.loads(path.read_text(encoding="utf-8")))
    then = date(2026, 5, 9)
    assert len(ledger) == 6
    assert [ledger.last_try(i) for i in ("tt0111161", "tt4440394", "tt31193180")] == [
        date(2025, 3, 1),
        date(2025, 3, 1),
        then,
    ]
    assert list(ledger.due_titles(then)) == [
        ("tt0111161", "movie"),
        ("tt0068646", "movie"),
        ("tt10872600", "movie"),
        ("tt0944947", "series"),
    ]
    assert ledger.has("tt0000404")
    assert ledger.merged_into("tt0111161") == ["tt4440394"]
    assert list(ledger.due_seasons(then)) == [("tt0944947", 1), ("tt0944947", 2)]
    assert ledger.pending == {"tt1375666": "movie", "tt0816692": "movie", "tt1568322": "game"}
    assert list(ledger.pending_seasons) == [("tt0944947", 3)]
    assert ledger.failing(then + DAY) == ["tt0000500"]
    assert ledger.failing_seasons(then + DAY) == [("tt0944947", 4)]
    assert ledger.last_lookup("Inception", 2010, None) == date(2025, 3, 1)
    assert not ledger.lookup_is_due(LookupTask("Nix", 2010, None, "titles"), date(2025, 5, 1))
    assert ledger.lookup_is_due(LookupTask("Nix", 2010, None, "titles"), then)
    assert ledger.last_lookup("Up", 2009, None) == then
    assert ledger.lookup_is_due(LookupTask("Up", 2009, None, "titles"), then + DAY)
    assert ledger.last_total(SearchKey("man*", 2010, "movie")) == 88
    assert ledger.is_split(SearchKey("the*", 2010, "movie"))
    assert ledger.last_search(SearchKey("star wars", None, None)) == then
    (search,) = ledger.passes.values()
    assert (search.key, search.next_page) == (SearchKey("bat*", 2010, "movie"), 3)
    assert (search.total, search.rows, search.hits, search.new_titles) == (41, 20, 19, 7)
    assert ledger.requests == {"2026-05-09/7d": 412}


def test_the_newest_version_has_a_state_on_record_with_all_that_is_written() -> None:
    assert STATES[-1].stem == f"version_{VERSION}"
    state = json.loads(STATES[-1].read_text(encoding="utf-8"))
    assert SyncState(Refresh(), state).to_state() == state
    assert all(state.values())
    assert state.keys() == SyncState(Refresh()).to_state().keys()


@pytest.mark.parametrize("version", [VERSION + 1, 99, None, "1", 1.5])
def test_a_state_of_another_version_is_refused_with_the_remedy(version: object) -> None:
    state = {"version": version, "titles": {"2026-11-22": {"movie older": "0111161"}}}
    with pytest.raises(StateError, match=r"(?s)version .*upgrade tap-omdb.*--full-refresh"):
        SyncState(Refresh(), state)


@pytest.mark.parametrize(
    "broken",
    [
        {"titles": {"2026-11-22": {"movie older": "0111161 tt0068646"}}},
        {"titles": {"2026-13-22": {"movie older": "0111161"}}},
        {"titles": {"2026-11-22": "0111161"}},
        {"titles": [1, 2]},
        {"titles": {"2026-11-22": {"movie older": 111161}}},
        {"seasons": None},
        {"searches": {"2026-11-22": {"2010": {"man*": 1}}}},
        {"searches": {"2026-11-22": {"2010 movie": {"man*": "many"}}}},
        {"passes": {"man*": {"since": "2026-11-22"}}},
        {"passes": {"man*|2010|movie": {"since": "2026-11-22"}}},
        {"pending": {"movie": None}},
        {"pending": {"season": "0944947"}},
        {"failing": {"tt0000500": {"tries": 1}}},
        {"merged": ["4440394"]},
        {"requests": {"2026-11-22": "lots"}},
    ],
    ids=json.dumps,
)
def test_a_broken_state_is_refused_with_the_remedy(broken: dict[str, Any]) -> None:
    with pytest.raises(StateError, match=r"(?s)state edit.*--full-refresh"):
        SyncState(Refresh(), {"version": VERSION, **broken})
