"""What the handlers of all kinds of tasks have in common."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from tap_omdb.client import Response
from tap_omdb.config.settings import Settings
from tap_omdb.omdb.records import Record, parse_imdb_id, to_record
from tap_omdb.omdb.responses import ErrorResponse
from tap_omdb.state.sync_state import SyncState
from tap_omdb.sync.planner import Selection
from tap_omdb.sync.queue import TaskQueue
from tap_omdb.sync.rows import Row, error_row, reject_row, unavailable_row
from tap_omdb.sync.tasks import Task
from tap_omdb.transport import UnavailableError

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=Task)


@dataclass(frozen=True, slots=True)
class RunParts:
    """The parts of a run that handlers use: they add tasks to the queue, and update the state."""

    settings: Settings
    state: SyncState
    queue: TaskQueue
    selection: Selection
    unparsed: Counter[str] = field(default_factory=Counter)
    """How many values did not parse, by field."""
    listed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Series, season and number of the episodes that seasons have listed, by IMDb id."""


class Handler(ABC, Generic[T]):
    """Turns the responses to one kind of task into rows, state updates and further tasks.

    Each row is yielded before the state is updated with it, so that a state never covers what has
    not been emitted.
    """

    def __init__(self, parts: RunParts) -> None:
        """Use the parts of a run."""
        self._parts = parts
        self._settings = parts.settings
        self._state = parts.state
        self._queue = parts.queue

    def respond(
        self, task: T, response: Response | UnavailableError, now: datetime
    ) -> Iterator[Row]:
        """Yield the rows of a task, and tell the queue that it is done.

        Args:
            task: What was requested.
            response: The response, or why there is none after all retries.
            now: The current time (UTC).
        """
        if isinstance(response, UnavailableError):
            yield unavailable_row(task, self._settings.plot, response, now)
            self.mark_failed(task, now.date(), str(response))
        else:
            if not isinstance(response.parsed, ErrorResponse) and response.parsed.repaired:
                query = task.query(self._settings.plot)
                logger.warning("The response to %s was broken JSON and has been repaired", query)
            yield from self.handle(task, response)
        self._queue.done(task)

    @abstractmethod
    def handle(self, task: T, response: Response) -> Iterator[Row]:
        """Yield the rows of a response."""

    @abstractmethod
    def mark_failed(self, task: T, today: date, message: str = "") -> None:
        """Record that a task failed today, and why; it is retried on a later day."""

    def _reject(self, task: Task, response: Response, reason: str, message: str) -> Row:
        return reject_row(task, self._settings.plot, response, reason, message)

    def _reject_error(self, task: Task, response: Response) -> Row:
        return error_row(task, self._settings.plot, response)

    def _add_seasons(self, series_id: str, total: int, today: date) -> None:
        """Queue a series' first `total` seasons, if episodes are wanted."""
        if "episode" in self._parts.selection.found:
            self._queue.add_seasons(series_id, total, today)

    def _record(
        self,
        data: dict[str, Any],
        response: Response,
        matched_by: str | None,
        requested: str | None = None,
    ) -> Record:
        """Return the record of a title, and count the values that do not parse.

        Args:
            data: OMDb's details of the title.
            response: The response that they are from.
            matched_by: How the title was found.
            requested: The id that was requested, if the title was requested by its id.

        Raises:
            InvalidRecord: The details cannot be converted.
        """
        returned = parse_imdb_id(data.get("imdbID"))
        merged = {*self._state.titles.merged_ids(returned)} if returned else set()
        if requested and requested != returned:
            merged.add(requested)
        record = to_record(
            data,
            fetched_at=response.raw.fetched_at,
            merged_ids=sorted(merged),
            matched_by=matched_by,
        )
        if record.stream == "episodes":
            # OMDb's details of many episodes lack what its list of the season has.
            for name, value in self._parts.listed.pop(returned or "", {}).items():
                if record.values[name] is None:
                    record.values[name] = value
        for name, text in (record.values["unparsed"] or {}).items():
            if not self._parts.unparsed[name]:
                logger.warning(
                    "%s of %s does not parse: %.60r. It is null there, and its text is kept in "
                    "`unparsed`; further ones of this field are only counted",
                    name,
                    returned,
                    text,
                )
            self._parts.unparsed[name] += 1
        return record
