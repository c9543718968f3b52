"""OMDb's protocol: the parameters of a query as OMDb interprets them, and its error responses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

_FARTHEST_PAGE = 1e9


class Response(NamedTuple):
    """What OMDb sends: an HTTP status, and a body of JSON (possibly broken JSON)."""

    status: int
    body: bytes


def error_response(text: str, status: int = 200) -> Response:
    """Return an error response with this text, which OMDb does not escape."""
    return Response(status, b'{"Response":"False","Error":"%b"}' % text.encode(errors="replace"))


SERIES_NOT_FOUND = error_response("Series not found!")
EPISODE_NOT_FOUND = error_response("Episode not found!")
MOVIE_NOT_FOUND = error_response("Movie not found!")
NO_SEASON = error_response("Series or season not found!")
NO_EPISODE = error_response("Series or episode not found!")
TOO_MANY = error_response("Too many results.")
INCORRECT_ID = error_response("Incorrect IMDb ID.")
NO_DATA = error_response("Error getting data.")
NEGATIVE_OFFSET = error_response("The offset specified in a OFFSET clause may not be negative.")
NO_KEY = error_response("No API key provided.", 401)
INVALID_KEY = error_response("Invalid API key!", 401)
LIMIT_REACHED = error_response("Request limit reached!", 401)


def not_found(kind: str | None) -> Response:
    """Return the error response for a title of this type, None for any, that is not found."""
    return {"series": SERIES_NOT_FOUND, "episode": EPISODE_NOT_FOUND}.get(
        kind or "", MOVIE_NOT_FOUND
    )


def parse_query(query_string: str) -> dict[str, str]:
    """Return the parameters by lower-case name; the first of each name counts."""
    query: dict[str, str] = {}
    for name, value in parse_qsl(query_string, keep_blank_values=True, errors="replace"):
        query.setdefault(name.lower(), value)
    return query


def kind_of(query: Mapping[str, str]) -> str:
    """Return the kind of request: details, title, season, episode, search or invalid."""
    if query.get("i") or query.get("t"):
        if query.get("season"):
            return "episode" if query.get("episode") else "season"
        return "details" if query.get("i") else "title"
    return "search" if query.get("s") else "invalid"


def normal_id(requested: str) -> str | Response:
    """Return the id in its usual form, or OMDb's error response.

    OMDb converts what follows ``tt`` to a number. If an id of the right length is not a number,
    it responds with invalid JSON, since it does not escape the quotes.
    """
    digits = requested[2:] if requested[:2].lower() == "tt" else requested
    if re.fullmatch(r"[0-9]{7,8}", digits) and digits is not requested:
        return f"tt{int(digits):07d}"
    if not digits.isdigit() and len(requested) in {9, 10}:
        return error_response(f"Conversion from string \"{digits}\" to type 'Double' is not valid.")
    return INCORRECT_ID


def page_number(text: str) -> int | Response:
    """Return the page, rounded half to even as .NET does and 1 if empty, or an error response."""
    if not text:
        return 1
    if not re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)\s*", text):
        return error_response(f"Conversion from string \"{text}\" to type 'Integer' is not valid.")
    return round(min(max(float(text), -_FARTHEST_PAGE), _FARTHEST_PAGE))


def title_type(query: Mapping[str, str]) -> str | None:
    """Return the requested type in lower case, None for any."""
    return query.get("type", "").lower() or None


def start_year(query: Mapping[str, str]) -> int | None:
    """Return the requested year, None if there is none, -1 if it is not a year."""
    text = query.get("y", "").strip()
    year = whole_number(text)
    return -1 if text and year is None else year


def is_full(query: Mapping[str, str], parameter: str) -> bool:
    """Whether a parameter is ``full``, as ``plot`` and ``detail`` can be."""
    return query.get(parameter, "").lower() == "full"


def whole_number(text: str) -> int | None:
    """Return a number of up to nine digits, None for anything else."""
    return int(text) if re.fullmatch(r"\s*[0-9]{1,9}\s*", text) else None
