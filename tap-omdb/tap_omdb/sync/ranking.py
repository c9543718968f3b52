"""Orders the titles of a plan, which may be hundreds of thousands, by their votes."""

from __future__ import annotations

from array import array
from collections import deque
from typing import TYPE_CHECKING, get_args

from tap_omdb.config.titles_file import InvalidRow, TitlesFileError
from tap_omdb.sync.tasks import Source, TitleTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_omdb.sync.priority import Priority
    from tap_omdb.sync.tasks import Task

_SOURCES: tuple[Source, ...] = get_args(Source)
_TITLE, _OTHER = 0, 1


class RankedPlan:
    """A plan in which titles with an id are in the order of their votes, most first.

    Titles without votes come last, in the plan's own order. All other tasks keep their position.
    """

    def __init__(self, plan: Iterable[Task | InvalidRow], priority: Priority) -> None:
        """Read a plan to its end, and leave out titles with too few votes.

        Args:
            plan: Tasks, and invalid rows of a titles file.
            priority: The votes of the titles; counts the titles left out.
        """
        self.error: TitlesFileError | None = None
        """Why the plan ended early; raised once its tasks have been yielded."""
        self._positions = bytearray()
        self._others: deque[Task | InvalidRow] = deque()
        self._numbers = array("Q")
        self._lines = array("Q")
        self._sources = bytearray()
        votes = array("q")
        try:
            for item in plan:
                if isinstance(item, TitleTask):
                    if priority.includes(item.imdb_id):
                        self._add(item)
                        votes.append(priority.votes(item.imdb_id))
                    else:
                        priority.left_out += 1
                else:
                    self._positions.append(_OTHER)
                    self._others.append(item)
        except TitlesFileError as error:
            self.error = error
        self._order = array("Q", sorted(range(len(votes)), key=lambda index: -votes[index]))

    def tasks(self, is_due: Callable[[Task], bool]) -> Iterator[Task | InvalidRow]:
        """Yield the tasks in order, skipping titles that are no longer due.

        Raises:
            TitlesFileError: The rest of the titles file could not be read.
        """
        others, order = iter(self._others), iter(self._order)
        for position in self._positions:
            if position == _OTHER:
                yield next(others)
            elif is_due(task := self._title(next(order))):
                yield task
        if self.error:
            raise self.error

    def _add(self, task: TitleTask) -> None:
        self._positions.append(_TITLE)
        self._numbers.append(int(task.imdb_id[2:]))
        self._lines.append(task.line or 0)
        self._sources.append(_SOURCES.index(task.source))

    def _title(self, index: int) -> TitleTask:
        imdb_id = f"tt{self._numbers[index]:07d}"
        return TitleTask(imdb_id, _SOURCES[self._sources[index]], self._lines[index] or None)
