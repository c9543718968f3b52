"""The rows of all streams but those of titles and runs; the errors that are rejected for long."""

from __future__ import annotations

import json
from datetime import datetime
from typing import NamedTuple

from tap_omdb.client import Response
from tap_omdb.config.settings import Title
from tap_omdb.config.titles_file import InvalidRow, TitleEntry
from tap_omdb.omdb.records import InvalidRecord, Record, storable, to_timestamp
from tap_omdb.omdb.responses import ErrorKind, ErrorResponse
from tap_omdb.redaction import redact
from tap_omdb.state.searches import SearchProgress
from tap_omdb.sync.tasks import DetailsTask, LookupTask, Task
from tap_omdb.transport import UnavailableError

_PERMANENT = {
    ErrorKind.NOT_FOUND,
    ErrorKind.INCORRECT_ID,
    ErrorKind.BAD_REQUEST,
    ErrorKind.BLOCKED,
}
LEFT_OUT = "left_out"
"""The outcome of what is asked for, but not to be loaded."""
_REASONS = {
    ErrorKind.NOT_FOUND: "not_found",
    ErrorKind.INCORRECT_ID: "incorrect_id",
    ErrorKind.NO_DATA: "no_data",
    ErrorKind.BROKEN: "broken_response",
}


class Answer(NamedTuple):
    """What came of a lookup.

    Attributes:
        outcome: One of those that the schema of `lookups` lists.
        imdb_id: The title that was found.
        matched_by: How it was found.
        message: Why it was not found, or is left out.
    """

    outcome: str
    imdb_id: str | None = None
    matched_by: str | None = None
    message: str | None = None


def is_permanent(response: Response) -> bool:
    """Return whether an error is not retried until old titles are due, or else on later days."""
    return response.error is not None and response.error.kind in _PERMANENT


def search_row(search: SearchProgress, now: datetime, *, is_complete: bool) -> Record:
    """Return the row of a search, as far as it has been read."""
    missed = None if search.total is None else max(0, search.total - search.rows)
    values = {
        "search_id": str(search.key),
        "search_term": search.key.term,
        "year": search.key.year,
        "type": search.key.type,
        "total_results": search.total,
        "pages_read": search.next_page - 1,
        "hits": search.hits,
        "new_titles": search.new_titles,
        "missed": missed,
        "is_complete": is_complete,
        "error": search.error,
        "searched_at": to_timestamp(now),
    }
    return Record("searches", values)


def reject_row(
    task: Task, plot: str, response: Response, reason: str = "", message: str = ""
) -> Record:
    """Return the row of a response that gave no data.

    Args:
        task: The task that failed.
        plot: The length of the plot that was requested.
        response: The response.
        reason: One of the reasons that the stream's schema lists; by default, that of an error
            response, or of a response of the wrong type.
        message: The reason in the tap's words.
    """
    raw, parsed = response.raw, response.parsed
    if isinstance(parsed, ErrorResponse):
        reason, message = _REASONS.get(parsed.kind, "http_error"), parsed.message
    elif not reason:
        reason, message = "invalid_record", f"OMDb returned a {type(parsed).__name__} instead"
    payload = redact(raw.body.decode("utf-8", "replace").replace("\0", "\ufffd"))
    message = redact(message)
    return _task_row(task, plot, reason, message, raw.fetched_at, raw.status, payload)


def unavailable_row(task: Task, plot: str, error: UnavailableError, now: datetime) -> Record:
    """Return the row of a request whose retries are exhausted."""
    return _task_row(task, plot, error.reason, str(error), now, error.status, None)


def list_entry_row(row: TitleEntry | InvalidRow, position: int, now: datetime) -> Record:
    """Return the row of a list's row.

    Args:
        row: The row as it was read.
        position: Its place in the list, from 1.
        now: When the list was read (UTC).
    """
    title = year = type_ = imdb_id = lookup_id = reason = None
    if isinstance(row, InvalidRow):
        reason = row.reason
    else:
        imdb_id, title, year, type_ = row.imdb_id, row.title, row.year, row.type
        lookup_id = imdb_id or Title.of(row).key
    try:
        columns = storable(row.columns)
    except InvalidRecord:  # nested too deep
        columns = {"row": json.dumps(row.columns)}
    values = {
        "list": row.list,
        "position": position,
        "line": row.line,
        "title": storable(title),
        "year": year,
        "type": type_,
        "imdb_id": imdb_id,
        "lookup_id": lookup_id,
        "reason": reason,
        "columns": columns,
        "read_at": to_timestamp(now),
    }
    return Record("list_entries", values)


def lookup_row(task: DetailsTask, answer: Answer, now: datetime) -> Record:
    """Return the row of a lookup that was answered, or of an id that is left out.

    Args:
        task: What was asked for.
        answer: What came of it.
        now: When it was answered (UTC).
    """
    title = task.title if isinstance(task, LookupTask) else None
    values = {
        "lookup_id": title.key if title else task.imdb_id,
        "title": title and title.title,
        "year": title and title.year,
        "type": title and title.type,
        **answer._asdict(),
        "message": answer.message and redact(answer.message),
        "looked_up_at": to_timestamp(now),
    }
    return Record("lookups", values)


def invalid_row(row: InvalidRow, now: datetime) -> Record:
    """Return the row of a titles file's line that does not identify a title."""
    values = {
        "reject_id": f"{row.list}:{row.line}",
        "imdb_id": None,
        "source": "titles_file",
        "request": None,
        "reason": "invalid_row",
        "message": row.reason,
        "http_status": None,
        "payload": row.text,
        "line_number": row.line,
        "rejected_at": to_timestamp(now),
    }
    return Record("rejects", values)


def _task_row(  # noqa: PLR0913, PLR0917 - what differs between a response and none
    task: Task,
    plot: str,
    reason: str,
    message: str,
    now: datetime,
    status: int | None,
    payload: str | None,
) -> Record:
    values = {
        "reject_id": task.reject_id,
        "imdb_id": task.imdb_id,
        "source": task.source,
        "request": str(task.query(plot)),
        "reason": reason,
        "message": message,
        "http_status": status,
        "payload": payload,
        "line_number": task.line,
        "rejected_at": to_timestamp(now),
    }
    return Record("rejects", values)
