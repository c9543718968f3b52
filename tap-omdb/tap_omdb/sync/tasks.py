"""The tasks of a run, and the query that each sends. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tap_omdb.omdb.queries import Query

if TYPE_CHECKING:
    from tap_omdb.config.settings import Title
    from tap_omdb.state.searches import SearchProgress

Source = Literal["imdb_ids", "titles", "titles_file", "search", "season", "refresh"]
"""Where a task comes from: a setting, a response, or a refresh of what is known."""


@dataclass(frozen=True, slots=True)
class TitleTask:
    """Fetch the details of a title by its IMDb id."""

    imdb_id: str
    source: Source
    line: int | None = None
    """The line of the titles file, if it comes from there."""
    on_evidence: bool = False
    """Whether it is due because its rating has changed on IMDb."""

    def query(self, plot: str) -> Query:
        """Return the query to send."""
        return Query((("i", self.imdb_id), ("plot", plot)))


@dataclass(frozen=True, slots=True)
class LookupTask:
    """Fetch the details of OMDb's best match for a title's name."""

    title: Title
    source: Source
    line: int | None = None
    """The line of the titles file, if it comes from there."""
    ignores_year: bool = False
    """Whether the request leaves out the year, because OMDb found nothing with it."""

    def query(self, plot: str) -> Query:
        """Return the query to send."""
        params = [("t", self.title.title)]
        if self.title.year and not self.ignores_year:
            params.append(("y", str(self.title.year)))
        if self.title.type:
            params.append(("type", self.title.type))
        return Query((*params, ("plot", plot)))


@dataclass(frozen=True, slots=True)
class SearchTask:
    """Fetch one page of a search."""

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


@dataclass(frozen=True, slots=True)
class SeasonTask:
    """Fetch one season of a series: complete episodes, or (if that is broken) only their ids."""

    series_id: str
    season: int
    full: bool = True

    def query(self, plot: str) -> Query:
        """Return the query to send."""
        params = (("i", self.series_id), ("Season", str(self.season)))
        return Query((*params, ("detail", "full"), ("plot", plot)) if self.full else params)


Task = TitleTask | LookupTask | SearchTask | SeasonTask
