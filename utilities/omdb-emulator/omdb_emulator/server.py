"""The HTTP server: uvicorn with a hold on the connection, so that faults can break it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from omdb_emulator.app import TRANSPORT, Emulator, State
from omdb_emulator.control import control_app

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

_BACKLOG = 4096
_KEEP_ALIVE_SECONDS = 60


class _Protocol(HttpToolsProtocol):
    """Gives the application the connection as an ASGI extension."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: self.transport}  # type: ignore[dict-item]


class Server(uvicorn.Server):
    """Serves one emulator on one socket until told to stop."""

    def __init__(self, state: State, about: Mapping[str, Any] | None = None) -> None:
        """Prepare to serve; nothing listens yet.

        Args:
            state: what is served.
            about: facts that ``health`` adds to the process id.
        """
        app = Emulator(state, control_app(state, {"pid": os.getpid(), **(about or {})}))
        super().__init__(
            uvicorn.Config(
                app,
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
    """A server for a thread: it stops at once when asked from another thread."""

    async def main_loop(self) -> None:
        """Wait for :meth:`stop`."""
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:
            await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drop all connections: uvicorn's own shutdown waits for them."""
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
        # One turn of the loop for the transports to close.
        await asyncio.sleep(0)

    def stop(self) -> None:
        """End the server; may be called from any thread."""
        self.should_exit = True
        if hasattr(self, "_loop"):
            self._loop.call_soon_threadsafe(self._stopping.set)
