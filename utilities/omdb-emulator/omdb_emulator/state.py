"""The state of one emulator, which the control endpoints read and change, and its counts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import Any, NamedTuple

from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.faults import Faults
from omdb_emulator.protocol import (
    INVALID_KEY,
    LIMIT_REACHED,
    NO_KEY,
    Response,
    kind_of,
    parse_query,
)
from omdb_emulator.responses import Omdb
from omdb_emulator.settings import DEFAULT_KEYS, Settings

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

    def set_date(self, day: date) -> None:
        """Move to this day, at the same time of day."""
        self.offset += (day - self.today()).days * DAY


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
        used, limit = self.used_on(day).get(key, 0), self.limits[key]
        if limit is not None and used >= limit:
            return LIMIT_REACHED
        self.used[key] = used + 1
        return None

    def used_on(self, day: int) -> dict[str, int]:
        """Return the requests by key on a day, which is not before the last one asked for."""
        if day != self.day:
            self.day = day
            self.used.clear()
        return self.used


class LoggedRequest(NamedTuple):
    """One request in the log; ``at`` in seconds since 1970 by the emulator's clock."""

    at: float
    query_string: str
    status: int
    fault: int | None

    def as_json(self) -> dict[str, Any]:
        """Return the request with its parameters; the key is not part of them."""
        query = parse_query(self.query_string)
        key = query.pop("apikey", "")
        fields = self._asdict()
        del fields["query_string"]
        return {**fields, "key": key, "kind": kind_of(query), "query": query}


@dataclass(slots=True)
class Stats:
    """Counts since the last reset.

    Attributes:
        requests: all requests but those to the control endpoints.
        by_key: requests by API key, "" for none.
        by_kind: requests by kind: details, title, season, episode, search, invalid.
        by_status: responses by HTTP status; 0 if the connection was cut.
        unauthorized: 401 responses by reason: no_key, invalid_key, limit.
        faults: requests hit by a fault, by the number of the fault.
        in_flight: requests in progress.
        peak_in_flight: the most requests that were in progress at once.
        log: the requests in order, if they are logged.
    """

    requests: int = 0
    by_key: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)
    by_status: Counter[int] = field(default_factory=Counter)
    unauthorized: Counter[str] = field(default_factory=Counter)
    faults: Counter[int] = field(default_factory=Counter)
    in_flight: int = 0
    peak_in_flight: int = 0
    log: list[LoggedRequest] = field(default_factory=list)

    def count_request(self, key: str, kind: str) -> None:
        """Count a request that has arrived."""
        self.requests += 1
        self.by_key[key] += 1
        self.by_kind[kind] += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def as_json(self) -> dict[str, Any]:
        """Return the counts, without the log."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "log"}

    def log_as_json(self) -> list[dict[str, Any]]:
        """Return the logged requests, each with its number."""
        return [{"number": number, **one.as_json()} for number, one in enumerate(self.log)]


@dataclass(slots=True)
class State:
    """Everything that one emulator holds."""

    store: TitleStore
    keys: Keys = field(default_factory=lambda: Keys(dict(DEFAULT_KEYS)))
    settings: Settings = field(default_factory=Settings)
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    stats: Stats = field(default_factory=Stats)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def omdb(self) -> Omdb:
        """OMDb as it is now."""
        return Omdb(self.store, self.settings, self.clock.day())

    def notify(self) -> None:
        """Let requests that hang check whether they can continue."""
        self.changed.set()
        self.changed = asyncio.Event()

    def reset(self) -> None:
        """Clear counts, log, faults, used quotas and the moved clock."""
        self.faults.clear()
        self.keys.used.clear()
        self.clock.offset = 0
        # Requests in progress stay counted: they decrease the number when they end.
        self.stats = Stats(in_flight=self.stats.in_flight, peak_in_flight=self.stats.in_flight)
        self.notify()
