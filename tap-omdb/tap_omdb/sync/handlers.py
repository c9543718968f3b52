"""Hands each response to the handler of its task."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tap_omdb.client import Response
from tap_omdb.omdb.responses import ErrorResponse
from tap_omdb.sync.handler import Handler, RunParts
from tap_omdb.sync.rows import Row, unavailable_row
from tap_omdb.sync.search_handler import SearchHandler
from tap_omdb.sync.season_handler import SeasonHandler
from tap_omdb.sync.tasks import LookupTask, SearchTask, SeasonTask, Task, TitleTask
from tap_omdb.sync.title_handlers import LookupHandler, TitleHandler
from tap_omdb.transport import UnavailableError

logger = logging.getLogger(__name__)

HANDLERS: dict[type[Task], type[Handler[Any]]] = {
    TitleTask: TitleHandler,
    LookupTask: LookupHandler,
    SearchTask: SearchHandler,
    SeasonTask: SeasonHandler,
}
"""The handler of each kind of task."""


class ResponseHandler:
    """Handles responses, in the order in which the executor yields them. Not thread-safe."""

    def __init__(self, parts: RunParts) -> None:
        """Create the handlers."""
        self._parts = parts
        self._handlers = {task: handler(parts) for task, handler in HANDLERS.items()}

    def handle(
        self, task: Task, response: Response | UnavailableError, now: datetime
    ) -> Iterator[Row]:
        """Yield the rows of a response.

        Args:
            task: What was requested.
            response: The response, or why there is none after all retries.
            now: The current time (UTC).
        """
        handler, plot = self._handlers[type(task)], self._parts.settings.plot
        if isinstance(response, UnavailableError):
            yield unavailable_row(task, plot, response, now)
            handler.mark_failed(task, now.date(), str(response))
        else:
            if not isinstance(response.parsed, ErrorResponse) and response.parsed.repaired:
                query = task.query(plot)
                logger.warning("The response to %s was broken JSON and has been repaired", query)
            yield from handler.handle(task, response)
        self._parts.queue.done(task)

    def begin(self, now: datetime) -> Iterator[Row]:
        """Yield the rows that are due before the first response."""
        for handler in self._handlers.values():
            yield from handler.begin(now)

    def end(self, now: datetime) -> Iterator[Row]:
        """Yield the rows that are due after the last response."""
        for handler in self._handlers.values():
            yield from handler.end(now)
