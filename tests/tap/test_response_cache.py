"""Cached responses are returned unchanged until a state covers them."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tap_omdb.config.settings import Title
from tap_omdb.omdb.queries import Query, SearchKey
from tap_omdb.omdb.responses import RawResponse
from tap_omdb.state.response_cache import KEEP, ResponseCache
from tap_omdb.state.searches import SearchProgress
from tap_omdb.sync.tasks import LookupTask, SearchTask, TitleTask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 11, 22, 10, 30, 5, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def search_task(term: str, page: int) -> SearchTask:
    return SearchTask(SearchProgress(SearchKey(term, 2010, None), NOW.date()), page)


IDS = st.integers(1, 99_999_999).map(lambda number: f"tt{number:07d}")
TITLES = st.builds(Title, st.text(min_size=1), st.none() | st.integers(1870, 2030), st.none())
TASKS = st.one_of(
    st.builds(TitleTask, IDS, st.just("search")),
    st.builds(LookupTask, TITLES, st.just("titles")),
    st.builds(search_task, st.text(min_size=2), st.integers(1, 100)),
)  # fmt: skip
QUERIES = st.builds(lambda task, plot: task.query(plot), TASKS, st.sampled_from(["short", "full"]))


def query(number: int) -> Query:
    return TitleTask(f"tt{number:07d}", "search").query("short")


def response(body: bytes = b"{}", at: datetime = NOW) -> RawResponse:
    return RawResponse(at, 200, "application/json; charset=utf-8", body)


def nothing(_query: str, _fetched_at: datetime) -> bool:
    return False


def everything(_query: str, _fetched_at: datetime) -> bool:
    return True


def write(directory: Path, *numbers: int, at: datetime = NOW, age: timedelta = 2 * HOUR) -> Path:
    """Write the file of a run that fetched these titles and ended this long before `NOW`."""
    before = set(directory.rglob("*.tsv"))
    cache = ResponseCache(directory)
    cache.load(nothing, NOW)
    for number in numbers:
        cache.add(query(number), response(b"%d" % number, at))
    cache.close()
    (path,) = set(directory.rglob("*.tsv")) - before
    seconds = (NOW - age).timestamp()
    os.utime(path, (seconds, seconds))
    return path


def load(directory: Path, is_covered: Callable[[str, datetime], bool] = nothing) -> ResponseCache:
    cache = ResponseCache(directory)
    cache.load(is_covered, NOW)
    return cache


@given(st.lists(st.tuples(QUERIES, st.binary(), st.integers(100, 599), st.text(max_size=20))))
@example([(query(1), b"\\", 200, "")])
@example([(query(1), b"\\n\n\\\n\r\\r\t\\", 200, "-")])
@example([(query(1), b'{"Plot":"caf\xc3\xa9 \xe2\x80\xa8 \x85 \x1c"}', 200, "text/html;\tx\r\ny")])
def test_any_response_to_any_query_is_returned_unchanged(
    tmp_path_factory: pytest.TempPathFactory, exchanges: list[tuple[Query, bytes, int, str]]
) -> None:
    directory = tmp_path_factory.mktemp("cache")
    first = load(directory)
    for sent, body, status, content_type in exchanges:
        first.add(sent, RawResponse(NOW, status, content_type, body))
    first.close()
    second = load(directory)
    newest = {str(sent): (sent, body, status) for sent, body, status, _ in exchanges}
    assert len(second) == len(newest)
    for sent, body, status in newest.values():
        found = second.pop(sent)
        assert found is not None
        assert (found.body, found.status, found.fetched_at) == (body, status, NOW)
        assert second.pop(sent) is None, "a response is reused only once"
    assert len(second) == 0


@pytest.mark.parametrize("kind", ["", "application/json; charset=utf-8", "text/html"])
def test_the_content_type_is_stored(tmp_path: Path, kind: str) -> None:
    cache = load(tmp_path)
    cache.add(query(1), RawResponse(NOW, 503, kind, b""))
    cache.close()
    assert load(tmp_path).pop(query(1)) == RawResponse(NOW, 503, kind, b"")


def test_without_a_directory_nothing_is_stored() -> None:
    cache = ResponseCache(None)
    cache.load(nothing, NOW)
    cache.add(query(1), response())
    cache.close()
    assert cache.pop(query(1)) is None


def test_a_run_without_requests_writes_no_file(tmp_path: Path) -> None:
    load(tmp_path).close()
    assert list(tmp_path.rglob("*.tsv")) == []


def test_each_response_is_on_disk_before_the_next_request(tmp_path: Path) -> None:
    cache = load(tmp_path)
    for number in range(1, 20):
        cache.add(query(number), response())
        # The run may be killed at any moment, so nothing may be buffered.
        assert len(load(tmp_path)) == number
    cache.close()


def test_a_line_truncated_anywhere_by_a_power_failure_is_skipped(tmp_path: Path) -> None:
    path = write(tmp_path, 1, 2, 3)
    whole = path.read_bytes()
    third = whole.rindex(b"2026-11-22")
    for end in range(third, len(whole)):
        path.write_bytes(whole[:end])
        cache = load(tmp_path)
        assert len(cache) == 2
        assert [cache.pop(query(n)) for n in (1, 2, 3)] == [response(b"1"), response(b"2"), None]


@pytest.mark.parametrize(
    "line", [b"\n", b"\0" * 512 + b"\n", b"a\tb\tc\td\te\n", b"\xff\t200\t-\ti=tt1\t{}\n"]
)
def test_an_invalid_line_is_skipped_alone(tmp_path: Path, line: bytes) -> None:
    path = write(tmp_path, 1, 2)
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + line + second)
    cache = load(tmp_path)
    assert [cache.pop(query(n)) for n in (1, 2)] == [response(b"1"), response(b"2")]


def test_the_newest_response_is_used(tmp_path: Path) -> None:
    new = write(tmp_path, 1, at=NOW - HOUR, age=HOUR)
    old = write(tmp_path, 1, at=NOW - 9 * HOUR, age=9 * HOUR)
    for names in (("a", "b"), ("y", "x")):
        new = new.rename(new.with_stem(names[0]))
        old = old.rename(old.with_stem(names[1]))
        found = load(tmp_path).pop(query(1))
        assert found is not None
        assert found.fetched_at == NOW - HOUR


def test_what_a_state_covers_is_not_reused_and_its_files_are_deleted(tmp_path: Path) -> None:
    covered, partly = write(tmp_path, 1, 2), write(tmp_path, 3, 4)
    fetched = {str(query(number)) for number in (1, 2, 3)}
    cache = load(tmp_path, lambda text, at: text in fetched and at == NOW)
    assert [path.exists() for path in (covered, partly)] == [False, True]
    assert len(cache) == 1
    assert [cache.pop(query(n)) for n in (1, 3, 4)] == [None, None, response(b"4")]


def test_responses_that_no_state_covers_are_kept_for_30_days(tmp_path: Path) -> None:
    kept, old = write(tmp_path, 1, age=KEEP - HOUR), write(tmp_path, 2, age=KEEP + HOUR)
    cache = load(tmp_path)
    assert [path.exists() for path in (kept, old)] == [True, False]
    assert [cache.pop(query(n)) for n in (1, 2)] == [response(b"1"), None]


# Concurrent runs, such as shards of a backfill


def test_the_file_of_a_running_run_is_not_deleted(tmp_path: Path) -> None:
    running = load(tmp_path)
    running.add(query(1), response())
    other = ResponseCache(tmp_path)
    other.load(everything, datetime.now(timezone.utc))
    running.add(query(2), response(b"2"))
    running.close()
    assert load(tmp_path).pop(query(2)) == response(b"2")


def test_a_file_may_be_deleted_by_another_run_before_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, 1)
    cache = load(tmp_path)
    path.unlink()
    assert cache.pop(query(1)) is None


def test_files_may_be_deleted_by_another_run_while_they_are_indexed(tmp_path: Path) -> None:
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
        assert [cache.pop(query(number)) for number in (1, 2, 3)] == [None] * 3
        assert list(tmp_path.rglob("*.tsv")) == []


def test_each_run_writes_to_a_file_of_its_own(tmp_path: Path) -> None:
    one, two = load(tmp_path), load(tmp_path)
    for number in range(1, 100):
        (one if number % 2 else two).add(query(number), response(b"%d" % number * 999))
    one.close()
    two.close()
    cache = load(tmp_path)
    assert all(cache.pop(query(n)) == response(b"%d" % n * 999) for n in range(1, 100))


def test_a_run_without_a_state_does_not_reuse_what_a_state_has_covered(tmp_path: Path) -> None:
    one = ResponseCache(tmp_path)
    one.load(nothing, NOW)
    one.add(Query((("i", "tt0000001"),)), RawResponse(NOW, 200, "", b"{}"))
    one.close()
    soon = datetime.now(timezone.utc)
    after_crash, after_success, without_state = (ResponseCache(tmp_path) for _ in range(3))
    after_crash.load(nothing, soon, starts_over=True)
    assert len(after_crash) == 1
    after_success.load(everything, soon)
    assert len(after_success) == 0
    without_state.load(nothing, soon, starts_over=True)
    assert len(without_state) == 0
