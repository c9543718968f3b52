"""The index of lookups by name, and when those that found nothing are due again."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from tap_omdb.config.settings import Refresh, Title
from tap_omdb.state.dated_index import Label, Mark, text_index

FOUND = "found"
NOT_FOUND = "not_found"
FAILED = "failed"
NOT_FOUND_WITH_YEAR = "not_found_with_year"
"""The title is to be looked up without its year."""
FAILED_WITHOUT_YEAR = "failed_without_year"


class LookupIndex:
    """Lookups by title, year and type, each stored as a hash of 48 bits."""

    def __init__(self, refresh: Refresh, run: str) -> None:
        """Start empty.

        Args:
            refresh: When lookups that found nothing are due again.
            run: Identifies this run in the state.
        """
        self._refresh = refresh
        self._index = text_index(run)

    def is_due(self, title: Title, today: date) -> bool:
        """Return whether a lookup was never made, or is to be retried."""
        mark = self._index.get(_hash(title))
        if mark is None:
            return True
        day, outcome = mark.day, mark.label.outcome
        if outcome in {FAILED, FAILED_WITHOUT_YEAR}:
            return day < today
        older = self._refresh.older
        is_old = older is not None and today - day >= timedelta(days=older)
        return outcome == NOT_FOUND_WITH_YEAR or (outcome == NOT_FOUND and is_old)

    def is_not_found_with_year(self, title: Title) -> bool:
        """Return whether the next lookup of a title is to ignore its year."""
        return self.outcome(title) in {NOT_FOUND_WITH_YEAR, FAILED_WITHOUT_YEAR}

    def outcome(self, title: Title) -> str | None:
        """Return the outcome of the last lookup of a title, as `mark` has it; None without one."""
        mark = self._index.get(_hash(title))
        return mark.label.outcome if mark else None

    def last_requested(self, title: Title) -> date | None:
        """Return the day on which a lookup was last made.

        Without a year, those that ignored the year of such a title count as well.
        """
        mark = self._index.get(_hash(title))
        if mark is None and title.year is None:
            mark = self._index.get(_hash_without_year(title))
        return mark.day if mark else None

    def mark_without_year(self, title: Title, today: date, outcome: str) -> None:
        """Record a lookup that ignored the year, after one with the year found nothing."""
        self.mark(title, today, outcome)
        self._index.mark(_hash_without_year(title), Mark(today, Label(outcome)))

    def mark(self, title: Title, today: date, outcome: str) -> None:
        """Record a lookup.

        Args:
            title: What was looked up.
            today: The current day (UTC).
            outcome: `FOUND`; `NOT_FOUND`, which is due again when old titles are;
                `NOT_FOUND_WITH_YEAR`, which is due at once, without the year; `FAILED` or
                `FAILED_WITHOUT_YEAR`, which are retried on a later day.
        """
        self._index.mark(_hash(title), Mark(today, Label(outcome)))

    def load(self, state: Mapping[str, Any]) -> None:
        """Read the lookups of a state."""
        self._index.load(state.get("lookups", {}))

    def dump(self) -> dict[str, dict[str, Any]]:
        """Return what `load` reads, by the part of the state that it belongs to."""
        return {"lookups": self._index.dump()}


def _hash(title: Title) -> str:
    """Return 8 characters: among 100,000 lookups, a collision occurs once in 50,000 cases."""
    return base64.urlsafe_b64encode(hashlib.sha256(title.key.encode()).digest()[:6]).decode()


def _hash_without_year(title: Title) -> str:
    # Not the hash of a title that was given without a year, which accepts any year.
    return _hash(replace(title, title=f"{title.title}|any year", year=None))
