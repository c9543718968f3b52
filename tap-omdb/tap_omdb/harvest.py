"""What an answer means: rows for the streams, marks in the ledger, and further work."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from tap_omdb.client import Unavailable
from tap_omdb.prefixes import narrower_searches
from tap_omdb.queries import LookupTask, PageTask, SeasonTask, TitleTask
from tap_omdb.records import (
    STREAM_OF_TYPE,
    InvalidRecord,
    Record,
    is_absent,
    parse_first_year,
    parse_imdb_id,
    to_record,
)
from tap_omdb.redaction import redact
from tap_omdb.replies import Details, Refusal, RefusalKind, SearchPage, Season
from tap_omdb.rows import Row, reject_row, search_row, unusable_row

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from datetime import date, datetime

    from tap_omdb.client import Answer
    from tap_omdb.ledger import Ledger
    from tap_omdb.queries import SearchKey, SearchPass, Task
    from tap_omdb.settings import Settings
    from tap_omdb.titles_file import UnusableRow
    from tap_omdb.worklist import WorkList

logger = logging.getLogger(__name__)

PAGE_SIZE = 10
WORTH_SPLITTING = 20
"""A search that misses fewer rows is not worth dozens of narrower ones; it is reported."""

_TYPE_OF_STREAM = {stream: kind for kind, stream in STREAM_OF_TYPE.items()}
_FOR_GOOD = {
    RefusalKind.NOT_FOUND,
    RefusalKind.INCORRECT_ID,
    RefusalKind.BAD_REQUEST,
    RefusalKind.BLOCKED,
}
_NO_MORE_PAGES = {RefusalKind.NOT_FOUND, RefusalKind.BAD_OFFSET}
_REASONS = {
    RefusalKind.NOT_FOUND: "not_found",
    RefusalKind.INCORRECT_ID: "incorrect_id",
    RefusalKind.NO_DATA: "no_data",
    RefusalKind.BROKEN: "broken_reply",
}


class Harvest:
    """Deals with answers, in the order in which they were asked for. Used from one thread.

    Each row is yielded before the ledger is marked with it, so that a state never covers what
    has not been emitted.
    """

    def __init__(
        self, settings: Settings, ledger: Ledger, work: WorkList, wanted: frozenset[str]
    ) -> None:
        """Start with what is known.

        Args:
            settings: What the user asks for.
            ledger: What is known.
            work: Where further work goes.
            wanted: The types whose streams are selected.
        """
        self._wanted = wanted
        self._settings = settings
        self._ledger = ledger
        self._work = work
        self._errors: dict[SearchKey, str] = {}  # why a search came to a halt
        self.unparsed: Counter[str] = Counter()
        """Values that did not parse, by field."""

    def reap(self, task: Task, answer: Answer | Unavailable, now: datetime) -> Iterator[Row]:
        """Yield the rows that an answer gives.

        Args:
            task: What was wanted.
            answer: What came, or why nothing came in all the time that it was asked for.
            now: The current time (UTC).
        """
        found = 0
        if isinstance(answer, Unavailable):
            query = task.query(self._settings.plot)
            reason, status = "http_error", answer.status
            text = str(answer)
            yield reject_row(task, query, reason, text, status=status, payload=None, now=now)
            if isinstance(task, PageTask):
                self._errors[task.search.key] = text
            self._failed(task, now.date())
            self._work.done(task)
            return
        if not isinstance(answer.reply, Refusal) and answer.reply.mended:
            query = task.query(self._settings.plot)
            logger.warning("the reply to %s was broken JSON, and has been mended", query)
        if isinstance(task, PageTask):
            known = task.search.new_titles
            yield from self._page(task, answer)
            found = task.search.new_titles - known
        elif isinstance(task, SeasonTask):
            yield from self._season(task, answer)
        else:
            yield from self._title(task, answer)
        self._work.done(task, found=found)

    def unusable(self, row: UnusableRow, now: datetime) -> Row:
        """Return the row of a titles file's line that names no title."""
        path = self._settings.titles_file
        return unusable_row(row, path.name if path else "", now)

    def unfinished(self, now: datetime) -> Iterator[Row]:
        """Yield the rows of searches that were begun and not read to their end."""
        for search in self._ledger.passes.values():
            error = self._errors.get(search.key)
            yield search_row(search, now, is_complete=False, error=error)

    def read_to_end(self, now: datetime) -> Iterator[Row]:
        """Yield the rows of searches of whose pages an earlier run had read all as it ended."""
        for search in [*self._ledger.passes.values()]:
            if search.total is not None and (search.next_page - 1) * PAGE_SIZE >= search.total:
                yield from self._end_search(search, now)

    # Titles

    def _title(self, task: TitleTask | LookupTask, answer: Answer) -> Iterator[Row]:
        today = answer.raw.fetched_at.date()
        if not isinstance(answer.reply, Details):
            yield from self._title_refused(task, answer)
            return
        asked = task.imdb_id if isinstance(task, TitleTask) else None
        try:
            record = self._record(answer.reply.data, answer, asked)
        except InvalidRecord as error:
            yield self._reject(task, answer, "invalid_record", str(error))
            self._failed(task, today)
            return
        yield Row(*record)
        imdb_id, kind = record.values["imdb_id"], _TYPE_OF_STREAM[record.stream]
        if kind in self._wanted:
            self._ledger.fetched(imdb_id, kind, record.values["year"], today)
        else:
            self._ledger.skipped(imdb_id, kind, today)
        if isinstance(task, LookupTask):
            self._ledger.looked_up(task, today, found=True)
        elif task.imdb_id != imdb_id:
            logger.info("OMDb answers for %s with %s; both are noted", task.imdb_id, imdb_id)
            self._ledger.merged(task.imdb_id, imdb_id)
        if kind == "series":
            self._ask_seasons(imdb_id, record.values["total_seasons"] or 1, today)

    def _title_refused(self, task: TitleTask | LookupTask, answer: Answer) -> Iterator[Row]:
        yield self._refused(task, answer)
        today = answer.raw.fetched_at.date()
        if _kind(answer) not in _FOR_GOOD:
            self._failed(task, today)
        elif isinstance(task, TitleTask):
            self._ledger.gone(task.imdb_id, today)
        else:
            self._ledger.looked_up(task, today, found=False)

    def _record(self, data: dict[str, Any], answer: Answer, asked: str | None = None) -> Record:
        answered = parse_imdb_id(data.get("imdbID"))
        merged = set(self._ledger.merged_into(answered)) if answered else set()
        if asked and asked != answered:
            merged.add(asked)
        fetched_at = answer.raw.fetched_at
        record = to_record(data, fetched_at=fetched_at, merged_ids=sorted(merged))
        for field, text in (record.values["unparsed"] or {}).items():
            if not self.unparsed[field]:
                logger.warning(
                    "%s of %s does not parse: %.60r. It is null there, its text is kept in "
                    "`unparsed`; further ones of this field are only counted",
                    field,
                    answered,
                    text,
                )
            self.unparsed[field] += 1
        return record

    def _failed(self, task: Task, today: date) -> None:
        if isinstance(task, TitleTask):
            self._ledger.failed(task.imdb_id, today)
        elif isinstance(task, LookupTask):
            self._ledger.lookup_failed(task, today)
        elif isinstance(task, SeasonTask):
            self._ledger.season_failed(task.series_id, task.season, today)

    # Searches

    def _page(self, task: PageTask, answer: Answer) -> Iterator[Row]:
        reply, search, now = answer.reply, task.search, answer.raw.fetched_at
        self._ledger.passes[search.key] = search
        kind = _kind(answer)
        if isinstance(reply, SearchPage):
            yield from self._hits(task, reply, now)
        elif kind in _NO_MORE_PAGES:
            yield from self._end_search(search, now)
        elif kind is RefusalKind.TOO_MANY_RESULTS:
            yield from self._too_many(search, answer)
        else:
            reject = self._refused(task, answer)
            yield reject
            self._errors[search.key] = error = reject.values["message"]
            if kind in _FOR_GOOD:
                yield search_row(search, now, is_complete=False, error=error)
                self._ledger.searched(search.key, search.total or 0, now.date())

    def _hits(self, task: PageTask, reply: SearchPage, now: datetime) -> Iterator[Row]:
        search = task.search
        search.total = reply.total if reply.total is not None else search.total
        search.rows += len(reply.hits)
        if reply.bad_hits:
            logger.warning("search %s: %d rows have no IMDb id", search.key, reply.bad_hits)
        for hit in reply.hits:
            if hit.imdb_id in search.seen:
                continue
            search.seen.add(hit.imdb_id)
            search.hits += 1
            # OMDb is said to overlook `y` in searches at times.
            if search.key.year is None or hit.year in {None, search.key.year}:
                search.new_titles += self._found(hit.imdb_id, hit.type or "movie", now.date())
        search.next_page = task.page + 1
        before = self._ledger.last_total(search.key)
        is_same = before is not None and before == search.total
        if task.page == 1 and is_same and not search.new_titles:
            # As many rows as last time, and nothing new on top: the other pages are known too.
            self._ledger.searched(search.key, search.total, now.date())
        elif task.page * PAGE_SIZE >= (search.total or 0):
            yield from self._end_search(search, now)
        else:
            self._work.add(PageTask(search, search.next_page))

    def _found(self, imdb_id: str, kind: str, today: date) -> bool:
        """Take up a search's hit; tell whether it is a new title."""
        if kind in self._settings.types:
            return self._work.add_title(imdb_id, kind, "search")
        if kind == "series":
            self._ask_seasons(imdb_id, 1, today)
        return False

    def _end_search(self, search: SearchPass, now: datetime) -> Iterator[Row]:
        search.total = search.total or 0
        yield search_row(search, now, is_complete=True)
        self._ledger.searched(search.key, search.total, now.date())
        missed = search.total - search.rows
        if missed <= 0:
            return
        is_split = missed >= WORTH_SPLITTING and self._split(search, now.date())
        logger.warning(
            "search %s: OMDb gave %d of the %d rows that it says it has; %s",
            search.key,
            search.rows,
            search.total,
            "narrower searches go for the rest" if is_split else "`searches` has the number",
        )

    def _too_many(self, search: SearchPass, answer: Answer) -> Iterator[Row]:
        now = answer.raw.fetched_at
        message = answer.reply.message if isinstance(answer.reply, Refusal) else ""
        is_prefix = bool(narrower_searches(search.key))
        yield search_row(search, now, is_complete=is_prefix, error=message)
        if not self._split(search, now.date()):
            logger.warning(
                'search %s: OMDb says "%s"; a longer term, or one that ends in *, finds more',
                search.key,
                message,
            )
            self._ledger.searched(search.key, 0, now.date())

    def _split(self, search: SearchPass, today: date) -> bool:
        """Put narrower searches in a search's place; tell whether there are any."""
        parts = narrower_searches(search.key)
        if not parts:
            return False
        self._ledger.searched(search.key, None, today)
        for key in parts:
            if self._ledger.search_is_due(key, today):
                self._work.add(self._ledger.next_page(key, today))
        return True

    # Seasons

    def _ask_seasons(self, series_id: str, total: int, today: date) -> None:
        if "episode" not in self._settings.types:
            return
        for season in range(1, total + 1):
            if (series_id, season) in self._ledger.pending_seasons:
                continue
            if self._ledger.season_is_due(series_id, season, today):
                self._ledger.pending_seasons[series_id, season] = None
                self._work.add(SeasonTask(series_id, season))

    def _season(self, task: SeasonTask, answer: Answer) -> Iterator[Row]:
        reply, today = answer.reply, answer.raw.fetched_at.date()
        if not isinstance(reply, Season):
            yield from self._season_refused(task, answer)
            return
        if reply.bad_episodes:
            message = f"{reply.bad_episodes} of the episodes are no JSON objects"
            yield self._reject(task, answer, "invalid_record", message)
        years: list[int] = []
        for item in reply.episodes:
            year = yield from self._episode(item, task, answer)
            years += [year] if year else []
        self._ledger.season_fetched(task.series_id, task.season, max(years, default=None), today)
        if task.season == 1 and reply.total_seasons:
            self._ask_seasons(task.series_id, reply.total_seasons, today)

    def _episode(
        self, item: dict[str, Any], task: SeasonTask, answer: Answer
    ) -> Generator[Row, None, int | None]:
        """Yield an episode's row, or ask for it by itself; return its year."""
        imdb_id = parse_imdb_id(item.get("imdbID"))
        if imdb_id is None:
            yield self._reject(task, answer, "invalid_record", "an episode has no imdbID")
        elif "Plot" in item and "Type" in item:
            record = self._record(item, answer)
            yield Row(*record)
            self._ledger.pending.pop(imdb_id, None)
            year: int | None = record.values["year"]
            return year
        else:
            self._work.add_title(imdb_id, "episode", "season")
        released = item.get("Released")
        return None if is_absent(released) else parse_first_year(str(released)[:4])

    def _season_refused(self, task: SeasonTask, answer: Answer) -> Iterator[Row]:
        kind = _kind(answer)
        if task.full and kind not in _FOR_GOOD:
            # One bad plot breaks a whole season's reply; the mere list has no plots.
            self._work.add(SeasonTask(task.series_id, task.season, full=False))
            return
        yield self._refused(task, answer)
        today = answer.raw.fetched_at.date()
        if kind in _FOR_GOOD:
            self._ledger.season_fetched(task.series_id, task.season, None, today)
        else:
            self._failed(task, today)

    # Rejects

    def _refused(self, task: Task, answer: Answer) -> Row:
        reply = answer.reply
        if isinstance(reply, Refusal):
            reason = _REASONS.get(reply.kind, "http_error")
            return self._reject(task, answer, reason, reply.message)
        message = f"OMDb answered with a {type(reply).__name__.lower()}"
        return self._reject(task, answer, "invalid_record", message)

    def _reject(self, task: Task, answer: Answer, reason: str, message: str) -> Row:
        return reject_row(
            task,
            task.query(self._settings.plot),
            reason,
            redact(message),
            status=answer.raw.status,
            payload=redact(answer.raw.body.decode("utf-8", "replace").replace("\0", "�")),
            now=answer.raw.fetched_at,
        )


def _kind(answer: Answer) -> RefusalKind | None:
    return answer.reply.kind if isinstance(answer.reply, Refusal) else None
