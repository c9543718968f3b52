"""Protects the control endpoints from web pages that a developer's browser has open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_FORBIDDEN = 403


def access_middleware(host: str) -> list[Middleware]:
    """Return middleware that accepts only requests for this server, and from none but its origin.

    A browser sends the origin of a page with every request of that page that can change something,
    and the host name of the URL with all requests. A foreign host name would be DNS rebinding.

    Args:
        host: the address that the server listens on, whose name is accepted besides loopback.
    """
    name = f"[{host}]" if ":" in host else host
    return [
        Middleware(TrustedHostMiddleware, allowed_hosts=[*_LOOPBACK, name], www_redirect=False),
        Middleware(SameOriginMiddleware),
    ]


class SameOriginMiddleware:
    """Rejects requests whose ``Origin`` header is not the origin of this server."""

    def __init__(self, app: ASGIApp) -> None:
        """Pass accepted requests on to ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None or origin == f"http://{headers.get('host')}":
            await self._app(scope, receive, send)
            return
        response = JSONResponse({"error": f"the origin {origin} is not allowed"}, _FORBIDDEN)
        await response(scope, receive, send)
