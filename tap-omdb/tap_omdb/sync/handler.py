"""What a response means: rows for the streams, changes of the state, and further tasks."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_omdb.omdb.records import (
    STREAM_OF_TYPE,
    InvalidRecord,
    Record,
    is_absent,
    parse_imdb_id,
    parse_last_year_of_series,
    parse_year,
    stream_of,
    to_record,
)
from tap_omdb.omdb.responses import ErrorKind, ErrorResponse, SearchPage, Season, TitleDetails
from tap_omdb.redaction import redact
from tap_omdb.state.known_rating import KnownRating
from tap_omdb.state.lookups import (
    FAILED,
    FAILED_WITHOUT_YEAR,
    FOUND,
    NOT_FOUND,
    NOT_FOUND_WITH_YEAR,
)
from tap_omdb.state.titles import FetchedLabel
from tap_omdb.sync.planner import next_search_task
from tap_omdb.sync.prefixes import narrower_searches
from tap_omdb.sync.rows import Row, invalid_row, reject_row, search_row
from tap_omdb.sync.tasks import LookupTask, SearchTask, SeasonTask, TitleTask
from tap_omdb.transport.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from datetime import date, datetime

    from tap_omdb.client import Response
    from tap_omdb.config.settings import Settings
    from tap_omdb.config.titles_file import InvalidRow
    from tap_omdb.omdb.queries import SearchKey
    from tap_omdb.state.searches import SearchProgress
    from tap_omdb.state.sync_state import SyncState
    from tap_omdb.sync.queue import TaskQueue
    from tap_omdb.sync.tasks import Task

logger = logging.getLogger(__name__)

PAGE_SIZE = 10
MIN_MISSED_TO_SPLIT = 20
"""A search that misses fewer rows is not worth dozens of narrower ones; it is reported."""

_TYPE_OF_STREAM = {stream: kind for kind, stream in STREAM_OF_TYPE.items()}
_PERMANENT = {
    ErrorKind.NOT_FOUND,
    ErrorKind.INCORRECT_ID,
    ErrorKind.BAD_REQUEST,
    ErrorKind.BLOCKED,
}
_NO_MORE_PAGES = {ErrorKind.NOT_FOUND, ErrorKind.BAD_OFFSET}
_REASONS = {
    ErrorKind.NOT_FOUND: "not_found",
    ErrorKind.INCORRECT_ID: "incorrect_id",
    ErrorKind.NO_DATA: "no_data",
    ErrorKind.BROKEN: "broken_response",
}
_MATCHED_BY = {"search": "search", "season": "season"}


class ResponseHandler:
    """Handles responses, in the order in which the executor yields them. Not thread-safe.

    Each row is yielded before the state is updated with it, so that a state never covers what has
    not been emitted.
    """

    def __init__(
        self, settings: Settings, state: SyncState, queue: TaskQueue, selected: frozenset[str]
    ) -> None:
        """Start with what is known.

        Args:
            settings: What the user wants.
            state: What is known.
            queue: Where further tasks go.
            selected: The types whose streams are selected.
        """
        self._selected = selected
        self._settings = settings
        self._state = state
        self._queue = queue
        self._search_errors: dict[SearchKey, str] = {}
        self.unparsed: Counter[str] = Counter()
        """How many values did not parse, by field."""

    def handle(
        self, task: Task, response: Response | UnavailableError, now: datetime
    ) -> Iterator[Row]:
        """Yield the rows that a response brings.

        Args:
            task: What was requested.
            response: The response, or why there is none after all retries.
            now: The current time (UTC).
        """
        if isinstance(response, UnavailableError):
            yield self._unavailable_row(task, response, now)
            if isinstance(task, SearchTask):
                self._search_errors[task.search.key] = str(response)
            self._mark_failed(task, now.date())
            self._queue.done(task)
            return
        if not isinstance(response.parsed, ErrorResponse) and response.parsed.repaired:
            query = task.query(self._settings.plot)
            logger.warning("The response to %s was broken JSON and has been repaired", query)
        found = 0
        if isinstance(task, SearchTask):
            known = task.search.new_titles
            yield from self._handle_page(task, response)
            found = task.search.new_titles - known
        elif isinstance(task, SeasonTask):
            yield from self._handle_season(task, response)
        else:
            yield from self._handle_title(task, response)
        self._queue.done(task, found=found)

    def handle_invalid_row(self, row: InvalidRow, now: datetime) -> Row:
        """Return the row of a titles file's line that does not identify a title."""
        path = self._settings.titles_file
        return invalid_row(row, path.name if path else "", now)

    def unfinished_searches(self, now: datetime) -> Iterator[Row]:
        """Yield the rows of searches of which only some pages were read."""
        for search in self._state.searches.in_progress.values():
            error = self._search_errors.get(search.key)
            yield search_row(search, now, is_complete=False, error=error)

    def finish_searches(self, now: datetime) -> Iterator[Row]:
        """Yield the rows of searches whose last page was read just before an earlier run ended."""
        for search in [*self._state.searches.in_progress.values()]:
            if search.total is not None and (search.next_page - 1) * PAGE_SIZE >= search.total:
                yield from self._end_search(search, now)

    def _unavailable_row(self, task: Task, error: UnavailableError, now: datetime) -> Row:
        return reject_row(
            task,
            task.query(self._settings.plot),
            error.reason,
            str(error),
            status=error.status,
            payload=None,
            now=now,
        )

    # Titles

    def _handle_title(self, task: TitleTask | LookupTask, response: Response) -> Iterator[Row]:
        today = response.raw.fetched_at.date()
        if not isinstance(response.parsed, TitleDetails):
            yield from self._handle_title_error(task, response)
            return
        requested = task.imdb_id if isinstance(task, TitleTask) else None
        data = response.parsed.data
        if isinstance(task, LookupTask) and not self._year_matches(task, data):
            yield self._reject(task, response, "year_mismatch", _describe_mismatch(task, data))
            self._state.lookups.mark_without_year(task.title, today, NOT_FOUND)
            return
        try:
            record = self._record(data, response, self._matched_by(task, data), requested)
        except InvalidRecord as error:
            yield self._reject(task, response, "invalid_record", str(error))
            self._mark_failed(task, today)
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
            self._state.titles.mark_not_selected(imdb_id, kind, today)
        if isinstance(task, LookupTask):
            self._mark_lookup(task, today, FOUND)
        elif task.imdb_id != imdb_id:
            logger.info("OMDb returns %s for %s; both are recorded", imdb_id, task.imdb_id)
            self._state.titles.mark_merged(task.imdb_id, imdb_id)
        if kind == "series":
            self._add_seasons(imdb_id, values["total_seasons"] or 1, today)

    def _mark_lookup(self, task: LookupTask, today: date, outcome: str) -> None:
        if task.ignores_year:
            self._state.lookups.mark_without_year(task.title, today, outcome)
        else:
            self._state.lookups.mark(task.title, today, outcome)

    def _year_matches(self, task: LookupTask, data: dict[str, Any]) -> bool:
        """Return whether a title that was looked up without its year is near enough to it."""
        wanted = task.title.year
        if wanted is None or not task.ignores_year:
            return True
        first = parse_year(data.get("Year"))
        if first is None:
            return False
        if abs(first - wanted) <= self._settings.year_tolerance:
            return True
        last = parse_last_year_of_series(data.get("Year"))
        is_series = stream_of(data) == STREAM_OF_TYPE["series"]
        return is_series and first <= wanted and (last is None or wanted <= last)

    def _matched_by(self, task: TitleTask | LookupTask, data: dict[str, Any]) -> str | None:
        """Return how a title was found: the value of the column `matched_by`."""
        if isinstance(task, LookupTask):
            year = parse_year(data.get("Year"))
            return "title_and_year" if year and year == task.title.year else "title"
        if task.source == "refresh":
            return self._state.titles.matched_by(task.imdb_id)
        return _MATCHED_BY.get(task.source, "imdb_id")

    def _handle_title_error(
        self, task: TitleTask | LookupTask, response: Response
    ) -> Iterator[Row]:
        kind, today = _error_kind(response), response.raw.fetched_at.date()
        if isinstance(task, LookupTask) and kind is ErrorKind.NOT_FOUND and self._retries(task):
            # Festival and release years differ, and lists disagree.
            self._state.lookups.mark(task.title, today, NOT_FOUND_WITH_YEAR)
            self._queue.add(replace(task, ignores_year=True))
            return
        yield self._reject_error(task, response)
        if kind not in _PERMANENT:
            self._mark_failed(task, today)
        elif isinstance(task, TitleTask):
            self._state.titles.mark_not_found(task.imdb_id, today)
        else:
            self._mark_lookup(task, today, NOT_FOUND)

    def _retries(self, task: LookupTask) -> bool:
        """Return whether a title is looked up again without its year."""
        has_year = task.title.year is not None and not task.ignores_year
        return has_year and self._settings.year_tolerance > 0

    def _record(
        self,
        data: dict[str, Any],
        response: Response,
        matched_by: str | None,
        requested: str | None = None,
    ) -> Record:
        returned = parse_imdb_id(data.get("imdbID"))
        merged = set(self._state.titles.merged_ids(returned)) if returned else set()
        if requested and requested != returned:
            merged.add(requested)
        record = to_record(
            data,
            fetched_at=response.raw.fetched_at,
            merged_ids=sorted(merged),
            matched_by=matched_by,
        )
        for field, text in (record.values["unparsed"] or {}).items():
            if not self.unparsed[field]:
                logger.warning(
                    "%s of %s does not parse: %.60r. It is null there, and its text is kept in "
                    "`unparsed`; further ones of this field are only counted",
                    field,
                    returned,
                    text,
                )
            self.unparsed[field] += 1
        return record

    def _mark_failed(self, task: Task, today: date) -> None:
        if isinstance(task, TitleTask):
            self._state.titles.mark_failed(task.imdb_id, today)
        elif isinstance(task, LookupTask):
            outcome = FAILED_WITHOUT_YEAR if task.ignores_year else FAILED
            self._state.lookups.mark(task.title, today, outcome)
        elif isinstance(task, SeasonTask):
            self._state.seasons.mark_failed(task.series_id, task.season, today)

    # Searches

    def _handle_page(self, task: SearchTask, response: Response) -> Iterator[Row]:
        parsed, search, now = response.parsed, task.search, response.raw.fetched_at
        self._state.searches.in_progress[search.key] = search
        kind = _error_kind(response)
        if isinstance(parsed, SearchPage):
            yield from self._handle_hits(task, parsed, now)
        elif kind in _NO_MORE_PAGES:
            yield from self._end_search(search, now)
        elif kind is ErrorKind.TOO_MANY_RESULTS:
            yield from self._handle_too_many_results(search, response)
        else:
            reject = self._reject_error(task, response)
            yield reject
            self._search_errors[search.key] = error = reject.values["message"]
            if kind in _PERMANENT:
                yield search_row(search, now, is_complete=False, error=error)
                self._state.searches.mark_finished(search.key, search.total or 0, now.date())

    def _handle_hits(self, task: SearchTask, page: SearchPage, now: datetime) -> Iterator[Row]:
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

    def _add_hit(self, imdb_id: str, kind: str, today: date) -> bool:
        """Queue a search's hit, and return whether it is a new title."""
        if kind in self._settings.types:
            return self._queue.add_title(imdb_id, kind, "search")
        if kind == "series":
            self._add_seasons(imdb_id, 1, today)
        return False

    def _end_search(self, search: SearchProgress, now: datetime) -> Iterator[Row]:
        search.total = search.total or 0
        yield search_row(search, now, is_complete=True)
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

    def _handle_too_many_results(self, search: SearchProgress, response: Response) -> Iterator[Row]:
        now = response.raw.fetched_at
        error = response.parsed
        message = error.message if isinstance(error, ErrorResponse) else ""
        is_prefix = bool(narrower_searches(search.key))
        yield search_row(search, now, is_complete=is_prefix, error=message)
        if not self._split(search, now.date()):
            logger.warning(
                'Search %s: OMDb reports "%s"; a longer term, or one that ends in *, finds more',
                search.key,
                message,
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

    # Seasons

    def _add_seasons(self, series_id: str, total: int, today: date) -> None:
        if "episode" not in self._settings.types:
            return
        pending = self._state.seasons.pending
        for season in range(1, total + 1):
            if (series_id, season) in pending:
                continue
            if self._state.seasons.is_due(series_id, season, today):
                pending[series_id, season] = None
                self._queue.add(SeasonTask(series_id, season))

    def _handle_season(self, task: SeasonTask, response: Response) -> Iterator[Row]:
        season, today = response.parsed, response.raw.fetched_at.date()
        if not isinstance(season, Season):
            yield from self._handle_season_error(task, response)
            return
        if season.invalid_episodes:
            message = f"{season.invalid_episodes} of the episodes are not JSON objects"
            yield self._reject(task, response, "invalid_record", message)
        years: list[int] = []
        for item in season.episodes:
            year = yield from self._handle_episode(item, task, response)
            years += [year] if year else []
        latest = max(years, default=None)
        self._state.seasons.mark_fetched(task.series_id, task.season, latest, today)
        if task.season == 1 and season.total_seasons:
            self._add_seasons(task.series_id, season.total_seasons, today)

    def _handle_episode(
        self, item: dict[str, Any], task: SeasonTask, response: Response
    ) -> Generator[Row, None, int | None]:
        """Yield an episode's row, or queue the episode; return its year."""
        imdb_id = parse_imdb_id(item.get("imdbID"))
        if imdb_id is None:
            yield self._reject(task, response, "invalid_record", "an episode has no imdbID")
        elif "Plot" in item and "Type" in item:
            record = self._record(item, response, "season")
            yield Row(*record)
            self._state.titles.pending.pop(imdb_id, None)
            year: int | None = record.values["year"]
            return year
        else:
            self._queue.add_title(imdb_id, "episode", "season")
        released = item.get("Released")
        return None if is_absent(released) else parse_year(str(released)[:4])

    def _handle_season_error(self, task: SeasonTask, response: Response) -> Iterator[Row]:
        kind = _error_kind(response)
        if task.full and kind not in _PERMANENT:
            # A single bad plot breaks the response for a whole season; the bare list has no plots.
            self._queue.add(SeasonTask(task.series_id, task.season, full=False))
            return
        yield self._reject_error(task, response)
        today = response.raw.fetched_at.date()
        if kind in _PERMANENT:
            self._state.seasons.mark_fetched(task.series_id, task.season, None, today)
        else:
            self._mark_failed(task, today)

    # Rejects

    def _reject_error(self, task: Task, response: Response) -> Row:
        parsed = response.parsed
        if isinstance(parsed, ErrorResponse):
            reason = _REASONS.get(parsed.kind, "http_error")
            return self._reject(task, response, reason, parsed.message)
        message = f"OMDb returned a {type(parsed).__name__} instead"
        return self._reject(task, response, "invalid_record", message)

    def _reject(self, task: Task, response: Response, reason: str, message: str) -> Row:
        return reject_row(
            task,
            task.query(self._settings.plot),
            reason,
            redact(message),
            status=response.raw.status,
            payload=redact(response.raw.body.decode("utf-8", "replace").replace("\0", "�")),
            now=response.raw.fetched_at,
        )


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


def _error_kind(response: Response) -> ErrorKind | None:
    return response.parsed.kind if isinstance(response.parsed, ErrorResponse) else None
