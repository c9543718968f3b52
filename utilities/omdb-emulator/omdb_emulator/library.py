"""All titles that one emulator knows: by id, by words, by season."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from omdb_emulator.search import KINDS, UNLISTED, Index, fold, term_words, words
from omdb_emulator.titles import (
    DIRECTIVES,
    PLOT_FULL,
    Place,
    Title,
    TitleError,
    start_year,
    title_from_line,
    votes_of,
)

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_ANY_KIND = frozenset({0, *KINDS.values()})
_SEARCHED = _ANY_KIND - {KINDS["episode"]}


class Head(NamedTuple):
    """What a search lists of a title, and its votes, by which searches are ordered."""

    title: str
    year: str
    imdb_id: str
    kind: str
    poster: str
    votes: int


class Computed(Protocol):
    """Titles that are worked out when asked for, instead of being held."""

    def __len__(self) -> int:
        """Count them; their rows are 0 to this."""

    def heads(self) -> Iterator[tuple[str, str, int, int]]:
        """Yield title, type, start year and votes of each row in order."""

    def head(self, row: int) -> Head:
        """Return what a search lists of a row."""

    def row_of(self, imdb_id: str) -> int | None:
        """Return the row of an id, None if there is none."""

    def line(self, row: int) -> dict[str, Any]:
        """Return a row as a line of the catalogue's format."""

    def episodes_of(self, imdb_id: str) -> Iterator[tuple[Place, str]]:
        """Yield the place and id of each episode of a series."""


def head_of(details: Mapping[str, Any]) -> Head:
    """Return what a search lists of these details."""
    return Head(
        str(details.get("Title", "")),
        str(details.get("Year", "N/A")),
        str(details["imdbID"]),
        str(details.get("Type", "N/A")),
        str(details.get("Poster", "N/A")),
        votes_of(details),
    )


def _question(query: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in query.items() if name != "apikey")


def _kinds(kind: str | None) -> frozenset[int]:
    return _SEARCHED if kind is None else frozenset({KINDS.get(kind, -1)})


class Library:
    """Titles of files, computed titles, and what was changed at run time.

    Titles of files and changes come before computed titles of the same id.
    """

    def __init__(self, titles: Iterable[Title] = (), computed: Computed | None = None) -> None:
        """Index all titles; computed ones take about 15 s a million."""
        self._index = Index()
        self._stored: dict[str, Title] = {}
        self._heads: list[Head] = []
        self._rows: dict[str, list[int]] = {}
        self._episodes: dict[str, dict[Place, str]] = {}
        self._listings: dict[tuple[str, int], bytes] = {}
        self._exchanges: dict[frozenset[tuple[str, str]], tuple[int, bytes]] = {}
        self._forgotten: set[str] = set()
        self._computed = computed
        self._computed_rows = len(computed) if computed else 0
        if computed:
            for name, kind, year, votes in computed.heads():
                self._index.add(name, KINDS.get(kind, 0), year, votes)
        for title in titles:
            self.put(title)

    def __len__(self) -> int:
        """Count the titles that can be asked for by id, stored ones and computed ones."""
        return len(self._stored) + self._computed_rows

    def ids(self) -> list[str]:
        """Return the ids of all stored titles."""
        return list(self._stored)

    def get(self, imdb_id: str) -> Title | None:
        """Return the title of an id, None if OMDb would not know it."""
        title = self._stored.get(imdb_id)
        if title is not None or self._computed is None or imdb_id in self._forgotten:
            return title
        row = self._computed.row_of(imdb_id)
        return None if row is None else title_from_line(self._computed.line(row))

    def put(self, title: Title) -> None:
        """Add a title, or replace the one of this id."""
        imdb_id = title.imdb_id
        self.forget(imdb_id)
        self._forgotten.discard(imdb_id)
        self._stored[imdb_id] = title
        if not title.is_listed:
            return
        head = head_of(title.details)
        # A title that searches omit is still indexed once: t= finds it.
        kind = KINDS.get(head.kind, 0) + (0 if title.copies else UNLISTED)
        rows = self._rows[imdb_id] = []
        for _ in range(title.copies or 1):
            self._heads.append(head)
            rows.append(self._index.add(head.title, kind, start_year(head.year), head.votes))
        place = title.place
        if place:
            self._episodes.setdefault(place.series_id, {})[place] = imdb_id

    def forget(self, imdb_id: str) -> bool:
        """Make an id unknown; return whether it was known."""
        known = self._stored.pop(imdb_id, None)
        for row in self._rows.pop(imdb_id, ()):
            self._index.hide(row)
        if known is not None and (place := known.place):
            self._episodes.get(place.series_id, {}).pop(place, None)
        row_computed = self._computed.row_of(imdb_id) if self._computed else None
        if row_computed is not None and imdb_id not in self._forgotten:
            self._index.hide(row_computed)
        if row_computed is not None:
            self._forgotten.add(imdb_id)
        return known is not None or row_computed is not None

    def update(self, imdb_id: str, fields: Mapping[str, Any]) -> Title:
        """Change some fields of a title, such as its rating, and return it.

        ``PlotFull`` and ``Emulator`` can be given too; ``Emulator`` replaces all directives.

        Raises:
            KeyError: if the id is not known.
            TitleError: if the result is not a title.
        """
        old = self.get(imdb_id)
        if old is None:
            raise KeyError(imdb_id)
        if fields.get("imdbID", imdb_id) != imdb_id:
            msg = f"{imdb_id}: imdbID cannot change"
            raise TitleError(msg)
        line: dict[str, Any] = {**old.details}
        if old.plot_full is not None:
            line[PLOT_FULL] = old.plot_full
        line.update(fields)
        new = title_from_line(line)
        if DIRECTIVES not in fields:
            new.raw, new.merged_into, new.error = old.raw, old.merged_into, old.error
            new.copies = old.copies
        self.put(new)
        return new

    def keep_exchange(self, query: Mapping[str, str], status: int, body: bytes) -> None:
        """Serve this body for exactly these parameters; the key is not one of them."""
        self._exchanges[_question(query)] = (status, body)

    def exchange(self, query: Mapping[str, str]) -> tuple[int, bytes] | None:
        """Return the recorded status and body for exactly these parameters."""
        return self._exchanges.get(_question(query)) if self._exchanges else None

    def keep_listing(self, series_title: str, season: int, body: bytes) -> None:
        """Serve this body as the season listing of the series of this title."""
        self._listings[fold(series_title), season] = body

    def listing(self, series_title: str, season: int) -> bytes | None:
        """Return the recorded season listing of the series of this title."""
        return self._listings.get((fold(series_title), season))

    def search(self, term: str, kind: str | None, year: int | None) -> array[int]:
        """Return the rows that hold all words of the term, most voted first.

        Args:
            term: words, a star behind one makes it a prefix.
            kind: a type; None for all but episodes; an unknown one finds nothing.
            year: the start year, None for any.
        """
        return self._index.find(term_words(term), _kinds(kind), year)

    def heads(self, rows: Sequence[int]) -> list[Head]:
        """Return what a search lists of these rows."""
        return [self._head(row) for row in rows]

    def find(self, name: str, kind: str | None, year: int | None) -> Title | None:
        """Return the most voted title of exactly this name, else of these words."""
        kinds = _kinds(kind)
        kinds |= {code + UNLISTED for code in kinds}
        rows = self._index.find(term_words(fold(name).replace("*", " ")), kinds, year)
        wanted = words(name)
        for row in rows:
            if words(self._head(row).title) == wanted:
                return self.get(self._head(row).imdb_id)
        return self.get(self._head(rows[0]).imdb_id) if rows else None

    def season(self, series_id: str, season: int) -> list[str]:
        """Return the ids of a season's episodes by their number."""
        placed = {
            place: imdb_id
            for place, imdb_id in (self._computed.episodes_of(series_id) if self._computed else ())
            if imdb_id not in self._forgotten
        }
        placed.update(self._episodes.get(series_id, {}))
        inside = [(place.episode, i) for place, i in placed.items() if place.season == season]
        return [imdb_id for _, imdb_id in sorted(inside)]

    def _head(self, row: int) -> Head:
        if row < self._computed_rows and self._computed is not None:
            return self._computed.head(row)
        return self._heads[row - self._computed_rows]
