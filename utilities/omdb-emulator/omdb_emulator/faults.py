"""Faults on request: which requests they hit, and what they make of the reply."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from omdb_emulator.outgoing import HTML_TYPE, Outgoing
from omdb_emulator.protocol import error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_NONE = type(None)
_KINDS: dict[str, tuple[type, ...]] = {
    "match": (dict,),
    "kind": (str, _NONE),
    "skip": (int,),
    "times": (int, _NONE),
    "per_query": (bool,),
    "probability": (int, float),
    "seed": (int,),
    "status": (int, _NONE),
    "body": (str, _NONE),
    "content_type": (str, _NONE),
    "headers": (dict,),
    "retry_after": (int, str, _NONE),
    "message": (str, _NONE),
    "seconds": (int, float),
    "fraction": (int, float),
    "reset": (bool,),
    "location": (str, _NONE),
    "age": (int,),
}
_STATUSES = range(200, 600)


class FaultError(ValueError):
    """A fault that cannot be; the message says why."""


@dataclass(slots=True)
class Fault:
    """Which requests are hit, how often, and by what.

    Attributes:
        effect: a name of :data:`EFFECTS`.
        match: parameter → the value it must have (case of the value ignored), true if it must
            be there, false if it must not; empty matches every request.
        kind: the kind of request (details, title, season, episode, search, invalid), None: any.
        skip: how many matching requests pass before the first one is hit.
        times: how many are hit before the fault heals; None: all.
        per_query: whether ``skip`` and ``times`` count for each query on its own.
        probability: the share of the matching requests that is hit.
        seed: makes ``probability`` repeatable.
        status: the HTTP status, where the effect's own is not wanted.
        body: the body of ``reply``, ``html`` and ``not_object``.
        content_type: the Content-Type, where the effect's own is not wanted.
        headers: more response headers.
        retry_after: a Retry-After header: seconds or an HTTP date.
        message: OMDb's error text for ``error`` and ``cached_401``.
        seconds: how long ``delay`` and ``slow_body`` take.
        fraction: how much of the body ``truncated`` and ``cut_body`` leave, 0 to 1.
        reset: whether ``cut`` and ``cut_body`` reset the connection instead of closing it.
        location: where ``redirect`` points; ``{query}`` in it stands for the query string.
        age: the Age of ``cached_401``, in seconds.
    """

    effect: str
    match: dict[str, str | bool] = field(default_factory=dict)
    kind: str | None = None
    skip: int = 0
    times: int | None = None
    per_query: bool = False
    probability: float = 1.0
    seed: int = 0
    status: int | None = None
    body: str | None = None
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    retry_after: int | str | None = None
    message: str | None = None
    seconds: float = 1.0
    fraction: float = 0.5
    reset: bool = False
    location: str | None = None
    age: int = 1486

    def matches(self, query: Mapping[str, str], kind: str) -> bool:
        """Tell whether a request is one that this fault is about."""
        if self.kind is not None and self.kind != kind:
            return False
        for name, wanted in self.match.items():
            value = query.get(name.lower())
            if isinstance(wanted, bool):
                if (value is not None) is not wanted:
                    return False
            elif value is None or value.lower() != wanted.lower():
                return False
        return True


def fault_from_json(value: Mapping[str, Any]) -> Fault:
    """Make a fault of what the control endpoint got.

    Raises:
        FaultError: if a name, an effect or a number is not one that a fault can have.
    """
    names = {item.name for item in dataclasses.fields(Fault)}
    unknown = sorted(value.keys() - names)
    if unknown:
        msg = f"unknown fault setting {', '.join(unknown)}; there are {', '.join(sorted(names))}"
        raise FaultError(msg)
    if value.get("effect") not in EFFECTS:
        msg = f"effect must be one of {', '.join(EFFECTS)}, not {value.get('effect')!r}"
        raise FaultError(msg)
    fault = Fault(**value)
    for name, kinds in _KINDS.items():
        found = getattr(fault, name)
        if not isinstance(found, kinds) or (isinstance(found, bool) and bool not in kinds):
            msg = f"{name} cannot be {found!r}"
            raise FaultError(msg)
    if fault.status is not None and fault.status not in _STATUSES:
        msg = f"status must be a number from 200 to 599, not {fault.status}"
        raise FaultError(msg)
    return fault


class Asked(NamedTuple):
    """A request as faults see it.

    Attributes:
        query: its parameters by lower-case name.
        kind: what is asked.
        query_string: the query as it came.
        is_past_cache: whether it is made so that a shared cache cannot answer it.
    """

    query: dict[str, str]
    kind: str
    query_string: bytes
    is_past_cache: bool


@dataclass(slots=True)
class _Active:
    fault: Fault
    chance: random.Random
    seen: Counter[bytes] = field(default_factory=Counter)
    hit: Counter[bytes] = field(default_factory=Counter)

    def hits(self, asked: Asked) -> bool:
        fault = self.fault
        if not fault.matches(asked.query, asked.kind):
            return False
        if not EFFECTS[fault.effect].applies(asked):
            return False
        counted_as = asked.query_string if fault.per_query else b""
        self.seen[counted_as] += 1
        if self.seen[counted_as] <= fault.skip:
            return False
        if fault.times is not None and self.hit[counted_as] >= fault.times:
            return False
        if fault.probability < 1 and self.chance.random() >= fault.probability:
            return False
        self.hit[counted_as] += 1
        return True


class Faults:
    """The faults that are in force; the first that hits a request is the one it gets."""

    def __init__(self) -> None:
        """Start with none."""
        self._active: dict[int, _Active] = {}
        self._last = 0

    def __bool__(self) -> bool:
        """Tell whether any fault is in force."""
        return bool(self._active)

    def add(self, fault: Fault) -> int:
        """Put a fault in force and return its number."""
        self._last += 1
        self._active[self._last] = _Active(fault, random.Random(fault.seed))  # noqa: S311
        return self._last

    def remove(self, number: int) -> bool:
        """Take a fault away; return whether there was one of this number."""
        return self._active.pop(number, None) is not None

    def clear(self) -> None:
        """Take all faults away."""
        self._active.clear()

    def has(self, number: int) -> bool:
        """Tell whether a fault is still in force."""
        return number in self._active

    def as_json(self) -> list[dict[str, Any]]:
        """Return the faults in force and how often each has hit."""
        return [
            {"id": number, "hits": active.hit.total(), **dataclasses.asdict(active.fault)}
            for number, active in self._active.items()
        ]

    def choose(self, asked: Asked) -> tuple[int, Fault] | None:
        """Return the fault that hits a request, and its number."""
        for number, active in self._active.items():
            if active.hits(asked):
                return number, active.fault
        return None


def apply(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    """Return what a fault makes of a reply."""
    reply = EFFECTS[fault.effect].change(fault, reply, asked)
    extra = list(fault.headers.items())
    if fault.retry_after is not None:
        extra.append(("retry-after", str(fault.retry_after)))
    return dataclasses.replace(
        reply,
        status=fault.status or reply.status,
        content_type=fault.content_type or reply.content_type,
        extra=(*reply.extra, *extra),
    )


def _reply(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del asked
    return reply if fault.body is None else dataclasses.replace(reply, body=fault.body.encode())


def _error(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del asked
    wanted = error(fault.message or "Error getting data.")
    return dataclasses.replace(reply, status=wanted.status, body=wanted.body)


def _cached_401(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del asked
    body = error(fault.message or "Request limit reached!").body
    return dataclasses.replace(reply, status=401, body=body, cache_status="HIT", age=fault.age)


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


def _cloudflare(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del reply, asked
    status = fault.status or 522
    title = _CLOUDFLARE_TITLES.get(status, f"Error {status}")
    text = "Sorry, you have been blocked" if status == 403 else title  # noqa: PLR2004
    body = (
        '<!DOCTYPE html>\n<html lang="en-US">\n<head><title>'
        f"{title if status in {403, 429, 503} else f'www.omdbapi.com | {status}: {title}'}"
        f"</title></head>\n<body><h1>{text}</h1><p>Error code {status}</p>"
        "<p>Cloudflare Ray ID: 0000000000000000</p></body>\n</html>\n"
    )
    return Outgoing(status, body.encode(), HTML_TYPE, cache_status=None)


def _unavailable(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del fault, reply, asked
    return Outgoing(503, b"The service is unavailable.", "text/html", cache_status="DYNAMIC")


def server_error() -> Outgoing:
    """Return the page of ASP.NET's request validation, as for ``<`` in any parameter."""
    body = (
        "<!DOCTYPE html>\n<html><head><title>A potentially dangerous Request.QueryString value "
        'was detected from the client.</title></head>\n<body bgcolor="white"><h1>Server Error in '
        "'/' Application.</h1><h2><i>A potentially dangerous Request.QueryString value was "
        "detected from the client.</i></h2><b>Stack Trace:</b><pre>[HttpRequestValidationException "
        "(0x80004005)]</pre></body></html>\n"
    )
    return Outgoing(500, body.encode(), "text/html; charset=utf-8", cache_status="DYNAMIC")


def _aspnet(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del fault, reply, asked
    return server_error()


def _html(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del asked
    page = fault.body or "<!DOCTYPE html>\n<html><head><title>OMDb API</title></head></html>\n"
    return dataclasses.replace(reply, status=200, body=page.encode(), content_type=HTML_TYPE)


def _truncated(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del asked
    kept = int(len(reply.body) * fault.fraction)
    return dataclasses.replace(reply, body=reply.body[:kept])


def _with_text(text: bytes) -> Callable[[Fault, Outgoing, Asked], Outgoing]:
    """Make an effect that puts bytes at the start of the first text of the body."""

    def change(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
        del fault, asked
        return dataclasses.replace(reply, body=_into_text(reply.body, text))

    return change


def _into_text(body: bytes, text: bytes) -> bytes:
    for start in (b'"Plot":"', b'"Title":"', b'"Error":"'):
        if start in body:
            return body.replace(start, start + text, 1)
    return body


def _empty(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del fault, asked
    return dataclasses.replace(reply, body=b"")


def _not_object(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del asked
    return dataclasses.replace(reply, body=(fault.body or "[]").encode())


_FOREIGN = "Café Ærø “été” ".encode()


def _latin1(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del fault, asked
    text = _into_text(reply.body, _FOREIGN).decode()
    return dataclasses.replace(reply, body=text.encode("cp1252", errors="replace"))


def _utf8_as_latin1(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del fault, asked
    return dataclasses.replace(
        reply,
        body=_into_text(reply.body, _FOREIGN),
        content_type="application/json; charset=iso-8859-1",
    )


def _delay(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del asked
    return dataclasses.replace(reply, delay=fault.seconds)


def _slow_body(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del asked
    return dataclasses.replace(reply, body_seconds=fault.seconds)


def _cut(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del asked
    return dataclasses.replace(reply, cut="before", reset=fault.reset)


def _cut_body(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del asked
    return dataclasses.replace(reply, cut="body", cut_at=fault.fraction, reset=fault.reset)


def _hang(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del fault, asked
    return dataclasses.replace(reply, hang=True)


def _redirect(fault: Fault, reply: Outgoing, asked: Asked) -> Outgoing:
    del reply
    query = asked.query_string.decode("latin-1")
    location = (fault.location or "/?{query}&redirected=1").replace("{query}", query)
    extra = (("location", location),)
    return Outgoing(302, b"", HTML_TYPE, extra, cache_status="DYNAMIC")


def _always(asked: Asked) -> bool:
    del asked
    return True


def _through_cache(asked: Asked) -> bool:
    return not asked.is_past_cache


def _not_redirected(asked: Asked) -> bool:
    return "redirected" not in asked.query


class Effect(NamedTuple):
    """What a fault does.

    Attributes:
        change: makes the faulty reply of the true one.
        summary: one line for the documentation.
        is_edge: whether Cloudflare or the network answers, so that OMDb neither checks the key
            nor counts the request.
        applies: whether a matching request can be hit at all.
    """

    change: Callable[[Fault, Outgoing, Asked], Outgoing]
    summary: str
    is_edge: bool = False
    applies: Callable[[Asked], bool] = _always


#: All effects by name.
EFFECTS: dict[str, Effect] = {
    "reply": Effect(_reply, "the true reply with another status, body, content_type or headers"),
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
    "not_object": Effect(_not_object, "JSON that is no object: `body`, default `[]`"),
    "latin1": Effect(_latin1, "Windows-1252 bytes claimed to be UTF-8"),
    "utf8_as_latin1": Effect(_utf8_as_latin1, "UTF-8 bytes claimed to be ISO-8859-1"),
    "delay": Effect(_delay, "`seconds` before the first byte"),
    "slow_body": Effect(_slow_body, "the body spread over `seconds`"),
    "cut": Effect(_cut, "the connection breaks before the reply", is_edge=True),
    "cut_body": Effect(_cut_body, "the connection breaks after `fraction` of the body"),
    "cached_401": Effect(
        _cached_401,
        "a 401 `message` from Cloudflare's cache, not given to requests past the cache",
        is_edge=True,
        applies=_through_cache,
    ),
    "redirect": Effect(
        _redirect,
        "302 to `location` (default: the same URL with `redirected=1`, which is not hit again)",
        is_edge=True,
        applies=_not_redirected,
    ),
    "hang": Effect(_hang, "no answer until this fault is removed"),
}
