"""Handle the details of titles, requested by their id or looked up by their name."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

from typing_extensions import override

from tap_omdb.client import Response
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
from tap_omdb.sync.handler import Handler
from tap_omdb.sync.rows import LEFT_OUT, Answer, Row, is_permanent, lookup_row
from tap_omdb.sync.tasks import LookupTask, TitleTask

logger = logging.getLogger(__name__)

_TYPE_OF_STREAM = {stream: title_type for title_type, stream in STREAM_OF_TYPE.items()}

D = TypeVar("D", TitleTask, LookupTask)


class _DetailsHandler(Handler[D]):
    """Yields the records of titles, and updates the state."""

    @abstractmethod
    def _matched_by(self, task: D, data: dict[str, Any]) -> str | None:
        """Return how a title was found: the value of the column `matched_by`."""

    @abstractmethod
    def _mark_found(self, task: D, imdb_id: str, today: date) -> None:
        """Record which title OMDb has returned."""

    @abstractmethod
    def _mark_not_found(self, task: D, today: date) -> None:
        """Record that OMDb has no such title."""

    @staticmethod
    def _answer(task: D, response: Response, answer: Answer) -> Iterator[Row]:
        """Yield the row of `lookups`; an id has one only if it is left out."""
        if isinstance(task, LookupTask) or answer.outcome == LEFT_OUT:
            yield lookup_row(task, answer, response.raw.fetched_at)

    @override
    def handle(self, task: D, response: Response) -> Iterator[Row]:
        today = response.raw.fetched_at.date()
        if not isinstance(response.parsed, TitleDetails):
            yield self._reject_error(task, response)
            if is_permanent(response):
                message = response.error.message if response.error else None
                yield from self._answer(task, response, Answer("not_found", message=message))
                self._mark_not_found(task, today)
            else:
                self.mark_failed(task, today)
            return
        data = response.parsed.data
        try:
            record = self._record(data, response, self._matched_by(task, data), task.imdb_id)
        except InvalidRecord as error:
            yield self._reject(task, response, "invalid_record", str(error))
            self.mark_failed(task, today)
            return
        yield Row(*record)
        values = record.values
        imdb_id, title_type = values["imdb_id"], _TYPE_OF_STREAM[record.stream]
        is_selected = title_type in self._parts.selection.types
        outcome = "found" if is_selected else LEFT_OUT
        message = None if is_selected else f"the stream {record.stream} is not selected"
        answer = Answer(outcome, imdb_id, values["matched_by"], message)
        yield from self._answer(task, response, answer)
        if is_selected:
            self._state.titles.mark_fetched(
                imdb_id,
                FetchedLabel(title_type, values["year"], values["matched_by"]),
                today,
                _known_rating(values),
                rating_changed=task.rating_changed,
            )
        else:
            self._state.titles.mark_not_selected(imdb_id, title_type, today, values["matched_by"])
        self._mark_found(task, imdb_id, today)
        if title_type == "series":
            self._add_seasons(imdb_id, values["total_seasons"] or 1, today)


class TitleHandler(_DetailsHandler[TitleTask]):
    """Handles titles requested by their id."""

    @override
    def mark_failed(self, task: TitleTask, today: date, message: str = "") -> None:
        self._state.titles.mark_failed(task.imdb_id, today, self._found_by(task))

    @override
    def _matched_by(self, task: TitleTask, data: dict[str, Any]) -> str | None:
        return self._found_by(task)

    @override
    def _mark_found(self, task: TitleTask, imdb_id: str, today: date) -> None:
        if task.imdb_id != imdb_id:
            logger.info("OMDb returns %s for %s; both are recorded", imdb_id, task.imdb_id)
            self._state.titles.mark_merged(task.imdb_id, imdb_id)

    @override
    def _mark_not_found(self, task: TitleTask, today: date) -> None:
        self._state.titles.mark_not_found(task.imdb_id, today, self._found_by(task))

    def _found_by(self, task: TitleTask) -> str | None:
        if task.is_title_refresh:
            return self._state.titles.matched_by(task.imdb_id)
        return task.source if task.source in {"search", "season"} else "imdb_id"


class LookupHandler(_DetailsHandler[LookupTask]):
    """Handles titles looked up by their name."""

    @override
    def handle(self, task: LookupTask, response: Response) -> Iterator[Row]:
        today = response.raw.fetched_at.date()
        is_not_found = response.error is not None and response.error.kind is ErrorKind.NOT_FOUND
        has_year = task.title.year is not None and not task.ignores_year
        if is_not_found and has_year and self._settings.year_tolerance:
            # Festival and release years differ, and lists disagree.
            self._state.lookups.mark(task.title, today, NOT_FOUND_WITH_YEAR)
            self._queue.add(replace(task, ignores_year=True))
        elif isinstance(response.parsed, TitleDetails) and not self._year_matches(
            task, response.parsed.data
        ):
            message = _describe_mismatch(task, response.parsed.data)
            yield self._reject(task, response, "year_mismatch", message)
            yield from self._answer(task, response, Answer("year_mismatch", message=message))
            self._mark_not_found(task, today)
        else:
            yield from super().handle(task, response)

    @override
    def mark_failed(self, task: LookupTask, today: date, message: str = "") -> None:
        outcome = FAILED_WITHOUT_YEAR if task.ignores_year else FAILED
        self._state.lookups.mark(task.title, today, outcome)

    @override
    def _matched_by(self, task: LookupTask, data: dict[str, Any]) -> str:
        year = parse_year(data.get("Year"))
        return "title_and_year" if year and year == task.title.year else "title"

    @override
    def _mark_found(self, task: LookupTask, imdb_id: str, today: date) -> None:
        self._mark(task, today, FOUND)

    @override
    def _mark_not_found(self, task: LookupTask, today: date) -> None:
        self._mark(task, today, NOT_FOUND)

    def _mark(self, task: LookupTask, today: date, outcome: str) -> None:
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
