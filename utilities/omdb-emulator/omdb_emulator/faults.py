"""Faults, and the requests that they hit."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, get_args

import msgspec
from msgspec import Meta, Struct

from omdb_emulator.effects import Effect


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
    query_string: str
    bypasses_cache: bool


class Fault(Struct, forbid_unknown_fields=True, frozen=True):
    """An effect, and the requests that it hits.

    Attributes:
        effect: one of :data:`omdb_emulator.effects.Effect`.
        match: parameter → its value (case-insensitive), true if it must be present, or false if
            it must be absent; empty matches every request.
        kind: the kind of request (details, title, season, episode, search, invalid); None: any.
        skip: how many matching requests are let through first.
        times: how many requests are hit in all; None: no limit.
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

    effect: Effect
    match: dict[str, str | bool] = {}
    kind: str | None = None
    skip: int = 0
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    status: Annotated[int, Meta(ge=200, le=599)] | None = None
    body: str | None = None
    content_type: str | None = None
    headers: dict[str, str] = {}
    retry_after: int | str | None = None
    message: str | None = None
    seconds: float = 1.0
    megabytes: Annotated[int, Meta(ge=1)] | None = None
    fraction: float = 0.5
    reset: bool = False
    location: str | None = None
    age: int = 1486

    @classmethod
    def parse(cls, body: bytes) -> Fault:
        """Make a fault from JSON.

        Raises:
            msgspec.ValidationError: if a setting is unknown, or its value is not valid.
        """
        try:
            return msgspec.json.decode(body, type=cls)
        except msgspec.ValidationError as error:
            known = get_args(Effect) if "$.effect" in str(error) else cls.__struct_fields__
            msg = f"{error}; known are {', '.join(known)}"
            raise msgspec.ValidationError(msg) from None

    def applies_to(self, request: Request) -> bool:
        """Whether a request matches, apart from ``skip``, ``times`` and ``probability``."""
        if self.kind is not None and self.kind != request.kind:
            return False
        if self.effect == "cached_401" and request.bypasses_cache:
            return False
        # Otherwise the client would be redirected again and again.
        if self.effect == "redirect" and "redirected" in request.query:
            return False
        for name, expected in self.match.items():
            value = request.query.get(name.lower())
            if isinstance(expected, bool):
                if (value is not None) is not expected:
                    return False
            elif value is None or value.lower() != expected.lower():
                return False
        return True


@dataclass(slots=True)
class _ActiveFault:
    fault: Fault
    rng: random.Random
    matched: int = 0
    hit: int = 0

    def hits(self, request: Request) -> bool:
        fault = self.fault
        if not fault.applies_to(request):
            return False
        self.matched += 1
        if self.matched <= fault.skip or self.hit == fault.times:
            return False
        if fault.probability < 1 and self.rng.random() >= fault.probability:
            return False
        self.hit += 1
        return True


class Faults:
    """The active faults; a request gets the first one that hits it."""

    def __init__(self) -> None:
        """Start without faults."""
        self._active: dict[int, _ActiveFault] = {}
        self._last = 0

    def __contains__(self, number: int) -> bool:
        """Whether a fault is active."""
        return number in self._active

    def add(self, fault: Fault) -> int:
        """Add a fault and return its number."""
        self._last += 1
        self._active[self._last] = _ActiveFault(fault, random.Random(fault.seed))  # noqa: S311
        return self._last

    def remove(self, number: int) -> bool:
        """Remove a fault; return whether there was one with this number."""
        return self._active.pop(number, None) is not None

    def clear(self) -> None:
        """Remove all faults."""
        self._active.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """Return the active faults, each with its number and hits."""
        return [
            {"id": number, "hits": active.hit, **msgspec.to_builtins(active.fault)}
            for number, active in self._active.items()
        ]

    def select(self, request: Request) -> tuple[int, Fault] | None:
        """Return the fault that hits a request, with its number."""
        for number, active in self._active.items():
            if active.hits(request):
                return number, active.fault
        return None
