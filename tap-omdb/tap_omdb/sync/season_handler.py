"""Handles the seasons of series: emits their episodes, or queues them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from datetime import date
from typing import Any

from typing_extensions import override

from tap_omdb.client import Response
from tap_omdb.omdb.records import InvalidRecord, is_absent, parse_imdb_id, parse_year
from tap_omdb.omdb.responses import Season
from tap_omdb.sync.handler import Handler
from tap_omdb.sync.rows import Row, is_permanent
from tap_omdb.sync.tasks import SeasonTask


class SeasonHandler(Handler[SeasonTask]):
    """Yields records of episodes, and queues seasons and episodes."""

    @override
    def mark_failed(self, task: SeasonTask, today: date, message: str = "") -> None:
        self._state.seasons.mark_failed(task.series_id, task.season, today)

    @override
    def handle(self, task: SeasonTask, response: Response) -> Iterator[Row]:
        season, today = response.parsed, response.raw.fetched_at.date()
        if not isinstance(season, Season):
            yield from self._handle_error(task, response)
            return
        years: list[int] = []
        odd = Counter(["not a JSON object"] * season.invalid_episodes)
        for item in season.episodes:
            try:
                year = yield from self._handle_episode(item, task, response)
            except InvalidRecord as error:  # noqa: PERF203 - a season is short
                odd[str(error)] += 1
            else:
                years += [year] if year else []
        if odd:
            # In one row, since a row for each would have the same key.
            reasons = ", ".join(f"{reason} ({count})" for reason, count in odd.items())
            message = f"{odd.total()} of the episodes cannot be read: {reasons}"
            yield self._reject(task, response, "invalid_record", message)
        latest = max(years, default=None)
        self._state.seasons.mark_fetched(task.series_id, task.season, latest, today)
        if task.season == 1 and season.total_seasons:
            self._add_seasons(task.series_id, season.total_seasons, today)

    def _handle_episode(
        self, item: dict[str, Any], task: SeasonTask, response: Response
    ) -> Generator[Row, None, int | None]:
        """Yield an episode's row, or queue the episode; return its year.

        Raises:
            InvalidRecord: It has no id, or cannot be converted.
        """
        imdb_id = parse_imdb_id(item.get("imdbID"))
        if imdb_id is None:
            message = "no imdbID"
            raise InvalidRecord(message)
        number = str(item.get("Episode"))
        self._parts.listed[imdb_id] = {
            "series_id": task.series_id,
            "season": task.season,
            "episode": int(number) if number.isdecimal() else None,
        }
        if "Plot" in item and "Type" in item:
            record = self._record(item, response, "season")
            yield Row(*record)
            self._state.titles.pending.pop(imdb_id, None)
            year: int | None = record.values["year"]
            return year
        self._queue.add_title(imdb_id, "episode", "season")
        released = item.get("Released")
        return None if is_absent(released) else parse_year(str(released)[:4])

    def _handle_error(self, task: SeasonTask, response: Response) -> Iterator[Row]:
        if task.full and not is_permanent(response):
            # A single bad plot breaks the response for a whole season; the bare list has no plots.
            self._queue.add(SeasonTask(task.series_id, task.season, full=False))
            return
        yield self._reject_error(task, response)
        today = response.raw.fetched_at.date()
        if is_permanent(response):
            self._state.seasons.mark_fetched(task.series_id, task.season, None, today)
        else:
            self.mark_failed(task, today)
