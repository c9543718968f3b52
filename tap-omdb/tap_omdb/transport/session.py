"""The HTTP session, which never sends the API key to another host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override

if TYPE_CHECKING:
    from urllib3.connectionpool import ConnectionPool


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
