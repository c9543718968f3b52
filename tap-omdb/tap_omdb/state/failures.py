"""Keys whose requests failed, which are retried on later days, but not for ever. Pure."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_ATTEMPTS = 3
"""Days on which a title or season may fail before it waits for its next refresh."""


class Failures:
    """The day of the last failed attempt of each key, and how many days there were."""

    def __init__(self, run: str) -> None:
        """Start empty.

        Args:
            run: Identifies this run in the state.
        """
        self._run = run
        self._failures: dict[str, tuple[date, int, str]] = {}

    def __contains__(self, key: str) -> bool:
        """Return whether the last attempt of a key failed, and another is due."""
        return key in self._failures

    def last_attempt(self, key: str) -> date | None:
        """Return the day of the last failed attempt; None if there is none."""
        failure = self._failures.get(key)
        return failure[0] if failure else None

    def add(self, key: str, today: date) -> bool:
        """Record a failed attempt.

        Returns:
            Whether the attempts are used up; the key is then removed.
        """
        failure = self._failures.get(key)
        attempts = failure[1] + 1 if failure else 1
        if attempts < MAX_ATTEMPTS:
            self._failures[key] = (today, attempts, self._run)
            return False
        self._failures.pop(key, None)
        return True

    def remove(self, key: str) -> None:
        """Remove a key, if it is there."""
        self._failures.pop(key, None)

    def before(self, today: date) -> list[str]:
        """Return the keys whose last attempt was on an earlier day."""
        return [key for key, (day, *_) in self._failures.items() if day < today]

    def load(self, key: str, runs: Mapping[str, Mapping[str, Any]], settled: date | None) -> None:
        """Read one value of what `dump` returned, or of a merge of several such states.

        Args:
            key: Its key.
            runs: The failure as each run has it; the latest one counts.
            settled: The day on which the key was last marked otherwise; a failure of that day or
                before is over.
        """
        latest = max(
            (date.fromisoformat(item["day"]), int(item["attempts"]), run)
            for run, item in runs.items()
        )
        if settled is None or settled < latest[0]:
            self._failures[key] = latest

    def dump(self) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
        """Yield each key with its failure, below the run that recorded it, for the state."""
        for key, (day, attempts, run) in self._failures.items():
            yield key, {run: {"day": day.isoformat(), "attempts": attempts}}
