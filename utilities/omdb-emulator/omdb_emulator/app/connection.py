"""Sending a response over the client's connection, and breaking that connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from omdb_emulator.app.http_response import BodyStream, Headers, HttpResponse

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The ASGI extension with which the server passes on the transport of the connection.
TRANSPORT = "omdb_emulator.transport"


class ClientDisconnectedError(Exception):
    """The client closed the connection."""


class Connection:
    """The client's side of one request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wrap the three arguments of an ASGI application."""
        self._scope = scope
        self._receive = receive
        self._send = send

    async def send(self, response: HttpResponse, headers: Headers) -> None:
        """Send a response; its faults can slow down the body or cut it off.

        Raises:
            ClientDisconnectedError: if the client disconnects during a streamed body.
        """
        await self._send(
            {"type": "http.response.start", "status": response.status, "headers": headers}
        )
        if response.cut == "body":
            await self._send_body(response.body[: int(len(response.body) * response.cut_at)])
            # The part must be on its way before the connection breaks.
            await asyncio.sleep(0.05)
            await self.abort(reset=response.reset)
            return
        if response.stream is not None:
            await self._send_stream(response.stream)
            return
        await self._send_body(response.body, more=False)

    async def _send_stream(self, stream: BodyStream) -> None:
        # The server ignores what is sent after the client has disconnected.
        disconnected = asyncio.ensure_future(self._disconnected())
        try:
            for piece in stream.pieces:
                await self._send_body(piece)
                await asyncio.wait({disconnected}, timeout=stream.delay)
                if disconnected.done():
                    raise ClientDisconnectedError
            await self._send_body(b"", more=False)
        finally:
            disconnected.cancel()

    async def _send_body(self, part: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": part, "more_body": more})

    async def wait_for(self, event: asyncio.Event) -> None:
        """Wait for an event.

        Raises:
            ClientDisconnectedError: if the client disconnects first.
        """
        happened = asyncio.ensure_future(event.wait())
        disconnected = asyncio.ensure_future(self._disconnected())
        try:
            await asyncio.wait({happened, disconnected}, return_when=asyncio.FIRST_COMPLETED)
            if disconnected.done():
                raise ClientDisconnectedError
        finally:
            happened.cancel()
            disconnected.cancel()

    async def abort(self, *, reset: bool) -> None:
        """Break the connection, and wait until the server has noticed.

        Without waiting, the server would send an error response of its own.
        """
        transport: asyncio.Transport = self._scope["extensions"][TRANSPORT]
        if reset:
            with contextlib.suppress(OSError):
                transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
        transport.abort()
        await self._disconnected()

    async def _disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
