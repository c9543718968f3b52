"""The tasks of a run: what each requests, and what the queue, the rows and the state need of it.

A further kind of task is a class here, a member of `Task`, and a handler in `handlers.py`, which
`run.py` lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar, Literal

from tap_omdb.config.settings import Title
from tap_omdb.omdb.queries import Query
from tap_omdb.omdb.records import parse_year
from tap_omdb.state.lookups import FAILED, FAILED_WITHOUT_YEAR, NOT_FOUND
from tap_omdb.state.searches import SearchProgress
from tap_omdb.state.sync_state import SyncState

Source = Literal["imdb_ids", "titles", "titles_file", "search", "season", "refresh"]
"""Where a task comes from: a setting, a response, or a refresh of what is known."""


class _Request:
    """What all tasks have in common, and what holds where a task does not say otherwise.

    Besides, each has a `source`, an `imdb_id` (the id requested; None without one) and a `line`
    (of the titles file; None if the task is not from there).
    """

    __slots__ = ()
    is_search: ClassVar[bool] = False
    """Whether its response lists titles to fetch."""

    def query(self, plot: str) -> Query:
        """Return the query to send, for plots of this length."""
        raise NotImplementedError

    def is_pending(self, state: SyncState) -> bool:  # noqa: ARG002
        """Return whether the state has it as pending: a later run continues with it."""
        return False

    @property
    def starts_search(self) -> bool:
        """Whether it requests the first page of a search."""
        return False

    @property
    def is_title_refresh(self) -> bool:
        """Whether it fetches a known title again."""
        return False

    @property
    def key(self) -> str:
        """What identifies the request, whatever its source and the length of its plot."""
        return repr(self.query(plot="").params).casefold()

    @property
    def reject_id(self) -> str:
        """The key of its row in `rejects`."""
        return str(self.query(plot="").without("plot", "detail"))


@dataclass(frozen=True, slots=True)
class TitleTask(_Request):
    """Fetch the details of a title by its IMDb id."""

    imdb_id: str
    source: Source
    line: int | None = None
    rating_changed: bool = False
    """Whether it is due because its rating has changed on IMDb."""

    def query(self, plot: str) -> Query:
        """Return the query to send, for plots of this length."""
        return Query((("i", self.imdb_id), ("plot", plot)))

    def is_pending(self, state: SyncState) -> bool:
        """Return whether the state has the title as pending."""
        return self.imdb_id in state.titles.pending

    def matched_by(self, state: SyncState, data: object = None) -> str | None:  # noqa: ARG002
        """Return how the title was found: the value of the column `matched_by`."""
        if self.is_title_refresh:
            return state.titles.matched_by(self.imdb_id)
        return self.source if self.source in {"search", "season"} else "imdb_id"

    def mark(self, state: SyncState, outcome: str, today: date, returned: str = "") -> None:
        """Record an outcome, one of those in `lookups`, and the id that OMDb has returned."""
        if outcome == NOT_FOUND:
            state.titles.mark_not_found(self.imdb_id, today, self.matched_by(state))
        elif outcome == FAILED:
            state.titles.mark_failed(self.imdb_id, today, self.matched_by(state))
        elif returned != self.imdb_id:
            state.titles.mark_merged(self.imdb_id, returned)

    @property
    def is_title_refresh(self) -> bool:
        """Whether it fetches a known title again."""
        return self.source == "refresh"


@dataclass(frozen=True, slots=True)
class LookupTask(_Request):
    """Fetch the details of OMDb's best match for a title's name."""

    imdb_id: ClassVar[None] = None
    rating_changed: ClassVar[bool] = False
    title: Title
    source: Source
    line: int | None = None
    list: str | None = None
    """The name of the titles file, if it is from one."""
    ignores_year: bool = False
    """Whether the request leaves out the year, because OMDb found nothing with it."""

    def query(self, plot: str) -> Query:
        """Return the query to send, for plots of this length."""
        params = [("t", self.title.title)]
        if self.title.year and not self.ignores_year:
            params.append(("y", str(self.title.year)))
        if self.title.type:
            params.append(("type", self.title.type))
        return Query((*params, ("plot", plot)))

    def matched_by(self, _: SyncState, data: Mapping[str, object]) -> str:
        """Return how the title was found: the value of the column `matched_by`."""
        year = parse_year(data.get("Year"))
        return "title_and_year" if year and year == self.title.year else "title"

    def mark(self, state: SyncState, outcome: str, today: date, _: str = "") -> None:
        """Record an outcome, one of those in `lookups`."""
        if not self.ignores_year:
            state.lookups.mark(self.title, today, outcome)
        elif outcome == FAILED:
            state.lookups.mark(self.title, today, FAILED_WITHOUT_YEAR)
        else:
            state.lookups.mark_without_year(self.title, today, outcome)

    @property
    def key(self) -> str:
        """What identifies the lookup: also without its year, each is to match its own."""
        return f"{self.title.key} {self.ignores_year}"

    @property
    def reject_id(self) -> str:
        """The key of its row in `rejects`, with the year: others may have the same name."""
        with_year = replace(self, ignores_year=False)
        return str(with_year.query(plot="").without("plot"))


@dataclass(frozen=True, slots=True)
class SearchTask(_Request):
    """Fetch one page of a search."""

    source: ClassVar[Source] = "search"
    imdb_id: ClassVar[None] = None
    line: ClassVar[None] = None
    is_search: ClassVar[bool] = True
    search: SearchProgress
    page: int

    def query(self, plot: str) -> Query:  # noqa: ARG002 - a search has no plots
        """Return the query to send."""
        key = self.search.key
        params = [("s", key.term)]
        if key.year:
            params.append(("y", str(key.year)))
        if key.type:
            params.append(("type", key.type))
        return Query((*params, ("page", str(self.page))))

    def is_pending(self, state: SyncState) -> bool:
        """Return whether the state has read some pages of the search."""
        return self.search.key in state.searches.in_progress

    @property
    def starts_search(self) -> bool:
        """Whether it requests the first page of a search."""
        return self.page == 1


@dataclass(frozen=True, slots=True)
class SeasonTask(_Request):
    """Fetch one season of a series: complete episodes, or (if that is broken) only their ids."""

    source: ClassVar[Source] = "season"
    line: ClassVar[None] = None
    series_id: str
    season: int
    full: bool = True

    @property
    def imdb_id(self) -> str:
        """The id requested: the series'."""
        return self.series_id

    def query(self, plot: str) -> Query:
        """Return the query to send, for plots of this length."""
        params = (("i", self.series_id), ("Season", str(self.season)))
        return Query((*params, ("detail", "full"), ("plot", plot)) if self.full else params)

    def is_pending(self, state: SyncState) -> bool:
        """Return whether the state has the season as pending."""
        return (self.series_id, self.season) in state.seasons.pending


DetailsTask = TitleTask | LookupTask
Task = DetailsTask | SearchTask | SeasonTask
