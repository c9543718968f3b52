"""Recorded responses that are served unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omdb_emulator.catalogue.search_index import fold

if TYPE_CHECKING:
    from collections.abc import Mapping


class Recordings:
    """Recorded exchanges by their query, and season listings by title and season."""

    def __init__(self) -> None:
        """Start without recordings."""
        self._listings: dict[tuple[str, int], bytes] = {}
        self._exchanges: dict[frozenset[tuple[str, str]], tuple[int, bytes]] = {}

    def put_exchange(self, query: Mapping[str, str], status: int, body: bytes) -> None:
        """Serve this body for exactly these parameters, whatever the key."""
        self._exchanges[_without_key(query)] = (status, body)

    def exchange(self, query: Mapping[str, str]) -> tuple[int, bytes] | None:
        """Return the recorded status and body for exactly these parameters."""
        return self._exchanges.get(_without_key(query)) if self._exchanges else None

    def put_listing(self, series_title: str, season: int, body: bytes) -> None:
        """Serve this body as the season listing of the series with this title."""
        self._listings[fold(series_title), season] = body

    def listing(self, series_title: str, season: int) -> bytes | None:
        """Return the recorded season listing of the series with this title."""
        return self._listings.get((fold(series_title), season))


def _without_key(query: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in query.items() if name != "apikey")
