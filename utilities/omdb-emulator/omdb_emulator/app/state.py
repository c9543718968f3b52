"""The state of one emulator, which the control endpoints read and change."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from omdb_emulator.app.clock import Clock
from omdb_emulator.app.faults import Faults
from omdb_emulator.app.keys import DEFAULT_KEYS, Keys
from omdb_emulator.app.shared_cache import SharedCache
from omdb_emulator.app.stats import Stats
from omdb_emulator.catalogue.ratings import RatingsOnDay, days_since_1970
from omdb_emulator.protocol.behaviour import Behaviour

if TYPE_CHECKING:
    from omdb_emulator.catalogue.store import TitleStore

_TYPES: dict[str, tuple[type, ...]] = {
    "latency_ms": (int, float),
    "max_results": (int, type(None)),
    "ratings_change_from": (str, type(None)),
    "ratings_lag_days": (int,),
}


@dataclass(slots=True)
class Settings:
    """Settings that can be changed while the emulator runs.

    Attributes:
        latency_ms: milliseconds added to every response.
        cache: whether Cloudflare's shared cache, keyed by the whole URL, is in front.
        honour_no_cache: whether requests with ``Cache-Control: no-cache`` bypass the cache;
            Cloudflare itself ignores that header.
        log: whether each request is kept in the request log.
        year_filter: see :class:`~omdb_emulator.protocol.behaviour.Behaviour`.
        season_details: see there.
        max_results: see there.
        ratings_change_from: the date (``2026-01-31``) from which on ratings and votes change from
            day to day; None: they stay those of the catalogue.
        ratings_lag_days: by how many days the ratings in responses lag behind IMDb's files.
    """

    latency_ms: float = 0
    cache: bool = False
    honour_no_cache: bool = True
    log: bool = False
    year_filter: bool = True
    season_details: bool = True
    max_results: int | None = None
    ratings_change_from: str | None = None
    ratings_lag_days: int = 0

    def change(self, values: dict[str, Any]) -> None:
        """Change settings by name.

        Raises:
            ValueError: if a name is unknown or a value has the wrong type; nothing changes then.
        """
        names = {item.name for item in dataclasses.fields(self)}
        for name, value in values.items():
            if name not in names:
                msg = f"unknown setting {name}"
                raise ValueError(msg)
            types = _TYPES.get(name, (bool,))
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                msg = f"{name} cannot be {value!r}"
                raise ValueError(msg)
        if values.get("ratings_change_from") is not None:
            date.fromisoformat(values["ratings_change_from"])
        if values.get("ratings_lag_days", 0) < 0:
            msg = "ratings_lag_days cannot be negative"
            raise ValueError(msg)
        for name, value in values.items():
            setattr(self, name, value)

    def ratings_on(self, day: int) -> RatingsOnDay | None:
        """Return the ratings on a day (since 1970); None: those of the catalogue."""
        if self.ratings_change_from is None:
            return None
        start = days_since_1970(date.fromisoformat(self.ratings_change_from))
        return RatingsOnDay(start, day)


@dataclass(slots=True)
class State:
    """Everything that one emulator holds."""

    store: TitleStore
    keys: Keys = field(default_factory=lambda: Keys(dict(DEFAULT_KEYS)))
    settings: Settings = field(default_factory=Settings)
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    cache: SharedCache = field(default_factory=SharedCache)
    stats: Stats = field(default_factory=Stats)
    is_paused: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def behaviour(self) -> Behaviour:
        """How OMDb behaves now."""
        settings = self.settings
        return Behaviour(
            settings.year_filter,
            settings.season_details,
            settings.max_results,
            settings.ratings_on(self.clock.day() - settings.ratings_lag_days),
        )

    @property
    def imdb_ratings(self) -> RatingsOnDay | None:
        """The ratings in IMDb's files today; None: those of the catalogue."""
        return self.settings.ratings_on(self.clock.day())

    def notify(self) -> None:
        """Let requests that hang or are paused check whether they can continue."""
        self.changed.set()
        self.changed = asyncio.Event()

    def reset(self) -> None:
        """Clear counts, log, faults, cache, used quotas, the moved clock and the pause."""
        self.faults.clear()
        self.cache.clear()
        self.keys.used.clear()
        self.clock.offset = 0
        self.is_paused = False
        # Requests in progress stay counted: they decrease the number when they end.
        self.stats = Stats(in_flight=self.stats.in_flight, peak_in_flight=self.stats.in_flight)
        self.notify()
