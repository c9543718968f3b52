"""The emulator's clock, which tests can move."""

from __future__ import annotations

import time
from datetime import date, datetime, timezone

DAY = 86400


class Clock:
    """The real time plus an offset."""

    def __init__(self) -> None:
        """Start at the real time."""
        self.offset = 0.0

    def now(self) -> float:
        """Return seconds since 1970, UTC."""
        return time.time() + self.offset

    def day(self) -> int:
        """Return days since 1970, UTC, by which daily limits count."""
        return int(self.now() // DAY)

    def today(self) -> date:
        """Return today's date, UTC."""
        return datetime.fromtimestamp(self.now(), timezone.utc).date()

    def advance(self, seconds: float) -> None:
        """Move the time forward."""
        self.offset += seconds

    def set_date(self, day: date) -> None:
        """Move to this day, at the same time of day."""
        self.offset += (day - self.today()).days * DAY
