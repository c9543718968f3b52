"""Titles and seasons whose requests failed, and on which days they are retried."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

MAX_ATTEMPTS = 3
"""Days on which a title or season may fail before it waits for its next refresh."""


class Failure(NamedTuple):
    """The last failed attempt to fetch a title or season.

    Attributes:
        day: Its day (UTC).
        attempts: The number of days on which it has failed.
        run: The run in which it failed last.
        matched_by: How the title was found, as in the column `matched_by`; None if not known.
    """

    day: date
    attempts: int
    run: str
    matched_by: str | None


class Failures(dict[str, Failure]):
    """The last attempt of each title (tt1375666) or season (tt0944947/3), if it failed."""

    def __init__(self, run: str) -> None:
        """Start empty.

        Args:
            run: Identifies this run in the state.
        """
        super().__init__()
        self._run = run

    def add(self, key: str, today: date, matched_by: str | None = None) -> bool:
        """Record a failed attempt.

        Args:
            key: The title or season.
            today: The current day (UTC).
            matched_by: How the title was found; None for seasons.

        Returns:
            Whether the attempts are used up; the key is then removed.
        """
        before = self.get(key)
        attempts = before.attempts + 1 if before else 1
        if attempts < MAX_ATTEMPTS:
            self[key] = Failure(today, attempts, self._run, matched_by)
            return False
        self.pop(key, None)
        return True

    def before(self, today: date) -> list[str]:
        """Return the keys whose last attempt was on an earlier day."""
        return [key for key, failure in self.items() if failure.day < today]

    def load(self, key: str, runs: Mapping[str, Mapping[str, Any]], settled: date | None) -> None:
        """Read one value of what `dump` returned, or of a merge of several such states.

        Args:
            key: Its key.
            runs: The failure as each run has it; the latest one counts.
            settled: The day on which a request for the key last succeeded or was rejected; failures
                up to that day no longer count.
        """
        latest = max(
            Failure(
                date.fromisoformat(item["day"]), int(item["attempts"]), run, item.get("matched_by")
            )
            for run, item in runs.items()
        )
        if settled is None or settled < latest.day:
            self[key] = latest

    def dump(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return the failures for the state, each below the run that recorded it."""
        failures = {}
        for key, (day, attempts, run, matched_by) in self.items():
            found = {"matched_by": matched_by} if matched_by else {}
            failures[key] = {run: {"day": day.isoformat(), "attempts": attempts, **found}}
        return failures
