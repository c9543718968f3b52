"""API keys and their daily limits."""

from __future__ import annotations

from dataclasses import dataclass, field

from omdb_emulator.protocol.errors import INVALID_KEY, LIMIT_REACHED, NO_KEY, Response

#: The default keys: one without a limit, one with the limit of OMDb's free keys.
DEFAULT_KEYS: dict[str, int | None] = {"00000000": None, "00001000": 1000}


def parse_key(text: str) -> tuple[str, int | None]:
    """Parse ``KEY`` or ``KEY:LIMIT``, the limit in requests a day.

    Raises:
        ValueError: if the key is empty or the limit is not a whole number.
    """
    key, _, limit = text.partition(":")
    if not key or (limit and not limit.isdigit()):
        msg = f"{text!r} is not KEY or KEY:LIMIT, such as 1a2b3c4d:1000"
        raise ValueError(msg)
    return key, int(limit) if limit else None


@dataclass(slots=True)
class Keys:
    """The valid keys, and how often each was used on one day.

    Attributes:
        limits: requests a day by key, None for no limit.
        used: requests of the day by key, without those above the limit.
        day: the day that ``used`` counts, as days since 1970, UTC.
    """

    limits: dict[str, int | None]
    used: dict[str, int] = field(default_factory=dict)
    day: int = 0

    def check(self, key: str | None, day: int) -> Response | None:
        """Count a request on a day; return an error response if the key does not permit it."""
        if not key:
            return NO_KEY
        if key not in self.limits:
            return INVALID_KEY
        if day != self.day:
            self.day = day
            self.used.clear()
        used = self.used.get(key, 0)
        limit = self.limits[key]
        if limit is not None and used >= limit:
            return LIMIT_REACHED
        self.used[key] = used + 1
        return None
