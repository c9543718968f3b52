"""The index of searches: how far each was read, and when it is due again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

from tap_omdb.config.settings import Refresh
from tap_omdb.omdb.queries import SearchKey

SPLIT = "split"
"""In place of the total of a search that was replaced by narrower ones."""
_COUNTS = ("next_page", "total", "rows", "hits", "new_titles")


@dataclass(slots=True)
class SearchProgress:
    """How far the pages of a search have been read.

    Attributes:
        since: The day (UTC) on which the first page was read.
        next_page: The first page that is not read yet.
        total: OMDb's totalResults; None before the first page.
        rows: Rows read, in which an id may occur more than once.
        hits: Distinct ids seen.
        new_titles: Hits that were not known before.
        seen: The ids behind `hits`; only kept within a run.
        error: Why it was not read further, if there was an error; only kept within a run.
    """

    key: SearchKey
    since: date
    next_page: int = 1
    total: int | None = None
    rows: int = 0
    hits: int = 0
    new_titles: int = 0
    seen: set[str] = field(default_factory=set)
    error: str | None = None


class _Finished(NamedTuple):
    """The day on which a search was finished; a total of None means that it was split."""

    day: date
    total: int | None


class SearchIndex:
    """Finished searches, and those of which only some pages were read."""

    def __init__(self, refresh: Refresh, run: str) -> None:
        """Start empty.

        Args:
            refresh: When finished searches are due again.
            run: Identifies this run in the state.
        """
        self._refresh = refresh
        self._run = run
        self._finished: dict[SearchKey, _Finished] = {}
        self.in_progress: dict[SearchKey, SearchProgress] = {}
        """Searches of which only some pages were read."""

    def is_due(self, key: SearchKey, today: date) -> bool:
        """Return whether a search was never finished, or is no longer fresh."""
        finished = self._finished.get(key)
        if finished is None or key in self.in_progress:
            return True
        days = self._refresh.days(key.year, today)
        return days is not None and today - finished.day >= timedelta(days=days)

    def last_finished(self, key: SearchKey) -> date | None:
        """Return the day on which a search was last finished."""
        finished = self._finished.get(key)
        return finished.day if finished else None

    def last_total(self, key: SearchKey) -> int | None:
        """Return the last totalResults of a search; None if it was split or never finished."""
        finished = self._finished.get(key)
        return finished.total if finished else None

    def is_split(self, key: SearchKey) -> bool:
        """Return whether a search was replaced by narrower ones."""
        return key in self._finished and self._finished[key].total is None

    def progress(self, key: SearchKey, today: date) -> SearchProgress:
        """Return the progress of a search, new if none of its pages was read."""
        return self.in_progress.get(key) or SearchProgress(key, since=today)

    def mark_finished(self, key: SearchKey, total: int | None, today: date) -> None:
        """Record that all pages of a search were read; a total of None means it was split."""
        self._finished[key] = _Finished(today, total)
        self.in_progress.pop(key, None)

    def load(self, state: Mapping[str, Any]) -> None:
        """Read the searches of a state."""
        for day, groups in sorted(state.get("searches", {}).items()):
            for group, terms in groups.items():
                year, title_type = group.split(" ")
                for term, total in terms.items():
                    key = SearchKey.parse(f"{term}|{year}|{title_type}")
                    count = None if total == SPLIT else int(total)
                    self._finished[key] = _Finished(date.fromisoformat(day), count)
        for text, runs in state.get("search_progress", {}).items():
            key = SearchKey.parse(text)
            # As far as any of the runs whose states were merged has read.
            progress = max(
                (
                    SearchProgress(
                        key,
                        date.fromisoformat(item["since"]),
                        **{count: item[count] for count in _COUNTS},
                    )
                    for item in runs.values()
                ),
                key=lambda item: (item.since, item.next_page),
            )
            finished = self.last_finished(key)
            if finished is None or finished < progress.since:
                self.in_progress[key] = progress

    def dump(self) -> dict[str, dict[str, Any]]:
        """Return what `load` reads, by the part of the state that it belongs to."""
        finished: dict[str, dict[str, dict[str, int | str]]] = {}
        for key, (day, total) in self._finished.items():
            group = f"{key.year or '-'} {key.type or '-'}"
            terms = finished.setdefault(day.isoformat(), {}).setdefault(group, {})
            terms[key.term] = SPLIT if total is None else total
        in_progress: dict[str, dict[str, dict[str, Any]]] = {}
        for key, progress in self.in_progress.items():
            counts = {count: getattr(progress, count) for count in _COUNTS}
            in_progress[str(key)] = {self._run: {"since": progress.since.isoformat(), **counts}}
        return {"searches": finished, "search_progress": in_progress}
