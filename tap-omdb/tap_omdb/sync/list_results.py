"""Keeps what the rows and lookups of each list found, to skip a list that was probably misread."""

from __future__ import annotations

from collections import Counter

from tap_omdb.state.lookups import FOUND, NOT_FOUND, NOT_FOUND_WITH_YEAR

FIRST_LOOKUPS = 20
"""If so many lookups of a list find nothing, and none anything, the list was probably misread."""


class ListResults:
    """What is known of the lists of a run, by their names."""

    def __init__(self) -> None:
        """Start without lists."""
        self.usable: set[str] = set()
        """Those with a row that identifies a title."""
        self.found: set[str] = set()
        """Those with a title that was found, or that has an id."""
        self._looked_up: Counter[str] = Counter()
        self._not_found: Counter[str] = Counter()

    def start_lookup(self, name: str) -> None:
        """Count a lookup of a list."""
        self._looked_up[name] += 1

    def end_lookup(self, name: str, outcome: str | None) -> None:
        """Count the outcome of a lookup; one that failed tells nothing."""
        if outcome == FOUND:
            self.found.add(name)
        elif outcome == NOT_FOUND:
            self._not_found[name] += 1
        elif outcome != NOT_FOUND_WITH_YEAR:
            self._looked_up[name] -= 1

    def must_wait(self, name: str) -> bool:
        """Return whether further lookups have to wait for the outcomes of the first."""
        return name not in self.found and self._looked_up[name] >= FIRST_LOOKUPS

    def is_skipped(self, name: str) -> bool:
        """Return whether the first lookups all found nothing."""
        return name not in self.found and self._not_found[name] >= FIRST_LOOKUPS
