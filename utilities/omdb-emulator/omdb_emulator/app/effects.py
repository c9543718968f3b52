"""What each fault does to a response."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

from omdb_emulator.app.http_response import HTML_TYPE, BodyStream, HttpResponse
from omdb_emulator.app.large_bodies import (
    compress,
    endless_json,
    large_json,
    large_json_size,
    split,
)
from omdb_emulator.protocol.errors import error_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from omdb_emulator.app.fault import Fault, Request

_SLOW_STEPS = 20
_LARGE_BODY_MEGABYTES = 200
_GZIP_BOMB_MEGABYTES = 300


def apply_fault(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    """Return a response with a fault injected."""
    response = EFFECTS[fault.effect].change(fault, response, request)
    extra = list(fault.headers.items())
    if fault.retry_after is not None:
        extra.append(("retry-after", str(fault.retry_after)))
    return dataclasses.replace(
        response,
        status=fault.status or response.status,
        content_type=fault.content_type or response.content_type,
        extra=(*response.extra, *extra),
    )


def _response(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del request
    return (
        response if fault.body is None else dataclasses.replace(response, body=fault.body.encode())
    )


def _error(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del request
    error = error_response(fault.message or "Error getting data.")
    return dataclasses.replace(response, status=error.status, body=error.body)


def _cached_401(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del request
    body = error_response(fault.message or "Request limit reached!").body
    return dataclasses.replace(response, status=401, body=body, cache_status="HIT", age=fault.age)


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


def _cloudflare(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del response, request
    status = fault.status or 522
    title = _CLOUDFLARE_TITLES.get(status, f"Error {status}")
    text = "Sorry, you have been blocked" if status == 403 else title  # noqa: PLR2004
    body = (
        '<!DOCTYPE html>\n<html lang="en-US">\n<head><title>'
        f"{title if status in {403, 429, 503} else f'www.omdbapi.com | {status}: {title}'}"
        f"</title></head>\n<body><h1>{text}</h1><p>Error code {status}</p>"
        "<p>Cloudflare Ray ID: 0000000000000000</p></body>\n</html>\n"
    )
    return HttpResponse(status, body.encode(), HTML_TYPE, cache_status=None)


def _unavailable(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del fault, response, request
    return HttpResponse(503, b"The service is unavailable.", "text/html", cache_status="DYNAMIC")


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


def _aspnet(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del fault, response, request
    return server_error()


def _html(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del request
    page = fault.body or "<!DOCTYPE html>\n<html><head><title>OMDb API</title></head></html>\n"
    return dataclasses.replace(response, status=200, body=page.encode(), content_type=HTML_TYPE)


def _truncated(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del request
    length = int(len(response.body) * fault.fraction)
    return dataclasses.replace(response, body=response.body[:length])


def _with_text(text: bytes) -> Callable[[Fault, HttpResponse, Request], HttpResponse]:
    """Return an effect that inserts bytes into the first text of the body."""

    def change(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
        del fault, request
        return dataclasses.replace(response, body=_insert_text(response.body, text))

    return change


def _insert_text(body: bytes, text: bytes) -> bytes:
    for start in (b'"Plot":"', b'"Title":"', b'"Error":"'):
        if start in body:
            return body.replace(start, start + text, 1)
    return body


def _empty(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del fault, request
    return dataclasses.replace(response, body=b"")


def _not_object(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del request
    return dataclasses.replace(response, body=(fault.body or "[]").encode())


_NON_ASCII = "Café Ærø “été” ".encode()


def _latin1(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del fault, request
    text = _insert_text(response.body, _NON_ASCII).decode()
    return dataclasses.replace(response, body=text.encode("cp1252", errors="replace"))


def _utf8_as_latin1(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del fault, request
    return dataclasses.replace(
        response,
        body=_insert_text(response.body, _NON_ASCII),
        content_type="application/json; charset=iso-8859-1",
    )


def _delay(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del request
    return dataclasses.replace(response, delay=fault.seconds)


def _slow_body(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del request
    pieces = split(response.body, max(1, len(response.body) // _SLOW_STEPS))
    delay = fault.seconds / max(1, len(pieces))
    return dataclasses.replace(response, stream=BodyStream(pieces, len(response.body), delay))


def _dripping_body(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del request
    stream = BodyStream(split(response.body, 1), len(response.body), fault.seconds)
    return dataclasses.replace(response, stream=stream)


def _endless_body(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del fault, request
    return dataclasses.replace(response, stream=BodyStream(endless_json(), None))


def _large_body(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del request
    megabytes = fault.megabytes or _LARGE_BODY_MEGABYTES
    stream = BodyStream(large_json(megabytes), large_json_size(megabytes))
    return dataclasses.replace(response, stream=stream)


def _gzip_bomb(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del request
    body = compress(large_json(fault.megabytes or _GZIP_BOMB_MEGABYTES))
    extra = (*response.extra, ("content-encoding", "gzip"))
    return dataclasses.replace(response, stream=BodyStream(body, None), extra=extra)


def _cut(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del request
    return dataclasses.replace(response, cut="before", reset=fault.reset)


def _cut_body(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del request
    return dataclasses.replace(response, cut="body", cut_at=fault.fraction, reset=fault.reset)


def _hang(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del fault, request
    return dataclasses.replace(response, hang=True)


def _redirect(fault: Fault, response: HttpResponse, request: Request) -> HttpResponse:
    del response
    query = request.query_string.decode("latin-1")
    location = (fault.location or "/?{query}&redirected=1").replace("{query}", query)
    extra = (("location", location),)
    return HttpResponse(302, b"", HTML_TYPE, extra, cache_status="DYNAMIC")


def _always(request: Request) -> bool:
    del request
    return True


def _uses_cache(request: Request) -> bool:
    return not request.bypasses_cache


def _not_redirected(request: Request) -> bool:
    return "redirected" not in request.query


class Effect(NamedTuple):
    """The effect of a fault on a response.

    Attributes:
        change: makes the faulty response from the original one.
        summary: one line for the documentation.
        is_edge: whether the response comes from Cloudflare or the network, so that OMDb neither
            checks the key nor counts the request.
        applies: whether the effect applies to a request that matches.
    """

    change: Callable[[Fault, HttpResponse, Request], HttpResponse]
    summary: str
    is_edge: bool = False
    applies: Callable[[Request], bool] = _always


#: All effects by name.
EFFECTS: dict[str, Effect] = {
    "response": Effect(
        _response, "the original response with another status, body, content_type or headers"
    ),
    "error": Effect(_error, 'OMDb\'s error `message` (default "Error getting data.")'),
    "cloudflare": Effect(_cloudflare, "Cloudflare's page for `status` (default 522)", is_edge=True),
    "unavailable": Effect(_unavailable, '503 "The service is unavailable." of IIS', is_edge=True),
    "aspnet": Effect(_aspnet, "500 with ASP.NET's error page"),
    "html": Effect(_html, "200 with an HTML page"),
    "truncated": Effect(_truncated, "the first `fraction` of the body, complete as HTTP"),
    "bad_escape": Effect(_with_text(rb"inner\spiritual "), r"JSON with the bad escape `\s`"),
    "unescaped_quote": Effect(_with_text(b'the "best" of '), "JSON with quotes not escaped"),
    "control_characters": Effect(_with_text(b"\x1f\x08\t\x1d"), "JSON with raw control characters"),
    "empty": Effect(_empty, "an empty body"),
    "not_object": Effect(_not_object, "JSON that is not an object: `body`, default `[]`"),
    "latin1": Effect(_latin1, "Windows-1252 bytes declared as UTF-8"),
    "utf8_as_latin1": Effect(_utf8_as_latin1, "UTF-8 bytes declared as ISO-8859-1"),
    "delay": Effect(_delay, "`seconds` before the first byte"),
    "slow_body": Effect(_slow_body, "the body sent over `seconds`"),
    "dripping_body": Effect(_dripping_body, "the body one byte at a time, every `seconds`"),
    "endless_body": Effect(_endless_body, "a body that does not end"),
    "large_body": Effect(_large_body, "a JSON body of `megabytes`, default 200"),
    "gzip_bomb": Effect(_gzip_bomb, "a small gzip body that decodes to `megabytes`, default 300"),
    "cut": Effect(_cut, "the connection breaks before the response", is_edge=True),
    "cut_body": Effect(_cut_body, "the connection breaks after `fraction` of the body"),
    "cached_401": Effect(
        _cached_401,
        "a 401 `message` from Cloudflare's cache; requests that bypass the cache are not hit",
        is_edge=True,
        applies=_uses_cache,
    ),
    "redirect": Effect(
        _redirect,
        "302 to `location` (default: the same URL with `redirected=1`, which is not hit again)",
        is_edge=True,
        applies=_not_redirected,
    ),
    "hang": Effect(_hang, "no response until this fault is removed"),
}
