"""Which responses are rejected, for how long, and with which reason. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_omdb.omdb.responses import ErrorKind, ErrorResponse
from tap_omdb.redaction import redact
from tap_omdb.sync.rows import reject_row

if TYPE_CHECKING:
    from datetime import datetime

    from tap_omdb.client import Response
    from tap_omdb.sync.rows import Row
    from tap_omdb.sync.tasks import Task
    from tap_omdb.transport.errors import UnavailableError

PERMANENT = {
    ErrorKind.NOT_FOUND,
    ErrorKind.INCORRECT_ID,
    ErrorKind.BAD_REQUEST,
    ErrorKind.BLOCKED,
}
"""Errors that are not retried until old titles are due; all others are retried on later days."""

_REASONS = {
    ErrorKind.NOT_FOUND: "not_found",
    ErrorKind.INCORRECT_ID: "incorrect_id",
    ErrorKind.NO_DATA: "no_data",
    ErrorKind.BROKEN: "broken_response",
}


def error_kind(response: Response) -> ErrorKind | None:
    """Return the kind of an error response; None if it is not one."""
    return response.parsed.kind if isinstance(response.parsed, ErrorResponse) else None


def reject_error(task: Task, response: Response, plot: str) -> Row:
    """Return the row of an error response, or of a response of the wrong type."""
    parsed = response.parsed
    if isinstance(parsed, ErrorResponse):
        reason = _REASONS.get(parsed.kind, "http_error")
        return reject(task, response, reason, parsed.message, plot)
    message = f"OMDb returned a {type(parsed).__name__} instead"
    return reject(task, response, "invalid_record", message, plot)


def reject(task: Task, response: Response, reason: str, message: str, plot: str) -> Row:
    """Return the row of a response that gave no data.

    Args:
        task: The task that failed.
        response: The response.
        reason: One of the reasons that the stream's schema lists.
        message: The reason, in OMDb's words or the tap's.
        plot: The length of the plot that was requested.
    """
    return reject_row(
        task,
        task.query(plot),
        reason,
        redact(message),
        status=response.raw.status,
        payload=redact(response.raw.body.decode("utf-8", "replace").replace("\0", "\ufffd")),
        now=response.raw.fetched_at,
    )


def reject_unavailable(task: Task, error: UnavailableError, plot: str, now: datetime) -> Row:
    """Return the row of a request whose retries are exhausted."""
    return reject_row(
        task,
        task.query(plot),
        error.reason,
        str(error),
        status=error.status,
        payload=None,
        now=now,
    )
