"""The emulator as an ASGI application."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from omdb_emulator import CONTROL_PATH
from omdb_emulator.app.connection import ClientDisconnectedError, Connection
from omdb_emulator.app.effects import EFFECTS, apply_fault, server_error
from omdb_emulator.app.fault import Request
from omdb_emulator.app.http_response import HeaderWriter, HttpResponse
from omdb_emulator.app.stats import LoggedRequest
from omdb_emulator.protocol.errors import INVALID_KEY, LIMIT_REACHED, NO_KEY
from omdb_emulator.protocol.responses import respond
from omdb_emulator.query import kind_of, parse_query

if TYPE_CHECKING:
    from collections.abc import Iterable

    from omdb_emulator.app.connection import App, Receive, Scope, Send
    from omdb_emulator.app.state import State

#: The parameters that OMDb supports; any other one makes a URL that no cache holds.
KNOWN_PARAMETERS = frozenset(
    {"apikey", "i", "t", "s", "type", "y", "plot", "page", "season", "episode", "detail"}
    | {"tomatoes", "r", "callback", "v"}
)
_KEY_ERRORS = {NO_KEY: "no_key", INVALID_KEY: "invalid_key", LIMIT_REACHED: "limit"}


class Application:
    """Responds to ``/`` as OMDb does, and passes the control path on."""

    def __init__(self, state: State, control: App) -> None:
        """Serve this state, with an application for the control path."""
        self._state = state
        self._control = control
        self._writer = HeaderWriter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        path = scope["path"]
        if path.startswith(CONTROL_PATH):
            await self._control(scope, receive, send)
            return
        connection = Connection(scope, receive, send)
        if path == "/":
            await self._serve(self._request(scope), connection)
        else:
            body = b"<!DOCTYPE html><title>404 - File or directory not found.</title>"
            await self._send(
                HttpResponse(404, body, "text/html", cache_status="DYNAMIC"), connection
            )

    def _request(self, scope: Scope) -> Request:
        query_string: bytes = scope["query_string"]
        query = parse_query(query_string)
        bypasses_cache = self._bypasses_cache(query, scope["headers"])
        return Request(query, kind_of(query), query_string, bypasses_cache)

    def _bypasses_cache(self, query: Iterable[str], headers: Iterable[tuple[bytes, bytes]]) -> bool:
        if not KNOWN_PARAMETERS.issuperset(query):
            return True
        return self._state.settings.honour_no_cache and any(
            name == b"cache-control" and b"no-cache" in value.lower() for name, value in headers
        )

    async def _serve(self, request: Request, connection: Connection) -> None:
        state = self._state
        state.stats.count_request(request.query.get("apikey", ""), request.kind)
        try:
            while state.is_paused:
                await connection.wait_for(state.changed)
            response, fault = self._respond(request)
            self._log(request, response, fault)
            if state.settings.latency_ms:
                await asyncio.sleep(state.settings.latency_ms / 1000)
            while response.hang and fault is not None and state.faults.is_active(fault):
                await connection.wait_for(state.changed)
            await self._send(response, connection)
        except ClientDisconnectedError:
            return
        except asyncio.CancelledError:
            # The server shuts down: it would send a 500 of its own.
            await connection.abort(reset=False)
        finally:
            state.stats.in_flight -= 1

    def _respond(self, request: Request) -> tuple[HttpResponse, int | None]:
        """Return the response, and the number of the fault that was injected into it."""
        state = self._state
        selected = state.faults.select(request) if state.faults else None
        if selected is None:
            return self._cached_response(request), None
        number, fault = selected
        state.stats.faults[number] += 1
        if EFFECTS[fault.effect].is_edge:
            return apply_fault(fault, HttpResponse(200, b""), request), number
        return apply_fault(fault, self._cached_response(request), request), number

    def _cached_response(self, request: Request) -> HttpResponse:
        state = self._state
        if not state.settings.cache:
            return self._origin_response(request)
        now = state.clock.now()
        cached = None if request.bypasses_cache else state.cache.get(request.query_string, now)
        if cached is not None:
            state.stats.cache_hits += 1
            return cached
        return state.cache.put(request.query_string, now, self._origin_response(request))

    def _origin_response(self, request: Request) -> HttpResponse:
        state = self._state
        # ASP.NET rejects this before OMDb's own code checks the key.
        if b"<" in request.query_string or b"%3C" in request.query_string.upper():
            return server_error()
        error = state.keys.check(request.query.get("apikey"), state.clock.day())
        if error is not None:
            state.stats.unauthorized[_KEY_ERRORS[error]] += 1
            return HttpResponse(error.status, error.body)
        response = respond(request.query, state.store, state.behaviour)
        return HttpResponse(response.status, response.body)

    def _log(self, request: Request, response: HttpResponse, fault: int | None) -> None:
        state = self._state
        status = 0 if response.cut != "no" else response.status
        state.stats.by_status[status] += 1
        if state.settings.log:
            cached = response.cache_status == "HIT"
            state.stats.log.append(
                LoggedRequest(state.clock.now(), request.query_string, status, fault, cached)
            )

    async def _send(self, response: HttpResponse, connection: Connection) -> None:
        if response.delay:
            await asyncio.sleep(response.delay)
        if response.cut == "before":
            await connection.abort(reset=response.reset)
            return
        headers = self._writer.headers(response, self._state.clock.now())
        await connection.send(response, headers)
