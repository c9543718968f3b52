"""What a reply of OMDb is: details, a page of a search, a season, or which refusal.

OMDb's statuses say little: a miss is a 200, a 401 means a bad key, no key or a spent
quota, and some refusals are not even JSON. So the body is read first, and the status
only where the body does not say.

Broken JSON is read in three steps: leniently (raw control characters in a plot are the
commonest fault), then mended by `json_repair` (stray backslashes, unescaped quotes), then
refused as `RefusalKind.BROKEN` with its text. A body that stops short is not mended but
refused as `RefusalKind.UNAVAILABLE`: what is missing can still be had by asking again.

Everything here is pure and total: any status, headers and bytes give a reply.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import json_repair

from tap_omdb.records import FIELDS, is_absent, parse_first_year, parse_imdb_id, parse_integer
from tap_omdb.stray_bytes import OR_CP1252

if TYPE_CHECKING:
    from collections.abc import Mapping


class RefusalKind(Enum):
    """Why OMDb gave no data; the comment on each says what the tap does then.

    What is rejected as it is asked for is let rest until `refresh.older` is over.
    """

    NOT_FOUND = "not_found"
    """OMDb holds no such title: rejected. Or the search has no (more) hits: it ends there."""
    INCORRECT_ID = "incorrect_id"
    """The id is none, or beyond what OMDb takes: rejected."""
    NO_DATA = "no_data"
    """OMDb could not get the data, often for a while only: rejected, asked on later days."""
    TOO_MANY_RESULTS = "too_many_results"
    """The search term is too short or too common: the search is split into narrower ones."""
    BAD_OFFSET = "bad_offset"
    """The page number is below 1: the search ends there."""
    BAD_REQUEST = "bad_request"
    """OMDb cannot answer this request as it is: rejected."""
    BLOCKED = "blocked"
    """Cloudflare's firewall refuses this request: rejected."""
    INVALID_KEY = "invalid_key"
    """The API key is wrong, or not yet activated: the run stops with an error."""
    NO_KEY = "no_key"
    """No API key came with the request: the run stops with an error."""
    LIMIT_REACHED = "limit_reached"
    """The day's quota is used up: the run ends normally and goes on another day."""
    UNAVAILABLE = "unavailable"
    """OMDb or Cloudflare is down or busy, or the body stops short: retried with back-off."""
    BROKEN = "broken"
    """The body came whole and can't be read, nor mended: asked once more, then as NO_DATA."""
    UNKNOWN = "unknown"
    """An error text or a shape never seen before: as NO_DATA."""


@dataclass(frozen=True)
class Details:
    """One title's details, as OMDb's JSON object."""

    data: dict[str, Any]
    mended: bool = False
    """Whether the JSON was broken and had to be mended."""


@dataclass(frozen=True)
class Hit:
    """One row of a search; ``year`` is the first one of a span."""

    imdb_id: str
    year: int | None
    type: str | None


@dataclass(frozen=True)
class SearchPage:
    """One page of a search, at most ten rows, an id perhaps more than once."""

    hits: tuple[Hit, ...]
    total: int | None
    """Rows on all pages; None if OMDb does not say."""
    bad_hits: int = 0
    """Rows left out, since they have no IMDb id to be known by."""
    mended: bool = False


@dataclass(frozen=True)
class Season:
    """One season's episodes, as OMDb's JSON objects."""

    total_seasons: int | None
    episodes: tuple[dict[str, Any], ...]
    bad_episodes: int = 0
    """Elements left out, since they are no JSON objects."""
    mended: bool = False


@dataclass(frozen=True)
class Refusal:
    """A reply without data."""

    kind: RefusalKind
    message: str
    """OMDb's error text, or what is wrong with the reply, in one line."""
    status: int
    from_cache: bool = False
    """Whether Cloudflare answered in OMDb's place: it keeps errors for up to a day."""


Reply: TypeAlias = Details | SearchPage | Season | Refusal

_ERRORS: Final[tuple[tuple[re.Pattern[str], RefusalKind], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), kind)
    for pattern, kind in (
        (r"not found\W*$", RefusalKind.NOT_FOUND),
        (r"^too many results", RefusalKind.TOO_MANY_RESULTS),
        (r"^incorrect imdb id", RefusalKind.INCORRECT_ID),
        (r"^conversion from string .* to type", RefusalKind.INCORRECT_ID),
        (r"^error converting data type", RefusalKind.INCORRECT_ID),
        (r"^error getting data", RefusalKind.NO_DATA),
        (r"\boffset clause\b", RefusalKind.BAD_OFFSET),
        (r"^something went wrong", RefusalKind.BAD_REQUEST),
        (r"^must provide more than one character", RefusalKind.BAD_REQUEST),
        (r"^syntax error near", RefusalKind.BAD_REQUEST),
        (r"^invalid api key", RefusalKind.INVALID_KEY),
        (r"^no api key", RefusalKind.NO_KEY),
        (r"request limit reached", RefusalKind.LIMIT_REACHED),
    )
)
"""OMDb's error texts; their case and final punctuation are not relied on."""

_UNESCAPED_ERROR: Final = re.compile(
    r'\{\s*"Response"\s*:\s*"False"\s*,\s*"Error"\s*:\s*"(.*)"\s*\}', re.IGNORECASE | re.DOTALL
)
_HTML_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_LENIENT: Final = json.JSONDecoder(strict=False)
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_KEYS: Final = {
    *(field.omdb_key for field in FIELDS),
    *("Response", "Search", "totalResults", "Episodes"),
}
_BLOCKED_PAGE: Final = re.compile(
    r"you have been blocked|attention required! \| cloudflare", re.IGNORECASE
)
_REFUSED_BY_SERVER: Final = re.compile(r"potentially dangerous request", re.IGNORECASE)
_SUCCESS: Final = 2
_KIND_OF_STATUS: Final = {
    401: RefusalKind.INVALID_KEY,
    403: RefusalKind.BLOCKED,
    408: RefusalKind.UNAVAILABLE,
    425: RefusalKind.UNAVAILABLE,
    429: RefusalKind.UNAVAILABLE,
}
_KIND_OF_CLASS: Final = {4: RefusalKind.BAD_REQUEST, 5: RefusalKind.UNAVAILABLE}
"""By the first digit of the status, where the status itself is not listed."""
_CACHE_STATUSES: Final = frozenset({"HIT", "STALE", "UPDATING"})
_MESSAGE_LENGTH: Final = 200
_MENDABLE_LENGTH: Final = 500_000
"""In characters: above the longest season. Mending as many takes some 2 s at worst."""


def read_reply(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """Tell what a reply is.

    Args:
        status: HTTP status.
        headers: HTTP headers; the case of their names does not matter.
        body: The body, decompressed.

    Returns:
        The data, or why there is none. Never an exception.
    """
    text = _decode(body, headers)
    data, mended = _read_json(text)
    reply = _read_data(data, mended=mended)
    if reply is not None:
        return reply
    lower = _in_lower_case(headers)
    error = _error_of(data)
    kind = kind_of_error(error) if error else RefusalKind.UNKNOWN
    if kind is RefusalKind.UNKNOWN:
        kind, error = _read_status(status, lower, text, error)
    return Refusal(
        kind,
        " ".join(error.split())[:_MESSAGE_LENGTH],
        status,
        from_cache=lower.get("cf-cache-status", "").strip().upper() in _CACHE_STATUSES,
    )


def is_passing(reply: Reply) -> bool:
    """Tell whether a reply is a refusal that may be otherwise on another day."""
    kinds = {RefusalKind.NO_DATA, RefusalKind.BROKEN, RefusalKind.UNKNOWN}
    return isinstance(reply, Refusal) and reply.kind in kinds


def kind_of_error(text: str) -> RefusalKind:
    """Return the kind of refusal that an error text of OMDb's means."""
    return next((kind for pattern, kind in _ERRORS if pattern.search(text)), RefusalKind.UNKNOWN)


def _in_lower_case(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _decode(body: bytes, headers: Mapping[str, str]) -> str:
    """Return the body as text: UTF-8, or else as declared, or else byte by byte."""
    try:
        return body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        pass
    declared = _CHARSET.search(_in_lower_case(headers).get("content-type", ""))
    try:
        return body.decode(declared[1] if declared else "utf-8").strip()
    except (LookupError, ValueError):  # no such charset; bytes that are not of it
        return body.decode("utf-8-sig", errors=OR_CP1252).strip()


def _read_json(text: str) -> tuple[dict[str, Any], bool]:
    """Return the JSON object that the text is, or should have been, and whether it was mended.

    Returns:
        An empty object where there is none.
    """
    if not text.startswith("{"):
        return {}, False
    try:
        return _LENIENT.decode(text), False
    except (ValueError, RecursionError):
        pass
    if unescaped := _UNESCAPED_ERROR.fullmatch(text):
        return {"Response": "False", "Error": unescaped[1]}, False
    mended = _mend(text) if text.endswith("}") and len(text) <= _MENDABLE_LENGTH else None
    return (mended, True) if mended else ({}, False)


def _mend(text: str) -> dict[str, Any] | None:
    try:
        data = json_repair.loads(text, skip_json_loads=True)
    except Exception:  # noqa: BLE001 (whatever stops the mender, the text stays broken)
        return None
    return data if isinstance(data, dict) and _is_plausible(data) else None


def _is_plausible(mended: dict[str, Any]) -> bool:
    """Tell whether mended JSON has what every whole reply with data has, and no more.

    ``Response`` is always last: where it is missing, the body stopped short at a brace. A key
    that OMDb does not have is a piece of some value, cut in two by the mending.
    """
    rows = mended.get("Search", mended.get("Episodes", [mended]))
    return (
        "Response" in mended
        and mended.keys() <= _KEYS
        and isinstance(rows, list)
        and all(
            isinstance(row, dict) and row.keys() <= _KEYS and parse_imdb_id(row.get("imdbID"))
            for row in rows
        )
    )


def _read_data(data: dict[str, Any], *, mended: bool) -> Details | SearchPage | Season | None:
    response = str(data.get("Response", "")).strip().lower()
    if response == "false":
        return None
    rows = data.get("Search")
    if isinstance(rows, list):
        hits = tuple(hit for hit in map(_read_hit, rows) if hit)
        total = _integer(data.get("totalResults"))
        return SearchPage(hits, total, bad_hits=len(rows) - len(hits), mended=mended)
    rows = data.get("Episodes")
    if isinstance(rows, list):
        episodes = tuple(row for row in rows if isinstance(row, dict))
        return Season(
            _integer(data.get("totalSeasons")),
            episodes,
            bad_episodes=len(rows) - len(episodes),
            mended=mended,
        )
    if "imdbID" in data or (response == "true" and "Title" in data):
        return Details(data, mended=mended)
    return None


def _read_hit(row: object) -> Hit | None:
    imdb_id = parse_imdb_id(row.get("imdbID")) if isinstance(row, dict) else None
    if not isinstance(row, dict) or imdb_id is None:
        return None
    return Hit(imdb_id, _year(row.get("Year")), _text(row.get("Type")))


def _text(value: object) -> str | None:
    return None if is_absent(value) else str(value)


def _integer(value: object) -> int | None:
    try:
        return parse_integer(str(value))
    except ValueError:
        return None


def _year(value: object) -> int | None:
    try:
        return parse_first_year(str(value))
    except ValueError:
        return None


def _error_of(data: dict[str, Any]) -> str:
    """Return the error text of a JSON object, or all that it says instead."""
    error = data.get("Error")
    if isinstance(error, str) and error.strip():
        return error
    return json.dumps(data) if data else ""


def _read_status(
    status: int, headers: Mapping[str, str], text: str, error: str
) -> tuple[RefusalKind, str]:
    """Tell from the status what the body does not say."""
    said = error or _gist(text)
    kind = (
        _kind_of_page(headers, text)
        or _KIND_OF_STATUS.get(status)
        or _KIND_OF_CLASS.get(status // 100)
    )
    if kind is not None:
        return kind, said
    if error or status // 100 != _SUCCESS:
        return RefusalKind.UNKNOWN, said
    if not text.startswith("{"):
        return RefusalKind.UNAVAILABLE, f"no JSON but {_gist(text)}"
    if not text.endswith("}"):
        return RefusalKind.UNAVAILABLE, "the JSON stops short"
    return RefusalKind.BROKEN, f"broken JSON: {text}"


def _kind_of_page(headers: Mapping[str, str], text: str) -> RefusalKind | None:
    """Tell the pages that asking again never gets past from those that it may."""
    if "cf-mitigated" in headers or _BLOCKED_PAGE.search(text):
        return RefusalKind.BLOCKED
    return RefusalKind.BAD_REQUEST if _REFUSED_BY_SERVER.search(text) else None


def _gist(text: str) -> str:
    """Return what a page or text says in one line: its title, or its beginning."""
    title = _HTML_TITLE.search(text)
    return html.unescape(title[1]) if title else text[:_MESSAGE_LENGTH] or "an empty body"
