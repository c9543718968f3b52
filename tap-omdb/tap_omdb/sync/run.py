"""One run: puts the planner, the queue, the executor, the client and the handlers together."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Generator, Iterator
from contextlib import closing
from importlib.metadata import version
from typing import Any, NamedTuple

from singer_sdk.helpers.types import TapState

from tap_omdb import clock
from tap_omdb.client import Client
from tap_omdb.config.ratings_file import RatingsFileError, read_ratings_file
from tap_omdb.config.settings import Settings
from tap_omdb.config.titles_file import TitlesFileError
from tap_omdb.config.values import is_plain_remote
from tap_omdb.omdb.records import Record, to_timestamp
from tap_omdb.redaction import redact
from tap_omdb.state.budget import Budget
from tap_omdb.state.cache_file import CacheFile
from tap_omdb.state.response_cache import ResponseCache
from tap_omdb.state.sync_state import BOOKMARK, SyncState
from tap_omdb.sync import handlers
from tap_omdb.sync.executor import RequestExecutor
from tap_omdb.sync.lists import FIRST_LOOKUPS, ListResults, changed_lists
from tap_omdb.sync.planner import Planner, Selection
from tap_omdb.sync.progress import ProgressReporter
from tap_omdb.sync.queue import TaskQueue
from tap_omdb.sync.ranking import VoteRanking
from tap_omdb.sync.rows import invalid_row
from tap_omdb.sync.tasks import LookupTask, SearchTask, SeasonTask, Task, TitleTask

logger = logging.getLogger(__name__)

STATE_SECONDS = 5.0
_MAX_SHARE_FOR_STATE = 1 / 100
"""The share of the time that writing the state may take."""


class _Outcome(NamedTuple):
    """How a run ended: one of the outcomes of `syncs`, and why it ended early."""

    name: str
    message: str | None = None


class SyncRun:
    """A run of the tap: the streams take its rows, and ask when to write the state."""

    def __init__(
        self, settings: Settings, state: TapState, selected: Collection[str], run_id: str
    ) -> None:
        """Read the state and open the cache.

        Args:
            settings: The tap's settings.
            state: The tap's state; kept up to date by `save`.
            selected: The streams that are selected.
            run_id: Identifies this run in the state.

        Raises:
            StateError: The state or the file in `cache_dir` cannot be used.
        """
        self._settings = settings
        self._run_id = run_id
        self._bookmarks = state.setdefault("bookmarks", {})
        self._streams = selected
        self._selection = Selection.of(selected, settings.types)
        self._next_state = time.monotonic() + STATE_SECONDS
        before = self._bookmarks.get(BOOKMARK)
        self._starts_over = not before
        self._state = SyncState(settings.refresh, run_id, before)
        file = CacheFile(settings.cache_dir) if settings.cache_dir else None
        self._budget = Budget(settings, self._state.requests, run_id, file)
        self._cache = ResponseCache(file)
        self._client = Client(settings, self._budget, self._cache)
        self._ranking = VoteRanking()
        self._rows: Counter[str] = Counter()
        self._unparsed: Counter[str] = Counter()
        self._rejects: Counter[str] = Counter()
        self._started = clock.now()
        self.exit_code = 0
        """The exit code of the process once everything is emitted."""

    @property
    def requests(self) -> int:
        """The requests sent so far, including retries."""
        return self._budget.used

    def stop(self, signal_number: int) -> None:
        """End the run because of a signal: send nothing more, and emit what was received."""
        self.exit_code = 128 + signal_number
        self._client.stopping.set()

    def rows(self, *, is_test: bool = False) -> Generator[Record]:
        """Execute the run, and yield the rows of all selected streams.

        Args:
            is_test: Whether a single row is enough; requests are then sent one at a time.
        """
        self._started = clock.now()
        workers = 1 if is_test else self._settings.concurrency
        with closing(self._cache), closing(self._execute(workers, is_test=is_test)) as rows:
            for row in rows:
                if row.stream in self._streams:
                    self._rows[row.stream] += 1
                    if row.stream == "rejects":
                        self._rejects[row.values["reason"]] += 1
                    yield row

    def is_state_due(self) -> bool:
        """Return whether it is time for a STATE message."""
        return time.monotonic() >= self._next_state

    def save(self) -> None:
        """Update the tap's state, and schedule the next update: later if this one was slow."""
        started = time.monotonic()
        self._bookmarks[BOOKMARK] = self._state.dump()
        now = time.monotonic()
        self._next_state = now + max(STATE_SECONDS, (now - started) / _MAX_SHARE_FOR_STATE)

    def _execute(self, workers: int, *, is_test: bool) -> Generator[Record]:
        settings, state = self._settings, self._state
        self._log_settings()
        self._cache.load(state.covers, self._started, starts_over=self._starts_over)
        try:
            self._ranking = self._read_ratings()
        except RatingsFileError as error:
            yield self._end(_Outcome("failed", f"ratings_file: {error}"))
            return
        today = self._started.date()
        planner = Planner(settings, state, self._selection, today, self._ranking)
        progress = ProgressReporter(self._budget, self._rows, planner.count(self._budget))
        queue = TaskQueue(planner.tasks(self._budget), state, workers, self._ranking, planner.lists)
        parts = handlers.RunParts(settings, state, queue, self._selection, self._unparsed)
        titles, searches = handlers.TitleHandler(parts), handlers.SearchHandler(parts)
        handler_of: dict[type[Task], handlers.Handler[Any]] = {
            TitleTask: titles,
            LookupTask: titles,
            SearchTask: searches,
            SeasonTask: handlers.SeasonHandler(parts),
        }
        executor = RequestExecutor(self._client, settings.plot, workers)
        try:
            yield from searches.begin(self._started)
            if "list_entries" in self._streams and not is_test:  # a test is to send a request
                yield from self._list_entries(queue)
            with closing(executor.responses(queue)) as responses:
                for task, response in responses:
                    yield from self._invalid_rows(queue)
                    yield from handler_of[type(task)].respond(task, response, clock.now())
                    progress.report(queue)
            yield from self._invalid_rows(queue)
            yield from searches.end(clock.now())
        except Exception as error:
            text = redact(f"{type(error).__name__}: {error}")
            yield self._sync_row(_Outcome("failed", text))
            raise
        if left_out := planner.left_out + queue.left_out:
            votes = f"{settings.min_votes:,} votes"
            logger.info("%s titles left out: fewer than %s", f"{left_out:,}", votes)
        progress.summarise(self._client.responses_reused, self._unparsed, self._rejects)
        outcome = self._outcome(executor, queue, planner.lists)
        if outcome.message is None:
            if not self._warn_of_unusable(planner.lists) and not queue.started:
                logger.info("Nothing was due: everything known is fresh")
        elif outcome.name != "failed":
            is_today = self.exit_code or self._budget.left_today
            when = f"{'' if is_today else 'after 00:00 UTC '}to continue where this run ended"
            progress.report_early_end(outcome.message, queue, state, when)
        yield self._end(outcome)

    def _log_settings(self) -> None:
        if is_plain_remote(self._settings.api_url):
            logger.warning("api_url is http: the API key is sent unencrypted; use https")
        files = self._settings.titles_file
        for file in files:
            logger.info("titles_file: %s is %s", file.name, file.layout.describe())
        if self._settings.years and files and not any(file.is_catalogue for file in files):
            logger.info("years are searched, too: leave them out to fetch only what is listed")

    def _read_ratings(self) -> VoteRanking:
        path = self._settings.ratings_file
        if path is None:
            return VoteRanking()
        ratings = read_ratings_file(path)
        logger.info("ratings_file: %s ratings", f"{len(ratings):,}")
        return VoteRanking(ratings, self._settings.min_votes, frozenset(self._settings.imdb_ids))

    def _list_entries(self, queue: TaskQueue) -> Iterator[Record]:
        try:
            for row in changed_lists(self._settings, self._state, self._ranking, self._started):
                if self.exit_code:  # a signal
                    return
                yield row
        except TitlesFileError as error:
            queue.error = f"titles_file: {error}"

    def _invalid_rows(self, queue: TaskQueue) -> Iterator[Record]:
        while queue.invalid_rows:
            yield invalid_row(queue.invalid_rows.popleft(), self._started)

    def _warn_of_unusable(self, lists: ListResults) -> bool:
        """Log which files have no row that was used; return whether there are any."""
        unusable = [file for file in self._settings.titles_file if file.name not in lists.usable]
        for file in unusable:
            reason = "none is of `years` and `types`" if file.is_catalogue else "see `rejects`"
            logger.warning("titles_file: no row of %s could be used: %s", file.name, reason)
        return bool(unusable)

    def _outcome(self, executor: RequestExecutor, queue: TaskQueue, lists: ListResults) -> _Outcome:
        skipped = [file for file in self._settings.titles_file if lists.is_skipped(file.name)]
        errors = [str(error) for error in (executor.error, queue.error) if error]
        errors += [
            f"titles_file: the first {FIRST_LOOKUPS} lookups of {file.name} found nothing, so that "
            f"the rest of it was left out. It was taken for {file.layout.describe()}. If that is "
            "wrong, name its columns 'imdb_id', 'title' and 'year'; if not, run again to go on"
            for file in skipped
        ]
        if errors:
            return _Outcome("failed", "; ".join(errors))
        if self.exit_code:
            return _Outcome("stopped", executor.end_reason)
        if executor.end_reason is None:
            return _Outcome("complete")
        name = "quota_reached" if self._budget.quota_reached else "budget_exhausted"
        return _Outcome(name, executor.end_reason)

    def _end(self, outcome: _Outcome) -> Record:
        if outcome.name == "failed":
            self.exit_code = 1
            logger.error("%s", outcome.message)
        return self._sync_row(outcome)

    def _sync_row(self, outcome: _Outcome) -> Record:
        state = self._state
        pending = sum(map(self._ranking.includes, state.titles.pending))
        values = {
            "sync_id": f"{self._started:%Y%m%dT%H%M%S}-{self._run_id}",
            "started_at": to_timestamp(self._started),
            "ended_at": to_timestamp(clock.now()),
            "outcome": outcome.name,
            "message": outcome.message,
            "requests": self._budget.used,
            "retries": self._client.retries,
            "responses_reused": self._client.responses_reused,
            "requests_left_today": self._budget.left_today,
            "daily_requests": self._settings.daily_requests,
            "records": dict(sorted(self._rows.items())),
            "rejects": self._rejects.total(),
            "unparsed_values": self._unparsed.total(),
            "pending_titles": pending + len(state.seasons.pending),
            "pending_searches": len(state.searches.in_progress),
            "known_titles": len(state.titles),
            "tap_version": version("tap-omdb"),
        }
        return Record("syncs", values)
