"""The rows of `searches` and `rejects`, and what a row is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tap_omdb.queries import LookupTask, PageTask, SeasonTask, TitleTask
from tap_omdb.records import to_timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from tap_omdb.queries import Query, SearchPass, Task
    from tap_omdb.titles_file import UnusableRow


class Row(NamedTuple):
    """One record of one stream."""

    stream: str
    values: dict[str, Any]


def search_row(
    search: SearchPass, now: datetime, *, is_complete: bool, error: str | None = None
) -> Row:
    """Return the row of a search's pass, as far as it has come."""
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


def reject_row(  # noqa: PLR0913 - one argument for each thing to be told
    task: Task,
    query: Query,
    reason: str,
    message: str,
    *,
    status: int | None,
    payload: str | None,
    now: datetime,
) -> Row:
    """Return the row of something that OMDb did not give.

    Args:
        task: What was wanted.
        query: How it was asked for.
        reason: One of the reasons that the stream's schema lists.
        message: The same in OMDb's or our words.
        status: The HTTP status; None if there was no reply.
        payload: The reply as text.
        now: When (UTC).
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


def unusable_row(row: UnusableRow, file_name: str, now: datetime) -> Row:
    """Return the row of a titles file's line that names no title."""
    values = {
        "reject_id": f"{file_name}:{row.line}",
        "imdb_id": None,
        "source": "titles_file",
        "request": None,
        "reason": "unusable_row",
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
        return task.origin
    return "search" if isinstance(task, PageTask) else "season"
