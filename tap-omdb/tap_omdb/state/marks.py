"""What the state says of a key: the day of its last request, and what came of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tap_omdb.config.settings import Refresh

OLDER = "older"
"""In place of the year of a title that is old enough to change rarely."""


class Label(NamedTuple):
    """What came of a request, as the words of its text: "movie 2026 search".

    Attributes:
        outcome: The type of a title that was fetched, or what else came of the request.
        detail: The year or `OLDER`; the type of a title whose stream was not selected.
        matched_by: How a title was found, as in the column `matched_by`; None if not known.
    """

    outcome: str
    detail: str = ""
    matched_by: str | None = None

    @classmethod
    def parse(cls, text: str) -> Label:
        """Parse what `str` returned.

        Raises:
            TypeError: The text has too many words.
        """
        return cls(*text.split(" "))

    def __str__(self) -> str:
        """Return the label as it is written to the state."""
        return " ".join(filter(None, self))


class Mark(NamedTuple):
    """The day (UTC) on which a key was last requested, and what came of it."""

    day: date
    label: Label

    def is_due(self, today: date, refresh: Refresh) -> bool:
        """Return whether a title or season is due again, by the year in its label."""
        year = self.label.detail
        days = refresh.days(int(year) if year.isdigit() else None, today)
        return days is not None and today - self.day >= timedelta(days=days)


def year_detail(year: int | None, today: date, refresh: Refresh) -> str:
    """Return the year for a label: `OLDER` once refreshes no longer depend on the exact year."""
    is_recent = year is not None and year >= today.year - refresh.RECENT_YEARS
    return str(year) if is_recent else OLDER
