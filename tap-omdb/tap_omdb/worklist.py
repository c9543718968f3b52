"""What is asked next: work found on the way first, then the backlog, each title once."""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING

from tap_omdb.queries import PageTask, SeasonTask, TitleTask
from tap_omdb.titles_file import TitlesFileError, UnusableRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_omdb.ledger import Ledger
    from tap_omdb.queries import Origin, Task

_SEARCHES_WHILE_TITLES_COME = 2


class WorkList:
    """The tasks of a run. Used from one thread."""

    def __init__(self, backlog: Iterator[Task | UnusableRow], ledger: Ledger, width: int) -> None:
        """Take the work over.

        Args:
            backlog: All work that is due; read as it is needed.
            ledger: What is known; work that it makes needless is left out.
            width: How many searches may be under way while they bring nothing new.
        """
        self._backlog = backlog
        self._ledger = ledger
        self._width = width
        self._urgent: deque[Task] = deque()
        self._searches: deque[PageTask] = deque()  # found on the way: what a search was split into
        self._next: Task | None = None
        self._scheduled: dict[str, Task] = {}  # by question: what waits or is under way
        self._searching = 0
        self._productive = True
        self._drawn = 0
        self.taken = 0
        """Tasks handed out."""
        self.finished = 0
        """Tasks dealt with."""
        self.error: str | None = None
        """Why the backlog ended before its end; None if it did not."""
        self.unusable: deque[UnusableRow] = deque()
        """Rows of a titles file met on the way that can't be used."""

    @property
    def waiting(self) -> int:
        """How many tasks are known to wait; the backlog may hold more."""
        return len(self._urgent) + len(self._searches) + (self._next is not None)

    def ahead(self, planned: int) -> int:
        """Return how many tasks are yet to be done, of a backlog of so many and those found."""
        under_way = self.taken - self.finished
        return under_way + self.waiting + max(0, planned - self._drawn)

    def has_more_than_pending(self) -> bool:
        """Tell whether work is left that the ledger does not hold as pending; ends the list."""
        left = [*self._scheduled.values()]
        return not all(map(self._is_pending, chain(left, self._admitted())))

    def next(self) -> Task | None:
        """Return the next task; None if there is none, or none before an answer has come."""
        task = self._urgent.popleft() if self._urgent else self._from_backlog()
        if task is not None:
            self.taken += 1
            self._searching += isinstance(task, PageTask)
        return task

    def add(self, task: Task) -> None:
        """Put work found on the way before the backlog."""
        if not self._admit(task):
            return
        if isinstance(task, PageTask) and task.page == 1:
            self._searches.append(task)
        else:
            self._urgent.append(task)

    def add_title(self, imdb_id: str, kind: str, origin: Origin) -> bool:
        """Put a title found on the way before the backlog, and note it as pending.

        Returns:
            Whether it is new: not known, nor found before.
        """
        if self._ledger.has(imdb_id) or imdb_id in self._ledger.pending:
            return False
        task = TitleTask(imdb_id, origin)
        is_new = _question(task) not in self._scheduled
        self._ledger.pending[imdb_id] = kind
        self.add(task)
        return is_new

    def done(self, task: Task, *, found: int = 0) -> None:
        """Note that a task's answer has been dealt with.

        Args:
            task: The task.
            found: How many new titles it brought to light, if it was a search.
        """
        self.finished += 1
        self._scheduled.pop(_question(task), None)
        if isinstance(task, PageTask):
            self._searching -= 1
            self._productive = found > 0

    def _from_backlog(self) -> Task | None:
        if self._searches:
            return self._searches.popleft() if self._may_search() else None
        if self._next is None:
            self._next = next(self._admitted(), None)
        task = self._next
        if isinstance(task, PageTask):
            if not self._may_search():
                return None
        elif isinstance(task, TitleTask) and task.origin == "refresh" and self._searching:
            # What is new goes first, and may be on a page that is under way.
            return None
        self._next = None
        return task

    def _may_search(self) -> bool:
        # A search may bring ten titles to fetch: looking far ahead would spend a small budget on
        # searches alone.
        limit = _SEARCHES_WHILE_TITLES_COME if self._productive else self._width
        return self._searching < limit

    def _is_pending(self, task: Task) -> bool:
        if isinstance(task, PageTask):
            return task.search.key in self._ledger.passes
        if isinstance(task, SeasonTask):
            return (task.series_id, task.season) in self._ledger.pending_seasons
        return isinstance(task, TitleTask) and task.imdb_id in self._ledger.pending

    def _admitted(self) -> Iterator[Task]:
        try:
            for item in self._backlog:
                self._drawn += 1
                if isinstance(item, UnusableRow):
                    self.unusable.append(item)
                elif self._admit(item):
                    yield item
        except TitlesFileError as error:
            self.error = f"titles_file: {error}"

    def _admit(self, task: Task) -> bool:
        question = _question(task)
        if question in self._scheduled:
            return False
        self._scheduled[question] = task
        return True


def _question(task: Task) -> str:
    """Return what is asked of OMDb; who wants to know, and for what length of plot, is left out."""
    return repr(task.query(plot="").params).casefold()
