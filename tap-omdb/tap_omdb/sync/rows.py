"""The rows of `searches` and `rejects`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tap_omdb.omdb.records import to_timestamp
from tap_omdb.sync.tasks import LookupTask, SearchTask, SeasonTask, TitleTask

if TYPE_CHECKING:
    from datetime import datetime

    from tap_omdb.config.titles_file import InvalidRow
    from tap_omdb.omdb.queries import Query
    from tap_omdb.state.searches import SearchProgress
    from tap_omdb.sync.tasks import Task


class Row(NamedTuple):
    """One record of one stream."""

    stream: str
    values: dict[str, Any]


def search_row(
    search: SearchProgress, now: datetime, *, is_complete: bool, error: str | None = None
) -> Row:
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
        "error": error,
        "searched_at": to_timestamp(now),
    }
    return Row("searches", values)


def reject_row(  # noqa: PLR0913 - one argument for each column
    task: Task,
    query: Query,
    reason: str,
    message: str,
    *,
    status: int | None,
    payload: str | None,
    now: datetime,
) -> Row:
    """Return the row of a request that gave no data.

    Args:
        task: What was to be fetched.
        query: The query that was sent.
        reason: One of the reasons that the stream's schema lists.
        message: The reason in OMDb's or our words.
        status: The HTTP status; None if there was no response.
        payload: The response as text.
        now: The current time (UTC).
    """
    values = {
        "reject_id": str(query.without("plot", "detail")),
        "imdb_id": _imdb_id(task),
        "source": _source(task),
        "request": str(query),
        "reason": reason,
        "message": message,
        "http_status": status,
        "payload": payload,
        "line_number": task.line if isinstance(task, (TitleTask, LookupTask)) else None,
        "rejected_at": to_timestamp(now),
    }
    return Row("rejects", values)


def invalid_row(row: InvalidRow, file_name: str, now: datetime) -> Row:
    """Return the row of a titles file's line that does not identify a title."""
    values = {
        "reject_id": f"{file_name}:{row.line}",
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
    return Row("rejects", values)


def _imdb_id(task: Task) -> str | None:
    if isinstance(task, TitleTask):
        return task.imdb_id
    return task.series_id if isinstance(task, SeasonTask) else None


def _source(task: Task) -> str:
    if isinstance(task, (TitleTask, LookupTask)):
        return task.source
    return "search" if isinstance(task, SearchTask) else "season"
