"""The HTTP server, in the foreground or in a thread."""

from __future__ import annotations

import asyncio
import signal
import socket

import uvloop
from aiohttp import web

from omdb_emulator.application import application
from omdb_emulator.state import State

#: How many clients can wait for a connection.
BACKLOG = 4096
_KEEP_ALIVE_SECONDS = 60
_LONGEST_URL = 65536


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
            application(self._state, self._host),
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
