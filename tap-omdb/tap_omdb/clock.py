"""The current time. OMDb's days, and every time that the tap stores, are UTC."""

from __future__ import annotations

from datetime import date, datetime, timezone


def now() -> datetime:
    """Return the current time (UTC)."""
    return datetime.now(timezone.utc)


def today() -> date:
    """Return the current day (UTC)."""
    return now().date()
