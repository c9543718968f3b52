"""The HTTP session, which never sends the API key to another host."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override


class Session(requests.Session):
    """Pooled connections that follow redirects only to the same host, never from https to http."""

    def __init__(self, connections: int) -> None:
        """Open at most this many connections."""
        super().__init__()
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections)
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
