"""The emulator as an aiohttp application: OMDb behind Cloudflare, with fault injection."""

from __future__ import annotations

import asyncio

from aiohttp import web

from omdb_emulator import CONTROL_PATH
from omdb_emulator.control import control_app
from omdb_emulator.effects import EDGE, apply_fault, server_error
from omdb_emulator.errors import INVALID_KEY, LIMIT_REACHED, NO_KEY
from omdb_emulator.faults import Request
from omdb_emulator.http_response import HttpResponse
from omdb_emulator.query import KNOWN_PARAMETERS, kind_of, parse_query
from omdb_emulator.state import LoggedRequest, State

_KEY_ERRORS = {NO_KEY: "no_key", INVALID_KEY: "invalid_key", LIMIT_REACHED: "limit"}
_NO_PAGE = b"<!DOCTYPE html><title>404 - File or directory not found.</title>"
_NOT_FOUND = HttpResponse(404, _NO_PAGE, "text/html", cache_status="DYNAMIC")


def application(state: State, host: str) -> web.Application:
    """Return the application: OMDb at ``/``, and the control endpoints.

    Args:
        state: what it serves.
        host: the address that the server listens on.
    """
    frontend = Frontend(state)
    app = web.Application()
    app.add_subapp(CONTROL_PATH, control_app(state, host))
    app.router.add_route("*", "/", frontend.serve)
    app.router.add_route("*", "/{path:.*}", frontend.not_found)
    return app


class Frontend:
    """Responds to ``/`` as OMDb does."""

    def __init__(self, state: State) -> None:
        """Serve this state."""
        self._state = state

    async def not_found(self, request: web.Request) -> web.StreamResponse:
        """Respond to a path that OMDb does not have."""
        return await _NOT_FOUND.send(request, self._state.clock.now())

    async def serve(self, received: web.Request) -> web.StreamResponse:
        """Respond to a request, which aiohttp cancels if the client disconnects."""
        state = self._state
        request = self._parse(received)
        state.stats.count_request(request.query.get("apikey", ""), request.kind)
        try:
            response, fault = self._respond(request)
            self._log(request, response, fault)
            if state.settings.latency_ms:
                await asyncio.sleep(state.settings.latency_ms / 1000)
            while response.hang and fault is not None and fault in state.faults:
                await state.changed.wait()
            return await response.send(received, state.clock.now())
        finally:
            state.stats.in_flight -= 1

    def _parse(self, received: web.Request) -> Request:
        query_string = received.raw_path.partition("?")[2]
        query = parse_query(query_string)
        bypasses_cache = not KNOWN_PARAMETERS.issuperset(query) or (
            self._state.settings.honour_no_cache
            and "no-cache" in received.headers.get("Cache-Control", "").lower()
        )
        return Request(query, kind_of(query), query_string, bypasses_cache)

    def _respond(self, request: Request) -> tuple[HttpResponse, int | None]:
        """Return the response, and the number of the fault that was injected into it."""
        state = self._state
        selected = state.faults.select(request)
        if selected is None:
            return self._cached_response(request), None
        number, fault = selected
        state.stats.faults[number] += 1
        original = HttpResponse(200) if fault.effect in EDGE else self._cached_response(request)
        return apply_fault(fault, original, request), number

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
        if "<" in request.query_string or "%3C" in request.query_string.upper():
            return server_error()
        error = state.keys.check(request.query.get("apikey"), state.clock.day())
        if error is not None:
            state.stats.unauthorized[_KEY_ERRORS[error]] += 1
            return HttpResponse(*error)
        return HttpResponse(*state.omdb.respond(request.query))

    def _log(self, request: Request, response: HttpResponse, fault: int | None) -> None:
        state = self._state
        status = 0 if response.cut else response.status
        state.stats.by_status[status] += 1
        if state.settings.log:
            is_cached = response.cache_status == "HIT"
            state.stats.log.append(
                LoggedRequest(state.clock.now(), request.query_string, status, fault, is_cached)
            )
