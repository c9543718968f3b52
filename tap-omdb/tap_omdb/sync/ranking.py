"""Which titles to fetch first, and which not at all, by the votes in IMDb's rating file."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import get_args

from tap_omdb.config.ratings_file import Ratings
from tap_omdb.config.titles_file import InvalidRow, TitlesFileError
from tap_omdb.sync.tasks import Source, Task, TitleTask

_SOURCES: tuple[Source, ...] = get_args(Source)
_TITLE, _OTHER = 0, 1


class VoteRanking:
    """Ranks titles by their votes. Without a rating file, all titles rank the same."""

    def __init__(
        self, ratings: Ratings | None = None, min_votes: int = 0, always: Collection[str] = ()
    ) -> None:
        """Use a rating file.

        Args:
            ratings: IMDb's ratings; None ranks all titles the same and leaves none out.
            min_votes: Titles with fewer votes are left out.
            always: Ids of titles that are never left out.
        """
        self.ratings = ratings
        """IMDb's ratings, if there is a file."""
        self._min_votes = min_votes if ratings is not None else 0
        self._always = always

    def votes(self, imdb_id: str) -> int:
        """Return the votes of a title; 0 if they are not known."""
        rating = None if self.ratings is None else self.ratings.get(imdb_id)
        return rating.votes if rating else 0

    def includes(self, imdb_id: str) -> bool:
        """Return whether a title has enough votes to be fetched."""
        return (
            not self._min_votes or self.votes(imdb_id) >= self._min_votes or imdb_id in self._always
        )


class RankedPlan:
    """A plan in which titles with an id are in the order of their votes, most first.

    Titles without votes come last, in the plan's own order. All other tasks keep their position.
    The titles may be hundreds of thousands: each takes 26 bytes.
    """

    def __init__(self, plan: Iterable[Task | InvalidRow], ranking: VoteRanking) -> None:
        """Read a plan to its end, and leave out titles with too few votes.

        Args:
            plan: Tasks, and invalid rows of a titles file.
            ranking: The votes of the titles.
        """
        self.left_out = 0
        """How many titles have too few votes."""
        self._error: TitlesFileError | None = None
        self._positions = bytearray()
        self._others: deque[Task | InvalidRow] = deque()
        self._numbers = array("Q")
        self._lines = array("Q")
        self._sources = bytearray()
        votes = array("q")
        try:
            for item in plan:
                if not isinstance(item, TitleTask):
                    self._positions.append(_OTHER)
                    self._others.append(item)
                elif ranking.includes(item.imdb_id):
                    self._add(item)
                    votes.append(ranking.votes(item.imdb_id))
                else:
                    self.left_out += 1
        except TitlesFileError as error:
            self._error = error
        self._order = array("Q", sorted(range(len(votes)), key=lambda index: -votes[index]))

    def tasks(self, is_due: Callable[[TitleTask], bool]) -> Iterator[Task | InvalidRow]:
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
        if self._error:
            raise self._error

    def _add(self, task: TitleTask) -> None:
        self._positions.append(_TITLE)
        self._numbers.append(int(task.imdb_id[2:]))
        self._lines.append(task.line or 0)
        self._sources.append(_SOURCES.index(task.source))

    def _title(self, index: int) -> TitleTask:
        imdb_id = f"tt{self._numbers[index]:07d}"
        return TitleTask(imdb_id, _SOURCES[self._sources[index]], self._lines[index] or None)
