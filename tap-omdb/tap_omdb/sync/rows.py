"""The rows of `searches`, `rejects` and `syncs`. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_omdb.omdb.records import to_timestamp
from tap_omdb.sync.tasks import LookupTask, SearchTask, SeasonTask, TitleTask

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tap_omdb.config.titles_file import InvalidRow
    from tap_omdb.omdb.queries import Query
    from tap_omdb.state.budget import Budget
    from tap_omdb.state.searches import SearchProgress
    from tap_omdb.state.sync_state import SyncState
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
        task: The task that failed.
        query: The query that was sent.
        reason: One of the reasons that the stream's schema lists.
        message: The reason, in OMDb's words or the tap's.
        status: The HTTP status; None if there was no response.
        payload: The response as text.
        now: The current time (UTC).
    """
    values = {
        "reject_id": _reject_id(task, query),
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        kind: One of the outcomes that the schema of `syncs` lists.
        message: Why it ended early; None if it is complete.
    """

    kind: str
    message: str | None = None


def sync_row(  # noqa: PLR0913 - one argument for each part of a run
    run_id: str,
    started_at: datetime,
    ended_at: datetime,
    outcome: Outcome,
    *,
    budget: Budget,
    retries: int,
    responses_reused: int,
    rows: Mapping[str, int],
    unparsed_values: int,
    pending_titles: int,
    state: SyncState,
) -> Row:
    """Return the row of a run.

    Args:
        run_id: Identifies the run in the state.
        started_at: When it started (UTC).
        ended_at: When it ended (UTC).
        outcome: How it ended.
        budget: Its requests.
        retries: Requests that repeated a failed one.
        responses_reused: Cached responses of earlier runs used.
        rows: The rows emitted, by stream.
        unparsed_values: Values that did not parse.
        pending_titles: Titles and seasons left to fetch.
        state: The sync state at the end.
    """
    values = {
        "sync_id": f"{started_at:%Y%m%dT%H%M%S}-{run_id}",
        "started_at": to_timestamp(started_at),
        "ended_at": to_timestamp(ended_at),
        "outcome": outcome.kind,
        "message": outcome.message,
        "requests": budget.used,
        "retries": retries,
        "responses_reused": responses_reused,
        "requests_left_today": budget.left_today,
        "records": dict(sorted(rows.items())),
        "rejects": rows.get("rejects", 0),
        "unparsed_values": unparsed_values,
        "pending_titles": pending_titles,
        "pending_searches": len(state.searches.in_progress),
        "known_titles": len(state.titles),
        "tap_version": version("tap-omdb"),
    }
    return Row("syncs", values)


def _reject_id(task: Task, query: Query) -> str:
    if isinstance(task, LookupTask) and task.ignores_year:
        # The title is looked up by its year as well; others may have the same name.
        query = replace(task, ignores_year=False).query(plot="")
    return str(query.without("plot", "detail"))


def _imdb_id(task: Task) -> str | None:
    if isinstance(task, TitleTask):
        return task.imdb_id
    return task.series_id if isinstance(task, SeasonTask) else None


def _source(task: Task) -> str:
    if isinstance(task, (TitleTask, LookupTask)):
        return task.source
    return "search" if isinstance(task, SearchTask) else "season"
