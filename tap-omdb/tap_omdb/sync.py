"""One sync: the parts put together, and what is said of it while it runs."""

from __future__ import annotations

import logging
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from tap_omdb import clock
from tap_omdb.budget import Budget, DayCount
from tap_omdb.cache import ReplyCache
from tap_omdb.client import Answer, Connection
from tap_omdb.engine import Engine
from tap_omdb.harvest import Harvest
from tap_omdb.ledger import Ledger
from tap_omdb.queries import SearchKey
from tap_omdb.records import STREAM_OF_TYPE
from tap_omdb.replies import is_passing, read_reply
from tap_omdb.settings import is_plain_remote
from tap_omdb.sources import backlog, count_backlog
from tap_omdb.titles_file import recognise
from tap_omdb.worklist import WorkList

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from datetime import date, datetime

    from singer_sdk.helpers.types import TapState

    from tap_omdb.queries import Query, Task
    from tap_omdb.rows import Row
    from tap_omdb.settings import Settings

logger = logging.getLogger(__name__)

BOOKMARK = "ledger"
"""Where the ledger stands among the bookmarks; no stream has that name."""
PROGRESS_SECONDS = 5.0
STATE_SECONDS = 5.0
_SHARE_FOR_STATE = 20
"""A state may take one part in so many of the time."""


class Sync:
    """Everything that the streams of one run share."""

    def __init__(
        self, settings: Settings, api_key: str, state: TapState, selected: set[str]
    ) -> None:
        """Read the state and what is on disk.

        Args:
            settings: What the user asks for.
            api_key: The key; requests are counted by key.
            state: The tap's state; kept up to date by `save`.
            selected: The streams that are wanted.
        """
        self._settings = settings
        self._bookmarks = state.setdefault("bookmarks", {})
        self._selected = selected
        self._started = time.monotonic()
        self._next_state = self._started + STATE_SECONDS
        self._next_progress = self._started + PROGRESS_SECONDS
        self.ledger = Ledger(settings.refresh, self._bookmarks.get(BOOKMARK))
        days = DayCount(self.ledger.requests, settings.cache_dir, api_key)
        self.budget = Budget(settings.max_requests, settings.daily_requests, days)
        self.cache = ReplyCache(settings.cache_dir)
        self.connection = Connection(settings, self.budget, self.cache)
        self.rows: Counter[str] = Counter()
        """Rows of each stream so far."""
        self.reused = 0
        """Replies of earlier runs that were used."""
        self.has_begun = False
        self.exit_code = 0
        """What the process must exit with once all is emitted."""

    def stop(self, number: int) -> None:
        """End soon, since this signal came: nothing more is asked, what has come is emitted."""
        self.exit_code = 128 + number
        self.connection.stopping.set()

    def run(self, fetch: Callable[[Query], Answer], *, is_test: bool = False) -> Generator[Row]:
        """Yield the rows of all selected streams.

        Args:
            fetch: Asks OMDb; called from worker threads.
            is_test: One row will do, so nothing is asked ahead of it.
        """
        self.has_begun = True
        now = clock.now()
        if is_plain_remote(self._settings.api_url):
            logger.warning("api_url is http: the API key travels unencrypted; use https")
        if self._settings.titles_file:
            layout = recognise(self._settings.titles_file)
            logger.info("titles_file: %s", layout.describe())
        starts_over = BOOKMARK not in self._bookmarks
        self.cache.load(self._is_covered, now, starts_over=starts_over)
        wanted = frozenset(t for t, stream in STREAM_OF_TYPE.items() if stream in self._selected)
        settings = replace(self._settings, types=self._settings.types & wanted)
        workers = 1 if is_test else settings.concurrency
        asked = self._settings if "searches" in self._selected else settings
        plan = count_backlog(asked, self.ledger, wanted, now.date())
        tasks = backlog(asked, self.ledger, wanted, now.date())
        work = WorkList(tasks, self.ledger, workers)
        harvest = Harvest(settings, self.ledger, work, wanted)
        engine = Engine(lambda task: self._answer(task, fetch), workers, self.connection.stopping)
        for row in harvest.read_to_end(now):
            yield from self._count(row)
        with closing(self.cache), closing(engine.answers(work)) as answers:
            for task, answer in answers:
                while work.unusable:
                    yield from self._count(harvest.unusable(work.unusable.popleft(), now))
                for row in harvest.reap(task, answer, clock.now()):
                    yield from self._count(row)
                self._tell_progress(work, plan)
        while work.unusable:
            yield from self._count(harvest.unusable(work.unusable.popleft(), now))
        for row in harvest.unfinished(clock.now()):
            yield from self._count(row)
        if engine.error or work.error:
            self.exit_code = 1
        self._tell_end(engine, work, harvest)

    def is_state_due(self) -> bool:
        """Tell whether it is time for a STATE message."""
        return time.monotonic() >= self._next_state

    def save(self) -> None:
        """Bring the tap's state up to date; the larger it is, the rarer."""
        started = time.monotonic()
        self._bookmarks[BOOKMARK] = self.ledger.to_state()
        now = time.monotonic()
        self._next_state = now + max(STATE_SECONDS, _SHARE_FOR_STATE * (now - started))

    def _answer(self, task: Task, fetch: Callable[[Query], Answer]) -> Answer:
        query = task.query(self._settings.plot)
        raw = self.cache.find(query)
        if raw is None:
            return fetch(query)
        reply = read_reply(raw.status, {"Content-Type": raw.content_type}, raw.body)
        if is_passing(reply) and raw.fetched_at.date() < clock.today():
            return fetch(query)
        self.reused += 1
        return Answer(reply, raw)

    def _count(self, row: Row) -> Iterator[Row]:
        if row.stream in self._selected:
            self.rows[row.stream] += 1
            yield row

    def _is_covered(self, query: str, fetched_at: datetime) -> bool:
        """Tell whether the state has what a reply on disk said."""
        params = dict(parse_qsl(query))
        day = fetched_at.date()
        known: date | None = None
        if "Season" in params:
            known = self.ledger.last_season_try(params["i"], int(params["Season"]))
        elif "i" in params:
            known = self.ledger.last_try(params["i"])
        elif "t" in params:
            year = int(params["y"]) if "y" in params else None
            known = self.ledger.last_lookup(params["t"], year, params.get("type"))
        elif "s" in params:
            year = int(params["y"]) if "y" in params else None
            key = SearchKey(params["s"], year, params.get("type"))
            read = self.ledger.passes.get(key)
            if read:
                return int(params["page"]) < read.next_page
            known = self.ledger.last_search(key)
        return known is not None and known >= day

    def _tell_progress(self, work: WorkList, plan: tuple[int, bool]) -> None:
        planned, is_all = plan
        ahead = work.ahead(planned)
        if time.monotonic() < self._next_progress or not ahead:
            return
        self._next_progress = time.monotonic() + PROGRESS_SECONDS
        rate = work.finished / (time.monotonic() - self._started)
        left = self.budget.left
        logger.info(
            "%s · %s done of %s%s known, %.1f/s, %s · %s requests spent, %s left",
            self._row_counts(),
            f"{work.finished:,}",
            "" if is_all else "at least ",
            f"{work.finished + ahead:,}",
            rate,
            _time_left(ahead, left, rate),
            f"{self.budget.used:,}",
            f"{left:,}",
        )

    def _tell_end(self, engine: Engine, work: WorkList, harvest: Harvest) -> None:
        saved = f" ({self.reused} replies were still on disk)" if self.reused else ""
        logger.info(
            "%s · %s requests spent%s, %s left",
            self._row_counts(),
            f"{self.budget.used:,}",
            saved,
            f"{self.budget.left:,}",
        )
        for field, count in harvest.unparsed.items():
            if count == 1:
                continue  # told when it came
            logger.warning("%s: %d values did not parse; see `unparsed`", field, count)
        if self.rows["rejects"]:
            logger.warning("%d could not be had: `rejects` says why", self.rows["rejects"])
        if engine.error or work.error:
            logger.error("%s", engine.error or work.error)
        elif engine.ended:
            logger.info(
                "Ended early: %s. Pending: %s. Run again %s",
                engine.ended,
                self._pending(work),
                self._when(),
            )
        elif not work.taken:
            logger.info("Nothing was due: all that is known is fresh")

    def _pending(self, work: WorkList) -> str:
        counts = {
            "titles found": len(self.ledger.pending),
            "seasons": len(self.ledger.pending_seasons),
            "searches begun": len(self.ledger.passes),
        }
        parts = [f"{what} {count:,}" for what, count in counts.items() if count]
        if work.has_more_than_pending():
            parts.append("more that has no reply yet")
        return ", ".join(parts) or "nothing"

    def _when(self) -> str:
        if self.exit_code or self.budget.left_today:
            return "to go on where this ended"
        return "after 00:00 UTC to go on where this ended"

    def _row_counts(self) -> str:
        counts = (f"{name} {count:,}" for name, count in sorted(self.rows.items()))
        return ", ".join(counts) or "no records"


def _time_left(ahead: int, left: int, rate: float) -> str:
    """Say how long so many requests ahead take at a rate (1/s), or so many as are left."""
    if not rate:
        return "not long enough to tell the time left"
    seconds = timedelta(seconds=round(min(ahead, left) / rate))
    return f"{seconds} until the budget is spent" if left < ahead else f"{seconds} to go"
