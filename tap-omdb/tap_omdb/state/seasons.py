"""The index of seasons: when each was requested, and when it is due again. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_omdb.state.dated_index import DatedIndex, Days
from tap_omdb.state.failures import Failures
from tap_omdb.state.titles import OLDER, is_due, label_year

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from tap_omdb.config.settings import Refresh

PENDING = "season"
"""The key of pending seasons in the state, next to the types of titles."""


class SeasonIndex:
    """Known, failed and pending seasons, by the series' IMDb id and the season's number."""

    def __init__(self, refresh: Refresh, run: str) -> None:
        """Start empty.

        Args:
            refresh: When known seasons are due again.
            run: Identifies this run in the state.
        """
        self._refresh = refresh
        self._index: DatedIndex[str] = DatedIndex(run, _parse, _encode)
        self._failures = Failures(run)
        self.pending: dict[tuple[str, int], None] = {}
        """Seasons that were found and are not fetched yet."""

    def is_due(self, series_id: str, season: int, today: date) -> bool:
        """Return whether a season is unknown or no longer fresh; False for failed ones."""
        key = _key(series_id, season)
        mark = self._index.get(key)
        return key not in self._failures and (mark is None or self._is_due(*mark, today))

    def is_known(self, series_id: str, season: int) -> bool:
        """Return whether a season was ever requested or is pending."""
        key = _key(series_id, season)
        return (
            self._index.get(key) is not None
            or key in self._failures
            or (series_id, season) in self.pending
        )

    def last_requested(self, series_id: str, season: int) -> date | None:
        """Return the day on which a season was last requested, whatever the outcome."""
        key = _key(series_id, season)
        if key in self._failures:
            return self._failures.last_attempt(key)
        mark = self._index.get(key)
        return mark[0] if mark else None

    def due(self, today: date) -> Iterator[tuple[str, int]]:
        """Yield the known seasons that are due again, oldest first."""
        for key, _ in self._index.oldest_first(lambda day, label: self._is_due(day, label, today)):
            if key not in self._failures:
                yield _split(key)

    def failed(self, today: date) -> list[tuple[str, int]]:
        """Return the seasons that failed on earlier days and are to be retried."""
        return [*map(_split, self._failures.before(today))]

    def mark_fetched(self, series_id: str, season: int, year: int | None, today: date) -> None:
        """Record that all episodes of a season have been emitted or are pending."""
        label = f"season {label_year(year, today, self._refresh)}"
        self._index.mark(key := _key(series_id, season), today, label)
        self.pending.pop((series_id, season), None)
        self._failures.remove(key)

    def mark_failed(self, series_id: str, season: int, today: date) -> None:
        """Record that a season could not be fetched today.

        After `MAX_ATTEMPTS` such days it waits for its next refresh.
        """
        key = _key(series_id, season)
        self.pending.pop((series_id, season), None)
        if self._failures.add(key, today):
            mark = self._index.get(key)
            self._index.mark(key, today, mark[1] if mark else f"season {OLDER}")

    def load(self, state: Mapping[str, Any]) -> None:
        """Read the seasons, their failures and the pending ones of a state."""
        self._index.load(state.get("seasons", {}))
        for name, runs in state.get("failures", {}).items():
            if "/" in name:
                key = name.removeprefix("tt")
                mark = self._index.get(key)
                self._failures.load(key, runs, settled=mark[0] if mark else None)
        for keys in state.get("pending", {}).get(PENDING, {}).values():
            for key in keys.split():
                if self._index.get(key) is None and key not in self._failures:
                    self.pending[_split(key)] = None

    def dump(self) -> Days:
        """Return the known seasons for the state."""
        return self._index.dump()

    def dump_pending(self) -> list[str]:
        """Return the pending seasons for the state."""
        return [_key(*season) for season in self.pending]

    def dump_failures(self) -> dict[str, dict[str, Any]]:
        """Return the failed seasons for the state."""
        return {f"tt{key}": runs for key, runs in self._failures.dump()}

    def _is_due(self, day: date, label: str, today: date) -> bool:
        return is_due(day, label.partition(" ")[2], today, self._refresh)


def _key(series_id: str, season: int) -> str:
    return f"{series_id[2:]}/{season}"


def _split(key: str) -> tuple[str, int]:
    number, _, season = key.partition("/")
    return f"tt{number}", int(season)


def _parse(token: str) -> tuple[str, int]:
    return token, 0


def _encode(key: str, _: int) -> str:
    return key
