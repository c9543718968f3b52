"""Plans the tasks that are due by the settings and the state, the most valuable first.

New titles come before known ones that are due again, so that each request of a small budget
yields as much as it can: first titles that the user names, then what earlier runs found and did
not fetch, then those fetched while their stream was not selected, then searches, then
refreshes. With IMDb's rating file, all new titles known by their id come in the order of their
votes, most first, and refreshes begin with the titles that have changed most.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from tap_omdb.config.settings import Settings, Title
from tap_omdb.config.titles_file import InvalidRow, TitlesFile, TitlesFileError
from tap_omdb.omdb.queries import SearchKey
from tap_omdb.omdb.records import STREAM_OF_TYPE
from tap_omdb.state.budget import Budget
from tap_omdb.state.lookups import FOUND
from tap_omdb.state.sync_state import SyncState
from tap_omdb.state.titles import NOT_FOUND
from tap_omdb.sync.lists import ListResults
from tap_omdb.sync.prefixes import narrower_searches, ranked_prefixes
from tap_omdb.sync.ranking import RankedPlan, VoteRanking
from tap_omdb.sync.tasks import LookupTask, SearchTask, SeasonTask, Source, Task, TitleTask

_SMALL_FILE = 4_000_000
"""Bytes; about 100,000 titles, read in a fraction of a second."""

MAX_COUNT = 100_000

SEARCHABLE = frozenset({"movie", "series", "game"})
"""The types that a search lists; episodes are found through their series."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The types of titles that a run is about.

    Attributes:
        types: Those whose streams are selected.
        found: Those of them that the setting `types` names: they are fetched when they are found.
        searched: Those that searches look for.
    """

    types: frozenset[str]
    found: frozenset[str]
    searched: frozenset[str]

    @classmethod
    def of(cls, streams: Collection[str], types: frozenset[str]) -> Selection:
        """Return the types for the selected streams and the setting `types`."""
        selected = frozenset(type_ for type_, name in STREAM_OF_TYPE.items() if name in streams)
        found = selected & types
        # Without a stream of titles, only `searches` needs the searches, for all types.
        only_searches = "searches" in streams and not selected
        return cls(selected, found, types if only_searches else found)


class PlanLength(NamedTuple):
    """How many tasks are due, as far as they were counted."""

    tasks: int
    is_exact: bool


class Planner:
    """Plans the tasks of a run."""

    def __init__(
        self,
        settings: Settings,
        state: SyncState,
        selection: Selection,
        today: date,
        ranking: VoteRanking,
    ) -> None:
        """Create a planner.

        Args:
            settings: The tap's settings.
            state: The sync state.
            selection: The types to plan for.
            today: The current day (UTC).
            ranking: Which titles come first, and which are left out.
        """
        self._settings = settings
        self._state = state
        self._selection = selection
        self._today = today
        self._ranking = ranking
        self.lists = ListResults()
        """What is known of the titles files."""
        self._with_episodes = "episode" in selection.found

    def tasks(self, budget: Budget) -> Iterator[Task | InvalidRow]:
        """Yield all tasks that are due; lazily, so that the results of earlier tasks count.

        Args:
            budget: What the day has left limits the refreshes.
        """
        yield from self._new(with_file=True)
        yield from self._refreshes(self._refresh_requests(budget))

    def count(self, budget: Budget) -> PlanLength:
        """Count the tasks that are due.

        At most `MAX_COUNT` tasks are counted, and the titles of a large file are not, since
        reading it twice would take too long.
        """
        size = sum(file.path.stat().st_size for file in self._settings.titles_file)
        is_large = size > _SMALL_FILE
        with_file = not is_large or self._ranking.ratings is not None
        try:
            number = sum(1 for _ in islice(self._new(with_file=with_file), MAX_COUNT))
        except TitlesFileError:  # reported when the queue reaches it
            return PlanLength(0, is_exact=False)
        refreshes = self._refreshes(self._refresh_requests(budget) - number)
        number += sum(1 for _ in islice(refreshes, MAX_COUNT - number))
        return PlanLength(number, with_file and number < MAX_COUNT)

    @property
    def left_out(self) -> int:
        """How many of the new titles have too few votes."""
        return 0 if self._ranking.ratings is None else self._ranked.left_out

    @cached_property
    def _ranked(self) -> RankedPlan:
        return RankedPlan(self._new_titles(with_file=True), self._ranking)

    @cached_property
    def _failed(self) -> list[str]:
        # Listed before any of them is fetched, so that none is fetched twice.
        return self._state.titles.failed(self._today)

    @cached_property
    def _fetched_before(self) -> list[str]:
        return [*filter(self._state.titles.was_fetched, self._failed)]

    # New titles

    def _new(self, *, with_file: bool) -> Iterator[Task | InvalidRow]:
        if self._selection.types:
            if self._ranking.ratings is not None:
                yield from self._ranked.tasks(self._is_new)
            else:
                yield from self._new_titles(with_file=with_file)
        if self._with_episodes:
            yield from self._new_seasons()
        yield from self._searches()

    def _new_titles(self, *, with_file: bool) -> Iterator[Task | InvalidRow]:
        never_fetched = {*self._failed} - {*self._fetched_before}
        yield from self._named()
        if with_file:
            yield from self._from_files()
        yield from self._pending()
        for imdb_id in self._failed:
            if imdb_id in never_fetched:
                yield TitleTask(imdb_id, "refresh")
        for imdb_id in self._state.titles.not_selected(self._selection.types):
            yield TitleTask(imdb_id, "refresh")

    def _is_new(self, task: TitleTask) -> bool:
        """Return whether a title planned earlier is still due."""
        titles = self._state.titles
        is_pending = task.imdb_id in titles.pending
        return task.is_title_refresh or is_pending or not titles.is_known(task.imdb_id)

    def _pending(self) -> Iterator[Task]:
        pending = self._state.titles.pending
        for imdb_id, title_type in [*pending.items()]:
            if title_type in self._selection.types and imdb_id in pending:
                yield TitleTask(imdb_id, "season" if title_type == "episode" else "search")
        if self._with_episodes:
            for series_id, season in [*self._state.seasons.pending]:
                yield SeasonTask(series_id, season)

    def _named(self) -> Iterator[Task]:
        for imdb_id in self._settings.imdb_ids:
            if not self._state.titles.is_known(imdb_id):
                yield TitleTask(imdb_id, "imdb_ids")
        for title in self._settings.titles:
            if self._state.lookups.is_due(title, self._today):
                yield self._lookup(title, "titles")

    def _from_files(self) -> Iterator[Task | InvalidRow]:
        errors = []
        for file in self._settings.titles_file:
            try:
                yield from self._from_file(file)
            except TitlesFileError as error:  # noqa: PERF203 - there are few files
                errors.append(str(error))
        if errors:
            raise TitlesFileError("; ".join(errors))

    def _from_file(self, file: TitlesFile) -> Iterator[Task | InvalidRow]:
        years = frozenset(self._settings.years) or None
        for row in file.rows(years, self._selection.found, with_columns=False):
            if isinstance(row, InvalidRow):
                yield row
                continue
            self.lists.usable.add(row.list)
            if row.imdb_id is not None:
                self.lists.found.add(row.list)
                if not self._state.titles.is_known(row.imdb_id):
                    yield TitleTask(row.imdb_id, "titles_file", row.line)
            elif row.title is not None:
                title = Title.of(row)
                if self._state.lookups.is_due(title, self._today):
                    yield self._lookup(title, "titles_file", row.line, row.list)
                elif self._state.lookups.outcome(title) == FOUND:
                    self.lists.found.add(row.list)

    def _lookup(
        self, title: Title, source: Source, line: int | None = None, name: str | None = None
    ) -> LookupTask:
        ignores_year = self._state.lookups.is_not_found_with_year(title)
        return LookupTask(title, source, line, name, ignores_year=ignores_year)

    def _new_seasons(self) -> Iterator[Task]:
        for series_id, season in self._state.seasons.failed(self._today):
            yield SeasonTask(series_id, season)
        # The response for the first season has the number of seasons.
        for series_id in self._state.titles.of_type("series"):
            if not self._state.seasons.is_known(series_id, 1):
                yield SeasonTask(series_id, 1)

    # Searches

    def _searches(self) -> Iterator[SearchTask]:
        """Yield the first unread page of each search due: new ones first, then the oldest."""
        again: list[tuple[date, SearchKey]] = []
        for key in self._search_keys():
            last = self._state.searches.last_finished(key)
            if last is None or key in self._state.searches.in_progress:
                yield next_search_task(key, self._state, self._today)
            elif not self._state.searches.is_split(key) and self._state.searches.is_due(
                key, self._today
            ):
                again.append((last, key))
        for _, key in sorted(again, key=lambda item: item[0]):
            yield next_search_task(key, self._state, self._today)

    def _search_keys(self) -> Iterator[SearchKey]:
        settings = self._settings
        terms = settings.search_terms
        # A catalogue lists all titles of a year.
        if settings.years and not terms and not any(f.is_catalogue for f in settings.titles_file):
            terms = ranked_prefixes(settings.coverage)
        for term in terms:
            for year in settings.years or (None,):
                for type_ in _search_types(self._selection.searched):
                    yield from _with_parts(SearchKey(term, year, type_), self._state)

    # Refreshes

    def _refresh_requests(self, budget: Budget) -> int:
        """Return how many requests the day has left for titles that have changed on IMDb."""
        reserve = (1 - self._settings.refresh.daily_share) * self._settings.daily_requests
        return max(0, budget.left_today - round(reserve))

    def _refreshes(self, most_changed: int) -> Iterator[Task]:
        types = self._selection.types
        for imdb_id in self._fetched_before if types else ():
            yield TitleTask(imdb_id, "refresh")
        yield from islice(self._changed(), max(0, most_changed))
        for imdb_id, title_type in self._state.titles.due(self._today):
            is_selected = title_type in types or (types and title_type == NOT_FOUND)
            if is_selected and self._is_due_unchanged(imdb_id) and self._ranking.includes(imdb_id):
                yield TitleTask(imdb_id, "refresh")
        if self._with_episodes:
            for series_id, season in self._state.seasons.due(self._today):
                yield SeasonTask(series_id, season)

    def _changed(self) -> Iterator[Task]:
        for number in self._changed_titles:
            imdb_id = f"tt{number:07d}"
            is_fetched = self._state.titles.last_requested(imdb_id) == self._today
            if not is_fetched and self._ranking.includes(imdb_id):
                yield TitleTask(imdb_id, "refresh", rating_changed=True)

    @cached_property
    def _changed_titles(self) -> array[int]:
        ratings = self._ranking.ratings
        if ratings is None:
            return array("Q")
        return self._state.titles.changed(ratings, self._selection.types, self._today)

    def _is_due_unchanged(self, imdb_id: str) -> bool:
        """Return whether a title due by its age is refreshed although IMDb shows no change."""
        ratings = self._ranking.ratings
        is_rated = ratings is not None and ratings.get(imdb_id) is not None
        return not is_rated or self._state.titles.is_due_unchanged(imdb_id, self._today)


def next_search_task(key: SearchKey, state: SyncState, today: date) -> SearchTask:
    """Return the task for the first page of a search that is not read yet."""
    progress = state.searches.progress(key, today)
    return SearchTask(progress, progress.next_page)


def _with_parts(key: SearchKey, state: SyncState) -> Iterator[SearchKey]:
    yield key
    if state.searches.is_split(key):
        for part in narrower_searches(key):
            yield from _with_parts(part, state)


def _search_types(types: Iterable[str]) -> list[str | None]:
    """Return the types to search one by one; None searches all types at once."""
    needed = {"series" if type_ == "episode" else type_ for type_ in types}
    if needed >= SEARCHABLE:
        # A search for each type would end with a partly filled page each.
        return [None]
    return [*sorted(needed)]
