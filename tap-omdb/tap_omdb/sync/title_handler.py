"""Handles the details of titles, requested by their id or looked up by their name."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_omdb.omdb.records import (
    STREAM_OF_TYPE,
    InvalidRecord,
    parse_last_year_of_series,
    parse_year,
    stream_of,
)
from tap_omdb.omdb.responses import ErrorKind, TitleDetails
from tap_omdb.state.known_rating import KnownRating
from tap_omdb.state.lookups import (
    FAILED,
    FAILED_WITHOUT_YEAR,
    FOUND,
    NOT_FOUND,
    NOT_FOUND_WITH_YEAR,
)
from tap_omdb.state.titles import FetchedLabel
from tap_omdb.sync.rejects import PERMANENT, error_kind, reject, reject_error
from tap_omdb.sync.rows import Row
from tap_omdb.sync.tasks import LookupTask, TitleTask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from tap_omdb.client import Response
    from tap_omdb.config.settings import Settings
    from tap_omdb.state.sync_state import SyncState
    from tap_omdb.sync.queue import TaskQueue
    from tap_omdb.sync.record_builder import RecordBuilder
    from tap_omdb.sync.season_handler import SeasonHandler

logger = logging.getLogger(__name__)

_TYPE_OF_STREAM = {stream: kind for kind, stream in STREAM_OF_TYPE.items()}
_MATCHED_BY = {"search": "search", "season": "season"}


class TitleHandler:
    """Yields the records of titles, and updates the state."""

    def __init__(  # noqa: PLR0913, PLR0917 - one argument for each part of a run
        self,
        settings: Settings,
        state: SyncState,
        queue: TaskQueue,
        selected: frozenset[str],
        builder: RecordBuilder,
        seasons: SeasonHandler,
    ) -> None:
        """Create a handler.

        Args:
            settings: The tap's settings.
            state: The sync state.
            queue: Takes further tasks.
            selected: The types whose streams are selected.
            builder: Builds the records.
            seasons: Queues the seasons of series.
        """
        self._settings = settings
        self._state = state
        self._queue = queue
        self._selected = selected
        self._builder = builder
        self._seasons = seasons

    def mark_failed(self, task: TitleTask | LookupTask, today: date) -> None:
        """Record that a title could not be fetched today."""
        if isinstance(task, TitleTask):
            self._state.titles.mark_failed(task.imdb_id, today, self._matched_by_id(task))
        else:
            outcome = FAILED_WITHOUT_YEAR if task.ignores_year else FAILED
            self._state.lookups.mark(task.title, today, outcome)

    def handle(self, task: TitleTask | LookupTask, response: Response) -> Iterator[Row]:
        """Yield the rows of a response."""
        today = response.raw.fetched_at.date()
        if not isinstance(response.parsed, TitleDetails):
            yield from self._handle_error(task, response)
            return
        requested = task.imdb_id if isinstance(task, TitleTask) else None
        data = response.parsed.data
        if isinstance(task, LookupTask) and not self._year_matches(task, data):
            yield reject(
                task, response, "year_mismatch", _describe_mismatch(task, data), self._settings.plot
            )
            self._state.lookups.mark_without_year(task.title, today, NOT_FOUND)
            return
        try:
            record = self._builder.build(data, response, self._matched_by(task, data), requested)
        except InvalidRecord as error:
            yield reject(task, response, "invalid_record", str(error), self._settings.plot)
            self.mark_failed(task, today)
            return
        yield Row(*record)
        values = record.values
        imdb_id, kind = values["imdb_id"], _TYPE_OF_STREAM[record.stream]
        if kind in self._selected:
            self._state.titles.mark_fetched(
                imdb_id,
                FetchedLabel(kind, values["year"], values["matched_by"]),
                today,
                _known_rating(values),
                on_evidence=isinstance(task, TitleTask) and task.on_evidence,
            )
        else:
            self._state.titles.mark_not_selected(imdb_id, kind, today, values["matched_by"])
        if isinstance(task, LookupTask):
            self._mark_lookup(task, today, FOUND)
        elif task.imdb_id != imdb_id:
            logger.info("OMDb returns %s for %s; both are recorded", imdb_id, task.imdb_id)
            self._state.titles.mark_merged(task.imdb_id, imdb_id)
        if kind == "series":
            self._seasons.add(imdb_id, values["total_seasons"] or 1, today)

    def _mark_lookup(self, task: LookupTask, today: date, outcome: str) -> None:
        if task.ignores_year:
            self._state.lookups.mark_without_year(task.title, today, outcome)
        else:
            self._state.lookups.mark(task.title, today, outcome)

    def _year_matches(self, task: LookupTask, data: dict[str, Any]) -> bool:
        """Return whether the year of a title looked up without it is within `year_tolerance`."""
        year = task.title.year
        if year is None or not task.ignores_year:
            return True
        first = parse_year(data.get("Year"))
        if first is None:
            return False
        if abs(first - year) <= self._settings.year_tolerance:
            return True
        last = parse_last_year_of_series(data.get("Year"))
        is_series = stream_of(data) == STREAM_OF_TYPE["series"]
        return is_series and first <= year and (last is None or year <= last)

    def _matched_by(self, task: TitleTask | LookupTask, data: dict[str, Any]) -> str | None:
        """Return how a title was found: the value of the column `matched_by`."""
        if isinstance(task, LookupTask):
            year = parse_year(data.get("Year"))
            return "title_and_year" if year and year == task.title.year else "title"
        return self._matched_by_id(task)

    def _matched_by_id(self, task: TitleTask) -> str | None:
        """Return how a title requested by its id was found."""
        if task.source == "refresh":
            return self._state.titles.matched_by(task.imdb_id)
        return _MATCHED_BY.get(task.source, "imdb_id")

    def _handle_error(self, task: TitleTask | LookupTask, response: Response) -> Iterator[Row]:
        kind, today = error_kind(response), response.raw.fetched_at.date()
        if (
            isinstance(task, LookupTask)
            and kind is ErrorKind.NOT_FOUND
            and self._is_retried_without_year(task)
        ):
            # Festival and release years differ, and lists disagree.
            self._state.lookups.mark(task.title, today, NOT_FOUND_WITH_YEAR)
            self._queue.add(replace(task, ignores_year=True))
            return
        yield reject_error(task, response, self._settings.plot)
        if kind not in PERMANENT:
            self.mark_failed(task, today)
        elif isinstance(task, TitleTask):
            self._state.titles.mark_not_found(task.imdb_id, today, self._matched_by_id(task))
        else:
            self._mark_lookup(task, today, NOT_FOUND)

    def _is_retried_without_year(self, task: LookupTask) -> bool:
        """Return whether a title is looked up again without its year."""
        has_year = task.title.year is not None and not task.ignores_year
        return has_year and self._settings.year_tolerance > 0


def _known_rating(values: dict[str, Any]) -> KnownRating:
    rating = values["imdb_rating"]
    return KnownRating(None if rating is None else round(rating * 10), values["imdb_votes"])


def _describe_mismatch(task: LookupTask, data: dict[str, Any]) -> str:
    """Describe the title that OMDb returned for another year."""
    found = f"{data.get('Title')!r:.100} ({data.get('Year')}, {data.get('imdbID')})"
    return (
        f"OMDb has no {task.title.title!r:.100} of {task.title.year}, but {found}: name it by its "
        "id if that is the title"
    )
