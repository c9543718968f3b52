"""The index of seasons: when each was requested, and when it is due again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from tap_omdb.config.settings import Refresh
from tap_omdb.state.dated_index import OLDER, Label, Mark, text_index, year_detail
from tap_omdb.state.failures import Failures

PENDING = "season"
"""The key of pending seasons in the state, next to the types of titles."""
FETCHED = "season"
"""The outcome for all seasons."""


class SeasonIndex:
    """Known, failed and pending seasons, by the series' IMDb id and the season's number."""

    def __init__(self, refresh: Refresh, run: str) -> None:
        """Start empty.

        Args:
            refresh: When known seasons are due again.
            run: Identifies this run in the state.
        """
        self._refresh = refresh
        self._run = run
        self._index = text_index(run)
        self._failures = Failures(run)
        self.pending: dict[tuple[str, int], None] = {}
        """Seasons that were found and are not fetched yet."""

    def is_due(self, series_id: str, season: int, today: date) -> bool:
        """Return whether a season is unknown or no longer fresh; False for failed ones."""
        key = _key(series_id, season)
        mark = self._index.get(key)
        is_stale = mark is None or mark.is_due(today, self._refresh)
        return is_stale and key not in self._failures

    def is_known(self, series_id: str, season: int) -> bool:
        """Return whether a season was ever requested or is pending."""
        was_requested = self.last_requested(series_id, season) is not None
        return was_requested or (series_id, season) in self.pending

    def last_requested(self, series_id: str, season: int) -> date | None:
        """Return the day on which a season was last requested, whatever the outcome."""
        key = _key(series_id, season)
        last = self._failures.get(key) or self._index.get(key)
        return last.day if last else None

    def due(self, today: date) -> Iterator[tuple[str, int]]:
        """Yield the known seasons that are due again, oldest first."""
        for key, _ in self._index.oldest_first(lambda mark: mark.is_due(today, self._refresh)):
            if key not in self._failures:
                yield _split(key)

    def failed(self, today: date) -> list[tuple[str, int]]:
        """Return the seasons that failed on earlier days and are to be retried."""
        return [*map(_split, self._failures.before(today))]

    def mark_fetched(self, series_id: str, season: int, year: int | None, today: date) -> None:
        """Record that all episodes of a season have been emitted or are pending."""
        key = _key(series_id, season)
        label = Label(FETCHED, year_detail(year, today, self._refresh))
        self._index.mark(key, Mark(today, label))
        self.pending.pop((series_id, season), None)
        self._failures.pop(key, None)

    def mark_failed(self, series_id: str, season: int, today: date) -> None:
        """Record that a season could not be fetched today.

        After `MAX_ATTEMPTS` such days it waits for its next refresh.
        """
        key = _key(series_id, season)
        self.pending.pop((series_id, season), None)
        if self._failures.add(key, today):
            mark = self._index.get(key)
            self._index.mark(key, Mark(today, mark.label if mark else Label(FETCHED, OLDER)))

    def load(self, state: Mapping[str, Any]) -> None:
        """Read the seasons, their failures and the pending ones of a state."""
        self._index.load(state.get("seasons", {}))
        for name, runs in state.get("failures", {}).items():
            if "/" in name:
                key = name.removeprefix("tt")
                mark = self._index.get(key)
                self._failures.load(key, runs, settled=mark.day if mark else None)
        for keys in state.get("pending", {}).get(PENDING, {}).values():
            for series_id, season in map(_split, keys.split()):
                if not self.is_known(series_id, season):
                    self.pending[series_id, season] = None

    def dump(self) -> dict[str, dict[str, Any]]:
        """Return what `load` reads, by the part of the state that it belongs to."""
        pending = " ".join(_key(*season) for season in self.pending)
        return {
            "seasons": self._index.dump(),
            "pending": {PENDING: {self._run: pending}} if pending else {},
            "failures": {f"tt{key}": runs for key, runs in self._failures.dump().items()},
        }


def _key(series_id: str, season: int) -> str:
    return f"{series_id[2:]}/{season}"


def _split(key: str) -> tuple[str, int]:
    number, _, season = key.partition("/")
    return f"tt{number}", int(season)
