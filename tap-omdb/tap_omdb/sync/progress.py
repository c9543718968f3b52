"""Logs the progress of a run every few seconds, and its result at the end."""

from __future__ import annotations

import logging
import time
from collections import Counter
from datetime import timedelta

from tap_omdb.state.budget import Budget
from tap_omdb.state.sync_state import SyncState
from tap_omdb.sync.planner import PlanLength
from tap_omdb.sync.queue import TaskQueue

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 5.0


class ProgressReporter:
    """Logs a line every few seconds, and the summary of a run."""

    def __init__(self, budget: Budget, rows: Counter[str], plan: PlanLength) -> None:
        """Start the clock.

        Args:
            budget: The requests of the run.
            rows: The rows emitted so far, by stream; read at each report.
            plan: How many tasks are due.
        """
        self._plan = plan
        self._budget = budget
        self._rows = rows
        self._started = time.monotonic()
        self._next = self._started + INTERVAL_SECONDS

    def report(self, queue: TaskQueue) -> None:
        """Log the progress if a line is due."""
        remaining = queue.remaining(self._plan.tasks)
        if time.monotonic() < self._next or not remaining:
            return
        self._next = time.monotonic() + INTERVAL_SECONDS
        rate = queue.finished / (time.monotonic() - self._started)
        left = self._budget.left
        # Without a count of what a large file lists, nobody knows when it ends.
        is_known = self._plan.is_exact or remaining > left
        logger.info(
            "%s · %s%s tasks done, %.1f/s%s · %s requests spent, %s left",
            _counts(self._rows),
            f"{queue.finished:,}",
            f" of {queue.finished + remaining:,}" if self._plan.is_exact else "",
            rate,
            f", {_time_left(remaining, left, rate)}" if is_known else "",
            f"{self._budget.used:,}",
            f"{left:,}",
        )

    def summarise(self, reused: int, unparsed: Counter[str], rejects: Counter[str]) -> None:
        """Log the result of the run.

        Args:
            reused: How many cached responses were used.
            unparsed: How many values did not parse, by field.
            rejects: How many there are, by reason.
        """
        cached = f" ({reused} responses came from the cache)" if reused else ""
        logger.info(
            "%s · %s requests spent%s, %s left",
            _counts(self._rows),
            f"{self._budget.used:,}",
            cached,
            f"{self._budget.left:,}",
        )
        for field, count in unparsed.items():
            if count > 1:  # a single one was logged when it occurred
                logger.warning("%s: %d values did not parse; see `unparsed`", field, count)
        if rejects:
            # That OMDb does not have a title is an answer; anything else may need action.
            level = logging.INFO if {*rejects} == {"not_found"} else logging.WARNING
            logger.log(level, "%d rejects: see the stream `rejects`", rejects.total())

    def report_early_end(self, reason: str, queue: TaskQueue, state: SyncState, when: str) -> None:
        """Log why a run ended before the queue was empty, and what is left."""
        logger.info(
            "Ended early: %s. Pending: %s. Run again %s",
            reason,
            _pending(queue, state),
            when,
        )


def _pending(queue: TaskQueue, state: SyncState) -> str:
    counts = {
        ("title", "titles"): len(state.titles.pending),
        ("season", "seasons"): len(state.seasons.pending),
        ("unfinished search", "unfinished searches"): len(state.searches.in_progress),
    }
    parts = [f"{count:,} {what[count > 1]}" for what, count in counts.items() if count]
    if queue.has_more_than_pending():
        parts.append("further tasks not started")
    return ", ".join(parts) or "nothing"


def _counts(rows: Counter[str]) -> str:
    counts = (f"{name} {count:,}" for name, count in sorted(rows.items()))
    return ", ".join(counts) or "no records"


def _time_left(remaining: int, left: int, rate: float) -> str:
    """Return how long the remaining tasks take at a rate (1/s), or the requests that are left."""
    if not rate:
        return "time left not yet known"
    seconds = timedelta(seconds=round(min(remaining, left) / rate))
    return f"{seconds} until the budget is exhausted" if left < remaining else f"{seconds} left"
