"""What runs share in `cache_dir`: the day's requests, and responses that no state covers."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import time_machine
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tap_omdb.config.settings import Settings
from tap_omdb.omdb.queries import Query
from tap_omdb.omdb.responses import RawResponse
from tap_omdb.state import StateError
from tap_omdb.state.budget import Budget, BudgetExhausted
from tap_omdb.state.cache_file import NAME, CacheFile
from tap_omdb.state.response_cache import KEEP, ResponseCache

Counts = dict[str, dict[str, int]]
Clock = time_machine.Traveller
Budgets = Callable[..., Budget]
"""Returns the budget of a further run, which knows the requests of earlier ones."""

KEY = "a1b2c3d4"
TAG = "7d"
BEFORE_MIDNIGHT = datetime(2026, 11, 22, 23, 59, 59, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 22, 10, 30, 5, tzinfo=timezone.utc)


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Stop the clock one second before midnight (UTC)."""
    with time_machine.travel(BEFORE_MIDNIGHT, tick=False) as traveller:
        yield traveller


@pytest.fixture
def file(tmp_path: Path) -> Iterator[CacheFile]:
    with closing(CacheFile(tmp_path)) as opened:
        yield opened


# Requests


def budget(
    per_run: int | None,
    per_day: int,
    file: CacheFile | None = None,
    counts: Counts | None = None,
    *,
    run: str = "run",
    key: str = KEY,
) -> Budget:
    limits = Settings(api_key=key, max_requests=per_run, daily_requests=per_day)
    return Budget(limits, {} if counts is None else counts, run, file)


def spend(budget: Budget) -> int:
    """Spend requests until none is left, and return how many there were."""
    before = budget.used
    with suppress(BudgetExhausted):
        while True:
            budget.spend()
    return budget.used - before


@pytest.fixture(params=["state", "file", "file without a state"])
def again(request: pytest.FixtureRequest, file: CacheFile) -> Budgets:
    counts: Counts = {}

    def make(per_run: int | None, per_day: int, key: str = KEY) -> Budget:
        kept = {} if request.param == "file without a state" else counts
        return budget(per_run, per_day, file if "file" in request.param else None, kept, key=key)

    return make


@pytest.mark.parametrize(
    ("per_run", "per_day", "spent", "message"),
    [
        (5, 1000, 5, r"^max_requests \(5\) is exhausted$"),
        (None, 5, 5, r"^daily_requests \(5\) is exhausted$"),
        (0, 1000, 0, r"^max_requests \(0\)"),
        (None, 0, 0, r"^daily_requests \(0\)"),
    ],
)
def test_the_limits_of_a_run_and_a_day(
    again: Budgets, per_run: int | None, per_day: int, spent: int, message: str
) -> None:
    run = again(per_run, per_day)
    assert run.left == spent
    assert spend(run) == run.used == spent
    assert (run.left, run.left_today) == (0, per_day - spent)
    with pytest.raises(BudgetExhausted, match=message):
        run.spend()


def test_further_runs_continue_counting_for_their_key(again: Budgets) -> None:
    assert spend(again(30, 100)) == 30
    second = again(40, 100)
    assert (second.left, second.left_today) == (40, 70)
    assert spend(again(None, 50, "4d3c2b1a")) == 50, "another key has its own count"
    assert spend(second) == 40
    assert spend(again(40, 100)) == 30
    assert again(40, 100).left_today == 0
    with pytest.raises(BudgetExhausted):
        again(None, 60).spend()  # daily_requests was lowered


def test_a_new_day_begins_at_midnight_utc(again: Budgets, clock: Clock) -> None:
    run = again(12, 5)
    assert spend(run) == 5
    clock.shift(SECOND)
    assert (run.left, run.left_today) == (5, 5)
    assert spend(run) == 5
    clock.shift(timedelta(days=1))
    assert spend(run) == 2, "max_requests does not start over"


def test_a_request_that_was_never_sent_is_not_counted(again: Budgets, clock: Clock) -> None:
    run = again(5, 7)
    for _ in range(20):
        run.refund(run.spend())
    assert (run.used, run.left) == (0, 5)
    assert spend(run) == 5
    unsent = again(5, 7).spend()
    clock.shift(SECOND)
    later = again(5, 7)
    later.spend()
    later.refund(unsent)
    assert later.left_today == 6


@pytest.mark.usefixtures("clock")
def test_the_higher_of_both_counts_holds(tmp_path: Path) -> None:
    counts: Counts = {"2026-11-21/7d": {"run": 1}}
    with closing(CacheFile(tmp_path / "lost")) as lost:
        spend(budget(30, 100, lost, counts))
    assert counts == {f"2026-11-22/{TAG}": {"run": 30}}, "yesterday is not needed"
    with closing(CacheFile(tmp_path / "new")) as new:
        outdated = deepcopy(counts)
        assert spend(budget(50, 100, new, counts)) == 50
        assert budget(None, 100, new, outdated).left == 20
        assert budget(None, 100, new, {}).left == 20
        assert spend(budget(None, 100, new, outdated)) == 20
        ended = budget(None, 110, new, {})
        assert ended.left_today == 10
    assert ended.left_today == 10, "the file is closed"


@pytest.mark.usefixtures("clock")
def test_counts_of_merged_runs_add_up() -> None:
    start: Counts = {}
    spend(budget(20, 100, counts=start, run="first"))
    one, other = deepcopy(start), deepcopy(start)
    spend(budget(30, 100, counts=one, run="one"))
    spend(budget(40, 100, counts=other, run="other"))
    name = f"2026-11-22/{TAG}"
    merged = {name: {**one[name], **other[name]}}
    assert merged == {name: {"first": 20, "one": 30, "other": 40}}
    assert budget(None, 100, counts=merged, run="last").left == 10


@pytest.mark.usefixtures("clock")
def test_what_is_stored_does_not_reveal_the_key(file: CacheFile) -> None:
    counts: Counts = {}
    budget(None, 5, file, counts).spend()
    # One in 256 keys has the same name, so a name does not identify a key.
    keys = (f"{n:08x}" for n in range(2**20))
    others = (key for key in keys if hashlib.sha256(key.encode()).hexdigest().startswith(TAG))
    for other in (next(others), next(others)):
        budget(None, 5, file, key=other).spend()
    assert file.query("select * from requests") == [(f"2026-11-22/{TAG}", 3)]
    assert [*counts] == [f"2026-11-22/{TAG}"]


def test_counts_older_than_a_week_are_deleted(file: CacheFile, clock: Clock) -> None:
    for days, kept in ((0, 1), (7, 2), (1, 2)):
        clock.shift(timedelta(days=days))
        budget(None, 5, file).spend()
        assert file.query("select count(*) from requests") == [(kept,)]


def test_threads_together_stay_within_the_limit(file: CacheFile) -> None:
    run = budget(None, 500, file)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: spend(run), range(16)))
    assert run.used == 500


# Responses


def query(number: int) -> Query:
    return Query((("i", f"tt{number:07d}"), ("plot", "short")))


def response(body: bytes = b"{}", at: datetime = NOW) -> RawResponse:
    return RawResponse(at, 200, "application/json; charset=utf-8", body)


def nothing(_query: str, _fetched_at: datetime) -> bool:
    return False


def everything(_query: str, _fetched_at: datetime) -> bool:
    return True


def store(file: CacheFile, *numbers: int, at: datetime = NOW) -> None:
    """Store the responses of a run that fetched these titles."""
    cache = ResponseCache(file)
    for number in numbers:
        cache.add(query(number), response(b"%d" % number, at))


def load(
    file: CacheFile,
    is_covered: Callable[[str, datetime], bool] = nothing,
    now: datetime = NOW,
    *,
    starts_over: bool = False,
) -> ResponseCache:
    cache = ResponseCache(file)
    cache.load(is_covered, now, starts_over=starts_over)
    return cache


def found(cache: ResponseCache, *numbers: int) -> list[bytes | None]:
    responses = [cache.pop(query(number)) for number in numbers]
    return [response.body if response else None for response in responses]


def runs(file: CacheFile) -> int:
    """Return how many runs have responses in the file."""
    return int(file.query("select count(distinct run) from responses")[0][0])


QUERIES = st.lists(
    st.tuples(st.sampled_from(["i", "t", "s", "y", "type", "plot"]), st.text(max_size=9))
)
EXCHANGES = st.tuples(
    QUERIES.map(tuple).map(Query),
    st.builds(RawResponse, st.just(NOW), st.integers(100, 599), st.text("a/;\t-é"), st.binary()),
)


@settings(deadline=None, max_examples=50)  # the machine may be busy
@given(st.lists(EXCHANGES, max_size=9))
@example([(query(1), RawResponse(NOW, 200, "-", b'{"Plot":"\\n\n\r\t\x00caf\xc3\xa9 \xff"}'))])
def test_any_response_to_any_query_is_returned_unchanged(
    tmp_path_factory: pytest.TempPathFactory, exchanges: list[tuple[Query, RawResponse]]
) -> None:
    with closing(CacheFile(tmp_path_factory.mktemp("cache"))) as file:
        first = load(file)
        for sent, received in exchanges:
            first.add(sent, received)
        newest = {str(sent): (sent, received) for sent, received in exchanges}
        second = load(file)
        assert len(second) == len(newest)
        for sent, received in newest.values():
            assert second.pop(sent) == received
            assert second.pop(sent) is None, "a response is reused only once"
        assert len(second) == 0


def test_the_newest_response_is_used(file: CacheFile) -> None:
    store(file, 1, at=NOW - HOUR)
    store(file, 1, at=NOW - 9 * HOUR)
    assert load(file).pop(query(1)) == response(b"1", NOW - HOUR)


def test_what_a_state_covers_is_not_reused_and_its_runs_are_deleted(file: CacheFile) -> None:
    before = NOW - 2 * HOUR
    store(file, 1, 2, at=before)
    store(file, 3, 4, at=before)
    fetched = {str(query(number)) for number in (1, 2, 3)}
    cache = load(file, lambda text, at: text in fetched and at == before)
    assert (len(cache), runs(file)) == (1, 1)
    assert found(cache, 1, 3, 4) == [None, None, b"4"]
    assert found(load(file), 3) == [b"3"], "one that covers less may need it"


@pytest.mark.parametrize(
    ("is_covered", "age", "is_kept"),
    [
        (everything, HOUR, True),
        (everything, HOUR + SECOND, False),
        (nothing, KEEP, True),
        (nothing, KEEP + SECOND, False),
    ],
)
def test_runs_are_kept_for_an_hour_or_as_long_as_no_state_covers_them_for_30_days(
    file: CacheFile, is_covered: Callable[[str, datetime], bool], age: timedelta, *, is_kept: bool
) -> None:
    store(file, 1, 2, at=NOW - age)
    cache = load(file, is_covered)
    assert runs(file) == is_kept
    assert found(cache, 1) == [b"1" if is_kept and is_covered is nothing else None]


def test_a_run_that_starts_over_does_not_reuse_what_a_state_has_covered(file: CacheFile) -> None:
    store(file, 1)
    after_crash = load(file, starts_over=True)
    after_success = load(file, everything)
    without_state = load(file, starts_over=True)
    assert [*map(len, (after_crash, after_success, without_state))] == [1, 0, 0]
    load(file, everything, NOW + 2 * HOUR)
    assert file.query("select * from covered_runs") == []


def test_a_response_may_be_deleted_by_another_run_before_it_is_read(file: CacheFile) -> None:
    store(file, 1)
    cache = load(file)
    load(file, everything, NOW + 2 * HOUR)
    assert found(cache, 1) == [None]
    assert file.query("pragma freelist_count") == [(0,)], "the file shrinks"


# Processes and faults

WORK = """
import multiprocessing, sys
from pathlib import Path
from tap_omdb import clock
from tap_omdb.config.settings import Settings
from tap_omdb.omdb.queries import Query
from tap_omdb.omdb.responses import RawResponse
from tap_omdb.state.budget import Budget, BudgetExhausted
from tap_omdb.state.cache_file import CacheFile
from tap_omdb.state.response_cache import ResponseCache

directory, count, most = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
context = multiprocessing.get_context("fork")
barrier = context.Barrier(count)

def work(name):
    barrier.wait()
    file = CacheFile(directory)
    budget = Budget(Settings(api_key="a1b2c3d4", daily_requests=most), {}, "run", file)
    cache = ResponseCache(file)
    try:
        for number in range(most):
            budget.spend()
            query = Query((("i", f"{name}-{number}"),))
            cache.add(query, RawResponse(clock.now(), 200, "", bytes(1000)))
            print(number, flush=True)
    except BudgetExhausted:
        pass

processes = [context.Process(target=work, args=(name,)) for name in range(count)]
for process in processes:
    process.start()
for process in processes:
    process.join()
sys.exit(any(process.exitcode for process in processes))
"""


def start(directory: Path, count: int, most: int) -> subprocess.Popen[str]:
    """Start so many processes at the same moment; together, they send so many requests."""
    command = [sys.executable, "-c", WORK, str(directory), str(count), str(most)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def stored(directory: Path) -> tuple[int, int]:
    """Return how many requests were counted, and how many responses are stored."""
    with closing(CacheFile(directory)) as file:
        [(requests,)] = file.query("select sum(sent) from requests")
        [(responses,)] = file.query("select count(*) from responses")
        assert file.query("pragma integrity_check") == [("ok",)]
        return requests, responses


def test_processes_that_share_a_new_directory_stay_within_the_limit(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "there"
    work = start(directory, 20, 400)
    lines, errors = work.communicate(timeout=60)
    assert work.returncode == 0, errors
    assert lines.count("\n") == 400
    assert stored(directory) == (400, 400)
    assert [path.name for path in directory.iterdir()] == [NAME]


def test_no_count_and_no_response_of_killed_processes_is_lost(tmp_path: Path) -> None:
    work = start(tmp_path, 3, 1_000_000)
    with work:
        assert work.stdout is not None
        for _ in range(300):
            assert work.stdout.readline()
        os.killpg(work.pid, signal.SIGKILL)
        sent = 300 + work.stdout.read().count("\n")
    requests, responses = stored(tmp_path)
    assert sent <= responses <= sent + 3
    assert responses <= requests <= responses + 3


def test_opening_waits_for_another_process_that_creates_the_file(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / NAME, check_same_thread=False)
    other.execute("create table requests (day_and_key text primary key, sent integer)")
    other.execute("begin immediate")
    threading.Timer(0.2, other.close).start()
    CacheFile(tmp_path).close()


def test_a_file_that_stays_locked_is_one_line_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_omdb.state.cache_file._BUSY_SECONDS", 0)
    with closing(sqlite3.connect(tmp_path / NAME)) as other:
        other.execute("create table requests (day_and_key text primary key, sent integer)")
        other.execute("begin immediate")
        with pytest.raises(StateError, match=r"\(database is locked\): .*another directory"):
            CacheFile(tmp_path)


def test_a_power_failure_costs_only_what_was_written_last(tmp_path: Path) -> None:
    kept = []
    with closing(CacheFile(tmp_path / "lost")) as file:
        store(file, 1, 2, 3)
        whole = (tmp_path / "lost" / f"{NAME}-wal").read_bytes()
        for length in range(0, len(whole) + 1, 1000):
            copy = shutil.copytree(tmp_path / "lost", tmp_path / str(length))
            (copy / f"{NAME}-shm").unlink()
            (copy / f"{NAME}-wal").write_bytes(whole[:length])
            with closing(CacheFile(copy)) as again:
                assert again.query("pragma integrity_check") == [("ok",)]
                kept.append(found(load(again), 1, 2, 3))
    assert kept[0] == [None] * 3
    assert kept == sorted(kept, key=lambda bodies: bodies.count(None), reverse=True)
    assert [b"1", b"2", None] in kept


def test_a_file_that_is_damaged_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"damaged" * 1000)
    with pytest.raises(StateError, match=r"cache_dir: .*tap-omdb.db cannot .*: delete it"):
        CacheFile(tmp_path)


def test_a_damaged_page_costs_the_responses_but_not_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(CacheFile(tmp_path)) as file:
        store(file, *range(100))
    data = bytearray((tmp_path / NAME).read_bytes())
    for page in range(6, len(data) // 4096):
        data[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    (tmp_path / NAME).write_bytes(data)
    with closing(CacheFile(tmp_path)) as file:
        assert load(file, everything).pop(query(1)) is None
        assert spend(budget(3, 5, file)) == 3
    assert "The cached responses cannot be read" in caplog.text


def test_a_directory_that_cannot_be_made_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"cache_dir: .*\(Not a directory\): .*another directory"):
        CacheFile(tmp_path / "file" / "cache")
    (tmp_path / "cache" / NAME).mkdir(parents=True)
    with pytest.raises(StateError, match=r"\(unable to open database file\)"):
        CacheFile(tmp_path / "cache")
