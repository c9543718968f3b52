"""Requests are counted exactly, by run and by day, across threads, processes and midnight."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import deepcopy
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

budget = Budget(None, int(sys.argv[2]), DailyCounter({}, "run", Path(sys.argv[1]), "a1b2c3d4"))
print("ready", flush=True)
sys.stdin.readline()
try:
    while True:
        budget.spend()
except BudgetExhausted:
    print(budget.used)
"""


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Stop the clock one second before midnight (UTC)."""
    with time_machine.travel(BEFORE_MIDNIGHT, tick=False) as traveller:
        yield traveller


def spend(budget: Budget, most: int = 10_000) -> int:
    """Spend requests until none is left, and return how many there were."""
    before = budget.used
    with suppress(BudgetExhausted):
        for _ in range(most):
            budget.spend()
    return budget.used - before


def counter(
    directory: Path | None = None,
    counts: dict[str, dict[str, int]] | None = None,
    *,
    run: str = "run",
    key: str = KEY,
) -> DailyCounter:
    return DailyCounter({} if counts is None else counts, run, directory, key)


def test_max_requests_limits_a_run() -> None:
    budget = Budget(5, 1000, counter())
    assert budget.left == 5
    assert spend(budget) == budget.used == 5
    assert budget.left == 0
    assert budget.left_today == 995
    with pytest.raises(BudgetExhausted, match=r"^max_requests \(5\) is exhausted$"):
        budget.spend()


def test_daily_requests_limits_a_day() -> None:
    budget = Budget(None, 5, counter())
    assert spend(budget) == 5
    assert (budget.left, budget.left_today) == (0, 0)
    with pytest.raises(BudgetExhausted, match=r"^daily_requests \(5\) is exhausted$"):
        budget.spend()


def test_the_smaller_limit_applies() -> None:
    days = counter()
    assert spend(Budget(3, 5, days)) == 3
    second = Budget(3, 5, days)
    assert second.left == 2
    assert spend(second) == 2
    assert second.left_today == 0


@pytest.mark.parametrize(("per_run", "per_day"), [(0, 1000), (None, 0)])
def test_a_limit_of_zero_allows_nothing(per_run: int | None, per_day: int) -> None:
    assert spend(Budget(per_run, per_day, counter())) == 0


def test_omdbs_own_limit_takes_precedence() -> None:
    budget = Budget(None, 1000, counter())
    budget.spend()
    assert not budget.is_quota_reached
    budget.mark_quota_reached('OMDb reports "Request limit reached!"')
    assert budget.is_quota_reached
    assert (budget.left, budget.left_today) == (0, 0)
    with pytest.raises(BudgetExhausted, match="Request limit reached!"):
        budget.spend()
    assert budget.used == 1


def test_threads_together_stay_within_the_limit() -> None:
    budget = Budget(None, 500, counter())
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: spend(budget), range(16)))
    assert budget.used == 500


def test_processes_that_share_a_directory_stay_within_the_limit(tmp_path: Path) -> None:
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
    spent = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(spent) == 2000
    assert all(spent), "the processes did not run at the same time"


def test_a_request_that_another_process_counts_at_the_same_moment_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = counter(tmp_path)
    assert days.increment(TODAY) == 1
    (path,) = tmp_path.iterdir()
    really_open = Path.open

    def open_while_another_writes(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        file = really_open(*args, **kwargs)
        with really_open(path, "ab") as other:
            other.write(b".")
        return file

    monkeypatch.setattr(Path, "open", open_while_another_writes)
    assert days.increment(TODAY) == 3


def test_the_directory_keeps_the_count_without_a_state(tmp_path: Path) -> None:
    assert spend(Budget(30, 100, counter(tmp_path))) == 30
    budget = Budget(None, 100, counter(tmp_path))
    assert budget.left == 70
    assert spend(budget) == 70


def test_the_state_keeps_the_count_without_the_directory(tmp_path: Path) -> None:
    counts: dict[str, dict[str, int]] = {}
    spend(Budget(30, 100, counter(tmp_path / "lost", counts)))
    ((name, spent),) = counts.items()
    assert spent == {"run": 30}
    assert date.fromisoformat(name.partition("/")[0]) == datetime.now(timezone.utc).date()
    assert Budget(None, 100, counter(tmp_path / "new", counts)).left == 70
    assert spend(Budget(None, 100, counter(None, counts))) == 70


def test_an_outdated_state_does_not_reset_the_directory(tmp_path: Path) -> None:
    outdated: dict[str, dict[str, int]] = {}
    spend(Budget(10, 100, counter(tmp_path, outdated)))
    spend(Budget(30, 100, counter(tmp_path, deepcopy(outdated))))
    assert Budget(None, 100, counter(tmp_path, outdated)).left == 60


@pytest.mark.parametrize("has_directory", [True, False])
def test_a_new_day_begins_at_midnight_utc(
    tmp_path: Path, clock: time_machine.Traveller, *, has_directory: bool
) -> None:
    counts: dict[str, dict[str, int]] = {}
    budget = Budget(None, 5, counter(tmp_path if has_directory else None, counts))
    assert spend(budget) == 5
    assert counts == {f"2026-11-22/{TAG}": {"run": 5}}
    clock.shift(SECOND)
    assert (budget.left, budget.left_today) == (5, 5)
    assert spend(budget) == 5
    assert counts == {f"2026-11-23/{TAG}": {"run": 5}}, "yesterday is not needed"
    assert budget.used == 10


def test_max_requests_does_not_start_over_at_midnight(clock: time_machine.Traveller) -> None:
    budget = Budget(7, 5, counter())
    assert spend(budget) == 5
    clock.shift(SECOND)
    assert budget.left == 2
    assert spend(budget) == 2


def test_files_older_than_a_week_are_deleted(tmp_path: Path, clock: time_machine.Traveller) -> None:
    counter(tmp_path).increment(TODAY)
    clock.shift(timedelta(days=7))
    counter(tmp_path).increment(TODAY + timedelta(days=7))
    assert len(list(tmp_path.iterdir())) == 2
    clock.shift(timedelta(days=1))
    days = counter(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    assert (days.get(TODAY), days.get(TODAY + timedelta(days=7))) == (0, 1)


@pytest.mark.parametrize("has_directory", [True, False])
def test_each_key_has_its_own_count(tmp_path: Path, *, has_directory: bool) -> None:
    counts: dict[str, dict[str, int]] = {}
    directory = tmp_path if has_directory else None
    spend(Budget(None, 5, counter(directory, counts)))
    assert spend(Budget(None, 5, counter(directory, counts, key="4d3c2b1a"))) == 5
    assert Budget(None, 5, counter(directory, counts)).left == 0


@pytest.mark.parametrize("has_directory", [True, False])
def test_a_request_that_was_never_sent_is_not_counted(
    tmp_path: Path, clock: time_machine.Traveller, *, has_directory: bool
) -> None:
    counts: dict[str, dict[str, int]] = {}
    days = counter(tmp_path if has_directory else None, counts)
    budget = Budget(5, 7, days)
    for _ in range(20):
        budget.refund(budget.spend())
    assert (budget.used, budget.left) == (0, 5)
    assert spend(budget) == 5
    unsent = Budget(5, 7, days).spend()
    clock.shift(SECOND)
    later = Budget(5, 7, days)
    later.spend()
    later.refund(unsent)
    assert (days.get(TODAY + timedelta(days=1)), later.left_today) == (1, 6)


@pytest.mark.usefixtures("clock")
def test_the_names_in_state_and_directory_do_not_reveal_the_key(tmp_path: Path) -> None:
    counts: dict[str, dict[str, int]] = {}
    counter(tmp_path, counts).increment(TODAY)
    (path,) = tmp_path.iterdir()
    assert KEY not in path.name
    assert path.read_bytes() == b"."
    assert [*counts] == [f"2026-11-22/{TAG}"]
    # One in 256 keys has the same name, so a name does not identify a key.
    keys = (f"{n:08x}" for n in range(2**20))
    others = (key for key in keys if hashlib.sha256(key.encode()).hexdigest().startswith(TAG))
    for other in (next(others), next(others)):
        counter(tmp_path, key=other).increment(TODAY)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"..."


@pytest.mark.usefixtures("clock")
def test_counts_of_merged_runs_add_up() -> None:
    start: dict[str, dict[str, int]] = {}
    spend(Budget(20, 100, counter(None, start, run="first")))
    one, other = deepcopy(start), deepcopy(start)
    spend(Budget(30, 100, counter(None, one, run="one")))
    spend(Budget(40, 100, counter(None, other, run="other")))
    name = f"2026-11-22/{TAG}"
    merged = {name: {**one[name], **other[name]}}
    assert merged == {name: {"first": 20, "one": 30, "other": 40}}
    assert Budget(None, 100, counter(None, merged, run="last")).left == 10
