"""Handles the seasons of series: emits their episodes, or queues them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_omdb.omdb.records import is_absent, parse_imdb_id, parse_year
from tap_omdb.omdb.responses import Season
from tap_omdb.sync.rejects import PERMANENT, error_kind, reject, reject_error
from tap_omdb.sync.rows import Row
from tap_omdb.sync.tasks import SeasonTask

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from datetime import date

    from tap_omdb.client import Response
    from tap_omdb.config.settings import Settings
    from tap_omdb.state.sync_state import SyncState
    from tap_omdb.sync.queue import TaskQueue
    from tap_omdb.sync.record_builder import RecordBuilder


class SeasonHandler:
    """Yields records of episodes, and queues seasons and episodes."""

    def __init__(
        self, settings: Settings, state: SyncState, queue: TaskQueue, builder: RecordBuilder
    ) -> None:
        """Create a handler.

        Args:
            settings: The tap's settings.
            state: The sync state.
            queue: Takes further tasks.
            builder: Builds the records.
        """
        self._settings = settings
        self._state = state
        self._queue = queue
        self._builder = builder

    def mark_failed(self, task: SeasonTask, today: date) -> None:
        """Record that a season could not be fetched today."""
        self._state.seasons.mark_failed(task.series_id, task.season, today)

    def add(self, series_id: str, total: int, today: date) -> None:
        """Queue those of a series' first `total` seasons that are due, if episodes are selected."""
        if "episode" not in self._settings.types:
            return
        pending = self._state.seasons.pending
        for season in range(1, total + 1):
            if (series_id, season) in pending:
                continue
            if self._state.seasons.is_due(series_id, season, today):
                pending[series_id, season] = None
                self._queue.add(SeasonTask(series_id, season))

    def handle(self, task: SeasonTask, response: Response) -> Iterator[Row]:
        """Yield the rows of a response."""
        season, today = response.parsed, response.raw.fetched_at.date()
        if not isinstance(season, Season):
            yield from self._handle_error(task, response)
            return
        if season.invalid_episodes:
            message = f"{season.invalid_episodes} of the episodes are not JSON objects"
            yield reject(task, response, "invalid_record", message, self._settings.plot)
        years: list[int] = []
        for item in season.episodes:
            year = yield from self._handle_episode(item, task, response)
            years += [year] if year else []
        latest = max(years, default=None)
        self._state.seasons.mark_fetched(task.series_id, task.season, latest, today)
        if task.season == 1 and season.total_seasons:
            self.add(task.series_id, season.total_seasons, today)

    def _handle_episode(
        self, item: dict[str, Any], task: SeasonTask, response: Response
    ) -> Generator[Row, None, int | None]:
        """Yield an episode's row, or queue the episode; return its year."""
        imdb_id = parse_imdb_id(item.get("imdbID"))
        if imdb_id is None:
            yield reject(
                task, response, "invalid_record", "an episode has no imdbID", self._settings.plot
            )
        elif "Plot" in item and "Type" in item:
            record = self._builder.build(item, response, "season")
            yield Row(*record)
            self._state.titles.pending.pop(imdb_id, None)
            year: int | None = record.values["year"]
            return year
        else:
            self._queue.add_title(imdb_id, "episode", "season")
        released = item.get("Released")
        return None if is_absent(released) else parse_year(str(released)[:4])

    def _handle_error(self, task: SeasonTask, response: Response) -> Iterator[Row]:
        kind = error_kind(response)
        if task.full and kind not in PERMANENT:
            # A single bad plot breaks the response for a whole season; the bare list has no plots.
            self._queue.add(SeasonTask(task.series_id, task.season, full=False))
            return
        yield reject_error(task, response, self._settings.plot)
        today = response.raw.fetched_at.date()
        if kind in PERMANENT:
            self._state.seasons.mark_fetched(task.series_id, task.season, None, today)
        else:
            self.mark_failed(task, today)
