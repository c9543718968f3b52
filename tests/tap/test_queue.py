"""What is asked next: in which order, each thing once, and how far ahead."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tap_omdb.state.sync_state import SyncState
from tap_omdb.omdb.queries import (
    LookupTask,
    PageTask,
    SearchKey,
    SearchProgress,
    SeasonTask,
    TitleTask,
)
from tap_omdb.config.settings import Refresh, Settings, Title
from tap_omdb.sync.planner import plan_tasks, count_planned_tasks
from tap_omdb.config.titles_file import InvalidRow
from tap_omdb.sync.queue import TaskQueue

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tap_omdb.omdb.queries import Task

TODAY = date(2026, 11, 22)
LONG_AGO = TODAY - timedelta(days=400)
ALL = frozenset({"movie", "series", "episode", "game"})
WIDTH = 8


def settings(**changes: Any) -> Settings:  # noqa: ANN401
    values: dict[str, Any] = {
        "api_url": "http://127.0.0.1/",
        "years": (),
        "search_terms": (),
        "imdb_ids": (),
        "titles": (),
        "titles_file": None,
        "types": frozenset({"movie"}),
        "plot": "short",
        "coverage": 0.9,
        "max_requests": None,
        "daily_requests": 1000,
        "concurrency": WIDTH,
        "requests_per_second": None,
        "refresh": Refresh(),
        "timeout": 30,
        "max_retry_time": 120,
        "cache_dir": None,
    }
    return Settings(**{**values, **changes})


@pytest.fixture
def ledger() -> SyncState:
    return SyncState(Refresh())


def title(number: int) -> TitleTask:
    return TitleTask(f"tt{number:07d}", "search")


def page(term: str, number: int = 1) -> PageTask:
    return PageTask(SearchProgress(SearchKey(term, 2010, "movie"), TODAY), number)


def work_of(tasks: Iterable[Task | InvalidRow], ledger: SyncState) -> TaskQueue:
    return TaskQueue(iter(tasks), ledger, WIDTH)


def taken(work: TaskQueue) -> list[Task]:
    """Take all tasks that there are now."""
    tasks: list[Task] = []
    while task := work.next():
        tasks.append(task)
    return tasks


def asked(work: TaskQueue) -> list[str]:
    """Take all tasks that there are now, in words."""
    return [str(task.query("short")) for task in taken(work)]


def planned(ledger: SyncState, wanted: frozenset[str] = ALL, **changes: Any) -> list[str]:  # noqa: ANN401
    tasks = plan_tasks(settings(**changes), ledger, wanted, TODAY)
    return [str(task.query("short")) for task in tasks if not isinstance(task, InvalidRow)]


# The order


def test_new_titles_come_before_known_ones_and_names_before_searches(
    ledger: SyncState, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    file.write_text("tt0000020\ntt0000021\n", encoding="utf-8")
    ledger.fetched("tt0000001", "movie", 1990, LONG_AGO)
    ledger.fetched("tt0000002", "movie", 1990, LONG_AGO - timedelta(days=1))
    ledger.gone("tt0000003", LONG_AGO + timedelta(days=1))
    ledger.failed("tt0000004", TODAY - timedelta(days=1))
    ledger.pending["tt0000005"] = "movie"
    ledger.pending_seasons["tt0000006", 2] = None
    ledger.season_fetched("tt0000006", 1, 1990, LONG_AGO)
    known = SearchKey("old*", 2010, "movie")
    ledger.searched(known, 10, LONG_AGO)
    begun = SearchKey("new*", 2010, "movie")
    ledger.passes[begun] = SearchProgress(begun, TODAY, next_page=4)
    assert planned(
        ledger,
        types=frozenset({"movie", "episode"}),
        search_terms=("old*", "new*"),
        years=(2010,),
        imdb_ids=("tt0000010", "tt0000001"),
        titles=(Title("Up", 2009),),
        titles_file=file,
    ) == [
        "i=tt0000005&plot=short",
        "i=tt0000006&Season=2&detail=full&plot=short",
        "i=tt0000004&plot=short",
        "i=tt0000010&plot=short",
        "t=Up&y=2009&plot=short",
        "i=tt0000020&plot=short",
        "i=tt0000021&plot=short",
        "s=old*&y=2010&type=series&page=1",
        "s=new*&y=2010&type=movie&page=4",
        "s=new*&y=2010&type=series&page=1",
        "s=old*&y=2010&type=movie&page=1",
        "i=tt0000002&plot=short",
        "i=tt0000001&plot=short",
        "i=tt0000003&plot=short",
        "i=tt0000006&Season=1&detail=full&plot=short",
    ]


def test_what_is_known_and_fresh_is_not_asked_for(ledger: SyncState) -> None:
    ledger.fetched("tt0000001", "movie", 1990, TODAY)
    ledger.gone("tt0000002", TODAY)
    ledger.failed("tt0000003", TODAY)
    ledger.fetched("tt0000004", "movie", 1990, TODAY)
    ledger.merged("tt0000005", "tt0000004")
    ledger.looked_up(LookupTask("Up", None, None, "titles"), TODAY, found=True)
    ledger.searched(SearchKey("man*", None, "movie"), 10, TODAY)
    ids = tuple(f"tt000000{number}" for number in range(1, 6))
    assert planned(ledger, imdb_ids=ids, titles=(Title("Up"),), search_terms=("man*",)) == []


def test_a_stream_that_is_not_wanted_costs_nothing(ledger: SyncState) -> None:
    ledger.pending.update({"tt0000001": "movie", "tt0000002": "series"})
    ledger.pending_seasons["tt0000002", 1] = None
    ledger.fetched("tt0000003", "series", 1990, LONG_AGO)
    ledger.gone("tt0000004", LONG_AGO)
    ledger.season_fetched("tt0000003", 1, 1990, LONG_AGO)
    plan = planned(ledger, frozenset({"movie"}), types=ALL, search_terms=("man*",))
    assert plan == [
        "i=tt0000001&plot=short",
        "s=man*&type=movie&page=1",
        "i=tt0000004&plot=short",
    ]
    assert planned(ledger, frozenset(), types=frozenset(), search_terms=("man*",)) == []
    # They wait until their stream is selected again.
    assert "i=tt0000002&plot=short" in planned(ledger, types=ALL)


def test_all_types_are_searched_at_once(ledger: SyncState) -> None:
    assert planned(ledger, types=ALL, search_terms=("man*",)) == ["s=man*&page=1"]


def test_the_best_term_is_searched_in_all_years_first(ledger: SyncState) -> None:
    plan = planned(ledger, search_terms=("aa*", "bb*"), years=(2010, 2011))
    assert plan == [
        "s=aa*&y=2010&type=movie&page=1",
        "s=aa*&y=2011&type=movie&page=1",
        "s=bb*&y=2010&type=movie&page=1",
        "s=bb*&y=2011&type=movie&page=1",
    ]


def test_a_split_search_is_made_by_its_parts_which_may_be_split_in_turn(ledger: SyncState) -> None:
    for term in ("the*", "ther*"):
        ledger.searched(SearchKey(term, None, "movie"), None, TODAY)
    ledger.searched(SearchKey("thea*", None, "movie"), 9, TODAY)
    terms = [text[2:].partition("&")[0] for text in planned(ledger, search_terms=("the*",))]
    assert {"the", "thee*", "thes*", "ther", "there*"} <= set(terms)
    assert not {"the*", "ther*", "thea*"} & set(terms)
    assert len(terms) == len(set(terms))


def test_a_pending_title_that_another_answered_for_is_not_asked_for(ledger: SyncState) -> None:
    ledger.pending.update({"tt0000001": "movie", "tt0000002": "movie"})
    tasks = plan_tasks(settings(), ledger, ALL, TODAY)
    assert next(tasks) == title(1)
    ledger.fetched("tt0000002", "movie", 1990, TODAY)
    ledger.merged("tt0000001", "tt0000002")
    assert list(tasks) == []


def test_what_is_found_comes_before_the_backlog_in_the_order_found(ledger: SyncState) -> None:
    work = work_of([title(1), title(2)], ledger)
    assert str(work.next()) == str(title(1))
    work.add_title("tt0000009", "movie", "search")
    work.add(page("man*", 2))
    work.add_title("tt0000008", "movie", "search")
    assert asked(work) == [
        "i=tt0000009&plot=short",
        "s=man*&y=2010&type=movie&page=2",
        "i=tt0000008&plot=short",
        "i=tt0000002&plot=short",
    ]
    assert list(ledger.pending) == ["tt0000009", "tt0000008"]


# Once


def test_a_title_found_again_while_it_waits_or_is_under_way_is_asked_for_once(
    ledger: SyncState,
) -> None:
    work = work_of([title(1), title(1), TitleTask("tt0000001", "imdb_ids"), title(2)], ledger)
    assert work.add_title("tt0000001", "movie", "search")
    assert not work.add_title("tt0000001", "movie", "search")
    assert asked(work) == ["i=tt0000001&plot=short", "i=tt0000002&plot=short"]
    assert not work.add_title("tt0000001", "movie", "search")
    assert not work.add_title("tt0000002", "movie", "search"), "it was asked for by name: not new"
    assert asked(work) == []


@pytest.mark.parametrize("settle", ["fetched", "gone", "failed", "merged"])
def test_a_title_that_is_known_is_not_new(ledger: SyncState, settle: str) -> None:
    if settle == "fetched":
        ledger.fetched("tt0000001", "movie", 1990, LONG_AGO)
    elif settle == "merged":
        ledger.merged("tt0000001", "tt0000002")
    else:
        getattr(ledger, settle)("tt0000001", LONG_AGO)
    work = work_of([], ledger)
    assert not work.add_title("tt0000001", "movie", "search")
    assert asked(work) == []
    assert not ledger.pending


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LookupTask("Up", 2009, None, "titles"), LookupTask("UP", 2009, None, "titles_file", 7)),
        (SeasonTask("tt0944947", 2), SeasonTask("tt0944947", 2)),
        (page("man*"), page("man*")),
    ],
)
def test_the_same_question_is_asked_once(ledger: SyncState, one: Task, other: Task) -> None:
    work = work_of([one], ledger)
    work.add(other)
    task = work.next()
    assert task is not None
    assert asked(work) == []
    work.add(one)
    assert asked(work) == []
    work.done(task)
    # Another day it may be asked again.
    work.add(one)
    assert work.next() is one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LookupTask("Up", 2009, None, "titles"), LookupTask("Up", None, None, "titles")),
        (LookupTask("Up", None, "movie", "titles"), LookupTask("Up", None, "game", "titles")),
        (SeasonTask("tt0944947", 2), SeasonTask("tt0944947", 2, full=False)),
        (page("man*"), page("man*", 2)),
        (page("man*"), page("man")),
    ],
)
def test_different_questions_are_both_asked(ledger: SyncState, one: Task, other: Task) -> None:
    work = work_of([one], ledger)
    work.add(other)
    assert len(asked(work)) == 2


# How far ahead


def test_searches_wait_for_what_they_bring(ledger: SyncState) -> None:
    work = work_of([page(f"{letter}a*") for letter in "abcdefghijklmno"], ledger)
    first, _ = taken(work)  # two may be under way while they bring something
    work.add_title("tt0000001", "movie", "search")
    work.done(first, found=1)
    assert asked(work) == ["i=tt0000001&plot=short", "s=ca*&y=2010&type=movie&page=1"]


def test_searches_that_bring_nothing_fill_the_width_until_one_does(ledger: SyncState) -> None:
    terms = [f"{letter}a*" for letter in "abcdefghijklmnopqrst"]
    work = work_of([page(term) for term in terms], ledger)
    barren = work.next()
    assert barren is not None
    work.done(barren, found=0)
    under_way = taken(work)
    assert len(under_way) == WIDTH
    work.done(under_way[0], found=3)
    assert work.next() is None
    for task in under_way[1:-1]:
        work.done(task, found=3)
    assert len(asked(work)) == 1, "back to two"


def test_titles_do_not_wait_for_searches(ledger: SyncState) -> None:
    work = work_of([page("aa*"), page("bb*"), *(title(number) for number in range(1, 50))], ledger)
    assert len(asked(work)) == 51


def test_the_backlog_is_read_as_it_is_needed(ledger: SyncState) -> None:
    read: list[int] = []

    def endless() -> Iterable[Task]:
        for number in range(1, 10_000_000):
            read.append(number)
            yield title(number)

    work = work_of(endless(), ledger)
    for _ in range(20):
        task = work.next()
        assert task is not None
        work.done(task)
    assert len(read) <= 22
    assert work.has_more_than_pending()
    assert len(read) <= 23


def test_unusable_rows_are_put_aside_and_cost_nothing(ledger: SyncState) -> None:
    row = InvalidRow(7, "rubbish", "there is no title in it")
    work = work_of([title(1), row, title(2)], ledger)
    assert asked(work) == ["i=tt0000001&plot=short", "i=tt0000002&plot=short"]
    assert list(work.unusable) == [row]
    assert work.taken == 2


def test_what_is_pending_is_told_from_what_was_not_begun(ledger: SyncState) -> None:
    season, search = SeasonTask("tt0944947", 2), page("man*", 2)
    ledger.pending["tt0000001"] = "movie"
    ledger.pending_seasons["tt0944947", 2] = None
    ledger.passes[search.search.key] = search.search
    pending: list[Task] = [title(1), season, search]
    assert not work_of(pending, ledger).has_more_than_pending()
    others: list[Task] = [
        title(2),
        SeasonTask("tt0944947", 3),
        page("the*"),
        LookupTask("Up", 2009, None, "titles"),
    ]
    for task in others:
        assert work_of([*pending, task], ledger).has_more_than_pending()
        work = work_of([], ledger)
        work.add(task)
        assert work.next() is task
        assert work.has_more_than_pending(), "it was taken up, and has no answer"
        work.done(task)
        assert not work.has_more_than_pending()


def test_an_empty_list_is_empty(ledger: SyncState) -> None:
    work = work_of([], ledger)
    assert not work.has_more_than_pending()
    assert work.next() is None
    assert work.waiting == 0


def test_a_search_goes_on_where_it_stopped(ledger: SyncState) -> None:
    key = SearchKey("man*", 2010, "movie")
    assert ledger.next_page(key, TODAY).page == 1
    ledger.passes[key] = SearchProgress(key, TODAY, next_page=5)
    assert ledger.next_page(key, TODAY) == PageTask(ledger.passes[key], 5)


def test_searches_alone_are_made_for_their_own_sake(ledger: SyncState) -> None:
    ledger.pending.update({"tt0000001": "movie"})
    plan = planned(ledger, frozenset(), types={"movie"}, search_terms=("man*",), imdb_ids=("tt1",))
    assert plan == ["s=man*&type=movie&page=1"]


def test_a_name_that_could_not_be_asked_for_waits_for_another_day(ledger: SyncState) -> None:
    ledger.lookup_failed(LookupTask("Up", None, None, "titles"), TODAY)
    assert planned(ledger, titles=(Title("Up"),)) == []
    ledger.lookup_failed(LookupTask("Up", None, None, "titles"), LONG_AGO)
    assert planned(ledger, titles=(Title("Up"),)) == ["t=Up&plot=short"]


def test_what_lies_ahead_is_known_before_it_is_begun(ledger: SyncState, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("tt0000020\ntt0000021\nnone\n", encoding="utf-8")
    chosen = settings(titles_file=file, imdb_ids=("tt0000001",))
    planned_work, is_all = count_planned_tasks(chosen, ledger, ALL, TODAY)
    assert (planned_work, is_all) == (4, True)
    work = TaskQueue(plan_tasks(chosen, ledger, ALL, TODAY), ledger, 1)
    assert work.ahead(planned_work) == 4
    first = work.next()
    assert first is not None
    work.add_title("tt0000030", "movie", "search")
    assert work.ahead(planned_work) == 5
    work.done(first)
    assert work.ahead(planned_work) == 4
