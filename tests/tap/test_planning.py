"""What is requested next: the ranked prefixes, the order, each request once, and how far ahead."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_omdb.config.settings import Refresh, Settings, Title
from tap_omdb.config.titles_file import InvalidRow, open_titles_files
from tap_omdb.omdb.queries import SearchKey
from tap_omdb.omdb.records import STREAM_OF_TYPE
from tap_omdb.state.budget import Budget
from tap_omdb.state.searches import SearchProgress
from tap_omdb.state.sync_state import SyncState
from tap_omdb.state.titles import FetchedLabel
from tap_omdb.sync.lists import ListResults
from tap_omdb.sync.planner import PlanLength, Planner, Selection
from tap_omdb.sync.prefixes import narrower_searches, ranked_prefixes
from tap_omdb.sync.queue import TaskQueue
from tap_omdb.sync.ranking import VoteRanking
from tap_omdb.sync.tasks import LookupTask, SearchTask, SeasonTask, Task, TitleTask

TODAY = date(2026, 11, 22)
LONG_AGO = TODAY - timedelta(days=400)
WIDTH = 8


def settings(**changes: Any) -> Settings:  # noqa: ANN401
    return Settings(api_key="a1b2c3d4", concurrency=WIDTH, **changes)


@pytest.fixture
def state() -> SyncState:
    return SyncState(Refresh(), "run")


def title(number: int) -> TitleTask:
    return TitleTask(f"tt{number:07d}", "search")


def page(term: str, number: int = 1) -> SearchTask:
    return SearchTask(SearchProgress(SearchKey(term, 2010, "movie"), TODAY), number)


def lookup(title: str, year: int | None = None, kind: str | None = None) -> LookupTask:
    return LookupTask(Title(title, year, kind), "titles")


def queue_of(tasks: Iterable[Task | InvalidRow], state: SyncState) -> TaskQueue:
    return TaskQueue(iter(tasks), state, WIDTH, VoteRanking(), ListResults())


def all_tasks(queue: TaskQueue) -> list[Task]:
    """Take all tasks that are available now."""
    tasks: list[Task] = []
    while task := queue.next():
        tasks.append(task)
    return tasks


def all_requests(queue: TaskQueue) -> list[str]:
    """Take all tasks that are available now, and return their queries."""
    return [str(task.query("short")) for task in all_tasks(queue)]


def planner(state: SyncState, **changes: Any) -> Planner:  # noqa: ANN401
    chosen = settings(**changes)
    selection = Selection.of({"searches", *STREAM_OF_TYPE.values()}, frozenset(chosen.types))
    return Planner(chosen, state, selection, TODAY, VoteRanking())


BUDGET = Budget(settings(), {}, "run", None)


def planned(state: SyncState, **changes: Any) -> list[str]:  # noqa: ANN401
    tasks = planner(state, **changes).tasks(BUDGET)
    return [str(task.query("short")) for task in tasks if not isinstance(task, InvalidRow)]


# Order


def test_new_titles_come_before_known_ones_and_named_titles_before_searches(
    state: SyncState, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    file.write_text("tt0000020\ntt0000021\n", encoding="utf-8")
    state.titles.mark_fetched("tt0000001", FetchedLabel("movie", 1990), LONG_AGO)
    state.titles.mark_fetched(
        "tt0000002", FetchedLabel("movie", 1990), LONG_AGO - timedelta(days=1)
    )
    state.titles.mark_not_found("tt0000003", LONG_AGO + timedelta(days=1), None)
    state.titles.mark_failed("tt0000004", TODAY - timedelta(days=1), None)
    state.titles.pending["tt0000005"] = "movie"
    state.titles.mark_fetched("tt0000007", FetchedLabel("movie", 2026), LONG_AGO)
    state.titles.mark_failed("tt0000007", TODAY - timedelta(days=1), None)
    state.seasons.pending["tt0000006", 2] = None
    state.seasons.mark_fetched("tt0000006", 1, 1990, LONG_AGO)
    known = SearchKey("old*", 2010, "movie")
    state.searches.mark_finished(known, 10, LONG_AGO)
    in_progress = SearchKey("new*", 2010, "movie")
    state.searches.in_progress[in_progress] = SearchProgress(in_progress, TODAY, next_page=4)
    assert planned(
        state,
        types=frozenset({"movie", "episode"}),
        search_terms=("old*", "new*"),
        years=(2010,),
        imdb_ids=("tt0000010", "tt0000001"),
        titles=(Title("Up", 2009, "movie"),),
        titles_file=open_titles_files([file]),
    ) == [
        "i=tt0000010&plot=short",
        "t=Up&y=2009&type=movie&plot=short",
        "i=tt0000020&plot=short",
        "i=tt0000021&plot=short",
        "i=tt0000005&plot=short",
        "i=tt0000006&Season=2&detail=full&plot=short",
        "i=tt0000004&plot=short",
        "s=old*&y=2010&type=series&page=1",
        "s=new*&y=2010&type=movie&page=4",
        "s=new*&y=2010&type=series&page=1",
        "s=old*&y=2010&type=movie&page=1",
        "i=tt0000007&plot=short",
        "i=tt0000002&plot=short",
        "i=tt0000001&plot=short",
        "i=tt0000003&plot=short",
        "i=tt0000006&Season=1&detail=full&plot=short",
    ]


def test_the_best_term_is_searched_in_all_years_first(state: SyncState) -> None:
    plan = planned(state, search_terms=("aa*", "bb*"), years=(2010, 2011))
    assert plan == [
        f"s={term}&y={year}&type=movie&page=1" for term in ("aa*", "bb*") for year in (2010, 2011)
    ]


def test_a_split_search_is_replaced_by_its_parts_which_may_be_split_too(state: SyncState) -> None:
    for term in ("the*", "ther*"):
        state.searches.mark_finished(SearchKey(term, None, "movie"), None, TODAY)
    state.searches.mark_finished(SearchKey("thea*", None, "movie"), 9, TODAY)
    terms = [text[2:].partition("&")[0] for text in planned(state, search_terms=("the*",))]
    assert {"the", "thee*", "thes*", "ther", "there*"} <= set(terms)
    assert not {"the*", "ther*", "thea*"} & set(terms)
    assert len(terms) == len(set(terms))


def test_a_pending_title_that_was_merged_meanwhile_is_not_requested(state: SyncState) -> None:
    state.titles.pending.update({"tt0000001": "movie", "tt0000002": "movie"})
    tasks = planner(state).tasks(BUDGET)
    assert next(tasks) == title(1)
    state.titles.mark_fetched("tt0000002", FetchedLabel("movie", 1990), TODAY)
    state.titles.mark_merged("tt0000001", "tt0000002")
    assert list(tasks) == []


# Each request once


def test_a_title_found_again_while_queued_or_in_flight_is_requested_once(state: SyncState) -> None:
    queue = queue_of([title(1), title(1), TitleTask("tt0000001", "imdb_ids"), title(2)], state)
    assert queue.add_title("tt0000001", "movie", "search")
    assert not queue.add_title("tt0000001", "movie", "search")
    assert all_requests(queue) == ["i=tt0000001&plot=short", "i=tt0000002&plot=short"]
    assert not queue.add_title("tt0000001", "movie", "search")
    assert not queue.add_title("tt0000002", "movie", "search"), "it was in the plan"
    assert all_requests(queue) == []


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (lookup("Up", 2009), LookupTask(Title("UP", 2009), "titles_file", 7), True),
        (lookup("Up", 2009), lookup("Up"), False),
        (lookup("Up", None, "movie"), lookup("Up", None, "game"), False),
        (SeasonTask("tt0944947", 2), SeasonTask("tt0944947", 2), True),
        (SeasonTask("tt0944947", 2), SeasonTask("tt0944947", 2, full=False), False),
        (page("man*"), page("man*"), True),
        (page("man*"), page("man*", 2), False),
        (page("man*"), page("man"), False),
    ],
)
def test_the_same_request_is_sent_once(
    state: SyncState, one: Task, other: Task, *, is_same: bool
) -> None:
    queue = queue_of([one], state)
    queue.add(other)
    sent = all_tasks(queue)
    assert len(sent) == (1 if is_same else 2)
    queue.add(one)
    assert all_requests(queue) == []
    for task in sent:
        queue.done(task)
    # Each request once the response has been handled, it may be requested again.
    queue.add(one)
    assert queue.next() is one


# How far ahead


def test_further_searches_wait_until_the_titles_found_are_requested(state: SyncState) -> None:
    queue = queue_of([page(f"{letter}a*") for letter in "abcdefghijklmno"], state)
    first, _ = all_tasks(queue)  # two may be in flight while they bring new titles
    assert queue.remaining(15) == 15, "the one that was read and has to wait counts"
    queue.add_title("tt0000001", "movie", "search")
    queue.done(first)
    assert all_requests(queue) == ["i=tt0000001&plot=short", "s=ca*&y=2010&type=movie&page=1"]


def test_while_searches_bring_nothing_more_of_them_are_in_flight(state: SyncState) -> None:
    terms = [f"{letter}a*" for letter in "abcdefghijklmnopqrst"]
    queue = queue_of([page(term) for term in terms], state)
    unproductive = queue.next()
    assert unproductive is not None
    queue.done(unproductive)
    in_flight = all_tasks(queue)
    assert len(in_flight) == WIDTH
    for number, task in enumerate(in_flight[:-1]):
        queue.add_title(f"tt{number:07d}", "movie", "search")
        queue.done(task)
        searches = [found for found in all_tasks(queue) if found.is_search]
        assert len(searches) == (number == WIDTH - 2), "at most two again"


def test_titles_do_not_wait_for_searches(state: SyncState) -> None:
    queue = queue_of([page("aa*"), page("bb*"), *(title(number) for number in range(1, 50))], state)
    assert len(all_requests(queue)) == 51


def test_the_plan_is_consumed_only_as_needed(state: SyncState) -> None:
    read: list[int] = []

    def endless() -> Iterable[Task]:
        for number in range(1, 10_000_000):
            read.append(number)
            yield title(number)

    queue = queue_of(endless(), state)
    for _ in range(20):
        task = queue.next()
        assert task is not None
        queue.done(task)
    assert len(read) <= 22
    assert queue.has_more_than_pending()
    assert len(read) <= 23


def test_invalid_rows_are_collected_and_cause_no_requests(state: SyncState) -> None:
    row = InvalidRow(7, "rubbish", "there is no title in it", "list.txt")
    queue = queue_of([title(1), row, title(2)], state)
    assert all_requests(queue) == ["i=tt0000001&plot=short", "i=tt0000002&plot=short"]
    assert list(queue.invalid_rows) == [row]
    assert queue.started == 2


def test_pending_tasks_are_distinguished_from_tasks_not_started(state: SyncState) -> None:
    season, search = SeasonTask("tt0944947", 2), page("man*", 2)
    state.titles.pending["tt0000001"] = "movie"
    state.seasons.pending["tt0944947", 2] = None
    state.searches.in_progress[search.search.key] = search.search
    pending: list[Task] = [title(1), season, search]
    assert not queue_of(pending, state).has_more_than_pending()
    others: list[Task] = [title(2), SeasonTask("tt0944947", 3), page("the*"), lookup("Up", 2009)]
    for task in others:
        assert queue_of([*pending, task], state).has_more_than_pending()
        queue = queue_of([], state)
        queue.add(task)
        assert queue.next() is task
        assert queue.has_more_than_pending(), "it is in flight, without a response yet"
        queue.done(task)
        assert not queue.has_more_than_pending()


def test_remaining_tasks_are_counted_in_advance(state: SyncState, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("tt0000020\ntt0000021\nnone\n", encoding="utf-8")
    changes: dict[str, Any] = {"titles_file": open_titles_files([file]), "imdb_ids": ("tt0000001",)}
    size = planner(state, **changes).count(BUDGET)
    assert size == PlanLength(4, is_exact=True)
    queue = TaskQueue(
        planner(state, **changes).tasks(BUDGET), state, 1, VoteRanking(), ListResults()
    )
    assert queue.remaining(size.tasks) == 4
    first = queue.next()
    assert first is not None
    queue.add_title("tt0000030", "movie", "search")
    assert queue.remaining(size.tasks) == 5
    queue.done(first)
    assert queue.remaining(size.tasks) == 4


# The ranked prefixes, how one is split, and the script that ranks them


ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tap-omdb" / "scripts" / "rank_prefixes.py"
RANKING = ROOT / "tap-omdb" / "tap_omdb" / "sync" / "prefixes.csv"


def ranking(path: Path) -> list[list[str]]:
    """Return the rows of a ranking: prefix, share and requests."""
    with path.open(newline="", encoding="utf-8") as file:
        return [*csv.reader(file)][1:]


SHARES = [0.0, *(float(row[1]) for row in ranking(RANKING))]
"""The share of a year's titles that so many terms find, according to the ranking."""


def test_terms_are_distinct_prefixes_that_omdb_accepts() -> None:
    terms = ranked_prefixes(1)
    assert len(set(terms)) == len(terms) > 2000
    # OMDb rejects terms of one or two letters, and "the".
    assert all(re.fullmatch(r"[^\W_]{3}\*", term) for term in terms)
    assert "the*" not in terms


def test_coverage_determines_the_number_of_terms(state: SyncState) -> None:
    assert sorted(SHARES) == SHARES
    assert 0.97 < SHARES[-1] < 1
    assert ranked_prefixes(0) == ()
    assert len(ranked_prefixes(1)) + 1 == len(SHARES)
    for coverage in (0.1, 0.5, 0.9, 0.95):
        count = len(ranked_prefixes(coverage))
        assert SHARES[count - 1] < coverage <= SHARES[count]
        assert len(planned(state, years=(2010,), coverage=coverage)) == count


def test_the_documentation_shows_this_ranking() -> None:
    page = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    curve, _, _ = page.partition("## With 1,000 requests per day")
    rows = re.findall(r"^\| ([\d,]+)(?: \(all\))? \| ([\d.]+)% \|", curve, re.MULTILINE)
    counts = [int(count.replace(",", "")) for count, _ in rows]
    assert counts[-1] == len(ranked_prefixes(1))
    assert [f"{SHARES[count]:.1%}" for count in counts] == [f"{s}%" for _, s in rows]
    examples = re.findall(r"(0\.\d+) needs ([\d,]+\d)", curve)
    assert examples
    for coverage, count in examples:
        assert len(ranked_prefixes(float(coverage))) == int(count.replace(",", ""))


def narrower(term: str) -> list[str]:
    return [key.term for key in narrower_searches(SearchKey(term, 2010, "movie"))]


def test_narrower_terms_start_with_the_word_itself_and_the_most_frequent_letters() -> None:
    terms = narrower("man*")
    assert terms[:4] == ["man", "mane*", "mant*", "mana*"]
    assert len(set(terms)) == len(terms) == 37
    assert narrower("star war*")[:2] == ["star war", "star ware*"]


@pytest.mark.parametrize("term", ["man", "the", "star wars", ""])
def test_whole_words_cannot_be_split(term: str) -> None:
    assert narrower(term) == []


@given(
    stem=st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=3, max_size=6),
    rest=st.text("abcdefghijklmnopqrstuvwxyz0123456789", max_size=4),
)
def test_narrower_terms_find_each_word_exactly_once(stem: str, rest: str) -> None:
    word = stem + rest
    matching = [
        term
        for term in narrower(stem + "*")
        if (word.startswith(term[:-1]) if term.endswith("*") else word == term)
    ]
    assert len(matching) == 1


def rank(directory: Path, lines: list[str], *options: str) -> tuple[list[list[str]], str]:
    """Run the script on a file, and return the ranking and what it prints."""
    source, output = directory / "titles.csv", directory / "prefixes.csv"
    source.write_text("".join(f"{line}\n" for line in lines))
    command = [sys.executable, str(SCRIPT), "--output", str(output), *options, str(source)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert output.read_text().startswith("prefix,share,requests\n")
    return ranking(output), printed


def test_script_ranks_by_new_titles_per_request(tmp_path: Path) -> None:
    titles = ["Love Story", "Love Actually", "Lovers Rock", "Story Time", "The Sting", "Up"]
    lines = ["title,year", *(f"{title},1990" for title in titles)]
    rows, printed = rank(tmp_path, lines, "--folds", "2", "--year-size", "6")
    # "lov" finds three, then "sti", "sto" and "tim" one each; "sto" comes before "tim".
    expected = [("lov", "1"), ("sti", "2"), ("sto", "3")]
    assert [(prefix, requests) for prefix, _, requests in rows] == expected
    assert printed.startswith("6 titles, 1 without a word that is long enough\n")


def test_script_counts_the_pages_of_each_prefix(tmp_path: Path) -> None:
    # In a large year, "big" alone requires many pages; narrower prefixes find the same titles.
    lines = [f"Big {name} {n}" for name in ("Alpha", "Bravo", "Gamma") for n in range(5)]
    small, _ = rank(tmp_path, ["title", *lines], "--year-size", "15")
    large, _ = rank(tmp_path, ["title", *lines], "--year-size", "1500")
    assert [row[0] for row in small] == ["big"]
    assert (small[0][2], large[0][2]) == ("2", "150")


def test_script_measures_shares_on_titles_that_were_not_ranked(tmp_path: Path) -> None:
    # No two titles share a word, so prefixes ranked on one half find none of the other.
    rows, _ = rank(tmp_path, ["title", *(letter * 3 for letter in "abcdefgh")], "--folds", "2")
    assert {row[1] for row in rows} == {"0.00000"}


def test_script_is_deterministic_and_leaves_out_episodes_and_duplicates(tmp_path: Path) -> None:
    titles = ["Heat 1", "Heat 2", "Heat 3", "Alien", "Alien", "Lost"]
    rows = ["title,year,type", *(f"{title},1995,movie" for title in titles), "Pilot,1995,episode"]
    first, second = (rank(tmp_path, rows) for _ in range(2))
    assert first == second
    assert first[1].startswith("5 titles, ")
    assert [row[0] for row in first[0]] == ["hea", "ali", "los"]
