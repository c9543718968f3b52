"""The settings of an emulator."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from omdb_emulator.catalogue.imdb import RatingsOnDay, days_since_1970

#: The default keys: one without a limit, one with the limit of OMDb's free keys.
DEFAULT_KEYS: dict[str, int | None] = {"00000000": None, "00001000": 1000}


class Settings(Struct, forbid_unknown_fields=True, frozen=True):
    """Settings that can be changed while the emulator runs.

    Attributes:
        latency_ms: milliseconds added to every response.
        log: whether each request is kept in the request log.
        year_filter: whether ``y`` filters searches; users report both.
        season_details: whether ``detail=full`` is supported.
        max_results: the most results a search may have; above it the response is
            "Too many results."; None for no limit.
        ratings_change_from: the date from which on ratings and votes change from day to day;
            None: they stay those of the catalogue.
        ratings_lag_days: by how many days the ratings in responses lag behind IMDb's files.
    """

    latency_ms: Annotated[float, Meta(ge=0)] = 0
    log: bool = False
    year_filter: bool = True
    season_details: bool = True
    max_results: int | None = None
    ratings_change_from: date | None = None
    ratings_lag_days: Annotated[int, Meta(ge=0)] = 0

    def changed(self, values: dict[str, Any]) -> Settings:
        """Return these settings with other values (dates as text, ``2026-01-31``).

        Raises:
            msgspec.ValidationError: if a name is unknown or a value is not valid.
        """
        return msgspec.convert({**msgspec.to_builtins(self), **values}, Settings)

    def ratings_on(self, day: int) -> RatingsOnDay | None:
        """Return the ratings on a day (since 1970); None: those of the catalogue."""
        if self.ratings_change_from is None:
            return None
        return RatingsOnDay(days_since_1970(self.ratings_change_from), day)
