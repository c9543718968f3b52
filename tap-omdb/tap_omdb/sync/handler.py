"""Turns responses into rows for the streams, state updates, and further tasks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_omdb.omdb.responses import ErrorResponse
from tap_omdb.sync.record_builder import RecordBuilder
from tap_omdb.sync.rejects import reject_unavailable
from tap_omdb.sync.rows import invalid_row
from tap_omdb.sync.search_handler import SearchHandler
from tap_omdb.sync.season_handler import SeasonHandler
from tap_omdb.sync.tasks import SearchTask, SeasonTask
from tap_omdb.sync.title_handler import TitleHandler
from tap_omdb.transport.errors import UnavailableError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from datetime import datetime

    from tap_omdb.client import Response
    from tap_omdb.config.settings import Settings
    from tap_omdb.config.titles_file import InvalidRow
    from tap_omdb.state.sync_state import SyncState
    from tap_omdb.sync.queue import TaskQueue
    from tap_omdb.sync.rows import Row
    from tap_omdb.sync.tasks import Task

logger = logging.getLogger(__name__)


class ResponseHandler:
    """Handles responses, in the order in which the executor yields them. Not thread-safe.

    Each row is yielded before the state is updated with it, so that a state never covers what has
    not been emitted.
    """

    def __init__(
        self, settings: Settings, state: SyncState, queue: TaskQueue, selected: frozenset[str]
    ) -> None:
        """Create a handler.

        Args:
            settings: The tap's settings.
            state: The sync state.
            queue: Takes further tasks.
            selected: The types whose streams are selected.
        """
        self._settings = settings
        self._queue = queue
        self._builder = RecordBuilder(state.titles)
        self._seasons = SeasonHandler(settings, state, queue, self._builder)
        self._titles = TitleHandler(settings, state, queue, selected, self._builder, self._seasons)
        self.searches = SearchHandler(settings, state, queue, self._seasons)

    @property
    def unparsed(self) -> Counter[str]:
        """How many values did not parse, by field."""
        return self._builder.unparsed

    def handle(
        self, task: Task, response: Response | UnavailableError, now: datetime
    ) -> Iterator[Row]:
        """Yield the rows of a response.

        Args:
            task: What was requested.
            response: The response, or why there is none after all retries.
            now: The current time (UTC).
        """
        if isinstance(response, UnavailableError):
            yield reject_unavailable(task, response, self._settings.plot, now)
            self._mark_failed(task, response, now)
            self._queue.done(task)
            return
        if not isinstance(response.parsed, ErrorResponse) and response.parsed.repaired:
            query = task.query(self._settings.plot)
            logger.warning("The response to %s was broken JSON and has been repaired", query)
        found = 0
        if isinstance(task, SearchTask):
            known = task.search.new_titles
            yield from self.searches.handle(task, response)
            found = task.search.new_titles - known
        elif isinstance(task, SeasonTask):
            yield from self._seasons.handle(task, response)
        else:
            yield from self._titles.handle(task, response)
        self._queue.done(task, found=found)

    def handle_invalid_row(self, row: InvalidRow, now: datetime) -> Row:
        """Return the row of a titles file's line that does not identify a title."""
        path = self._settings.titles_file
        return invalid_row(row, path.name if path else "", now)

    def _mark_failed(self, task: Task, error: UnavailableError, now: datetime) -> None:
        if isinstance(task, SearchTask):
            self.searches.mark_failed(task, str(error))
        elif isinstance(task, SeasonTask):
            self._seasons.mark_failed(task, now.date())
        else:
            self._titles.mark_failed(task, now.date())
