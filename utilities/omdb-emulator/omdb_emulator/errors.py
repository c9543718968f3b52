"""The error responses of OMDb."""

from __future__ import annotations

from typing import NamedTuple


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
