"""Replies that were paid for are found again, to the byte, until a state covers them."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tap_omdb.state.response_cache import KEEP, ResponseCache, RawResponse
from tap_omdb.omdb.queries import LookupTask, PageTask, Query, SearchKey, SearchProgress, TitleTask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 11, 22, 10, 30, 5, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def page_task(term: str, page: int) -> PageTask:
    return PageTask(SearchProgress(SearchKey(term, 2010, None), NOW.date()), page)


IDS = st.integers(1, 99_999_999).map(lambda number: f"tt{number:07d}")
TASKS = st.one_of(
    st.builds(TitleTask, IDS, st.just("search")),
    st.builds(LookupTask, st.text(min_size=1), st.none() | st.integers(1870, 2030), st.none(),
              st.just("titles")),
    st.builds(page_task, st.text(min_size=2), st.integers(1, 100)),
)  # fmt: skip
QUERIES = st.builds(lambda task, plot: task.query(plot), TASKS, st.sampled_from(["short", "full"]))


def query(number: int) -> Query:
    return TitleTask(f"tt{number:07d}", "search").query("short")


def reply(body: bytes = b"{}", at: datetime = NOW) -> RawResponse:
    return RawResponse(at, 200, "application/json; charset=utf-8", body)


def nothing(_query: str, _fetched_at: datetime) -> bool:
    return False


def everything(_query: str, _fetched_at: datetime) -> bool:
    return True


def write(folder: Path, *numbers: int, at: datetime = NOW, age: timedelta = 2 * HOUR) -> Path:
    """Leave the file of a run that got these titles and ended this long before `NOW`."""
    before = set(folder.rglob("*.tsv"))
    cache = ResponseCache(folder)
    cache.load(nothing, NOW)
    for number in numbers:
        cache.add(query(number), reply(b"%d" % number, at))
    cache.close()
    (path,) = set(folder.rglob("*.tsv")) - before
    seconds = (NOW - age).timestamp()
    os.utime(path, (seconds, seconds))
    return path


def load(folder: Path, is_covered: Callable[[str, datetime], bool] = nothing) -> ResponseCache:
    cache = ResponseCache(folder)
    cache.load(is_covered, NOW)
    return cache


@given(st.lists(st.tuples(QUERIES, st.binary(), st.integers(100, 599), st.text(max_size=20))))
@example([(query(1), b"\\", 200, "")])
@example([(query(1), b"\\n\n\\\n\r\\r\t\\", 200, "-")])
@example([(query(1), b'{"Plot":"caf\xc3\xa9 \xe2\x80\xa8 \x85 \x1c"}', 200, "text/html;\tx\r\ny")])
def test_any_reply_to_any_query_is_found_to_the_byte(
    tmp_path_factory: pytest.TempPathFactory, exchanges: list[tuple[Query, bytes, int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    first = load(folder)
    for asked, body, status, content_type in exchanges:
        first.add(asked, RawResponse(NOW, status, content_type, body))
    first.close()
    second = load(folder)
    newest = {str(asked): (asked, body, status) for asked, body, status, _ in exchanges}
    assert len(second) == len(newest)
    for asked, body, status in newest.values():
        found = second.find(asked)
        assert found is not None
        assert (found.body, found.status, found.fetched_at) == (body, status, NOW)
        assert second.find(asked) is None, "it is given once: asking anew must be possible"
    assert len(second) == 0


@pytest.mark.parametrize("kind", ["", "application/json; charset=utf-8", "text/html"])
def test_the_content_type_is_kept(tmp_path: Path, kind: str) -> None:
    cache = load(tmp_path)
    cache.add(query(1), RawResponse(NOW, 503, kind, b""))
    cache.close()
    assert load(tmp_path).find(query(1)) == RawResponse(NOW, 503, kind, b"")


def test_without_a_folder_nothing_is_kept() -> None:
    cache = ResponseCache(None)
    cache.load(nothing, NOW)
    cache.add(query(1), reply())
    cache.close()
    assert cache.find(query(1)) is None


def test_a_run_that_asks_nothing_leaves_no_file(tmp_path: Path) -> None:
    load(tmp_path).close()
    assert list(tmp_path.rglob("*.tsv")) == []


def test_replies_are_on_disk_before_the_next_is_asked_for(tmp_path: Path) -> None:
    cache = load(tmp_path)
    for number in range(1, 20):
        cache.add(query(number), reply())
        # The run may die at any moment: nothing waits in memory.
        assert len(load(tmp_path)) == number
    cache.close()


def test_a_line_cut_by_a_power_failure_is_passed_over_wherever_it_was_cut(tmp_path: Path) -> None:
    path = write(tmp_path, 1, 2, 3)
    whole = path.read_bytes()
    third = whole.rindex(b"2026-11-22")
    for end in range(third, len(whole)):
        path.write_bytes(whole[:end])
        cache = load(tmp_path)
        assert len(cache) == 2
        assert [cache.find(query(n)) for n in (1, 2, 3)] == [reply(b"1"), reply(b"2"), None]


@pytest.mark.parametrize(
    "line", [b"\n", b"\0" * 512 + b"\n", b"a\tb\tc\td\te\n", b"\xff\t200\t-\ti=tt1\t{}\n"]
)
def test_a_broken_line_does_not_hide_those_around_it(tmp_path: Path, line: bytes) -> None:
    path = write(tmp_path, 1, 2)
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + line + second)
    cache = load(tmp_path)
    assert [cache.find(query(n)) for n in (1, 2)] == [reply(b"1"), reply(b"2")]


def test_the_newest_reply_counts(tmp_path: Path) -> None:
    new = write(tmp_path, 1, at=NOW - HOUR, age=HOUR)
    old = write(tmp_path, 1, at=NOW - 9 * HOUR, age=9 * HOUR)
    for names in (("a", "b"), ("y", "x")):
        new = new.rename(new.with_stem(names[0]))
        old = old.rename(old.with_stem(names[1]))
        found = load(tmp_path).find(query(1))
        assert found is not None
        assert found.fetched_at == NOW - HOUR


def test_what_a_state_covers_is_not_found_and_its_files_go(tmp_path: Path) -> None:
    covered, partly = write(tmp_path, 1, 2), write(tmp_path, 3, 4)
    asked = {str(query(number)) for number in (1, 2, 3)}
    cache = load(tmp_path, lambda text, at: text in asked and at == NOW)
    assert [path.exists() for path in (covered, partly)] == [False, True]
    assert len(cache) == 1
    assert [cache.find(query(n)) for n in (1, 3, 4)] == [None, None, reply(b"4")]


def test_replies_that_no_state_ever_covers_are_kept_for_a_month(tmp_path: Path) -> None:
    kept, old = write(tmp_path, 1, age=KEEP - HOUR), write(tmp_path, 2, age=KEEP + HOUR)
    cache = load(tmp_path)
    assert [path.exists() for path in (kept, old)] == [True, False]
    assert [cache.find(query(n)) for n in (1, 2)] == [reply(b"1"), None]


# Runs at the same time: sharded years, another environment


def test_the_file_of_a_run_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    going_on = load(tmp_path)
    going_on.add(query(1), reply())
    other = ResponseCache(tmp_path)
    other.load(everything, datetime.now(timezone.utc))
    going_on.add(query(2), reply(b"2"))
    going_on.close()
    assert load(tmp_path).find(query(2)) == reply(b"2")


def test_a_file_that_another_run_deletes_is_no_loss(tmp_path: Path) -> None:
    path = write(tmp_path, 1)
    cache = load(tmp_path)
    path.unlink()
    assert cache.find(query(1)) is None


def test_a_file_that_another_run_deletes_meanwhile_is_passed_over(tmp_path: Path) -> None:
    for is_covered in (True, False):
        paths = [write(tmp_path, number) for number in (1, 2, 3)]

        def delete_all(
            _query: str,
            _fetched_at: datetime,
            paths: list[Path] = paths,
            is_covered: bool = is_covered,  # noqa: FBT001
        ) -> bool:
            for path in paths:
                path.unlink(missing_ok=True)
            return is_covered

        cache = load(tmp_path, delete_all)
        assert [cache.find(query(number)) for number in (1, 2, 3)] == [None] * 3
        assert list(tmp_path.rglob("*.tsv")) == []


def test_two_runs_do_not_write_into_one_file(tmp_path: Path) -> None:
    one, two = load(tmp_path), load(tmp_path)
    for number in range(1, 100):
        (one if number % 2 else two).add(query(number), reply(b"%d" % number * 999))
    one.close()
    two.close()
    cache = load(tmp_path)
    assert all(cache.find(query(n)) == reply(b"%d" % n * 999) for n in range(1, 100))


def test_a_run_that_starts_over_does_not_find_what_a_state_has_covered(tmp_path: Path) -> None:
    one = ResponseCache(tmp_path)
    one.load(nothing, NOW)
    one.add(Query((("i", "tt0000001"),)), RawResponse(NOW, 200, "", b"{}"))
    one.close()
    soon = datetime.now(timezone.utc)
    crashed, confirmed, anew = (ResponseCache(tmp_path) for _ in range(3))
    crashed.load(nothing, soon, starts_over=True)
    assert len(crashed) == 1
    confirmed.load(everything, soon)
    assert len(confirmed) == 0
    anew.load(nothing, soon, starts_over=True)
    assert len(anew) == 0
