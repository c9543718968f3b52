"""Parses the responses of OMDb: title details, search pages, seasons and classified errors.

OMDb's status codes say little: a title that is not found is a 200; a 401 means an invalid key, no
key, or an exhausted quota; some errors are not even JSON. So the body is parsed first, and the
status decides only where the body does not.

Any status, headers and bytes give a result.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final, TypeAlias

from tap_omdb.omdb.decoding import decode_json, decode_text
from tap_omdb.omdb.records import is_absent, parse_imdb_id, parse_integer, parse_year


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response as it was received.

    Attributes:
        fetched_at: When it was received (UTC).
        status: The HTTP status.
        content_type: The Content-Type header, which may declare a charset.
        body: The body, decompressed.
    """

    fetched_at: datetime
    status: int
    content_type: str
    body: bytes


class ErrorKind(Enum):
    """Why OMDb sent no data; the comment on each says what the tap does then.

    A rejected request is not sent again until `refresh.older` has passed.
    """

    NOT_FOUND = "not_found"
    """OMDb has no such title: rejected. Or the search has no (more) results: it ends there."""
    INCORRECT_ID = "incorrect_id"
    """Not an IMDb id, or out of the range that OMDb accepts: rejected."""
    NO_DATA = "no_data"
    """OMDb could not read its data, often only for a while: rejected, retried on later days."""
    TOO_MANY_RESULTS = "too_many_results"
    """The search term is too short or too common: the search is split into narrower ones."""
    BAD_OFFSET = "bad_offset"
    """The page number is below 1: the search ends there."""
    BAD_REQUEST = "bad_request"
    """OMDb cannot process this request: rejected."""
    BLOCKED = "blocked"
    """Cloudflare's firewall blocks this request: rejected."""
    INVALID_KEY = "invalid_key"
    """The API key is wrong or not yet activated: the run ends with an error."""
    NO_KEY = "no_key"
    """The request had no API key: the run ends with an error."""
    LIMIT_REACHED = "limit_reached"
    """The daily quota is exhausted: the run ends normally and continues on another day."""
    UNAVAILABLE = "unavailable"
    """OMDb or Cloudflare is down or busy, or the body is cut short: retried with backoff."""
    BROKEN = "broken"
    """The body is complete, but cannot be parsed or repaired: retried once, then as NO_DATA."""
    UNKNOWN = "unknown"
    """An error text or a structure never seen before: as NO_DATA."""


@dataclass(frozen=True)
class TitleDetails:
    """The details of one title, as OMDb's JSON object."""

    data: dict[str, Any]
    repaired: bool = False
    """Whether the JSON was broken and had to be repaired."""


@dataclass(frozen=True)
class Hit:
    """One row of a search page; ``year`` is the first of a range."""

    imdb_id: str
    year: int | None
    type: str | None


@dataclass(frozen=True)
class SearchPage:
    """One page of a search: at most ten rows, in which an id may occur more than once."""

    hits: tuple[Hit, ...]
    total: int | None
    """Rows on all pages; None if OMDb does not report it."""
    invalid_hits: int = 0
    """Rows left out because they have no IMDb id."""
    repaired: bool = False


@dataclass(frozen=True)
class Season:
    """The episodes of one season, as OMDb's JSON objects."""

    total_seasons: int | None
    episodes: tuple[dict[str, Any], ...]
    invalid_episodes: int = 0
    """Elements left out because they are not JSON objects."""
    repaired: bool = False


@dataclass(frozen=True)
class ErrorResponse:
    """A response without data."""

    kind: ErrorKind
    message: str
    """OMDb's error text, or what is wrong with the response, in one line."""
    status: int
    from_cache: bool = False
    """Whether Cloudflare's cache sent it instead of OMDb: errors stay there for up to a day."""


ParsedResponse: TypeAlias = TitleDetails | SearchPage | Season | ErrorResponse

_ERRORS: Final[tuple[tuple[re.Pattern[str], ErrorKind], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), kind)
    for pattern, kind in (
        (r"not found\W*$", ErrorKind.NOT_FOUND),
        (r"^too many results", ErrorKind.TOO_MANY_RESULTS),
        (r"^incorrect imdb id", ErrorKind.INCORRECT_ID),
        (r"^conversion from string .* to type", ErrorKind.INCORRECT_ID),
        (r"^error converting data type", ErrorKind.INCORRECT_ID),
        (r"^error getting data", ErrorKind.NO_DATA),
        (r"\boffset clause\b", ErrorKind.BAD_OFFSET),
        (r"^something went wrong", ErrorKind.BAD_REQUEST),
        (r"^must provide more than one character", ErrorKind.BAD_REQUEST),
        (r"^syntax error near", ErrorKind.BAD_REQUEST),
        (r"^invalid api key", ErrorKind.INVALID_KEY),
        (r"^no api key", ErrorKind.NO_KEY),
        (r"request limit reached", ErrorKind.LIMIT_REACHED),
    )
)
"""OMDb's error texts; their case and final punctuation may vary."""

_HTML_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_BLOCKED_PAGE: Final = re.compile(
    r"you have been blocked|attention required! \| cloudflare", re.IGNORECASE
)
_REJECTED_BY_SERVER: Final = re.compile(r"potentially dangerous request", re.IGNORECASE)
_SUCCESS: Final = 2
_KIND_OF_STATUS: Final = {
    401: ErrorKind.INVALID_KEY,
    403: ErrorKind.BLOCKED,
    408: ErrorKind.UNAVAILABLE,
    425: ErrorKind.UNAVAILABLE,
    429: ErrorKind.UNAVAILABLE,
}
_KIND_OF_STATUS_CLASS: Final = {4: ErrorKind.BAD_REQUEST, 5: ErrorKind.UNAVAILABLE}
"""By the first digit of the status, where the status itself is not listed."""
_CACHE_STATUSES: Final = frozenset({"HIT", "STALE", "UPDATING"})
_MAX_MESSAGE_LENGTH: Final = 200
_TEMPORARY: Final = {ErrorKind.NO_DATA, ErrorKind.BROKEN, ErrorKind.UNKNOWN}


def parse_response(status: int, headers: Mapping[str, str], body: bytes) -> ParsedResponse:
    """Parse a response.

    Args:
        status: HTTP status.
        headers: HTTP headers; the case of their names does not matter.
        body: The body, decompressed.

    Returns:
        The data, or why there is none. Never an exception.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    text = decode_text(body, lower.get("content-type", ""))
    data, repaired = decode_json(text)
    parsed = _parse_data(data)
    if parsed is not None:
        return replace(parsed, repaired=True) if repaired else parsed
    error = _error_text(data)
    kind = classify_error(error) if error else ErrorKind.UNKNOWN
    if kind is ErrorKind.UNKNOWN:
        kind, error = _classify_by_status(status, lower, text, error)
    return ErrorResponse(
        kind,
        " ".join(error.split())[:_MAX_MESSAGE_LENGTH],
        status,
        from_cache=lower.get("cf-cache-status", "").strip().upper() in _CACHE_STATUSES,
    )


def is_temporary(parsed: ParsedResponse) -> bool:
    """Return whether this is an error that may be gone on another day."""
    return isinstance(parsed, ErrorResponse) and parsed.kind in _TEMPORARY


def classify_error(text: str) -> ErrorKind:
    """Return the kind of an error text of OMDb's."""
    return next((kind for pattern, kind in _ERRORS if pattern.search(text)), ErrorKind.UNKNOWN)


def _parse_data(data: dict[str, Any]) -> TitleDetails | SearchPage | Season | None:
    response = str(data.get("Response", "")).strip().lower()
    if response == "false":
        return None
    rows = data.get("Search")
    if isinstance(rows, list):
        hits = tuple(hit for hit in map(_parse_hit, rows) if hit)
        total = _integer(data.get("totalResults"))
        return SearchPage(hits, total, invalid_hits=len(rows) - len(hits))
    rows = data.get("Episodes")
    if isinstance(rows, list):
        episodes = tuple(row for row in rows if isinstance(row, dict))
        total = _integer(data.get("totalSeasons"))
        return Season(total, episodes, invalid_episodes=len(rows) - len(episodes))
    if "imdbID" in data or (response == "true" and "Title" in data):
        return TitleDetails(data)
    return None


def _parse_hit(row: object) -> Hit | None:
    imdb_id = parse_imdb_id(row.get("imdbID")) if isinstance(row, dict) else None
    if not isinstance(row, dict) or imdb_id is None:
        return None
    title_type = row.get("Type")
    title_type = None if is_absent(title_type) else str(title_type)
    return Hit(imdb_id, parse_year(row.get("Year")), title_type)


def _integer(value: object) -> int | None:
    try:
        return parse_integer(str(value))
    except ValueError:
        return None


def _error_text(data: Mapping[str, Any]) -> str:
    """Return the error text of a JSON object, or else the whole object as text."""
    error = data.get("Error")
    if isinstance(error, str) and error.strip():
        return error
    return json.dumps(data) if data else ""


def _classify_by_status(
    status: int, headers: Mapping[str, str], text: str, error: str
) -> tuple[ErrorKind, str]:
    """Return the kind and message of an error that the body alone does not determine."""
    message = error or _summarise(text)
    kind = (
        _classify_page(headers, text)
        or _KIND_OF_STATUS.get(status)
        or _KIND_OF_STATUS_CLASS.get(status // 100)
    )
    if kind is not None:
        return kind, message
    if error or status // 100 != _SUCCESS:
        return ErrorKind.UNKNOWN, message
    if not text.startswith("{"):
        return ErrorKind.UNAVAILABLE, f"not JSON: {_summarise(text)}"
    if not text.endswith("}"):
        return ErrorKind.UNAVAILABLE, "the JSON is cut short"
    return ErrorKind.BROKEN, f"broken JSON: {text}"


def _classify_page(headers: Mapping[str, str], text: str) -> ErrorKind | None:
    """Return the kind of an error page for which a retry does not help; None for others."""
    if "cf-mitigated" in headers or _BLOCKED_PAGE.search(text):
        return ErrorKind.BLOCKED
    return ErrorKind.BAD_REQUEST if _REJECTED_BY_SERVER.search(text) else None


def _summarise(text: str) -> str:
    """Return a page's title, or the beginning of a text."""
    title = _HTML_TITLE.search(text)
    return html.unescape(title[1]) if title else text[:_MAX_MESSAGE_LENGTH] or "an empty body"
