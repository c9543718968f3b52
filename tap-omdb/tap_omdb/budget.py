"""Counts requests, and says when there are none left: for this run and for this day."""

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


class BudgetSpent(Exception):  # noqa: N818 - the ordinary end of a day, not an error
    """No request may be made any more; the text says why."""


class DayCount:
    """Requests made on each day (UTC) with one key.

    In a folder, one file a day and key, a byte a request: appending a byte is atomic, so that
    processes can share the folder, and no crash loses a count. A request is counted before it is
    made; one that then never left the machine is a byte in a second file. Without a folder, the
    state counts alone.
    """

    def __init__(self, counts: MutableMapping[str, int], folder: Path | None, api_key: str) -> None:
        """Count on.

        Args:
            counts: Requests by day and key as the state knows them; kept up to date.
            folder: Where to count; None counts in `counts` alone.
            api_key: Only 8 bits of its hash are used: keys are told apart, and not told.
        """
        self._counts = counts
        self._folder = folder
        self._tag = hashlib.sha256(api_key.encode()).hexdigest()[:2]
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.glob("requests-*"):
                if path.name < f"requests-{clock.today() - _KEEP}":
                    path.unlink(missing_ok=True)

    def get(self, day: date) -> int:
        """Return the requests made on a day."""
        path = self._path(day)
        on_disk = _size(path) - _size(_unsent(path)) if path else 0
        return max(on_disk, self._counts.get(self._name(day), 0))

    def add(self, day: date) -> int:
        """Count one more request, and return the day's count."""
        path = self._path(day)
        on_disk = _append_byte(path) - _size(_unsent(path)) if path else 0
        count = max(on_disk, 1 + self._counts.get(self._name(day), 0))
        for name in [name for name in self._counts if not name.startswith(day.isoformat())]:
            del self._counts[name]
        self._counts[self._name(day)] = count
        return count

    def take_back(self, day: date) -> None:
        """Count one request less: it was not made after all."""
        if path := self._path(day):
            _append_byte(_unsent(path))
        name = self._name(day)
        self._counts[name] = max(0, self._counts.get(name, 0) - 1)

    def _name(self, day: date) -> str:
        return f"{day}/{self._tag}"

    def _path(self, day: date) -> Path | None:
        return self._folder / f"requests-{day}-{self._tag}" if self._folder else None


class Budget:
    """How many requests may still be made. Safe to use from many threads."""

    def __init__(self, per_run: int | None, per_day: int, days: DayCount) -> None:
        """Start a run's count at 0.

        Args:
            per_run: The most requests of this run; None is no limit.
            per_day: The most requests of a day (UTC) with this key.
            days: What was spent before.
        """
        self._per_run = per_run
        self._per_day = per_day
        self._days = days
        self._lock = threading.Lock()
        self._refused: str | None = None
        self.used = 0
        """Requests of this run, retries included."""

    def take(self) -> date:
        """Count one request that is about to be made.

        Returns:
            The day that it counts for.

        Raises:
            BudgetSpent: If none is left.
        """
        with self._lock:
            if reason := self._reason():
                raise BudgetSpent(reason)
            today = clock.today()
            if self._days.add(today) > self._per_day:
                # Another process took the last one meanwhile.
                raise BudgetSpent(self._daily_reason())
            self.used += 1
            return today

    def give_back(self, day: date) -> None:
        """Note that a request counted for a day never left this machine."""
        with self._lock:
            self._days.take_back(day)
            self.used -= 1

    def refuse(self, reason: str) -> None:
        """Note that OMDb itself says that the quota is spent."""
        with self._lock:
            self._refused = reason

    @property
    def left(self) -> int:
        """Requests that may still be made, in this run and today."""
        with self._lock:
            if self._refused:
                return 0
            today = self._per_day - self._days.get(clock.today())
            run = today if self._per_run is None else self._per_run - self.used
            return max(0, min(today, run))

    @property
    def left_today(self) -> bool:
        """Tell whether another run could still make requests today."""
        with self._lock:
            return not self._refused and self._days.get(clock.today()) < self._per_day

    def _reason(self) -> str | None:
        if self._refused:
            return self._refused
        if self._per_run is not None and self.used >= self._per_run:
            return f"max_requests ({self._per_run:,}) are spent"
        if self._days.get(clock.today()) >= self._per_day:
            return self._daily_reason()
        return None

    def _daily_reason(self) -> str:
        return f"daily_requests ({self._per_day:,}) are spent"


def _append_byte(path: Path) -> int:
    """Return how long the file is then."""
    # Unbuffered, so that each of several processes sees where its own byte came to lie.
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
