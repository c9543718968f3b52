"""Titles and seasons whose requests failed, and on which days they are retried. Pure."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_ATTEMPTS = 3
"""Days on which a title or season may fail before it waits for its next refresh."""


class _Failure(NamedTuple):
    day: date
    attempts: int
    run: str
    matched_by: str | None


class Failures:
    """The day of the last failed attempt of each key, and how many days there were."""

    def __init__(self, run: str) -> None:
        """Start empty.

        Args:
            run: Identifies this run in the state.
        """
        self._run = run
        self._failures: dict[str, _Failure] = {}

    def __contains__(self, key: str) -> bool:
        """Return whether the last attempt of a key failed, and another is due."""
        return key in self._failures

    def last_attempt(self, key: str) -> date | None:
        """Return the day of the last failed attempt; None if there is none."""
        failure = self._failures.get(key)
        return failure.day if failure else None

    def matched_by(self, key: str) -> str | None:
        """Return how a failed title was found, as in the column `matched_by`; None if unknown."""
        failure = self._failures.get(key)
        return failure.matched_by if failure else None

    def add(self, key: str, today: date, matched_by: str | None = None) -> bool:
        """Record a failed attempt.

        Args:
            key: The title or season.
            today: The current day (UTC).
            matched_by: How the title was found; None for seasons.

        Returns:
            Whether the attempts are used up; the key is then removed.
        """
        failure = self._failures.get(key)
        attempts = failure.attempts + 1 if failure else 1
        if attempts < MAX_ATTEMPTS:
            self._failures[key] = _Failure(today, attempts, self._run, matched_by)
            return False
        self._failures.pop(key, None)
        return True

    def remove(self, key: str) -> None:
        """Remove a key, if it is there."""
        self._failures.pop(key, None)

    def before(self, today: date) -> list[str]:
        """Return the keys whose last attempt was on an earlier day."""
        return [key for key, failure in self._failures.items() if failure.day < today]

    def load(self, key: str, runs: Mapping[str, Mapping[str, Any]], settled: date | None) -> None:
        """Read one value of what `dump` returned, or of a merge of several such states.

        Args:
            key: Its key.
            runs: The failure as each run has it; the latest one counts.
            settled: The day on which a request for the key last succeeded or was rejected; failures
                up to that day no longer count.
        """
        failures = (
            _Failure(
                date.fromisoformat(item["day"]), int(item["attempts"]), run, item.get("matched_by")
            )
            for run, item in runs.items()
        )
        latest = max(failures, key=lambda failure: (failure.day, failure.attempts, failure.run))
        if settled is None or settled < latest.day:
            self._failures[key] = latest

    def dump(self) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
        """Yield each key with its failure, below the run that recorded it, for the state."""
        for key, failure in self._failures.items():
            item = {"day": failure.day.isoformat(), "attempts": failure.attempts}
            found = {"matched_by": failure.matched_by} if failure.matched_by else {}
            yield key, {failure.run: {**item, **found}}
