"""The HTTP server: uvicorn, with access to the connection, so that faults can break it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from omdb_emulator.app.application import Application
from omdb_emulator.app.connection import TRANSPORT
from omdb_emulator.app.control import control_app

if TYPE_CHECKING:
    import socket

    from omdb_emulator.app.state import State

_BACKLOG = 4096
_KEEP_ALIVE_SECONDS = 60


class _Protocol(HttpToolsProtocol):
    """Passes the transport to the application as an ASGI extension."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: self.transport}  # type: ignore[dict-item]


class Server(uvicorn.Server):
    """Serves one emulator until it is stopped."""

    def __init__(self, state: State, host: str = "127.0.0.1") -> None:
        """Prepare to serve; nothing listens yet.

        Args:
            state: what is served.
            host: the address that the server will listen on.
        """
        super().__init__(
            uvicorn.Config(
                Application(state, control_app(state, host, os.getpid())),
                http=_Protocol,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=1,
            )
        )


class ThreadServer(Server):
    """A server in a thread, which another thread can stop at once."""

    async def main_loop(self) -> None:
        """Wait for :meth:`stop`."""
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:
            await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drop all connections, which uvicorn's own shutdown would wait for."""
        for server in self.servers:
            server.close()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.close()
        for bound in sockets or ():
            bound.close()
        # One iteration of the loop, in which the transports close.
        await asyncio.sleep(0)

    def stop(self) -> None:
        """Stop the server; can be called from any thread."""
        self.should_exit = True
        if hasattr(self, "_loop"):
            self._loop.call_soon_threadsafe(self._stopping.set)
