"""The HTTP server, in the foreground or in a thread: OMDb behind Cloudflare, with its faults."""

from __future__ import annotations

import asyncio
import signal
import socket

import uvloop
from aiohttp import web

from omdb_emulator import CONTROL_PATH
from omdb_emulator.control import control_app
from omdb_emulator.faults import EDGE, Request, apply_fault, server_error
from omdb_emulator.http_response import HttpResponse
from omdb_emulator.protocol import (
    INVALID_KEY,
    LIMIT_REACHED,
    NO_KEY,
    kind_of,
    parse_query,
)
from omdb_emulator.state import LoggedRequest, State

#: How many clients can wait for a connection.
BACKLOG = 4096
_KEEP_ALIVE_SECONDS = 60
_LONGEST_URL = 65536
_KEY_ERRORS = {NO_KEY: "no_key", INVALID_KEY: "invalid_key", LIMIT_REACHED: "limit"}
_NO_PAGE = b"<!DOCTYPE html><title>404 - File or directory not found.</title>"
_NOT_FOUND = HttpResponse(404, _NO_PAGE, "text/html", cache_status="DYNAMIC")


class Server:
    """Serves one emulator until it is stopped."""

    def __init__(self, state: State, listening: socket.socket, host: str = "127.0.0.1") -> None:
        """Prepare to serve.

        Args:
            state: what is served.
            listening: a socket that listens already, so that early clients wait instead of failing.
            host: the address as the user gave it.
        """
        self._state = state
        self._socket = listening
        self._host = host
        self._loop = uvloop.new_event_loop()
        self._stopping = asyncio.Event()

    def run(self, *, until_signal: bool = False) -> None:
        """Serve until :meth:`stop`, or until SIGTERM or SIGINT (in the main thread only)."""
        if until_signal:
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self._stopping.set)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    def stop(self) -> None:
        """Stop the server; can be called from any thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def _serve(self) -> None:
        runner = web.AppRunner(
            _application(self._state, self._host),
            access_log=None,
            # A client that disconnects ends what is done for it.
            handler_cancellation=True,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            max_line_size=_LONGEST_URL,
        )
        await runner.setup()
        await web.SockSite(runner, self._socket, backlog=BACKLOG).start()
        await self._stopping.wait()
        # Requests in progress are dropped: they may hang, or send to a client that does not read.
        for connection in runner.server.connections if runner.server else ():
            if connection.transport is not None:
                connection.transport.abort()
        await runner.cleanup()


def _application(state: State, host: str) -> web.Application:
    """Return the application: OMDb at ``/``, and the control endpoints.

    Args:
        state: what it serves.
        host: the address that the server listens on.
    """
    frontend = _Frontend(state)
    app = web.Application()
    app.add_subapp(CONTROL_PATH, control_app(state, host))
    app.router.add_route("*", "/", frontend.serve)
    app.router.add_route("*", "/{path:.*}", frontend.not_found)
    return app


class _Frontend:
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
        query_string = received.raw_path.partition("?")[2]
        query = parse_query(query_string)
        request = Request(query, kind_of(query), query_string)
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

    def _respond(self, request: Request) -> tuple[HttpResponse, int | None]:
        """Return the response, and the number of the fault that was injected into it."""
        state = self._state
        selected = state.faults.select(request)
        if selected is None:
            return self._origin_response(request), None
        number, fault = selected
        state.stats.faults[number] += 1
        original = HttpResponse(200) if fault.effect in EDGE else self._origin_response(request)
        return apply_fault(fault, original, request), number

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
            logged = LoggedRequest(state.clock.now(), request.query_string, status, fault)
            state.stats.log.append(logged)
