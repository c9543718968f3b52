"""Counts requests against the limits of this run and of the day."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from tap_omdb import clock

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from datetime import date
    from pathlib import Path

_KEEP = timedelta(days=7)


class BudgetExhausted(Exception):  # noqa: N818 - the normal end of a day, not an error
    """No more requests may be sent; the message says why."""


class DailyCounter:
    """Requests sent on each day (UTC) with one key.

    In a directory, there is one file for each day and key, with one byte for each request:
    appending a byte is atomic, so processes can share the directory and a crash loses no count. A
    request is counted before it is sent; one that then never left the machine is a byte in a
    second file. Without a directory, only the state counts.
    """

    def __init__(
        self,
        counts: MutableMapping[str, dict[str, int]],
        run: str,
        directory: Path | None,
        api_key: str,
    ) -> None:
        """Continue counting.

        Args:
            counts: Requests by day and key, then by run, as the state has them; kept up to date.
                By run, so that the counts of runs whose states are merged add up.
            run: Identifies this run in `counts`.
            directory: Where to count; None counts in `counts` alone.
            api_key: Only 8 bits of its hash are stored: enough to tell keys apart, and too
                little to reveal one.
        """
        self._counts = counts
        self._run = run
        self._directory = directory
        self._tag = hashlib.sha256(api_key.encode()).hexdigest()[:2]
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
            for path in directory.glob("requests-*"):
                if path.name < f"requests-{clock.today() - _KEEP}":
                    path.unlink(missing_ok=True)

    def get(self, day: date) -> int:
        """Return the number of requests sent on a day."""
        path = self._path(day)
        on_disk = _size(path) - _size(_unsent(path)) if path else 0
        return max(on_disk, self._in_state(day))

    def increment(self, day: date) -> int:
        """Count one more request, and return the day's count."""
        path = self._path(day)
        on_disk = _append_byte(path) - _size(_unsent(path)) if path else 0
        for name in [name for name in self._counts if not name.startswith(day.isoformat())]:
            del self._counts[name]
        self._add(day, 1)
        return max(on_disk, self._in_state(day))

    def decrement(self, day: date) -> None:
        """Undo the count of a request that was not sent."""
        if path := self._path(day):
            _append_byte(_unsent(path))
        self._add(day, -1)

    def _in_state(self, day: date) -> int:
        return max(0, sum(self._counts.get(self._name(day), {}).values()))

    def _add(self, day: date, number: int) -> None:
        runs = self._counts.setdefault(self._name(day), {})
        runs[self._run] = runs.get(self._run, 0) + number

    def _name(self, day: date) -> str:
        return f"{day}/{self._tag}"

    def _path(self, day: date) -> Path | None:
        return self._directory / f"requests-{day}-{self._tag}" if self._directory else None


class Budget:
    """How many requests may still be sent. Thread-safe."""

    def __init__(self, per_run: int | None, per_day: int, days: DailyCounter) -> None:
        """Start the run's count at 0.

        Args:
            per_run: The maximum number of requests of this run; None means no limit.
            per_day: The maximum number of requests on a day (UTC) with this key.
            days: The requests sent so far.
        """
        self._per_run = per_run
        self._per_day = per_day
        self._days = days
        self._lock = threading.Lock()
        self._quota_reached: str | None = None
        self.used = 0
        """Requests of this run, including retries."""

    def spend(self) -> date:
        """Count one request that is about to be sent.

        Returns:
            The day that it counts for.

        Raises:
            BudgetExhausted: No request is left.
        """
        with self._lock:
            if reason := self._reason():
                raise BudgetExhausted(reason)
            today = clock.today()
            if self._days.increment(today) > self._per_day:
                # Another process has just sent the last one.
                raise BudgetExhausted(self._daily_reason())
            self.used += 1
            return today

    def refund(self, day: date) -> None:
        """Record that a request counted for a day never left this machine."""
        with self._lock:
            self._days.decrement(day)
            self.used -= 1

    def mark_quota_reached(self, reason: str) -> None:
        """Record that OMDb itself reports that the quota is exhausted."""
        with self._lock:
            self._quota_reached = reason

    @property
    def is_quota_reached(self) -> bool:
        """Whether OMDb itself has reported that the quota is exhausted."""
        return self._quota_reached is not None

    @property
    def left(self) -> int:
        """Requests that may still be sent, in this run and today."""
        with self._lock:
            today = self._left_today()
            return today if self._per_run is None else max(0, min(today, self._per_run - self.used))

    @property
    def left_today(self) -> int:
        """Requests that this and further runs may still send today."""
        with self._lock:
            return self._left_today()

    def _left_today(self) -> int:
        if self._quota_reached:
            return 0
        return max(0, self._per_day - self._days.get(clock.today()))

    def _reason(self) -> str | None:
        if self._quota_reached:
            return self._quota_reached
        if self._per_run is not None and self.used >= self._per_run:
            return f"max_requests ({self._per_run:,}) is exhausted"
        if self._days.get(clock.today()) >= self._per_day:
            return self._daily_reason()
        return None

    def _daily_reason(self) -> str:
        return f"daily_requests ({self._per_day:,}) is exhausted"


def _append_byte(path: Path) -> int:
    """Append a byte and return the file's new length."""
    # Unbuffered, so that each of several processes sees the position of its own byte.
    with path.open("ab", buffering=0) as file:
        file.write(b".")
        return file.tell()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _unsent(path: Path) -> Path:
    return path.with_name(f"{path.name}-unsent")
