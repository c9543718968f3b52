"""Counts of requests, and a log for tests that check each of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from omdb_emulator.query import kind_of, parse_query


class LoggedRequest(NamedTuple):
    """One request in the log; ``at`` in seconds since 1970 by the emulator's clock."""

    at: float
    query_string: str
    status: int
    fault: int | None
    cached: bool

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
        cache_hits: responses from the shared cache.
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
    cache_hits: int = 0
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

    def log_as_json(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the logged requests from a number on, each with its number."""
        return [
            {"number": number, **self.log[number].as_json()}
            for number in range(since, len(self.log))
        ]
