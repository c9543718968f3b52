"""One run: puts the planner, the queue, the executor and the handler together."""

from __future__ import annotations

import logging
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_omdb import clock
from tap_omdb.client import Response
from tap_omdb.config.ratings_file import RatingsFileError, read_ratings_file
from tap_omdb.config.titles_file import detect_layout
from tap_omdb.config.values import is_plain_remote
from tap_omdb.omdb.records import STREAM_OF_TYPE
from tap_omdb.omdb.responses import is_temporary, parse_response
from tap_omdb.redaction import redact
from tap_omdb.state.budget import Budget, DailyCounter
from tap_omdb.state.cache_file import CacheFile
from tap_omdb.state.response_cache import ResponseCache
from tap_omdb.state.sync_state import BOOKMARK, SyncState
from tap_omdb.sync.executor import RequestExecutor
from tap_omdb.sync.handler import ResponseHandler
from tap_omdb.sync.planner import Planner
from tap_omdb.sync.priority import Priority
from tap_omdb.sync.progress import ProgressReporter
from tap_omdb.sync.queue import TaskQueue
from tap_omdb.sync.rows import Outcome, sync_row
from tap_omdb.transport.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from datetime import datetime

    from singer_sdk.helpers.types import TapState

    from tap_omdb.config.settings import Settings
    from tap_omdb.omdb.queries import Query
    from tap_omdb.sync.rows import Row
    from tap_omdb.sync.tasks import Task

logger = logging.getLogger(__name__)

STATE_SECONDS = 5.0
_MAX_SHARE_FOR_STATE = 1 / 20
"""The share of the time that writing the state may take."""


class SyncRun:
    """Everything that the streams of one run share."""

    def __init__(
        self, settings: Settings, api_key: str, state: TapState, selected: set[str], run_id: str
    ) -> None:
        """Read the state and open the cache.

        Args:
            settings: The tap's settings.
            api_key: The key; requests are counted by key.
            state: The tap's state; kept up to date by `save`.
            selected: The streams that are selected.
            run_id: Identifies this run in the state.

        Raises:
            StateError: The state or the file in `cache_dir` cannot be used.
        """
        self._settings = settings
        self._run_id = run_id
        self._bookmarks = state.setdefault("bookmarks", {})
        self._selected = selected
        self._next_state = time.monotonic() + STATE_SECONDS
        before = self._bookmarks.get(BOOKMARK)
        self._starts_over = not before
        self.state = SyncState(settings.refresh, run_id, before)
        file = CacheFile(settings.cache_dir) if settings.cache_dir else None
        days = DailyCounter(self.state.requests, run_id, file, api_key)
        self.budget = Budget(settings.max_requests, settings.daily_requests, days)
        self.cache = ResponseCache(file)
        self.connection = Connection(settings, self.budget, self.cache)
        self.rows: Counter[str] = Counter()
        """How many rows each stream has so far."""
        self.responses_reused = 0
        """How many responses of earlier runs were used."""
        self._priority = Priority()
        self.has_begun = False
        self.has_ended = False
        self.exit_code = 0
        """The exit code of the process once everything is emitted."""

    def stop(self, signal_number: int) -> None:
        """End the run because of a signal: send nothing more, and emit what was received."""
        self.exit_code = 128 + signal_number
        self.connection.stopping.set()

    def run(self, fetch: Callable[[Query], Response], *, is_test: bool = False) -> Generator[Row]:
        """Yield the rows of all selected streams.

        Args:
            fetch: Sends a request; called from worker threads.
            is_test: Whether a single row is enough; requests are then sent one at a time.
        """
        with closing(self.cache):
            yield from self._run(fetch, is_test=is_test)

    def _run(self, fetch: Callable[[Query], Response], *, is_test: bool) -> Iterator[Row]:
        self.has_begun = True
        now = clock.now()
        self._log_settings()
        self.cache.load(self.state.covers, now, starts_over=self._starts_over)
        selected = frozenset(
            kind for kind, stream in STREAM_OF_TYPE.items() if stream in self._selected
        )
        settings = replace(self._settings, types=self._settings.types & selected)
        workers = 1 if is_test else settings.concurrency
        planned = self._settings if "searches" in self._selected else settings
        try:
            self._priority = self._read_ratings()
        except RatingsFileError as error:
            yield from self._fail(now, f"ratings_file: {error}")
            return
        planner = Planner(planned, self.state, selected, now.date(), self._priority)
        size, is_all = planner.count()
        queue = TaskQueue(planner.tasks(), self.state, workers, self._priority)
        handler = ResponseHandler(settings, self.state, queue, selected)
        executor = RequestExecutor(
            lambda task: self._respond(task, fetch), workers, self.connection.stopping
        )
        progress = ProgressReporter(self.budget, self.rows)
        try:
            yield from self._emit(handler.searches.finish(now))
            with closing(executor.responses(queue)) as responses:
                for task, response in responses:
                    yield from self._emit(_invalid_rows(queue, handler, now))
                    yield from self._emit(handler.handle(task, response, clock.now()))
                    progress.report(queue, size, is_all=is_all)
            yield from self._emit(_invalid_rows(queue, handler, now))
            yield from self._emit(handler.searches.unfinished(clock.now()))
        except Exception as error:
            failed = Outcome("failed", redact(f"{type(error).__name__}: {error}"))
            yield from self._emit(iter([self._sync_row(now, failed, handler.unparsed.total())]))
            raise
        outcome = self._outcome(executor, queue)
        progress.report_left_out(self._priority.left_out, settings.min_votes)
        self._log_end(outcome, queue, handler, progress)
        yield from self._emit(iter([self._sync_row(now, outcome, handler.unparsed.total())]))

    def is_state_due(self) -> bool:
        """Return whether it is time for a STATE message."""
        return time.monotonic() >= self._next_state

    def save(self) -> None:
        """Update the tap's state, and schedule the next update: later if this one was slow."""
        started = time.monotonic()
        self._bookmarks[BOOKMARK] = self.state.dump()
        now = time.monotonic()
        self._next_state = now + max(STATE_SECONDS, (now - started) / _MAX_SHARE_FOR_STATE)

    def _log_settings(self) -> None:
        if is_plain_remote(self._settings.api_url):
            logger.warning("api_url is http: the API key is sent unencrypted; use https")
        if self._settings.titles_file:
            logger.info("titles_file: %s", detect_layout(self._settings.titles_file).describe())

    def _read_ratings(self) -> Priority:
        path = self._settings.ratings_file
        if path is None:
            return Priority()
        ratings = read_ratings_file(path)
        logger.info("ratings_file: %s ratings", f"{len(ratings):,}")
        return Priority(ratings, self._settings.min_votes, frozenset(self._settings.imdb_ids))

    def _respond(self, task: Task, fetch: Callable[[Query], Response]) -> Response:
        """Return the cached response to a task, or send a request."""
        query = task.query(self._settings.plot)
        raw = self.cache.pop(query)
        if raw is None:
            return fetch(query)
        parsed = parse_response(raw.status, {"Content-Type": raw.content_type}, raw.body)
        if is_temporary(parsed) and raw.fetched_at.date() < clock.today():
            return fetch(query)
        self.responses_reused += 1
        return Response(parsed, raw)

    def _emit(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            if row.stream in self._selected:
                self.rows[row.stream] += 1
                yield row

    def _outcome(self, executor: RequestExecutor, queue: TaskQueue) -> Outcome:
        if error := executor.error or queue.error:
            self.exit_code = 1
            return Outcome("failed", str(error))
        if self.exit_code:
            return Outcome("stopped", executor.end_reason)
        if executor.end_reason is None:
            return Outcome("complete")
        kind = "quota_reached" if self.budget.is_quota_reached else "budget_exhausted"
        return Outcome(kind, executor.end_reason)

    def _fail(self, started: datetime, message: str) -> Iterator[Row]:
        """End a run before anything is requested."""
        self.exit_code = 1
        logger.error("%s", message)
        yield from self._emit(iter([self._sync_row(started, Outcome("failed", message), 0)]))

    def _sync_row(self, started: datetime, outcome: Outcome, unparsed_values: int) -> Row:
        return sync_row(
            self._run_id,
            started,
            clock.now(),
            outcome,
            budget=self.budget,
            retries=self.connection.retries,
            responses_reused=self.responses_reused,
            rows=self.rows,
            unparsed_values=unparsed_values,
            pending_titles=sum(map(self._priority.includes, self.state.titles.pending))
            + len(self.state.seasons.pending),
            state=self.state,
        )

    def _log_end(
        self,
        outcome: Outcome,
        queue: TaskQueue,
        handler: ResponseHandler,
        progress: ProgressReporter,
    ) -> None:
        progress.summarise(self.responses_reused, handler.unparsed)
        if outcome.kind == "failed":
            logger.error("%s", outcome.message)
        elif outcome.message:
            is_today = self.exit_code or self.budget.left_today
            when = f"{'' if is_today else 'after 00:00 UTC '}to continue where this run ended"
            progress.report_early_end(outcome.message, queue, self.state, when)
        elif not queue.started:
            logger.info("Nothing was due: everything known is fresh")


def _invalid_rows(queue: TaskQueue, handler: ResponseHandler, now: datetime) -> Iterator[Row]:
    while queue.invalid_rows:
        yield handler.handle_invalid_row(queue.invalid_rows.popleft(), now)
