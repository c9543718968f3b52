"""Handles the pages of searches: queues their titles, further pages and narrower searches."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, datetime

from typing_extensions import override

from tap_omdb.client import Response
from tap_omdb.omdb.queries import SearchKey
from tap_omdb.omdb.responses import ErrorKind, SearchPage
from tap_omdb.state.searches import SearchProgress
from tap_omdb.sync.handler import Handler, RunParts
from tap_omdb.sync.planner import next_search_task
from tap_omdb.sync.prefixes import narrower_searches
from tap_omdb.sync.rows import Row, is_permanent, search_row
from tap_omdb.sync.tasks import SearchTask

logger = logging.getLogger(__name__)

PAGE_SIZE = 10
MIN_MISSED_TO_SPLIT = 20
"""A search that misses fewer rows is not worth dozens of narrower ones; it is reported."""

_NO_MORE_PAGES = {ErrorKind.NOT_FOUND, ErrorKind.BAD_OFFSET}


class SearchHandler(Handler[SearchTask]):
    """Yields the rows of searches, and queues what their pages list."""

    def __init__(self, parts: RunParts) -> None:
        """Use the parts of a run."""
        super().__init__(parts)
        self._errors: dict[SearchKey, str] = {}

    def begin(self, now: datetime) -> Iterator[Row]:
        """Yield the rows of searches whose last page was read just before an earlier run ended."""
        for search in [*self._state.searches.in_progress.values()]:
            if search.total is not None and (search.next_page - 1) * PAGE_SIZE >= search.total:
                yield from self._end_search(search, now)

    def end(self, now: datetime) -> Iterator[Row]:
        """Yield the rows of searches of which only some pages were read."""
        for search in self._state.searches.in_progress.values():
            error = self._errors.get(search.key)
            yield search_row(search, now, is_complete=False, error=error)

    @override
    def mark_failed(self, task: SearchTask, today: date, message: str = "") -> None:
        # The search stays in progress.
        self._errors[task.search.key] = message

    @override
    def handle(self, task: SearchTask, response: Response) -> Iterator[Row]:
        search, now, error = task.search, response.raw.fetched_at, response.error
        self._state.searches.in_progress[search.key] = search
        if isinstance(response.parsed, SearchPage):
            yield from self._handle_hits(task, response.parsed, now)
        elif error and error.kind in _NO_MORE_PAGES:
            yield from self._end_search(search, now)
        elif error and error.kind is ErrorKind.TOO_MANY_RESULTS:
            yield from self._handle_too_many_results(search, error.message, now)
        else:
            reject = self._reject_error(task, response)
            yield reject
            self._errors[search.key] = message = reject.values["message"]
            if is_permanent(response):
                yield search_row(search, now, is_complete=False, error=message)
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

    def _add_hit(self, imdb_id: str, title_type: str, today: date) -> bool:
        """Queue a search's hit, and return whether it is a new title."""
        if title_type in self._parts.selection.found:
            return self._queue.add_title(imdb_id, title_type, "search")
        if title_type == "series":
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

    def _handle_too_many_results(
        self, search: SearchProgress, message: str, now: datetime
    ) -> Iterator[Row]:
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
