"""Requests are counted exactly: by run and by day, over threads, processes and midnights."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from tap_omdb.state.budget import Budget, BudgetExhausted, DailyCounter

if TYPE_CHECKING:
    from collections.abc import Iterator
KEY = "a1b2c3d4"
TAG = "7d"
TODAY = date(2026, 11, 22)
BEFORE_MIDNIGHT = datetime(2026, 11, 22, 23, 59, 59, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)

SPEND_ALL = """
import sys
from pathlib import Path
from tap_omdb.state.budget import Budget, BudgetExhausted, DailyCounter

budget = Budget(None, int(sys.argv[2]), DailyCounter({}, Path(sys.argv[1]), "a1b2c3d4"))
print("ready", flush=True)
sys.stdin.readline()
try:
    while True:
        budget.take()
except BudgetExhausted:
    print(budget.used)
"""


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Stands still at a second before midnight, UTC, wherever the machine is."""
    with time_machine.travel(BEFORE_MIDNIGHT, tick=False) as traveller:
        yield traveller


def spend(budget: Budget, most: int = 10_000) -> int:
    """Take requests until there are none left; return how many there were."""
    before = budget.used
    with suppress(BudgetExhausted):
        for _ in range(most):
            budget.take()
    return budget.used - before


def in_state() -> DailyCounter:
    return DailyCounter({}, None, KEY)


def test_a_run_has_its_limit() -> None:
    budget = Budget(5, 1000, in_state())
    assert budget.left == 5
    assert spend(budget) == budget.used == 5
    assert budget.left == 0
    assert budget.left_today
    with pytest.raises(BudgetExhausted, match=r"^max_requests \(5\) are spent$"):
        budget.take()


def test_a_day_has_its_limit() -> None:
    budget = Budget(None, 5, in_state())
    assert spend(budget) == 5
    assert (budget.left, budget.left_today) == (0, False)
    with pytest.raises(BudgetExhausted, match=r"^daily_requests \(5\) are spent$"):
        budget.take()


def test_the_smaller_limit_counts() -> None:
    days = in_state()
    assert spend(Budget(3, 5, days)) == 3
    second = Budget(3, 5, days)
    assert second.left == 2
    assert spend(second) == 2
    assert not second.left_today


@pytest.mark.parametrize(("per_run", "per_day"), [(0, 1000), (None, 0)])
def test_nothing_may_be_spent(per_run: int | None, per_day: int) -> None:
    assert spend(Budget(per_run, per_day, in_state())) == 0


def test_what_omdb_says_counts_more() -> None:
    budget = Budget(None, 1000, in_state())
    budget.take()
    budget.refuse('OMDb says "Request limit reached!"')
    assert (budget.left, budget.left_today) == (0, False)
    with pytest.raises(BudgetExhausted, match="Request limit reached!"):
        budget.take()
    assert budget.used == 1


def test_threads_take_no_more_than_there_is() -> None:
    budget = Budget(None, 500, in_state())
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: spend(budget), range(16)))
    assert budget.used == 500


def test_processes_that_share_a_folder_take_no_more_than_there_is(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SPEND_ALL, str(tmp_path), "2000"]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    taken = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(taken) == 2000
    assert all(taken), "they were to run side by side"


def test_a_request_counted_by_another_process_at_the_same_moment_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = DailyCounter({}, tmp_path, KEY)
    assert days.add(TODAY) == 1
    (path,) = tmp_path.iterdir()
    really_open = Path.open

    def open_while_another_writes(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        file = really_open(*args, **kwargs)
        with really_open(path, "ab") as other:
            other.write(b".")
        return file

    monkeypatch.setattr(Path, "open", open_while_another_writes)
    assert days.add(TODAY) == 3


def test_a_folder_keeps_the_count_without_a_state(tmp_path: Path) -> None:
    assert spend(Budget(30, 100, DailyCounter({}, tmp_path, KEY))) == 30
    budget = Budget(None, 100, DailyCounter({}, tmp_path, KEY))
    assert budget.left == 70
    assert spend(budget) == 70


def test_a_state_keeps_the_count_without_the_folder(tmp_path: Path) -> None:
    counts: dict[str, int] = {}
    spend(Budget(30, 100, DailyCounter(counts, tmp_path / "lost", KEY)))
    ((name, spent),) = counts.items()
    assert spent == 30
    assert date.fromisoformat(name.partition("/")[0]) == datetime.now(timezone.utc).date()
    assert Budget(None, 100, DailyCounter(counts, tmp_path / "new", KEY)).left == 70
    assert spend(Budget(None, 100, DailyCounter(counts, None, KEY))) == 70


def test_a_stale_state_does_not_turn_the_folder_back(tmp_path: Path) -> None:
    stale: dict[str, int] = {}
    spend(Budget(10, 100, DailyCounter(stale, tmp_path, KEY)))
    spend(Budget(30, 100, DailyCounter(dict(stale), tmp_path, KEY)))
    assert Budget(None, 100, DailyCounter(stale, tmp_path, KEY)).left == 60


@pytest.mark.parametrize("has_folder", [True, False])
def test_a_new_day_begins_at_midnight_utc(
    tmp_path: Path, clock: time_machine.Traveller, *, has_folder: bool
) -> None:
    counts: dict[str, int] = {}
    budget = Budget(None, 5, DailyCounter(counts, tmp_path if has_folder else None, KEY))
    assert spend(budget) == 5
    assert counts == {f"2026-11-22/{TAG}": 5}
    clock.shift(SECOND)
    assert (budget.left, budget.left_today) == (5, True)
    assert spend(budget) == 5
    assert counts == {f"2026-11-23/{TAG}": 5}, "yesterday is of no use any more"
    assert budget.used == 10


def test_a_runs_limit_knows_no_midnight(clock: time_machine.Traveller) -> None:
    budget = Budget(7, 5, in_state())
    assert spend(budget) == 5
    clock.shift(SECOND)
    assert budget.left == 2
    assert spend(budget) == 2


def test_counts_of_last_week_are_deleted(tmp_path: Path, clock: time_machine.Traveller) -> None:
    DailyCounter({}, tmp_path, KEY).add(TODAY)
    clock.shift(timedelta(days=7))
    DailyCounter({}, tmp_path, KEY).add(TODAY + timedelta(days=7))
    assert len(list(tmp_path.iterdir())) == 2
    clock.shift(timedelta(days=1))
    days = DailyCounter({}, tmp_path, KEY)
    assert len(list(tmp_path.iterdir())) == 1
    assert (days.get(TODAY), days.get(TODAY + timedelta(days=7))) == (0, 1)


@pytest.mark.parametrize("has_folder", [True, False])
def test_keys_are_counted_apart(tmp_path: Path, *, has_folder: bool) -> None:
    counts: dict[str, int] = {}
    folder = tmp_path if has_folder else None
    spend(Budget(None, 5, DailyCounter(counts, folder, KEY)))
    assert spend(Budget(None, 5, DailyCounter(counts, folder, "4d3c2b1a"))) == 5
    assert Budget(None, 5, DailyCounter(counts, folder, KEY)).left == 0


@pytest.mark.parametrize("has_folder", [True, False])
def test_what_never_left_the_machine_is_not_counted(
    tmp_path: Path, clock: time_machine.Traveller, *, has_folder: bool
) -> None:
    counts: dict[str, int] = {}
    days = DailyCounter(counts, tmp_path if has_folder else None, KEY)
    budget = Budget(5, 7, days)
    for _ in range(20):
        budget.give_back(budget.take())
    assert (budget.used, budget.left) == (0, 5)
    assert spend(budget) == 5
    unsent = Budget(5, 7, days).take()
    clock.shift(SECOND)
    later = Budget(5, 7, days)
    later.take()
    later.give_back(unsent)
    assert (days.get(TODAY + timedelta(days=1)), later.left_today) == (1, True)


@pytest.mark.usefixtures("clock")
def test_what_the_state_and_the_files_are_called_does_not_tell_the_key(tmp_path: Path) -> None:
    counts: dict[str, int] = {}
    DailyCounter(counts, tmp_path, KEY).add(TODAY)
    (path,) = tmp_path.iterdir()
    assert KEY not in path.name
    assert path.read_bytes() == b"."
    assert [*counts] == [f"2026-11-22/{TAG}"]
    # One in 256 keys has the same name: which of those it is can't be known.
    keys = (f"{n:08x}" for n in range(2**20))
    others = (key for key in keys if hashlib.sha256(key.encode()).hexdigest().startswith(TAG))
    for other in (next(others), next(others)):
        DailyCounter({}, tmp_path, other).add(TODAY)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"..."
