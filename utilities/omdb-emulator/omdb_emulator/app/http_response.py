"""A response with its headers, as recorded at omdbapi.com, and how it is sent."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=UTF-8"
_EXPIRES_AFTER = 3600

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class BodyStream:
    """A body that is sent piece by piece, and need not end.

    Attributes:
        pieces: the parts of the body.
        size: the length of all pieces in bytes; None if it is not known in advance.
        delay: seconds after each piece.
    """

    pieces: Iterable[bytes]
    size: int | None
    delay: float = 0


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP response, and the faults in sending it.

    Attributes:
        status: the HTTP status.
        body: the bytes of the body.
        content_type: the Content-Type header.
        extra: more headers (name, value); they replace OMDb's of the same name.
        cache_status: Cloudflare's CF-Cache-Status; None for pages of Cloudflare itself.
        age: seconds that the response has been in Cloudflare's cache; None omits Age.
        delay: seconds before the first byte.
        stream: what is sent instead of ``body``; None: ``body`` at once.
        cut: where the connection breaks: not at all, before the first byte, or in the body.
        cut_at: the share of the body that is sent before the break, 0 to 1.
        reset: whether the connection is reset (RST) instead of closed.
        hang: whether nothing is sent until the fault is removed.
    """

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    extra: tuple[tuple[str, str], ...] = ()
    cache_status: str | None = "MISS"
    age: int | None = None
    delay: float = 0
    stream: BodyStream | None = None
    cut: Literal["no", "before", "body"] = "no"
    cut_at: float = 0.5
    reset: bool = False
    hang: bool = False


class HeaderWriter:
    """Makes the headers of responses; what changes only once a second is reused."""

    def __init__(self) -> None:
        """Start without reusable headers."""
        self._second = 0
        self._dated: Headers = []
        self._edge: Headers = []

    def headers(self, response: HttpResponse, now: float) -> Headers:
        """Return the headers of a response that is sent now (seconds since 1970)."""
        if int(now) != self._second:
            self._refresh(int(now))
        headers = [
            (b"content-type", response.content_type.encode("latin-1")),
            (b"cf-ray", b"%b-IAD" % secrets.token_hex(8).encode()),
        ]
        size = response.stream.size if response.stream else len(response.body)
        if size is not None:
            headers.insert(1, (b"content-length", b"%d" % size))
        if response.cache_status is None:
            headers += self._edge
        else:
            headers += self._of_age(response.age, now) if response.age else self._dated
            headers.append((b"cf-cache-status", response.cache_status.encode()))
            if response.age is not None:
                headers.append((b"age", b"%d" % response.age))
        if response.extra:
            extra = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in response.extra]
            replaced = {name for name, _ in extra}
            headers = [header for header in headers if header[0] not in replaced] + extra
        return headers

    def _refresh(self, second: int) -> None:
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
