"""Orders the tasks of a run: first those found in responses, then the plan; each only once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import date
from heapq import heappop, heappush
from itertools import chain, count

from tap_omdb.config.titles_file import InvalidRow, TitlesFileError
from tap_omdb.state.sync_state import SyncState
from tap_omdb.sync.lists import ListResults
from tap_omdb.sync.ranking import VoteRanking
from tap_omdb.sync.tasks import LookupTask, SeasonTask, Source, Task, TitleTask

_SEARCHES_WHILE_TITLES_COME = 2


class TaskQueue:
    """The tasks of a run. Not thread-safe."""

    def __init__(
        self,
        plan: Iterator[Task | InvalidRow],
        state: SyncState,
        width: int,
        ranking: VoteRanking,
        lists: ListResults,
    ) -> None:
        """Start with a plan.

        Args:
            plan: All tasks that are due; consumed as they are needed.
            state: The sync state; titles that it already has are not queued again.
            width: How many searches may be in flight while they find nothing new.
            ranking: Which of the titles found come first, and which are left out.
            lists: Which titles files are skipped.
        """
        self._plan = plan
        self._state = state
        self._width = width
        self._ranking = ranking
        self._lists = lists
        self._found: deque[tuple[int, Task]] = deque()  # each with its position in the order found
        self._found_titles: list[tuple[int, int, Task]] = []  # a heap: most votes, then the order
        self._order = count()
        self._searches: deque[Task] = deque()  # the parts of searches that were split
        self._next: Task | None = None
        self._scheduled: dict[str, Task] = {}  # by key: queued or in flight
        self._searching = 0
        self._new_titles = 0  # found by the response that is being handled
        self._is_productive = True
        self._planned = 0
        self.started = 0
        """Tasks handed out."""
        self.finished = 0
        """Tasks whose response has been handled."""
        self.left_out = 0
        """Titles found that have too few votes."""
        self.error: str | None = None
        """Why the plan ended early; None if it did not."""
        self.invalid_rows: deque[InvalidRow] = deque()
        """Invalid rows of the titles file read since this was last emptied."""

    def remaining(self, length: int) -> int:
        """Return how many tasks remain of a plan of this length and of those found since."""
        in_flight = self.started - self.finished
        found = len(self._found) + len(self._found_titles) + len(self._searches)
        planned = max(0, length - self._planned) + (self._next is not None)
        return in_flight + found + planned

    def has_more_than_pending(self) -> bool:
        """Return whether any task left is not pending in the state; consumes the plan."""
        left = [*self._scheduled.values()]
        return not all(task.is_pending(self._state) for task in chain(left, self._read_plan()))

    def next(self) -> Task | None:
        """Return the next task; None if there is none, or none until a response arrives."""
        task = self._next_found() or self._next_planned()
        if task is not None:
            self.started += 1
            self._searching += task.is_search
        return task

    def add(self, task: Task) -> None:
        """Queue a task found in a response, ahead of the plan."""
        if self._schedule(task):
            if task.starts_search:
                self._searches.append(task)
            else:
                self._found.append((next(self._order), task))

    def add_title(self, imdb_id: str, title_type: str, source: Source) -> bool:
        """Queue a title found in a response, and record it as pending.

        Returns:
            Whether it is new: neither known nor found before.
        """
        if self._state.titles.is_known(imdb_id) or imdb_id in self._state.titles.pending:
            return False
        task = TitleTask(imdb_id, source)
        is_new = task.key not in self._scheduled
        self._state.titles.pending[imdb_id] = title_type
        if not self._ranking.includes(imdb_id):
            self.left_out += 1
        elif self._schedule(task):
            heappush(self._found_titles, (-self._ranking.votes(imdb_id), next(self._order), task))
        self._new_titles += is_new
        return is_new

    def add_seasons(self, series_id: str, total: int, today: date) -> None:
        """Queue those of a series' first `total` seasons that are due, and record them."""
        seasons = self._state.seasons
        for season in range(1, total + 1):
            is_pending = (series_id, season) in seasons.pending
            if not is_pending and seasons.is_due(series_id, season, today):
                seasons.pending[series_id, season] = None
                self.add(SeasonTask(series_id, season))

    def done(self, task: Task) -> None:
        """Record that the response to a task has been handled."""
        self.finished += 1
        if isinstance(task, LookupTask) and task.list is not None:
            self._lists.end_lookup(task.list, self._state.lookups.outcome(task.title))
        self._scheduled.pop(task.key, None)
        if task.is_search:
            self._searching -= 1
            self._is_productive = self._new_titles > 0
        self._new_titles = 0

    def _next_found(self) -> Task | None:
        if self._found_titles and (not self._found or self._found_titles[0][1] < self._found[0][0]):
            return heappop(self._found_titles)[2]
        return self._found.popleft()[1] if self._found else None

    def _next_planned(self) -> Task | None:
        if self._searches:
            return self._searches.popleft() if self._may_search() else None
        task = self._peek()
        if task is None or (task.is_search and not self._may_search()):
            return None
        if task.is_title_refresh and self._searching:
            # New titles come first, and may be on a page that is in flight.
            return None
        if isinstance(task, LookupTask) and task.list is not None:
            if self._lists.must_wait(task.list) and self.started > self.finished:
                return None
            self._lists.start_lookup(task.list)
        self._next = None
        return task

    def _peek(self) -> Task | None:
        """Return the plan's next task, except those of lists that are skipped."""
        while True:
            task = self._next = self._next or next(self._read_plan(), None)
            if not isinstance(task, LookupTask) or not task.list:
                return task
            if not self._lists.is_skipped(task.list):
                return task
            self._scheduled.pop(task.key)
            self._next = None

    def _may_search(self) -> bool:
        # A page of a search may list ten titles to fetch: searching far ahead would spend a small
        # budget on searches alone.
        limit = _SEARCHES_WHILE_TITLES_COME if self._is_productive else self._width
        return self._searching < limit

    def _read_plan(self) -> Iterator[Task]:
        try:
            for item in self._plan:
                self._planned += 1
                if isinstance(item, InvalidRow):
                    self.invalid_rows.append(item)
                elif self._schedule(item):
                    yield item
        except TitlesFileError as error:
            self.error = f"titles_file: {error}"

    def _schedule(self, task: Task) -> bool:
        key = task.key
        if key in self._scheduled:
            return False
        self._scheduled[key] = task
        return True
