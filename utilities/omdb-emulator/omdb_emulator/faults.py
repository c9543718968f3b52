"""Faults: the requests that they hit, and what they do to the responses."""

from __future__ import annotations

import itertools
import random
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta, Struct

from omdb_emulator.http_response import HTML_TYPE, BodyStream, HttpResponse
from omdb_emulator.protocol import error_response

_LARGE_BODY_MEGABYTES = 200
_GZIP_BOMB_MEGABYTES = 300
_START, _END = b'{"Title":"', b'","Response":"True"}'
_PIECE = b"x" * 100_000
_PIECES_PER_MEGABYTE = 10
_HTML_PAGE = "<!DOCTYPE html>\n<html><head><title>OMDb API</title></head></html>\n"
_NON_ASCII = "Café Ærø “été” ".encode()
_CLOUDFLARE_TITLES = {
    403: "Attention Required! | Cloudflare",
    429: "Error 1015 | You are being rate limited",
    503: "Just a moment...",
    520: "Web server is returning an unknown error",
    521: "Web server is down",
    522: "Connection timed out",
    523: "Origin is unreachable",
    524: "A timeout occurred",
}


Effect = Literal[
    "response", "error", "cloudflare", "unavailable", "aspnet", "html", "truncated", "bad_escape",
    "unescaped_quote", "control_characters", "empty", "latin1", "utf8_as_latin1",
    "delay", "dripping_body", "endless_body", "large_body", "gzip_bomb", "cut",
    "cut_body", "redirect", "hang",
]  # fmt: skip

#: The effects whose response comes from Cloudflare or the network, so that OMDb neither checks the
#: key nor counts the request.
EDGE: frozenset[Effect] = frozenset({"cloudflare", "unavailable", "cut", "redirect"})


class Request(NamedTuple):
    """A request, as far as responses depend on it.

    Attributes:
        query: the parameters by lower-case name.
        kind: details, title, season, episode, search or invalid.
        query_string: the query as received.
    """

    query: dict[str, str]
    kind: str
    query_string: str


class Fault(Struct, forbid_unknown_fields=True, frozen=True):
    """An effect, and the requests that it hits.

    Attributes:
        effect: one of :data:`Effect`.
        match: parameter → its value (case-insensitive), true if it must be present, or false if
            it must be absent; empty matches every request.
        kind: the kind of request (details, title, season, episode, search, invalid); None: any.
        skip: how many matching requests are let through first.
        times: how many requests are hit in all; None: no limit.
        probability: the share of matching requests that are hit.
        seed: makes ``probability`` repeatable.
        status: the HTTP status instead of the effect's own.
        body: the body for ``response`` and ``html``.
        content_type: the Content-Type instead of the effect's own.
        headers: additional response headers.
        retry_after: a Retry-After header: seconds or an HTTP date.
        message: the text of OMDb's error response for ``error``.
        seconds: how long ``delay`` takes, and the time between two bytes of ``dripping_body``.
        megabytes: the decoded size of ``large_body`` and ``gzip_bomb`` in millions of bytes; None
            for their defaults.
        fraction: the share of the body that ``truncated`` and ``cut_body`` keep, 0 to 1.
        reset: whether ``cut`` and ``cut_body`` reset the connection instead of closing it.
        location: the target of ``redirect``; ``{query}`` in it stands for the query string.
    """

    effect: Effect
    match: dict[str, str | bool] = {}
    kind: str | None = None
    skip: int = 0
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    status: Annotated[int, Meta(ge=200, le=599)] | None = None
    body: str | None = None
    content_type: str | None = None
    headers: dict[str, str] = {}
    retry_after: int | str | None = None
    message: str | None = None
    seconds: float = 1.0
    megabytes: Annotated[int, Meta(ge=1)] | None = None
    fraction: float = 0.5
    reset: bool = False
    location: str | None = None

    @classmethod
    def parse(cls, body: bytes) -> Fault:
        """Make a fault from JSON.

        Raises:
            msgspec.ValidationError: if a setting is unknown, or its value is not valid.
        """
        try:
            return msgspec.json.decode(body, type=cls)
        except msgspec.ValidationError as error:
            known = get_args(Effect) if "$.effect" in str(error) else cls.__struct_fields__
            msg = f"{error}; known are {', '.join(known)}"
            raise msgspec.ValidationError(msg) from None

    def applies_to(self, request: Request) -> bool:
        """Whether a request matches, apart from ``skip``, ``times`` and ``probability``."""
        if self.kind is not None and self.kind != request.kind:
            return False
        # Otherwise the client would be redirected again and again.
        if self.effect == "redirect" and "redirected" in request.query:
            return False
        for name, expected in self.match.items():
            value = request.query.get(name.lower())
            if isinstance(expected, bool):
                if (value is not None) is not expected:
                    return False
            elif value is None or value.lower() != expected.lower():
                return False
        return True


@dataclass(slots=True)
class _ActiveFault:
    fault: Fault
    rng: random.Random
    matched: int = 0
    hit: int = 0

    def hits(self, request: Request) -> bool:
        fault = self.fault
        if not fault.applies_to(request):
            return False
        self.matched += 1
        if self.matched <= fault.skip or self.hit == fault.times:
            return False
        if fault.probability < 1 and self.rng.random() >= fault.probability:
            return False
        self.hit += 1
        return True


class Faults:
    """The active faults; a request gets the first one that hits it."""

    def __init__(self) -> None:
        """Start without faults."""
        self._active: dict[int, _ActiveFault] = {}
        self._last = 0

    def __contains__(self, number: int) -> bool:
        """Whether a fault is active."""
        return number in self._active

    def add(self, fault: Fault) -> int:
        """Add a fault and return its number."""
        self._last += 1
        self._active[self._last] = _ActiveFault(fault, random.Random(fault.seed))  # noqa: S311
        return self._last

    def remove(self, number: int) -> bool:
        """Remove a fault; return whether there was one with this number."""
        return self._active.pop(number, None) is not None

    def clear(self) -> None:
        """Remove all faults."""
        self._active.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """Return the active faults, each with its number and hits."""
        return [
            {"id": number, "hits": active.hit, **msgspec.to_builtins(active.fault)}
            for number, active in self._active.items()
        ]

    def select(self, request: Request) -> tuple[int, Fault] | None:
        """Return the fault that hits a request, with its number."""
        for number, active in self._active.items():
            if active.hits(request):
                return number, active.fault
        return None


def apply_fault(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    """Return a response with a fault injected."""
    response = _change(fault, response, request)
    extra = (*response.extra, *fault.headers.items())
    if fault.retry_after is not None:
        extra += (("Retry-After", str(fault.retry_after)),)
    return response._replace(
        status=fault.status or response.status,
        content_type=fault.content_type or response.content_type,
        extra=extra,
    )


def _change(  # noqa: C901, PLR0911, PLR0912 - a case for each effect
    fault: Fault, response: HttpResponse, request: Request
) -> HttpResponse:
    match fault.effect:
        case "response":
            return response if fault.body is None else _with_text(response, fault.body)
        case "error":
            error = error_response(fault.message or "Error getting data.")
            return response._replace(status=error.status, body=error.body)
        case "cloudflare":
            return _cloudflare_page(fault.status or 522)
        case "unavailable":
            text = b"The service is unavailable."
            return HttpResponse(503, text, "text/html", cache_status="DYNAMIC")
        case "aspnet":
            return server_error()
        case "html":
            page = _with_text(response, fault.body or _HTML_PAGE)
            return page._replace(status=200, content_type=HTML_TYPE)
        case "truncated":
            return response._replace(body=_part(fault, response))
        case "bad_escape":
            return _insert(response, rb"inner\spiritual ")
        case "unescaped_quote":
            return _insert(response, b'the "best" of ')
        case "control_characters":
            return _insert(response, b"\x1f\x08\t\x1d")
        case "empty":
            return response._replace(body=b"")
        case "latin1":
            text = _insert(response, _NON_ASCII).body.decode().encode("cp1252", errors="replace")
            return response._replace(body=text)
        case "utf8_as_latin1":
            latin1 = "application/json; charset=iso-8859-1"
            return _insert(response, _NON_ASCII)._replace(content_type=latin1)
        case "delay":
            return response._replace(delay=fault.seconds)
        case "dripping_body":
            stream = BodyStream(
                (bytes([byte]) for byte in response.body), len(response.body), fault.seconds
            )
            return response._replace(stream=stream)
        case "endless_body":
            return response._replace(stream=BodyStream(_long_text(itertools.repeat(_PIECE)), None))
        case "large_body":
            pieces = (fault.megabytes or _LARGE_BODY_MEGABYTES) * _PIECES_PER_MEGABYTE
            size = len(_START) + len(_PIECE) * pieces + len(_END)
            stream = BodyStream(_long_text(itertools.repeat(_PIECE, pieces)), size)
            return response._replace(stream=stream)
        case "gzip_bomb":
            pieces = (fault.megabytes or _GZIP_BOMB_MEGABYTES) * _PIECES_PER_MEGABYTE
            stream = BodyStream(_compress(_long_text(itertools.repeat(_PIECE, pieces))), None)
            return response._replace(
                stream=stream, extra=(*response.extra, ("Content-Encoding", "gzip"))
            )
        case "cut":
            return response._replace(cut="before", reset=fault.reset)
        case "cut_body":
            stream = BodyStream([_part(fault, response)], len(response.body))
            return response._replace(stream=stream, cut="after", reset=fault.reset)
        case "redirect":
            location = fault.location or "/?{query}&redirected=1"
            extra = (("Location", location.replace("{query}", request.query_string)),)
            return HttpResponse(302, b"", HTML_TYPE, extra, cache_status="DYNAMIC")
        case "hang":
            return response._replace(hang=True)


def server_error() -> HttpResponse:
    """Return the error page of ASP.NET's request validation, as for ``<`` in a parameter."""
    body = (
        "<!DOCTYPE html>\n<html><head><title>A potentially dangerous Request.QueryString value "
        'was detected from the client.</title></head>\n<body bgcolor="white"><h1>Server Error in '
        "'/' Application.</h1><h2><i>A potentially dangerous Request.QueryString value was "
        "detected from the client.</i></h2><b>Stack Trace:</b><pre>[HttpRequestValidationException "
        "(0x80004005)]</pre></body></html>\n"
    )
    return HttpResponse(500, body.encode(), "text/html; charset=utf-8", cache_status="DYNAMIC")


def _cloudflare_page(status: int) -> HttpResponse:
    title = _CLOUDFLARE_TITLES.get(status, f"Error {status}")
    text = "Sorry, you have been blocked" if status == 403 else title  # noqa: PLR2004
    body = (
        '<!DOCTYPE html>\n<html lang="en-US">\n<head><title>'
        f"{title if status in {403, 429, 503} else f'www.omdbapi.com | {status}: {title}'}"
        f"</title></head>\n<body><h1>{text}</h1><p>Error code {status}</p>"
        "<p>Cloudflare Ray ID: 0000000000000000</p></body>\n</html>\n"
    )
    return HttpResponse(status, body.encode(), HTML_TYPE, cache_status=None)


def _insert(response: HttpResponse, text: bytes) -> HttpResponse:
    """Return a response with bytes inserted into the first text of its body."""
    for start in (b'"Plot":"', b'"Title":"', b'"Error":"'):
        if start in response.body:
            return response._replace(body=response.body.replace(start, start + text, 1))
    return response


def _with_text(response: HttpResponse, text: str) -> HttpResponse:
    return response._replace(body=text.encode())


def _part(fault: Fault, response: HttpResponse) -> bytes:
    return response.body[: int(len(response.body) * fault.fraction)]


def _long_text(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the JSON of an object with one text."""
    yield _START
    yield from pieces
    yield _END


def _compress(pieces: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    yield from map(compressor.compress, pieces)
    yield compressor.flush()
