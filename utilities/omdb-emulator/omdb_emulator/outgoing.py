"""A reply as it leaves: headers as recorded at omdbapi.com, and how it travels."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from email.utils import formatdate
from typing import Literal

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=UTF-8"
_EXPIRES_AFTER = 3600

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An HTTP reply and what happens to it on the way.

    Attributes:
        status: the HTTP status.
        body: the bytes of the body.
        content_type: the Content-Type claimed.
        extra: more headers, name and value; they replace OMDb's of the same name.
        cache_status: Cloudflare's CF-Cache-Status; None for a page of Cloudflare itself.
        age: seconds that the reply has been in Cloudflare's cache; None leaves Age out.
        delay: seconds before the first byte.
        body_seconds: seconds over which the body is spread.
        cut: where the connection breaks: nowhere, before the first byte, or in the body.
        cut_at: how much of the body goes out before a break in it, 0 to 1.
        reset: whether a break is a reset (RST) instead of a close.
        hang: whether the reply waits until faults are cleared.
    """

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    extra: tuple[tuple[str, str], ...] = ()
    cache_status: str | None = "MISS"
    age: int | None = None
    delay: float = 0
    body_seconds: float = 0
    cut: Literal["no", "before", "body"] = "no"
    cut_at: float = 0.5
    reset: bool = False
    hang: bool = False


class HeaderWriter:
    """Writes the headers of replies; those that change once a second are kept for it."""

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._second = 0
        self._dated: Headers = []
        self._edge: Headers = []

    def headers(self, reply: Outgoing, now: float) -> Headers:
        """Return the headers of a reply that leaves now (seconds since 1970)."""
        if int(now) != self._second:
            self._keep(int(now))
        headers = [
            (b"content-type", reply.content_type.encode("latin-1")),
            (b"content-length", b"%d" % len(reply.body)),
            (b"cf-ray", b"%b-IAD" % secrets.token_hex(8).encode()),
        ]
        if reply.cache_status is None:
            headers += self._edge
        else:
            headers += self._of_age(reply.age, now) if reply.age else self._dated
            headers.append((b"cf-cache-status", reply.cache_status.encode()))
            if reply.age is not None:
                headers.append((b"age", b"%d" % reply.age))
        if reply.extra:
            extra = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in reply.extra]
            replaced = {name for name, _ in extra}
            headers = [header for header in headers if header[0] not in replaced] + extra
        return headers

    def _keep(self, second: int) -> None:
        self._second = second
        date = formatdate(second, usegmt=True).encode()
        self._edge = [
            (b"date", date),
            (b"server", b"cloudflare"),
            (b"connection", b"keep-alive"),
            (b"cache-control", b"private, max-age=0, no-store, no-cache, must-revalidate"),
        ]
        self._dated = _dated(date, second)

    @staticmethod
    def _of_age(age: int, now: float) -> Headers:
        return _dated(formatdate(int(now), usegmt=True).encode(), int(now) - age)


def _dated(date: bytes, modified: int) -> Headers:
    return [
        (b"date", date),
        (b"connection", b"keep-alive"),
        (b"cache-control", b"public, max-age=86400"),
        (b"expires", formatdate(modified + _EXPIRES_AFTER, usegmt=True).encode()),
        (b"last-modified", formatdate(modified, usegmt=True).encode()),
        (b"vary", b"*, Accept-Encoding"),
        (b"x-aspnet-version", b"4.0.30319"),
        (b"x-powered-by", b"ASP.NET"),
        (b"access-control-allow-origin", b"*"),
        (b"server", b"cloudflare"),
    ]
