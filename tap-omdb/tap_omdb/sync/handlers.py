"""Handle responses: what each kind of task emits, records in the state, and queues."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from typing_extensions import override

from tap_omdb.client import Response
from tap_omdb.config.settings import Settings
from tap_omdb.omdb import records
from tap_omdb.omdb.records import STREAM_OF_TYPE, InvalidRecord, Record
from tap_omdb.omdb.responses import ErrorKind, ErrorResponse, SearchPage, Season, TitleDetails
from tap_omdb.state.known_rating import KnownRating
from tap_omdb.state.lookups import FAILED, FOUND, NOT_FOUND, NOT_FOUND_WITH_YEAR
from tap_omdb.state.searches import SearchProgress
from tap_omdb.state.sync_state import SyncState
from tap_omdb.state.titles import FetchedLabel
from tap_omdb.sync import rows
from tap_omdb.sync.planner import Selection, next_search_task
from tap_omdb.sync.prefixes import narrower_searches
from tap_omdb.sync.queue import TaskQueue
from tap_omdb.sync.rows import LEFT_OUT, Answer, is_permanent
from tap_omdb.sync.tasks import DetailsTask, LookupTask, SearchTask, SeasonTask, Task
from tap_omdb.transport import UnavailableError

logger = logging.getLogger(__name__)

_TYPE_OF_STREAM = {stream: title_type for title_type, stream in STREAM_OF_TYPE.items()}
PAGE_SIZE = 10
MIN_MISSED_TO_SPLIT = 20
"""A search that misses fewer rows is not worth dozens of narrower ones; it is reported."""

_NO_MORE_PAGES = {ErrorKind.NOT_FOUND, ErrorKind.BAD_OFFSET}

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
    ) -> Iterator[Record]:
        """Yield the rows of a task, and tell the queue that it is done.

        Args:
            task: What was requested.
            response: The response, or why there is none after all retries.
            now: The current time (UTC).
        """
        if isinstance(response, UnavailableError):
            yield rows.unavailable_row(task, self._settings.plot, response, now)
            self.mark_failed(task, now.date(), str(response))
        else:
            if not isinstance(response.parsed, ErrorResponse) and response.parsed.repaired:
                query = task.query(self._settings.plot)
                logger.warning("The response to %s was broken JSON and has been repaired", query)
            yield from self.handle(task, response)
        self._queue.done(task)

    @abstractmethod
    def handle(self, task: T, response: Response) -> Iterator[Record]:
        """Yield the rows of a response."""

    @abstractmethod
    def mark_failed(self, task: T, today: date, message: str = "") -> None:
        """Record that a task failed today, and why; it is retried on a later day."""

    def _reject(
        self, task: Task, response: Response, reason: str = "", message: str = ""
    ) -> Record:
        return rows.reject_row(task, self._settings.plot, response, reason, message)

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
        returned = records.parse_imdb_id(data.get("imdbID"))
        merged = {*self._state.titles.merged_ids(returned)} if returned else set()
        if requested and requested != returned:
            merged.add(requested)
        record = records.to_record(
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


class TitleHandler(Handler[DetailsTask]):
    """Yields the records of titles, and updates the state."""

    @override
    def mark_failed(self, task: DetailsTask, today: date, message: str = "") -> None:
        task.mark(self._state, FAILED, today)

    @override
    def handle(self, task: DetailsTask, response: Response) -> Iterator[Record]:
        today = response.raw.fetched_at.date()
        kind = response.error and response.error.kind
        lookup = task if isinstance(task, LookupTask) else None
        if lookup and kind is ErrorKind.NOT_FOUND and self._tries_without_year(lookup):
            # Festival and release years differ, and lists disagree.
            lookup.mark(self._state, NOT_FOUND_WITH_YEAR, today)
            self._queue.add(replace(lookup, ignores_year=True))
        elif not isinstance(response.parsed, TitleDetails):
            yield self._reject(task, response)
            if is_permanent(response):
                message = response.error.message if response.error else None
                yield from self._answer(task, response, Answer("not_found", message=message))
            task.mark(self._state, NOT_FOUND if is_permanent(response) else FAILED, today)
        elif lookup and not self._year_matches(lookup, response.parsed.data):
            message = _describe_mismatch(lookup, response.parsed.data)
            yield self._reject(task, response, "year_mismatch", message)
            yield from self._answer(task, response, Answer("year_mismatch", message=message))
            task.mark(self._state, NOT_FOUND, today)
        else:
            yield from self._handle_details(task, response.parsed.data, response)

    def _handle_details(
        self, task: DetailsTask, data: dict[str, Any], response: Response
    ) -> Iterator[Record]:
        today = response.raw.fetched_at.date()
        matched_by = task.matched_by(self._state, data)
        try:
            record = self._record(data, response, matched_by, task.imdb_id)
        except InvalidRecord as error:
            yield self._reject(task, response, "invalid_record", str(error))
            task.mark(self._state, FAILED, today)
            return
        yield record
        values, titles = record.values, self._state.titles
        imdb_id, title_type = values["imdb_id"], _TYPE_OF_STREAM[record.stream]
        if title_type in self._parts.selection.types:
            yield from self._answer(task, response, Answer("found", imdb_id, matched_by))
            label = FetchedLabel(title_type, values["year"], matched_by)
            rating = _known_rating(values)
            changed = task.rating_changed
            titles.mark_fetched(imdb_id, label, today, rating, rating_changed=changed)
        else:
            message = f"the stream {record.stream} is not selected"
            answer = Answer(LEFT_OUT, imdb_id, matched_by, message)
            yield from self._answer(task, response, answer)
            titles.mark_not_selected(imdb_id, title_type, today, matched_by)
        if task.imdb_id not in {None, imdb_id}:
            logger.info("OMDb returns %s for %s; both are recorded", imdb_id, task.imdb_id)
        task.mark(self._state, FOUND, today, imdb_id)
        if title_type == "series":
            self._add_seasons(imdb_id, values["total_seasons"] or 1, today)

    @staticmethod
    def _answer(task: DetailsTask, response: Response, answer: Answer) -> Iterator[Record]:
        """Yield the row of `lookups`; an id has one only if it is left out."""
        if isinstance(task, LookupTask) or answer.outcome == LEFT_OUT:
            yield rows.lookup_row(task, answer, response.raw.fetched_at)

    def _tries_without_year(self, task: LookupTask) -> bool:
        has_year = task.title.year is not None and not task.ignores_year
        return has_year and self._settings.year_tolerance > 0

    def _year_matches(self, task: LookupTask, data: dict[str, Any]) -> bool:
        """Return whether the year of a title looked up without it is within `year_tolerance`."""
        year = task.title.year
        if year is None or not task.ignores_year:
            return True
        first = records.parse_year(data.get("Year"))
        if first is None:
            return False
        if abs(first - year) <= self._settings.year_tolerance:
            return True
        last = records.parse_last_year_of_series(data.get("Year"))
        is_series = records.stream_of(data) == STREAM_OF_TYPE["series"]
        return is_series and first <= year and (last is None or year <= last)


class SearchHandler(Handler[SearchTask]):
    """Yields the rows of searches, and queues what their pages list."""

    def begin(self, now: datetime) -> Iterator[Record]:
        """Yield the rows of searches whose last page was read just before an earlier run ended."""
        for search in [*self._state.searches.in_progress.values()]:
            if search.total is not None and (search.next_page - 1) * PAGE_SIZE >= search.total:
                yield from self._end_search(search, now)

    def end(self, now: datetime) -> Iterator[Record]:
        """Yield the rows of searches of which only some pages were read."""
        for search in self._state.searches.in_progress.values():
            yield rows.search_row(search, now, is_complete=False)

    @override
    def mark_failed(self, task: SearchTask, today: date, message: str = "") -> None:
        # The search stays in progress.
        task.search.error = message

    @override
    def handle(self, task: SearchTask, response: Response) -> Iterator[Record]:
        search, now, error = task.search, response.raw.fetched_at, response.error
        self._state.searches.in_progress[search.key] = search
        if isinstance(response.parsed, SearchPage):
            yield from self._handle_hits(task, response.parsed, now)
        elif error and error.kind in _NO_MORE_PAGES:
            yield from self._end_search(search, now)
        elif error and error.kind is ErrorKind.TOO_MANY_RESULTS:
            search.error = error.message
            yield from self._handle_too_many_results(search, now)
        else:
            reject = self._reject(task, response)
            yield reject
            search.error = reject.values["message"]
            if is_permanent(response):
                yield rows.search_row(search, now, is_complete=False)
                self._state.searches.mark_finished(search.key, search.total or 0, now.date())

    def _handle_hits(self, task: SearchTask, page: SearchPage, now: datetime) -> Iterator[Record]:
        search = task.search
        search.total = page.total if page.total is not None else search.total
        search.rows += len(page.hits)
        if page.invalid_hits:
            logger.warning("Search %s: %d rows have no IMDb id", search.key, page.invalid_hits)
        for hit in page.hits:
            if hit.imdb_id in search.seen:
                continue
            search.seen.add(hit.imdb_id)
            search.hits += 1
            # OMDb is reported to ignore `y` in searches sometimes.
            if search.key.year is None or hit.year in {None, search.key.year}:
                search.new_titles += self._add_hit(hit.imdb_id, hit.type or "movie", now.date())
        search.next_page = task.page + 1
        before = self._state.searches.last_total(search.key)
        is_same = before is not None and before == search.total
        if task.page == 1 and is_same and not search.new_titles:
            # As many rows as last time, and nothing new at the top: the other pages are known too.
            self._state.searches.mark_finished(search.key, search.total, now.date())
        elif task.page * PAGE_SIZE >= (search.total or 0):
            yield from self._end_search(search, now)
        else:
            self._queue.add(SearchTask(search, search.next_page))

    def _add_hit(self, imdb_id: str, title_type: str, today: date) -> bool:
        """Queue a search's hit, and return whether it is a new title."""
        if title_type in self._parts.selection.found:
            return self._queue.add_title(imdb_id, title_type, "search")
        if title_type == "series":
            self._add_seasons(imdb_id, 1, today)
        return False

    def _end_search(self, search: SearchProgress, now: datetime) -> Iterator[Record]:
        search.total = search.total or 0
        yield rows.search_row(search, now, is_complete=True)
        self._state.searches.mark_finished(search.key, search.total, now.date())
        missed = search.total - search.rows
        if missed <= 0:
            return
        is_split = missed >= MIN_MISSED_TO_SPLIT and self._split(search, now.date())
        logger.warning(
            "Search %s: OMDb returned %d of the %d rows that it reports; %s",
            search.key,
            search.rows,
            search.total,
            "narrower searches follow for the rest" if is_split else "`searches` has the number",
        )

    def _handle_too_many_results(self, search: SearchProgress, now: datetime) -> Iterator[Record]:
        is_prefix = bool(narrower_searches(search.key))
        yield rows.search_row(search, now, is_complete=is_prefix)
        if not self._split(search, now.date()):
            logger.warning(
                'Search %s: OMDb reports "%s"; a longer term, or one that ends in *, finds more',
                search.key,
                search.error,
            )
            self._state.searches.mark_finished(search.key, 0, now.date())

    def _split(self, search: SearchProgress, today: date) -> bool:
        """Replace a search by narrower ones, and return whether there are any."""
        parts = narrower_searches(search.key)
        if not parts:
            return False
        self._state.searches.mark_finished(search.key, None, today)
        for key in parts:
            if self._state.searches.is_due(key, today):
                self._queue.add(next_search_task(key, self._state, today))
        return True


class SeasonHandler(Handler[SeasonTask]):
    """Yields records of episodes, and queues seasons and episodes."""

    @override
    def mark_failed(self, task: SeasonTask, today: date, message: str = "") -> None:
        self._state.seasons.mark_failed(task.series_id, task.season, today)

    @override
    def handle(self, task: SeasonTask, response: Response) -> Iterator[Record]:
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
    ) -> Generator[Record, None, int | None]:
        """Yield an episode's row, or queue the episode; return its year.

        Raises:
            InvalidRecord: It has no id, or cannot be converted.
        """
        imdb_id = records.parse_imdb_id(item.get("imdbID"))
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
            yield record
            self._state.titles.pending.pop(imdb_id, None)
            year: int | None = record.values["year"]
            return year
        self._queue.add_title(imdb_id, "episode", "season")
        released = item.get("Released")
        return None if records.is_absent(released) else records.parse_year(str(released)[:4])

    def _handle_error(self, task: SeasonTask, response: Response) -> Iterator[Record]:
        if task.full and not is_permanent(response):
            # A single bad plot breaks the response for a whole season; the bare list has no plots.
            self._queue.add(SeasonTask(task.series_id, task.season, full=False))
            return
        yield self._reject(task, response)
        today = response.raw.fetched_at.date()
        if is_permanent(response):
            self._state.seasons.mark_fetched(task.series_id, task.season, None, today)
        else:
            self.mark_failed(task, today)


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
