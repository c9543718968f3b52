"""The emulator as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omdb_emulator import CONTROL_PATH, faults
from omdb_emulator.clock import Clock
from omdb_emulator.keys import DEFAULT_KEYS, Keys
from omdb_emulator.outgoing import HeaderWriter, Outgoing
from omdb_emulator.protocol import (
    INVALID_KEY,
    LIMIT_REACHED,
    NO_KEY,
    Manners,
    answer,
    kind_of,
    parse_query,
)
from omdb_emulator.shared_cache import SharedCache
from omdb_emulator.stats import Request, Stats

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from omdb_emulator.library import Library

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The parameters that OMDb knows; any other one makes a URL that no cache has seen.
KNOWN_PARAMETERS = frozenset(
    {"apikey", "i", "t", "s", "type", "y", "plot", "page", "season", "episode", "detail"}
    | {"tomatoes", "r", "callback", "v"}
)
_SLOW_STEPS = 20
_REFUSALS = {NO_KEY: "no_key", INVALID_KEY: "invalid_key", LIMIT_REACHED: "limit"}


@dataclass(slots=True)
class Settings:
    """What can be changed while the emulator runs.

    Attributes:
        latency_ms: milliseconds that every reply takes longer.
        cache: whether Cloudflare's shared cache is in front, by whole URL.
        honour_no_cache: whether ``Cache-Control: no-cache`` of a request passes the cache;
            Cloudflare itself ignores it.
        log: whether each request is kept for the log.
        year_filter: see :class:`~omdb_emulator.protocol.Manners`.
        season_details: see there.
        max_results: see there.
    """

    latency_ms: float = 0
    cache: bool = False
    honour_no_cache: bool = True
    log: bool = False
    year_filter: bool = True
    season_details: bool = True
    max_results: int | None = None


@dataclass(slots=True)
class State:
    """All that one emulator knows; the control endpoints change it."""

    library: Library
    keys: Keys = field(default_factory=lambda: Keys(dict(DEFAULT_KEYS)))
    settings: Settings = field(default_factory=Settings)
    clock: Clock = field(default_factory=Clock)
    faults: faults.Faults = field(default_factory=faults.Faults)
    cache: SharedCache = field(default_factory=SharedCache)
    stats: Stats = field(default_factory=Stats)
    is_paused: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Let requests that hang or are paused look again whether they may go on."""
        self.changed.set()
        self.changed = asyncio.Event()

    def reset_stats(self) -> None:
        """Forget counts and log; what is in flight stays counted."""
        self.stats = Stats(in_flight=self.stats.in_flight, peak_in_flight=self.stats.in_flight)


class Emulator:
    """Answers ``/`` as OMDb does and passes the control path on."""

    def __init__(self, state: State, control: App) -> None:
        """Serve this state."""
        self._state = state
        self._control = control
        self._writer = HeaderWriter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if path.startswith(CONTROL_PATH):
            await self._control(scope, receive, send)
        elif path == "/":
            await self._serve(scope, receive, send)
        else:
            body = b"<!DOCTYPE html><title>404 - File or directory not found.</title>"
            reply = Outgoing(404, body, "text/html", cache_status="DYNAMIC")
            await self._send(reply, scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = self._state
        query_string: bytes = scope["query_string"]
        query = parse_query(query_string)
        kind = kind_of(query)
        asked = faults.Asked(
            query, kind, query_string, self._is_past_cache(query, scope["headers"])
        )
        state.stats.arrive(query.get("apikey", ""), kind)
        try:
            while state.is_paused:
                await self._wait_for_change(receive)
            reply, number = self._answer(asked)
            status = 0 if reply.cut != "no" else reply.status
            state.stats.by_status[status] += 1
            if state.settings.log:
                cached = reply.cache_status == "HIT"
                request = Request(state.clock.now(), query_string, status, number, cached)
                state.stats.log.append(request)
            if state.settings.latency_ms:
                await asyncio.sleep(state.settings.latency_ms / 1000)
            while reply.hang and number is not None and state.faults.has(number):
                await self._wait_for_change(receive)
            await self._send(reply, scope, receive, send)
        except _GoneError:
            return
        except asyncio.CancelledError:
            # The server ends. Its own answer to this would be a 500 that nobody asked for.
            await _break(scope, receive, reset=False)
        finally:
            state.stats.in_flight -= 1

    def _answer(self, asked: faults.Asked) -> tuple[Outgoing, int | None]:
        """Return the reply and the number of the fault that made it."""
        state = self._state
        chosen = state.faults.choose(asked) if state.faults else None
        if chosen is None:
            return self._cached_answer(asked), None
        number, fault = chosen
        state.stats.faults[number] += 1
        if faults.EFFECTS[fault.effect].is_edge:
            return faults.apply(fault, Outgoing(200, b""), asked), number
        return faults.apply(fault, self._cached_answer(asked), asked), number

    def _cached_answer(self, asked: faults.Asked) -> Outgoing:
        state = self._state
        if not state.settings.cache:
            return self._true_answer(asked)
        now = state.clock.now()
        kept = None if asked.is_past_cache else state.cache.get(asked.query_string, now)
        if kept is not None:
            state.stats.cache_hits += 1
            return kept
        return state.cache.keep(asked.query_string, now, self._true_answer(asked))

    def _true_answer(self, asked: faults.Asked) -> Outgoing:
        state = self._state
        # ASP.NET refuses this before OMDb's own code sees the key.
        if b"<" in asked.query_string or b"%3C" in asked.query_string.upper():
            return faults.server_error()
        refusal = state.keys.refuse(asked.query.get("apikey"), state.clock.day())
        if refusal is not None:
            state.stats.refused[_REFUSALS[refusal]] += 1
            return Outgoing(refusal.status, refusal.body)
        settings = state.settings
        manners = Manners(settings.year_filter, settings.season_details, settings.max_results)
        reply = answer(asked.query, state.library, manners)
        return Outgoing(reply.status, reply.body)

    def _is_past_cache(self, query: Iterable[str], headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Tell whether a request is made to get past a shared cache."""
        if not KNOWN_PARAMETERS.issuperset(query):
            return True
        return self._state.settings.honour_no_cache and any(
            name == b"cache-control" and b"no-cache" in value.lower() for name, value in headers
        )

    async def _wait_for_change(self, receive: Receive) -> None:
        """Wait until the control endpoints change something.

        Raises:
            _GoneError: if the client goes first.
        """
        change = asyncio.ensure_future(self._state.changed.wait())
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({change, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                raise _GoneError
        finally:
            change.cancel()
            gone.cancel()

    async def _send(self, reply: Outgoing, scope: Scope, receive: Receive, send: Send) -> None:
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.cut == "before":
            await _break(scope, receive, reset=reply.reset)
            return
        headers = self._writer.headers(reply, self._state.clock.now())
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if reply.cut == "body":
            part = reply.body[: int(len(reply.body) * reply.cut_at)]
            await send({"type": "http.response.body", "body": part, "more_body": True})
            # The part must have left before the connection breaks.
            await asyncio.sleep(0.05)
            await _break(scope, receive, reset=reply.reset)
            return
        if reply.body_seconds:
            step = max(1, len(reply.body) // _SLOW_STEPS)
            for start in range(0, len(reply.body), step):
                part = reply.body[start : start + step]
                await send({"type": "http.response.body", "body": part, "more_body": True})
                await asyncio.sleep(reply.body_seconds * len(part) / len(reply.body))
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.body", "body": reply.body})


class _GoneError(Exception):
    """The client closed the connection."""


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _break(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """Break the connection and wait until the server knows, so that it does not answer itself."""
    transport: asyncio.Transport = scope["extensions"][TRANSPORT]
    if reset:
        with contextlib.suppress(OSError):
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
    transport.abort()
    await _disconnected(receive)


#: The ASGI extension by which the server hands over the connection.
TRANSPORT = "omdb_emulator.transport"


def change_settings(settings: Settings, values: dict[str, Any]) -> None:
    """Change settings by name.

    Raises:
        ValueError: if a name is unknown or a value is of the wrong type.
    """
    kinds: dict[str, tuple[type, ...]] = {
        "latency_ms": (int, float),
        "max_results": (int, type(None)),
    }
    for name, value in values.items():
        if name not in {item.name for item in dataclasses.fields(settings)}:
            msg = f"unknown setting {name}"
            raise ValueError(msg)
        wanted = kinds.get(name, (bool,))
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            msg = f"{name} cannot be {value!r}"
            raise ValueError(msg)
    for name, value in values.items():
        setattr(settings, name, value)
