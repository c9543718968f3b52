"""A response with its headers, as recorded at omdbapi.com, and how it is sent."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import struct
from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from typing import Literal, NamedTuple

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=UTF-8"
_EXPIRES_AFTER = 3600
_ON_ITS_WAY_SECONDS = 0.05


class BodyStream(NamedTuple):
    """A body that is sent piece by piece, and need not end.

    Attributes:
        pieces: the parts of the body; empty ones give way to other requests.
        size: the length that the headers state, in bytes; None if it is not known in advance.
        delay: seconds after each piece.
    """

    pieces: Iterable[bytes]
    size: int | None
    delay: float = 0


class HttpResponse(NamedTuple):
    """An HTTP response, and the faults in sending it.

    Attributes:
        status: the HTTP status.
        body: the bytes of the body.
        content_type: the Content-Type header.
        extra: more headers (name, value); they replace OMDb's of the same name.
        cache_status: Cloudflare's CF-Cache-Status; None for pages of Cloudflare itself.
        delay: seconds before the first byte.
        stream: what is sent instead of ``body``; None: ``body`` at once.
        cut: where the connection breaks: before the first byte, or after the stream.
        reset: whether the connection is reset (RST) instead of closed.
        hang: whether nothing is sent until the fault is removed.
    """

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    extra: tuple[tuple[str, str], ...] = ()
    cache_status: str | None = "MISS"
    delay: float = 0
    stream: BodyStream | None = None
    cut: Literal["before", "after"] | None = None
    reset: bool = False
    hang: bool = False

    async def send(self, request: web.Request, now: float) -> web.StreamResponse:
        """Send the response (``now`` in seconds since 1970), or return it for aiohttp to send."""
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.cut == "before":
            _break_connection(request, reset=self.reset)
            return web.Response()
        headers = self._headers(now, keep_alive=request.keep_alive)
        if self.stream is None:
            return web.Response(status=self.status, body=self.body, headers=headers)
        response = web.StreamResponse(status=self.status, headers=headers)
        response.content_length = self.stream.size
        await response.prepare(request)
        # If the client has disconnected, aiohttp notices by itself.
        with contextlib.suppress(ConnectionError):
            for piece in self.stream.pieces:
                await response.write(piece)
                await asyncio.sleep(self.stream.delay)
        if self.cut == "after":
            # What was written must be on its way before the connection breaks.
            await asyncio.sleep(_ON_ITS_WAY_SECONDS)
            _break_connection(request, reset=self.reset)
        return response

    def _headers(self, now: float, *, keep_alive: bool) -> CIMultiDict[str]:
        headers = _dated_headers(int(now), is_edge=self.cache_status is None).copy()
        if self.cache_status is not None:
            headers["CF-Cache-Status"] = self.cache_status
        headers["Content-Type"] = self.content_type
        headers["CF-RAY"] = f"{secrets.token_hex(8)}-IAD"
        if keep_alive:
            headers["Connection"] = "keep-alive"
        headers.update(self.extra)
        return headers


def _break_connection(request: web.Request, *, reset: bool) -> None:
    transport = request.transport
    if transport is None:
        return
    if reset:
        with contextlib.suppress(OSError):
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
    transport.abort()


# Dates change once a second, so most responses share these headers.
@lru_cache(maxsize=4)
def _dated_headers(second: int, *, is_edge: bool) -> CIMultiDictProxy[str]:
    """Return the headers of a response of OMDb, or of a page of Cloudflare itself."""
    headers = {"Date": formatdate(second, usegmt=True), "Server": "cloudflare"}
    if is_edge:
        headers["Cache-Control"] = "private, max-age=0, no-store, no-cache, must-revalidate"
    else:
        headers |= {
            "Cache-Control": "public, max-age=86400",
            "expires": formatdate(second + _EXPIRES_AFTER, usegmt=True),
            "last-modified": formatdate(second, usegmt=True),
            "vary": "*, Accept-Encoding",
            "x-aspnet-version": "4.0.30319",
            "x-powered-by": "ASP.NET",
            "access-control-allow-origin": "*",
        }
    return CIMultiDictProxy(CIMultiDict(headers))
