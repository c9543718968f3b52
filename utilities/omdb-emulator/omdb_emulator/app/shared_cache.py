"""Cloudflare's cache in front of OMDb, keyed by the whole URL."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omdb_emulator.app.http_response import HttpResponse

MAX_AGE = 86400


class SharedCache:
    """Responses by query string, kept for a day; like OMDb's, it keeps error responses too."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: dict[bytes, tuple[float, HttpResponse]] = {}

    def get(self, query_string: bytes, now: float) -> HttpResponse | None:
        """Return a cached response as a HIT with its age, None if there is none or it expired."""
        stored, response = self._entries.get(query_string, (0.0, None))
        if response is None or now - stored >= MAX_AGE:
            return None
        return replace(response, cache_status="HIT", age=int(now - stored))

    def put(self, query_string: bytes, now: float, response: HttpResponse) -> HttpResponse:
        """Cache a response; return it with the cache status of one that had to be fetched."""
        is_known = query_string in self._entries
        self._entries[query_string] = (now, response)
        return replace(response, cache_status="EXPIRED") if is_known else response

    def clear(self) -> None:
        """Remove all responses."""
        self._entries.clear()
