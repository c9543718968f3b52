"""The HTTP session, which never sends the API key to another host, and bounds each response."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override

from tap_omdb.transport.errors import UnavailableError

if TYPE_CHECKING:
    from urllib3.connectionpool import ConnectionPool

MAX_BODY_BYTES = 16 * 2**20
"""Decoded. OMDb's largest response, a season with full details of every episode, is under 1 MB."""

_MAX_ATTEMPTS = 2
"""A body beyond the limits is requested once more: each attempt is expensive."""

_CHUNK_BYTES = 65_536


class Adapter(HTTPAdapter):
    """Remembers the pool of each origin: `requests` would find it anew for every request."""

    def __init__(self, connections: int) -> None:
        """Open at most this many connections."""
        super().__init__(pool_connections=1, pool_maxsize=connections)
        self._pools: dict[str, ConnectionPool] = {}

    @override
    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> ConnectionPool:
        origin = str(request.url).partition("?")[0]
        if origin not in self._pools:
            pool = super().get_connection_with_tls_context(request, *args, **kwargs)
            self._pools[origin] = pool
        return self._pools[origin]


class Session(requests.Session):
    """Pooled connections that follow redirects only to the same host, never from https to http."""

    def __init__(self, connections: int) -> None:
        """Open at most this many connections."""
        super().__init__()
        adapter = Adapter(connections)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    @override
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        before = urlsplit(resp.url)
        try:
            after = urlsplit(urljoin(resp.url, target))
            is_same = (after.hostname, after.port) == (before.hostname, before.port)
        except ValueError:  # not a URL, or an impossible port
            return None
        if not is_same or after.scheme not in {before.scheme, "https"}:
            return None
        # The session would read the body of a redirect to its end, however long it is.
        resp.close()
        return target


def read_body(response: requests.Response, max_seconds: float) -> bytes:
    """Return the decoded body of a response that was requested with `stream=True`.

    Args:
        response: The response; its connection returns to the pool once the body is read.
        max_seconds: The maximum time for the whole body. A socket's timeout restarts with
            each byte, so a server that sends a byte now and then would never exceed it.

    Raises:
        UnavailableError: The body is larger than `MAX_BODY_BYTES` or takes too long.
        urllib3.exceptions.HTTPError: The connection broke, or the body cannot be decoded.
    """
    deadline = time.monotonic() + max_seconds
    chunks: list[bytes] = []
    size = 0
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            message = f"the response is larger than {MAX_BODY_BYTES // 2**20} MB"
            raise _abandon(response, message, "response_too_large")
        if time.monotonic() > deadline:
            message = f"the response is not complete after {max_seconds:g} s"
            raise _abandon(response, message, "http_error")
    response.raw.release_conn()
    return b"".join(chunks)


def _abandon(response: requests.Response, message: str, reason: str) -> UnavailableError:
    response.close()
    return UnavailableError(
        message, status=response.status_code, reason=reason, max_attempts=_MAX_ATTEMPTS
    )
