"""The questions that OMDb answers, and the work each belongs to. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from datetime import date

Origin = Literal["imdb_ids", "titles", "titles_file", "search", "season", "refresh"]


@dataclass(frozen=True, slots=True)
class Query:
    """The query string of one request, without the key.

    Attributes:
        params: Names and values, in the order sent.
    """

    params: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """Return the query as in a URL, for logs, rejects and the cache; never with the key."""
        return urlencode(self.params, safe="*", quote_via=quote)

    def without(self, *names: str) -> Query:
        """Return the query without these parameters."""
        return Query(tuple(param for param in self.params if param[0] not in names))


@dataclass(frozen=True, slots=True)
class SearchKey:
    """One search: a term in a year, for a type; None asks for all."""

    term: str
    year: int | None
    type: str | None

    def __str__(self) -> str:
        """Return the key of its row in `searches`."""
        return f"{self.term}|{self.year or '-'}|{self.type or '-'}"

    @classmethod
    def parse(cls, text: str) -> SearchKey:
        """Read what `str` wrote."""
        term, year, kind = text.rsplit("|", 2)
        return cls(term, None if year == "-" else int(year), None if kind == "-" else kind)


@dataclass(slots=True)
class SearchPass:
    """One reading of a search's pages, as far as it has come.

    Attributes:
        since: The day (UTC) on which it began.
        next_page: The first page not yet read.
        total: OMDb's totalResults; None before the first page.
        rows: Rows read, an id perhaps more than once.
        hits: Distinct ids seen.
        new_titles: Hits that were not known.
        seen: The ids behind `hits`; only within a run.
    """

    key: SearchKey
    since: date
    next_page: int = 1
    total: int | None = None
    rows: int = 0
    hits: int = 0
    new_titles: int = 0
    seen: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class TitleTask:
    """Fetch the details of one id."""

    imdb_id: str
    origin: Origin
    line: int | None = None
    """Where a titles file names it."""

    def query(self, plot: str) -> Query:
        """Return what to ask OMDb."""
        return Query((("i", self.imdb_id), ("plot", plot)))


@dataclass(frozen=True, slots=True)
class LookupTask:
    """Fetch the details of OMDb's best match for a name."""

    title: str
    year: int | None
    type: str | None
    origin: Origin
    line: int | None = None

    def query(self, plot: str) -> Query:
        """Return what to ask OMDb."""
        params = [("t", self.title)]
        if self.year:
            params.append(("y", str(self.year)))
        if self.type:
            params.append(("type", self.type))
        return Query((*params, ("plot", plot)))


@dataclass(frozen=True, slots=True)
class PageTask:
    """Fetch one page of a search."""

    search: SearchPass
    page: int

    def query(self, plot: str) -> Query:  # noqa: ARG002 - a search has no plots
        """Return what to ask OMDb."""
        key = self.search.key
        params = [("s", key.term)]
        if key.year:
            params.append(("y", str(key.year)))
        if key.type:
            params.append(("type", key.type))
        return Query((*params, ("page", str(self.page))))


@dataclass(frozen=True, slots=True)
class SeasonTask:
    """Fetch one season of a series: whole episodes, or (where that reply is broken) their ids."""

    series_id: str
    season: int
    full: bool = True

    def query(self, plot: str) -> Query:
        """Return what to ask OMDb."""
        params = (("i", self.series_id), ("Season", str(self.season)))
        return Query((*params, ("detail", "full"), ("plot", plot)) if self.full else params)


Task = TitleTask | LookupTask | PageTask | SeasonTask
