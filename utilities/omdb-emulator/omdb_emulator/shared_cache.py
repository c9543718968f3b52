"""Cloudflare's cache in front of OMDb: by whole URL, errors included."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omdb_emulator.outgoing import Outgoing

MAX_AGE = 86400


class SharedCache:
    """Replies by query string, for a day: a refused key's too, as at OMDb."""

    def __init__(self) -> None:
        """Start empty."""
        self._kept: dict[bytes, tuple[float, Outgoing]] = {}

    def get(self, query_string: bytes, now: float) -> Outgoing | None:
        """Return the kept reply as a HIT with its age, None if there is none as young."""
        stored, reply = self._kept.get(query_string, (0.0, None))
        if reply is None or now - stored >= MAX_AGE:
            return None
        return replace(reply, cache_status="HIT", age=int(now - stored))

    def keep(self, query_string: bytes, now: float, reply: Outgoing) -> Outgoing:
        """Keep a reply; return it with the status a cache gives to what it had to fetch."""
        was_there = query_string in self._kept
        self._kept[query_string] = (now, reply)
        return replace(reply, cache_status="EXPIRED") if was_there else reply

    def clear(self) -> None:
        """Forget all replies."""
        self._kept.clear()
