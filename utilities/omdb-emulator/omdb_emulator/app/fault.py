"""A fault, and the requests that it applies to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Request(NamedTuple):
    """A request, as far as responses depend on it.

    Attributes:
        query: the parameters by lower-case name.
        kind: details, title, season, episode, search or invalid.
        query_string: the query as received.
        bypasses_cache: whether a shared cache cannot respond to it.
    """

    query: dict[str, str]
    kind: str
    query_string: bytes
    bypasses_cache: bool


@dataclass(slots=True)
class Fault:
    """An effect, and the requests that it hits.

    Attributes:
        effect: a name in :data:`omdb_emulator.app.effects.EFFECTS`.
        match: parameter → its value (case-insensitive), true if it must be present, or false if
            it must be absent; empty matches every request.
        kind: the kind of request (details, title, season, episode, search, invalid); None: any.
        skip: how many matching requests are let through first.
        times: how many requests are hit in all; None: no limit.
        per_query: whether ``skip`` and ``times`` count each query separately.
        probability: the share of matching requests that are hit.
        seed: makes ``probability`` repeatable.
        status: the HTTP status instead of the effect's own.
        body: the body for ``response``, ``html`` and ``not_object``.
        content_type: the Content-Type instead of the effect's own.
        headers: additional response headers.
        retry_after: a Retry-After header: seconds or an HTTP date.
        message: the text of OMDb's error response for ``error`` and ``cached_401``.
        seconds: how long ``delay`` and ``slow_body`` take, and the time between two bytes of
            ``dripping_body``.
        megabytes: the decoded size of ``large_body`` and ``gzip_bomb`` in millions of bytes; None
            for their defaults.
        fraction: the share of the body that ``truncated`` and ``cut_body`` keep, 0 to 1.
        reset: whether ``cut`` and ``cut_body`` reset the connection instead of closing it.
        location: the target of ``redirect``; ``{query}`` in it stands for the query string.
        age: the Age header of ``cached_401``, in seconds.
    """

    effect: str
    match: dict[str, str | bool] = field(default_factory=dict)
    kind: str | None = None
    skip: int = 0
    times: int | None = None
    per_query: bool = False
    probability: float = 1.0
    seed: int = 0
    status: int | None = None
    body: str | None = None
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    retry_after: int | str | None = None
    message: str | None = None
    seconds: float = 1.0
    megabytes: int | None = None
    fraction: float = 0.5
    reset: bool = False
    location: str | None = None
    age: int = 1486

    def matches(self, request: Request) -> bool:
        """Whether a request matches, apart from ``skip``, ``times`` and ``probability``."""
        if self.kind is not None and self.kind != request.kind:
            return False
        for name, expected in self.match.items():
            value = request.query.get(name.lower())
            if isinstance(expected, bool):
                if (value is not None) is not expected:
                    return False
            elif value is None or value.lower() != expected.lower():
                return False
        return True
