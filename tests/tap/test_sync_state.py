"""What the state holds: everything that is recorded, in little space, whatever is merged."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tap_omdb.config.settings import Refresh, Title
from tap_omdb.omdb.queries import SearchKey
from tap_omdb.state import StateError
from tap_omdb.state.dated_index import COMPACTED, DatedIndex, Days, Label, Mark
from tap_omdb.state.failures import MAX_ATTEMPTS
from tap_omdb.state.int_map import IntMap
from tap_omdb.state.lookups import FAILED, FOUND
from tap_omdb.state.lookups import NOT_FOUND as LOOKUP_NOT_FOUND
from tap_omdb.state.searches import SearchProgress
from tap_omdb.state.sync_state import VERSION, SyncState, seed
from tap_omdb.state.titles import NOT_FOUND, FetchedLabel

from tests.tap.conftest import Tap, merged

RECORDED = Path(__file__).with_name("state.json")
TODAY = date(2026, 11, 22)
DAY = timedelta(days=1)
RUN = "6a213f40c0de"
KIND = st.sampled_from(["movie", "series", "episode", "game"])
FOUND_BY = st.sampled_from(["imdb_id", "title_and_year", "title", "search", "season"])


def new(**refresh: Any) -> SyncState:  # noqa: ANN401
    return SyncState(Refresh(**refresh), RUN)


def reloaded(state: SyncState, refresh: Refresh | None = None) -> SyncState:
    return SyncState(refresh or Refresh(), RUN, json.loads(json.dumps(state.dump())))


def due(state: SyncState, today: date) -> list[str]:
    return [imdb_id for imdb_id, _ in state.titles.due(today)]


def keys_of(days: Days) -> dict[tuple[str, str], list[str]]:
    """Return the keys by day and label, whichever run marked them."""
    return {
        (day, label): sorted(key for keys in runs.values() for key in keys.split())
        for day, labels in days.items()
        for label, runs in labels.items()
    }


# Any history: what was recorded is known, before and after it was written and read


IDS = [f"tt{number:07d}" for number in (1, 404, 1375666, 9999999, 10000000, 31193180)]
TITLES = [Title(t, y, k) for t in ("Up", "Éa|b") for y in (None, 2009) for k in (None, "movie")]
SEARCHES = [
    SearchKey(t, y, k) for t in ("man*", "a|b c") for y in (None, 2010) for k in (None, "movie")
]
SEASONS = [(series_id, season) for series_id in IDS[:2] for season in (1, 12)]
YEARS = st.sampled_from([None, 1894, 2022, 2023, 2025, 2026, 2027, 2030])
OUTCOMES = st.sampled_from([FOUND, LOOKUP_NOT_FOUND, FAILED])


def known(state: SyncState, today: date) -> dict[str, object]:
    """Return the result of everything that can be read from a state."""
    days = [today + DAY * ahead for ahead in (0, 1, 7, 30, 180, 400)]
    titles, seasons, searches = state.titles, state.seasons, state.searches
    return {
        "len": len(titles),
        "is_known": [titles.is_known(i) for i in IDS],
        "last_requested": [titles.last_requested(i) for i in IDS],
        "was_fetched": [titles.was_fetched(i) for i in IDS],
        "matched_by": [titles.matched_by(i) for i in IDS],
        "due": [sorted(titles.due(day)) for day in days],
        "order": [[titles.last_requested(i) for i in due(state, day)] for day in days],
        "failed": [sorted(titles.failed(day)) for day in days],
        "merged_ids": [titles.merged_ids(i) for i in IDS],
        "pending": dict(titles.pending),
        "not_selected": [sorted(titles.not_selected({kind})) for kind in ("movie", "series")],
        "series": sorted(titles.of_type("series")),
        "pending_seasons": dict(seasons.pending),
        "season_is_due": [[seasons.is_due(*s, day) for s in SEASONS] for day in days],
        "season_is_known": [seasons.is_known(*s) for s in SEASONS],
        "season_last_requested": [seasons.last_requested(*s) for s in SEASONS],
        "failed_seasons": [sorted(seasons.failed(day)) for day in days],
        "due_seasons": [sorted(seasons.due(day)) for day in days],
        "lookup_is_due": [[state.lookups.is_due(t, day) for t in TITLES] for day in days],
        "last_lookup": [state.lookups.last_requested(t) for t in TITLES],
        "search_is_due": [[searches.is_due(k, day) for k in SEARCHES] for day in days],
        "last_finished": [searches.last_finished(k) for k in SEARCHES],
        "last_total": [searches.last_total(k) for k in SEARCHES],
        "is_split": [searches.is_split(k) for k in SEARCHES],
        "in_progress": {
            str(k): (p.since, p.next_page, p.total, p.rows, p.hits, p.new_titles)
            for k, p in searches.in_progress.items()
        },
    }


# Operations: each marks a key at most once a day, as a run does

Outcomes = dict[str, "tuple[date, str | None] | None"]
"""What the state must say from now on of titles: the day, and how they were found."""


def is_free(state: SyncState, imdb_id: str, today: date) -> bool:
    """Return whether a title may be requested today: it is no title's other id and not done."""
    last = state.titles.last_requested(imdb_id)
    return imdb_id not in linked(state) and (last is None or last < today)


def linked(state: SyncState) -> set[str]:
    return {requested for imdb_id in IDS for requested in state.titles.merged_ids(imdb_id)}


def find(imdb_id: str, kind: str, state: SyncState, _: date) -> Outcomes:
    if not state.titles.is_known(imdb_id):
        state.titles.pending.setdefault(imdb_id, kind)
    return {}


def settle(
    imdb_id: str, how: tuple[str, str, int | None, str], state: SyncState, today: date
) -> Outcomes:
    outcome, kind, year, source = how
    titles = state.titles
    if not is_free(state, imdb_id, today):
        return {}
    matched_by = titles.matched_by(imdb_id) if titles.is_known(imdb_id) else source
    if outcome == "fetched":
        titles.mark_fetched(imdb_id, FetchedLabel(kind, year, matched_by), today)
    elif outcome == "not selected":
        titles.mark_not_selected(imdb_id, kind, today, matched_by)
    elif outcome == "not found":
        titles.mark_not_found(imdb_id, today, matched_by)
    else:
        titles.mark_failed(imdb_id, today, matched_by)
        assert titles.matched_by(imdb_id) == matched_by
    return {imdb_id: (today, matched_by)}


def link(requested: str, returned: str, state: SyncState, today: date) -> Outcomes:
    if not (is_free(state, requested, today) and is_free(state, returned, today)):
        return {}
    # A title has only one year on a day, by whichever id it is requested.
    state.titles.mark_fetched(returned, FetchedLabel("movie", 2010, "imdb_id"), today)
    state.titles.mark_merged(requested, returned)
    return {returned: (today, "imdb_id"), requested: None}


def request_season(
    outcome: str, season: tuple[str, int], year: int | None, state: SyncState, today: date
) -> Outcomes:
    seasons = state.seasons
    if outcome == "found" and not seasons.is_known(*season):
        seasons.pending[season] = None
    elif outcome == "fetched" and seasons.last_requested(*season) != today:
        seasons.mark_fetched(*season, year, today)
    elif outcome == "failed" and seasons.last_requested(*season) != today:
        seasons.mark_failed(*season, today)
    return {}


def look_up(title: Title, outcome: str, state: SyncState, today: date) -> Outcomes:
    if state.lookups.last_requested(title) != today:
        state.lookups.mark(title, today, outcome)
    return {}


def read_page(key: SearchKey, total: int, state: SyncState, today: date) -> Outcomes:
    if state.searches.last_finished(key) != today:
        before = state.searches.progress(key, today)
        page = before.next_page + 1
        state.searches.in_progress[key] = SearchProgress(
            key, before.since, page, total, page * 10, page * 9, page * 2
        )
    return {}


def finish(key: SearchKey, total: int | None, state: SyncState, today: date) -> Outcomes:
    if state.searches.last_finished(key) != today:
        state.searches.mark_finished(key, total, today)
    return {}


Operation = Callable[[SyncState, date], Outcomes]


def halves(items: list[str]) -> tuple[list[str], list[str]]:
    return items[: len(items) // 2], items[len(items) // 2 :]


def operations(part: slice) -> st.SearchStrategy[Operation]:
    """Return operations on a part of all ids, seasons, titles and searches."""
    ids, searches = st.sampled_from(IDS[part]), st.sampled_from(SEARCHES[part])
    settled = st.sampled_from(["fetched", "not selected", "not found", "failed"])
    how = st.tuples(settled, KIND, YEARS, FOUND_BY)
    requested = st.sampled_from(["found", "fetched", "failed"])
    return st.one_of(
        st.builds(partial, st.just(find), ids, KIND),
        st.builds(partial, st.just(settle), ids, how),
        st.builds(partial, st.just(link), *map(st.sampled_from, halves(IDS[part]))),
        st.builds(
            partial, st.just(request_season), requested, st.sampled_from(SEASONS[part]), YEARS
        ),
        st.builds(partial, st.just(look_up), st.sampled_from(TITLES[part]), OUTCOMES),
        st.builds(partial, st.just(read_page), searches, st.integers(0, 99)),
        st.builds(partial, st.just(finish), searches, st.none() | st.integers(0, 99)),
    )


class History(RuleBasedStateMachine):
    """Several days of runs."""

    def __init__(self) -> None:
        super().__init__()
        self.state = new()
        self.today = TODAY
        self.complete: dict[str, Any] = {}
        self.outcomes: Outcomes = {}

    @rule(days=st.integers(1, 200))
    def time_passes(self, days: int) -> None:
        self.today += DAY * days

    @rule(operation=operations(slice(None)))
    def request(self, operation: Operation) -> None:
        self.outcomes.update(operation(self.state, self.today))

    @rule()
    def run_ends(self) -> None:
        self.complete = json.loads(json.dumps(self.state.dump()))

    @rule()
    def next_run(self) -> None:
        self.state = reloaded(self.state)

    @invariant()
    def knows_what_was_recorded(self) -> None:
        titles = self.state.titles
        for imdb_id in set(IDS) - linked(self.state):
            outcome = self.outcomes.get(imdb_id)
            assert titles.is_known(imdb_id) == (outcome is not None)
            assert titles.last_requested(imdb_id) == (outcome and outcome[0])
            assert titles.matched_by(imdb_id) == (outcome and outcome[1])

    @invariant()
    def state_keeps_everything(self) -> None:
        state = json.loads(json.dumps(self.state.dump()))
        again = reloaded(self.state)
        assert known(again, self.today) == known(self.state, self.today)
        once = again.dump()
        assert SyncState(Refresh(), RUN, once).dump() == once
        for part in ("titles", "seasons", "lookups"):
            assert keys_of(once.pop(part)) == keys_of(state.pop(part))
        assert once == state

    @invariant()
    def state_has_each_title_once(self) -> None:
        numbers = [n for ids in keys_of(self.state.dump()["titles"]).values() for n in ids]
        assert len(numbers) == len(set(numbers)) == len(self.state.titles)

    @invariant()
    def merged_with_an_older_state_the_latest_day_wins(self) -> None:
        both = merged(self.state.dump(), self.complete)
        assert known(SyncState(Refresh(), RUN, both), self.today) == known(self.state, self.today)


History.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
test_any_history = History.TestCase


# Runs that start from the same state, such as shards of a backfill


EVEN, ODD = slice(0, None, 2), slice(1, None, 2)


@settings(max_examples=200, deadline=None)
@given(
    start=st.lists(
        st.tuples(st.integers(0, 300), st.one_of(operations(EVEN), operations(ODD))), max_size=12
    ),
    one=st.lists(operations(EVEN), max_size=8),
    other=st.lists(operations(ODD), max_size=8),
    lag=st.integers(0, 1),
)
def test_merged_states_of_two_runs_lose_nothing(
    start: list[tuple[int, Operation]], one: list[Operation], other: list[Operation], lag: int
) -> None:
    before = SyncState(Refresh(), "6a000000aaaa")
    for age, operation in sorted(start, key=lambda item: -item[0]):
        operation(before, TODAY - DAY * age)
    shared = json.loads(json.dumps(before.dump()))
    end = TODAY + DAY * lag
    runs = [SyncState(Refresh(), name, shared) for name in ("6a213f40c0de", "6a213f40beef")]
    sequential = SyncState(Refresh(), "6a213f40cafe", shared)
    for operation in one:
        operation(runs[0], TODAY)
        operation(sequential, TODAY)
    for operation in other:
        operation(runs[1], end)
        operation(sequential, end)
    states = [json.loads(json.dumps(run.dump())) for run in runs]
    for first, second in (states, states[::-1]):
        both = SyncState(Refresh(), "6a222222ffff", merged(first, second))
        assert known(both, end) == known(sequential, end)
        # And merged once more with the state from which both started.
        again = SyncState(Refresh(), "6a222222ffff", merged(both.dump(), shared))
        assert known(again, end) == known(sequential, end)


def test_within_a_day_the_run_that_started_last_counts_in_whichever_order_they_are_merged() -> None:
    before = SyncState(Refresh(), "1")
    before.titles.mark_not_selected("tt0000001", "movie", TODAY, "title")
    other = SyncState(Refresh(), "2", before.dump())
    later = SyncState(Refresh(), "3", before.dump())
    later.titles.mark_fetched("tt0000001", FetchedLabel("movie", 2010, "search"), TODAY)
    for first, second in ((other, later), (later, other)):
        both = SyncState(Refresh(), "4", merged(first.dump(), second.dump()))
        assert list(both.titles.not_selected({"movie"})) == []
        assert both.titles.matched_by("tt0000001") == "search"
        assert keys_of(both.dump()["titles"]) == {("2026-11-22", "movie older search"): ["0000001"]}


# Groups of keys


A, B = Label("a"), Label("b")


def index(run: str = "run") -> DatedIndex[str]:
    def parse(token: str) -> tuple[str, int]:
        key, _, detail = token.partition(":")
        return key, int(detail or 0)

    def encode(key: str, detail: int) -> str:
        return f"{key}:{detail}" if detail else key

    return DatedIndex(run, parse, encode, {})


def test_groups_of_earlier_weeks_are_compacted() -> None:
    days = {
        "2026-11-22": {"a": {"r3": "k1"}},
        "2026-11-15": {"a": {"r2": "k2", "r3": "k3"}},  # 7 days before: runs may still be going
        "2026-11-14": {"a": {"r1": " k4  k1\n", "r2": "k5 k2", COMPACTED: "k6"}, "b": {"r1": "k7"}},
        "2026-01-01": {"a": {"r1": "k7 k8"}},
    }
    loaded = index()
    loaded.load(days)
    assert loaded.dump() == {
        "2026-11-22": {"a": {"r3": "k1"}},
        "2026-11-15": {"a": {"r2": "k2", "r3": "k3"}},
        "2026-11-14": {"a": {COMPACTED: "k6 k4 k5"}, "b": {COMPACTED: "k7"}},
        "2026-01-01": {"a": {COMPACTED: "k8"}},
    }
    assert len(loaded) == 8
    again = index()
    again.load(loaded.dump())
    assert again.dump() == loaded.dump()


def test_a_detail_survives_the_rewriting_of_its_group() -> None:
    first = index("r1")
    for _ in range(2):  # the second time, it is not written again
        first.mark("k1", Mark(TODAY, A), 7)
    first.mark("k2", Mark(TODAY, A), 2**40)
    first.mark("k3", Mark(TODAY, A))
    assert first.dump() == {"2026-11-22": {"a": {"r1": f"k1:7 k2:{2**40} k3"}}}
    second = index("r2")
    second.load(first.dump())
    second.mark("k1", Mark(TODAY, B), 8)
    assert [*map(second.detail, ("k1", "k2", "k3", "k4"))] == [8, 2**40, 0, 0]
    assert second.dump() == {"2026-11-22": {"a": {"r1": f"k2:{2**40} k3"}, "b": {"r2": "k1:8"}}}


NUMBERS = st.sampled_from([0, 1, 2**16 - 1, 2**16, 2**16 + 1, 2**34 - 1])


@given(st.lists(st.tuples(NUMBERS, st.none() | st.integers(0, 2**64 - 1))))
def test_an_int_map_is_a_dictionary(operations: list[tuple[int, int | None]]) -> None:
    numbers, expected = IntMap(), dict[int, int]()
    for key, value in operations:
        if value is None:
            assert numbers.pop(key, None) == expected.pop(key, None)
        else:
            numbers[key] = expected[key] = value
        assert numbers.get(key) == expected.get(key)
    assert dict(numbers) == expected
    assert len(numbers) == len(expected)
    with pytest.raises(KeyError):
        del numbers[2**34]


# When things are due


def test_the_refresh_of_a_title_changes_with_the_calendar_year() -> None:
    state = new()
    state.titles.mark_fetched("tt0000001", FetchedLabel("movie", 2026), date(2026, 12, 28))
    state.titles.mark_fetched("tt0000002", FetchedLabel("movie", 2023), date(2026, 12, 28))
    assert due(state, date(2027, 1, 5)) == []
    assert due(state, date(2027, 1, 27)) == ["tt0000001"]
    assert due(state, date(2027, 6, 26)) == ["tt0000001", "tt0000002"]


@pytest.mark.parametrize(
    ("setting", "year", "days"),
    [("this_year", 2026, 7), ("recent", 2023, 30), ("older", 2022, 180), ("older", None, 180)],
)
def test_what_is_known_is_due_again_by_its_year_or_never(
    setting: str, year: int | None, days: int
) -> None:
    key = SearchKey("man*", year, "movie")

    def found_due(day: date, **refresh: Any) -> list[object]:  # noqa: ANN401
        state = new(**refresh)
        state.titles.mark_fetched(IDS[0], FetchedLabel("movie", year), TODAY)
        state.seasons.mark_fetched(IDS[0], 1, year, TODAY)
        state.searches.mark_finished(key, 5, TODAY)
        state = reloaded(state, Refresh(**refresh))
        searches = [key] if state.searches.is_due(key, day) else []
        return [*due(state, day), *state.seasons.due(day), *searches]

    assert found_due(TODAY + DAY * (days - 1)) == []
    assert found_due(TODAY + DAY * days) == [IDS[0], (IDS[0], 1), key]
    assert found_due(TODAY + DAY * days, **{setting: None}) == []


def test_a_title_that_is_refreshed_while_titles_are_listed_is_not_listed_again() -> None:
    state = new()
    for number in range(1, 6):
        state.titles.mark_fetched(
            f"tt000000{number}", FetchedLabel("movie", 1990), TODAY - DAY * 200
        )
    listed = []
    for imdb_id, kind in state.titles.due(TODAY):
        listed.append(imdb_id)
        state.titles.mark_fetched(imdb_id, FetchedLabel(kind, 1990), TODAY)
        state.titles.mark_merged("tt0000004", "tt0000001")
    assert listed == ["tt0000001", "tt0000002", "tt0000003", "tt0000005"]
    assert due(state, TODAY) == []


# What OMDb does not have


@pytest.mark.parametrize(
    ("older", "days", "is_due"), [(180, 179, False), (180, 180, True), (None, 9999, False)]
)
def test_what_omdb_does_not_have_is_due_again_when_old_titles_are(
    older: int | None, days: int, *, is_due: bool
) -> None:
    state, day = new(older=older), TODAY + DAY * days
    state.titles.pending["tt0000404"] = "movie"
    state.titles.mark_not_found("tt0000404", TODAY, "imdb_id")
    state.lookups.mark(Title("Nix", 2010), TODAY, LOOKUP_NOT_FOUND)
    state.lookups.mark(Title("Inception", 2010), TODAY, FOUND)
    state = reloaded(state, Refresh(older=older))
    assert not state.titles.pending
    assert list(state.titles.due(day)) == [("tt0000404", NOT_FOUND)] * is_due
    assert state.lookups.is_due(Title("NIX", 2010), day) == is_due
    assert state.lookups.is_due(Title("Nix", 2010, "game"), day), "this one is unknown"
    assert not state.lookups.is_due(Title("INCEPTION", 2010), day)


def test_a_known_title_that_fails_is_retried_on_three_days_and_keeps_its_label() -> None:
    state = new()
    state.titles.mark_fetched("tt0000001", FetchedLabel("series", 1990, "title"), TODAY - DAY * 200)
    for attempt in range(MAX_ATTEMPTS):
        day = TODAY + DAY * attempt
        state.titles.mark_failed("tt0000001", day, "title")
        state = reloaded(state)
        assert due(state, day) == due(state, day + DAY) == []
        assert state.titles.failed(day) == []
        assert state.titles.failed(day + DAY) == ["tt0000001"] * (attempt < MAX_ATTEMPTS - 1)
    assert state.dump()["titles"] == {"2026-11-24": {"series older title": {RUN: "0000001"}}}
    assert state.titles.was_fetched("tt0000001")


@pytest.mark.parametrize(("is_known", "days"), [(False, 180), (True, 7)])
def test_a_season_may_fail_on_three_days_and_then_waits(is_known: bool, days: int) -> None:
    season = ("tt0944947", 1)
    state = new()
    if is_known:
        state.seasons.mark_fetched(*season, TODAY.year, TODAY - DAY * 7)
        assert list(state.seasons.due(TODAY)) == [season]
    else:
        state.seasons.pending[season] = None
    for attempt in range(MAX_ATTEMPTS):
        day = TODAY + DAY * attempt
        state.seasons.mark_failed(*season, day)
        state = reloaded(state)
        assert not state.seasons.pending
        assert not state.seasons.is_due(*season, day)
        assert state.seasons.last_requested(*season) == day
        assert list(state.seasons.due(day)) == state.seasons.failed(day) == []
        assert state.seasons.failed(day + DAY) == ([season] if attempt < 2 else [])
    assert list(state.seasons.due(day + DAY * (days - 1))) == []
    assert list(state.seasons.due(day + DAY * days)) == [season]


def test_a_season_that_a_killed_run_settled_stays_settled() -> None:
    before = new()
    before.seasons.pending["tt0944947", 3] = None
    before.seasons.mark_failed("tt0944947", 4, TODAY - DAY)
    killed = reloaded(before)
    assert killed.seasons.is_known("tt0944947", 3)
    for season in (3, 4):
        killed.seasons.mark_fetched("tt0944947", season, 2013, TODAY)
    after = SyncState(Refresh(), "after", merged(killed.dump(), before.dump()))
    assert not after.seasons.pending
    assert after.seasons.failed(TODAY + DAY) == []


@pytest.mark.parametrize(
    ("query", "is_covered"),
    [
        ("i=tt0000001&plot=short", True),
        ("i=tt0000002&plot=short", False),
        ("i=tt0000003&Season=1", True),
        ("i=tt0000003&Season=2", False),
        ("t=Up&y=2009&plot=full", True),
        ("t=Up&y=2010&plot=full", False),
        ("t=Up&plot=full", True),  # sent because of the lookup with the year
        ("t=Up&type=movie", False),
        ("s=man%2A&y=2010&type=movie&page=9", True),
        ("s=man%2A&y=2010&page=1", False),
        ("s=bat%2A&page=2", True),
        ("s=bat%2A&page=3", False),
        ("s=bat%2A&page=4", False),  # sent before the run was killed
    ],
)
def test_a_response_is_covered_until_its_last_request(query: str, *, is_covered: bool) -> None:
    state = new()
    state.titles.mark_fetched("tt0000001", FetchedLabel("movie", 2010), TODAY)
    state.seasons.mark_fetched("tt0000003", 1, 2010, TODAY)
    state.lookups.mark_without_year(Title("Up", 2009), TODAY, FOUND)
    state.searches.mark_finished(SearchKey("man*", 2010, "movie"), 99, TODAY)
    key = SearchKey("bat*", None, None)
    state.searches.in_progress[key] = SearchProgress(key, TODAY, next_page=3)
    noon = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
    assert state.covers(query, noon) == is_covered
    assert state.covers(query, noon + DAY) == (is_covered and "bat" in query)


# Size and work


def ids(count: int, seed: int = 1) -> Iterator[str]:
    """Yield distinct ids, one in five of eight digits, as IMDb's newer ones are."""
    picked = random.Random(seed)  # noqa: S311 - not a secret
    number = 0
    for position in range(count):
        number += picked.randint(1, 9)
        yield f"tt{number + (10_000_000 if position % 5 == 0 else 0):07d}"


def fill(state: SyncState, count: int, days: int) -> None:
    picked = random.Random(2)  # noqa: S311 - not a secret
    for position, imdb_id in enumerate(ids(count)):
        day = TODAY - DAY * (position * days // count)
        kind = picked.choices(["movie", "series", "game"], [90, 8, 2])[0]
        state.titles.mark_fetched(
            imdb_id, FetchedLabel(kind, picked.randint(1950, 2027), "search"), day
        )


def test_titles_and_their_searches_take_under_12_bytes_a_title() -> None:
    state = new()
    fill(state, 20_000, days=36)
    letters = "abcdefghijklmnopqrstuvwxyz"
    for year in range(2010, 2012):
        for position in range(600):
            term = letters[position % 26] + letters[position // 26 % 26] + letters[position % 7]
            state.searches.mark_finished(SearchKey(f"{term}*", year, "movie"), position, TODAY)
    assert len(state.titles) == 20_000
    for written in (state.dump(), reloaded(state).dump()):
        size = len(json.dumps(written))
        assert size <= 240_000, size


class Counted:
    """Counts the calls of a function: work, whatever the machine."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *arguments: Any) -> Any:  # noqa: ANN401
        self.calls += 1
        return self.function(*arguments)


def test_with_many_known_titles_a_state_costs_only_what_has_changed() -> None:
    count, days = 20_000, 180
    written = new()
    fill(written, count, days)
    state = new()
    index = state.titles._index  # noqa: SLF001 - the work is counted where it is done
    parse = index._parse = Counted(index._parse)  # noqa: SLF001
    encode = index._encode = Counted(index._encode)  # noqa: SLF001
    state._load(written.dump())  # noqa: SLF001
    loaded = parse.calls
    assert loaded <= 2 * count

    # While nothing changes, no id is looked at.
    for _ in range(3):
        state.dump()
    assert (parse.calls, encode.calls) == (loaded, 0)

    # Each new title is encoded once, however often the state is dumped meanwhile.
    for imdb_id in ids(1000, seed=3):
        state.titles.mark_fetched(f"tt9{imdb_id[2:]}", FetchedLabel("movie", 1990), TODAY + DAY)
        state.dump()
    assert (parse.calls, encode.calls) == (loaded, 1000)

    # A refreshed title costs a look at those that were fetched with it, at the next dump only.
    refreshed = due(state, TODAY + DAY)[:100]
    looked_at = parse.calls
    for imdb_id in refreshed:
        state.titles.mark_fetched(imdb_id, FetchedLabel("movie", 1990), TODAY + DAY)
    state.dump()
    assert encode.calls <= 1100 + 3 * count // days
    assert parse.calls - looked_at < 3 * count // days


# The state's format


def test_everything_that_is_written_is_read() -> None:
    written = json.loads(RECORDED.read_text(encoding="utf-8"))
    state = SyncState(Refresh(), "6a213f40c0de", written)
    assert state.dump() == written
    assert all(written.values())
    assert [*written] == [*new().dump()]
    titles, seasons, searches = state.titles, state.seasons, state.searches
    then = date(2026, 5, 9)
    assert len(titles) == 6
    assert titles.last_requested("tt31193180") == then
    assert [imdb_id for imdb_id, _ in titles.due(then)] == [
        *("tt0111161", "tt0068646", "tt10872600", "tt0944947")
    ]
    assert titles.is_known("tt0000404")
    assert not titles.was_fetched("tt0000404")
    ids = ("tt0111161", "tt0068646", "tt31193180", "tt0000404", "tt0000500", "tt10872600")
    found = ["imdb_id", "title_and_year", "search", "title", "season", None]
    assert [*map(titles.matched_by, ids)] == found
    assert titles.merged_ids("tt0111161") == ["tt4440394"]
    assert list(seasons.due(then)) == [("tt0944947", 1), ("tt0944947", 2)]
    assert titles.pending == {"tt1375666": "movie", "tt0816692": "movie", "tt1568322": "game"}
    assert list(seasons.pending) == [("tt0944947", 3)]
    assert titles.failed(then + DAY) == ["tt0000500"]
    assert seasons.failed(then + DAY) == [("tt0944947", 4)]
    assert state.lookups.last_requested(Title("Inception", 2010)) == date(2025, 3, 1)
    assert state.lookups.is_due(Title("Nix", 2010), then)
    assert searches.last_total(SearchKey("man*", 2010, "movie")) == 88
    assert searches.is_split(SearchKey("the*", 2010, "movie"))
    (progress,) = searches.in_progress.values()
    assert (progress.key, progress.next_page) == (SearchKey("bat*", 2010, "movie"), 3)
    assert (progress.total, progress.rows, progress.hits, progress.new_titles) == (41, 20, 19, 7)
    assert state.requests == {"2026-05-09/7d": {"69fe9a407a31": 400, "69fedf10b2c4": 12}}
    assert {*seed(written)} == {*written} - {"pending", "failures"}


@pytest.mark.parametrize("version", [VERSION + 1, 99, None, "1", 1.5])
def test_a_state_of_another_version_is_rejected_with_the_remedy(version: object) -> None:
    state = {"version": version, "titles": {"2026-11-22": {"movie older": {"a": "0111161"}}}}
    with pytest.raises(StateError, match=r"(?s)version .*upgrade tap-omdb.*--full-refresh"):
        SyncState(Refresh(), RUN, state)


@pytest.mark.parametrize(
    "invalid",
    [
        {"titles": {"2026-11-22": {"movie older": {"a": "0111161 tt0068646"}}}},
        {"titles": {"2026-13-22": {"movie older": {"a": "0111161"}}}},
        {"titles": {"2026-11-22": "0111161"}},
        {"titles": {"2026-11-22": {"movie older": "0111161"}}},
        {"titles": [1, 2]},
        {"titles": {"2026-11-22": {"movie older": {"a": 111161}}}},
        {"seasons": None},
        {"searches": {"2026-11-22": {"2010": {"man*": 1}}}},
        {"searches": {"2026-11-22": {"2010 movie": {"man*": "many"}}}},
        {"search_progress": {"man*": {"a": {"since": "2026-11-22"}}}},
        {"search_progress": {"man*|2010|movie": {"a": {"since": "2026-11-22"}}}},
        {"search_progress": {"man*|2010|movie": {}}},
        {"pending": {"movie": None}},
        {"pending": {"season": {"a": "0944947"}}},
        {"failures": {"tt0000500": {"a": {"attempts": 1}}}},
        {"failures": {"tt0000500": {}}},
        {"merged_ids": ["4440394"]},
        {"requests": {"2026-11-22": {"a": "lots"}}},
    ],
    ids=json.dumps,
)
def test_an_invalid_state_is_rejected_with_the_remedy(invalid: dict[str, Any]) -> None:
    with pytest.raises(StateError, match=r"(?s)state edit.*--full-refresh"):
        SyncState(Refresh(), RUN, {"version": VERSION, **invalid})


def test_a_state_that_cannot_be_used_ends_the_run_before_it_begins(sync: Tap) -> None:
    run = sync({"imdb_ids": IDS}, {"bookmarks": {"sync_state": {"version": 99}}})
    assert (run.exit_code, run.counts) == (1, {})
    assert "upgrade tap-omdb" in run.log
