"""Counts requests against the limits of this run and of the day."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import date, timedelta

from tap_omdb import clock
from tap_omdb.config.settings import Settings
from tap_omdb.state.cache_file import CacheFile

_KEEP = timedelta(days=7)
_SENT = "select coalesce(sum(sent), 0) from requests where day_and_key = ?"
_COUNT_ONE = """
    insert into requests (day_and_key, sent) values (?, ?)
    on conflict (day_and_key) do update set sent = max(sent + 1, excluded.sent) where sent < ?
"""


class BudgetExhausted(Exception):  # noqa: N818 - the normal end of a day, not an error
    """No more requests may be sent; the message says why."""


class Budget:
    """How many requests may still be sent, in this run and on each day (UTC). Thread-safe.

    Those of a day are counted by key: in the file of the cache, which processes may share and which
    outlives a crash, and in the state, which outlives the machine. The higher count holds.
    """

    def __init__(
        self,
        settings: Settings,
        counts: MutableMapping[str, dict[str, int]],
        run: str,
        file: CacheFile | None,
    ) -> None:
        """Start the run's count at 0, and continue those of the days.

        Args:
            settings: The limits of the run and of a day, and the key. Only 8 bits of the key's hash
                are stored: enough to tell keys apart, and too little to reveal one.
            counts: Requests by day and key, then by run, as the state has them; kept up to date.
                By run, so that the counts of runs whose states are merged add up.
            run: Identifies this run in `counts`.
            file: Where to count; None counts in `counts` alone.
        """
        self._per_run = settings.max_requests
        self._per_day = settings.daily_requests
        self._counts = counts
        self._run = run
        self._file = file
        self._tag = hashlib.sha256(settings.api_key.encode()).hexdigest()[:2]
        self._in_file: dict[date, int] = {}
        self._lock = threading.Lock()
        self.quota_reached: str | None = None
        """What OMDb reports, once that is that the quota is exhausted; nothing is left then."""
        self.used = 0
        """Requests of this run, including retries."""
        if file:
            file.execute("delete from requests where day_and_key < ?", str(clock.today() - _KEEP))

    def spend(self) -> date:
        """Count one request that is about to be sent.

        Returns:
            The day that it counts for.

        Raises:
            BudgetExhausted: No request is left.
        """
        with self._lock:
            if self.quota_reached:
                raise BudgetExhausted(self.quota_reached)
            if self._per_run is not None and self.used >= self._per_run:
                reason = f"max_requests ({self._per_run:,}) is exhausted"
                raise BudgetExhausted(reason)
            today = clock.today()
            if not self._count(today):
                reason = f"daily_requests ({self._per_day:,}) is exhausted"
                raise BudgetExhausted(reason)
            self.used += 1
            return today

    def refund(self, day: date) -> None:
        """Record that a request counted for a day never left this machine."""
        with self._lock:
            name = self._name(day)
            if self._file:
                sql = "update requests set sent = sent - 1 where day_and_key = ?"
                self._file.execute(sql, name)
            self._add_to_state(name, -1)
            self.used -= 1

    @property
    def left(self) -> int:
        """Requests that may still be sent, in this run and today."""
        today = self.left_today
        return today if self._per_run is None else max(0, min(today, self._per_run - self.used))

    @property
    def left_today(self) -> int:
        """Requests that this and further runs may still send today."""
        with self._lock:
            if self.quota_reached:
                return 0
            today = clock.today()
            if self._file:
                # A run closes the file at its end; the last count then holds.
                with suppress(sqlite3.Error):
                    [(self._in_file[today],)] = self._file.query(_SENT, self._name(today))
            sent = max(self._in_state(today), self._in_file.get(today, 0))
            return max(0, self._per_day - sent)

    def _count(self, day: date) -> bool:
        """Count one more request unless the day's budget is spent; return whether it was."""
        in_state, name = self._in_state(day), self._name(day)
        if in_state >= self._per_day:
            return False
        if self._file and not self._file.execute(_COUNT_ONE, name, in_state + 1, self._per_day):
            return False
        for other in [other for other in self._counts if not other.startswith(day.isoformat())]:
            del self._counts[other]
        self._add_to_state(name, 1)
        return True

    def _in_state(self, day: date) -> int:
        return max(0, sum(self._counts.get(self._name(day), {}).values()))

    def _add_to_state(self, name: str, number: int) -> None:
        runs = self._counts.setdefault(name, {})
        runs[self._run] = runs.get(self._run, 0) + number

    def _name(self, day: date) -> str:
        return f"{day}/{self._tag}"
