"""Orders the tasks of a run: first those found in responses, then the plan; each only once."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import chain, count
from typing import TYPE_CHECKING

from tap_omdb.config.titles_file import InvalidRow, TitlesFileError
from tap_omdb.sync.tasks import SearchTask, SeasonTask, TitleTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_omdb.state.sync_state import SyncState
    from tap_omdb.sync.priority import Priority
    from tap_omdb.sync.tasks import Source, Task

_SEARCHES_WHILE_TITLES_COME = 2


class TaskQueue:
    """The tasks of a run. Not thread-safe."""

    def __init__(
        self,
        plan: Iterator[Task | InvalidRow],
        state: SyncState,
        width: int,
        priority: Priority,
    ) -> None:
        """Start with a plan.

        Args:
            plan: All tasks that are due; consumed as they are needed.
            state: The sync state; titles that it already has are not queued again.
            width: How many searches may be in flight while they find nothing new.
            priority: Which of the titles found come first, and which are left out.
        """
        self._plan = plan
        self._state = state
        self._width = width
        self._priority = priority
        self._found: deque[tuple[int, Task]] = deque()  # each with its position in the order found
        self._found_titles: list[tuple[int, int, Task]] = []  # a heap: most votes, then the order
        self._order = count()
        self._searches: deque[SearchTask] = deque()  # the parts of searches that were split
        self._next: Task | None = None
        self._scheduled: dict[str, Task] = {}  # by request: queued or in flight
        self._searching = 0
        self._is_productive = True
        self._planned = 0
        self.started = 0
        """Tasks handed out."""
        self.finished = 0
        """Tasks whose response has been handled."""
        self.error: str | None = None
        """Why the plan ended early; None if it did not."""
        self.invalid_rows: deque[InvalidRow] = deque()
        """Invalid rows of the titles file read since this was last emptied."""

    @property
    def waiting(self) -> int:
        """How many tasks are waiting, without those that the plan has not yielded yet."""
        found = len(self._found) + len(self._found_titles)
        return found + len(self._searches) + (self._next is not None)

    def remaining(self, planned: int) -> int:
        """Return how many tasks remain of a plan of this length and of those found since."""
        in_flight = self.started - self.finished
        return in_flight + self.waiting + max(0, planned - self._planned)

    def has_more_than_pending(self) -> bool:
        """Return whether any task left is not pending in the state; consumes the plan."""
        left = [*self._scheduled.values()]
        return not all(map(self._is_pending, chain(left, self._read_plan())))

    def next(self) -> Task | None:
        """Return the next task; None if there is none, or none until a response arrives."""
        task = self._next_found() or self._next_planned()
        if task is not None:
            self.started += 1
            self._searching += isinstance(task, SearchTask)
        return task

    def add(self, task: Task) -> None:
        """Queue a task found in a response, ahead of the plan."""
        if not self._schedule(task):
            return
        if isinstance(task, SearchTask) and task.page == 1:
            self._searches.append(task)
        elif isinstance(task, TitleTask):
            votes = self._priority.votes(task.imdb_id)
            heappush(self._found_titles, (-votes, next(self._order), task))
        else:
            self._found.append((next(self._order), task))

    def add_title(self, imdb_id: str, kind: str, source: Source) -> bool:
        """Queue a title found in a response, and record it as pending.

        Returns:
            Whether it is new: neither known nor found before.
        """
        if self._state.titles.is_known(imdb_id) or imdb_id in self._state.titles.pending:
            return False
        task = TitleTask(imdb_id, source)
        is_new = _request(task) not in self._scheduled
        self._state.titles.pending[imdb_id] = kind
        if self._priority.includes(imdb_id):
            self.add(task)
        else:
            self._priority.left_out += 1
        return is_new

    def done(self, task: Task, *, found: int = 0) -> None:
        """Record that the response to a task has been handled.

        Args:
            task: The task.
            found: How many new titles it found, if it was a search.
        """
        self.finished += 1
        self._scheduled.pop(_request(task), None)
        if isinstance(task, SearchTask):
            self._searching -= 1
            self._is_productive = found > 0

    def _next_found(self) -> Task | None:
        if self._found_titles and (not self._found or self._found_titles[0][1] < self._found[0][0]):
            return heappop(self._found_titles)[2]
        return self._found.popleft()[1] if self._found else None

    def _next_planned(self) -> Task | None:
        if self._searches:
            return self._searches.popleft() if self._may_search() else None
        if self._next is None:
            self._next = next(self._read_plan(), None)
        task = self._next
        if isinstance(task, SearchTask):
            if not self._may_search():
                return None
        elif isinstance(task, TitleTask) and task.source == "refresh" and self._searching:
            # New titles come first, and may be on a page that is in flight.
            return None
        self._next = None
        return task

    def _may_search(self) -> bool:
        # A page of a search may list ten titles to fetch: searching far ahead would spend a small
        # budget on searches alone.
        limit = _SEARCHES_WHILE_TITLES_COME if self._is_productive else self._width
        return self._searching < limit

    def _is_pending(self, task: Task) -> bool:
        if isinstance(task, SearchTask):
            return task.search.key in self._state.searches.in_progress
        if isinstance(task, SeasonTask):
            return (task.series_id, task.season) in self._state.seasons.pending
        return isinstance(task, TitleTask) and task.imdb_id in self._state.titles.pending

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
        request = _request(task)
        if request in self._scheduled:
            return False
        self._scheduled[request] = task
        return True


def _request(task: Task) -> str:
    """Return what identifies a request, whatever its source and the length of its plot."""
    return repr(task.query(plot="").params).casefold()
