"""The titles that one emulator serves: by id, by words, by season."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from omdb_emulator.catalogue.recordings import Recordings
from omdb_emulator.catalogue.search_index import (
    KINDS,
    UNLISTED,
    SearchIndex,
    fold,
    term_words,
    words,
)
from omdb_emulator.catalogue.titles import (
    DIRECTIVES,
    PLOT_FULL,
    EpisodePosition,
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


class Summary(NamedTuple):
    """What search results show of a title, and its votes, by which they are ordered."""

    title: str
    year: str
    imdb_id: str
    kind: str
    poster: str
    votes: int


class ComputedTitles(Protocol):
    """Titles that are computed on demand instead of being stored."""

    def __len__(self) -> int:
        """Return their number; rows count from 0."""

    def index_entries(self) -> Iterator[tuple[str, str, int, int]]:
        """Yield title, type, start year and votes of each row in order."""

    def summary(self, row: int) -> Summary:
        """Return what search results show of a row."""

    def row_of(self, imdb_id: str) -> int | None:
        """Return the row of an id, None if there is none."""

    def line(self, row: int) -> dict[str, Any]:
        """Return a row as a line in the format of the catalogue."""

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield all rows as lines in the format of the catalogue."""

    def episodes_of(self, imdb_id: str) -> Iterator[tuple[EpisodePosition, str]]:
        """Yield the position and id of each episode of a series."""


def summarise(details: Mapping[str, Any]) -> Summary:
    """Return what search results show of these details."""
    return Summary(
        str(details.get("Title", "")),
        str(details.get("Year", "N/A")),
        str(details["imdbID"]),
        str(details.get("Type", "N/A")),
        str(details.get("Poster", "N/A")),
        votes_of(details),
    )


def _kinds(kind: str | None) -> frozenset[int]:
    return _SEARCHED if kind is None else frozenset({KINDS.get(kind, -1)})


class TitleStore:
    """Stored titles (from files, or changed at run time) and computed titles.

    A stored title takes precedence over a computed one with the same id.

    Attributes:
        recordings: recorded responses, which take precedence over titles.
        revision: a number that grows with every change of a title.
    """

    def __init__(
        self, titles: Iterable[Title] = (), computed: ComputedTitles | None = None
    ) -> None:
        """Index all titles; a million computed ones take about 15 s."""
        self.recordings = Recordings()
        self.revision = 0
        self._index = SearchIndex()
        self._stored: dict[str, Title] = {}
        self._summaries: list[Summary] = []
        self._rows: dict[str, list[int]] = {}
        self._episodes: dict[str, dict[EpisodePosition, str]] = {}
        self._removed: set[str] = set()
        self._computed = computed
        self._computed_rows = len(computed) if computed else 0
        if computed:
            for name, kind, year, votes in computed.index_entries():
                self._index.add(name, KINDS.get(kind, 0), year, votes)
        for title in titles:
            self.put(title)

    def __len__(self) -> int:
        """Return the number of titles that can be requested by id, stored and computed."""
        return len(self._stored) + self._computed_rows

    def ids(self) -> list[str]:
        """Return the ids of all stored titles."""
        return list(self._stored)

    def titles(self) -> Iterator[Title]:
        """Yield all titles, stored and computed."""
        yield from self._stored.values()
        for line in self._computed.lines() if self._computed else ():
            if line["imdbID"] not in self._stored and line["imdbID"] not in self._removed:
                yield title_from_line(line)

    def get(self, imdb_id: str) -> Title | None:
        """Return the title with an id, None if there is none."""
        title = self._stored.get(imdb_id)
        if title is not None or self._computed is None or imdb_id in self._removed:
            return title
        row = self._computed.row_of(imdb_id)
        return None if row is None else title_from_line(self._computed.line(row))

    def put(self, title: Title) -> None:
        """Add a title, or replace the one with the same id."""
        imdb_id = title.imdb_id
        self.remove(imdb_id)
        self._removed.discard(imdb_id)
        self._stored[imdb_id] = title
        if not title.is_listed:
            return
        summary = summarise(title.details)
        # A title that searches omit is still indexed once, since t= finds it.
        kind = KINDS.get(summary.kind, 0) + (0 if title.copies else UNLISTED)
        rows = self._rows[imdb_id] = []
        for _ in range(title.copies or 1):
            self._summaries.append(summary)
            rows.append(
                self._index.add(summary.title, kind, start_year(summary.year), summary.votes)
            )
        position = title.position
        if position:
            self._episodes.setdefault(position.series_id, {})[position] = imdb_id

    def remove(self, imdb_id: str) -> bool:
        """Remove a title; return whether there was one."""
        self.revision += 1
        known = self._stored.pop(imdb_id, None)
        for row in self._rows.pop(imdb_id, ()):
            self._index.hide(row)
        if known is not None and (position := known.position):
            self._episodes.get(position.series_id, {}).pop(position, None)
        row_computed = self._computed.row_of(imdb_id) if self._computed else None
        if row_computed is not None and imdb_id not in self._removed:
            self._index.hide(row_computed)
        if row_computed is not None:
            self._removed.add(imdb_id)
        return known is not None or row_computed is not None

    def update(self, imdb_id: str, fields: Mapping[str, Any]) -> Title:
        """Change some fields of a title, such as its rating, and return it.

        ``PlotFull`` and ``Emulator`` can be given as well; ``Emulator`` replaces all directives.

        Raises:
            KeyError: if there is no such title.
            TitleError: if the result is not a valid title.
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

    def search(self, term: str, kind: str | None, year: int | None) -> array[int]:
        """Return the rows that contain all words of the term, most votes first.

        Args:
            term: words; an asterisk after one makes it a prefix.
            kind: a type; None for all but episodes; an unknown one finds nothing.
            year: the start year, None for any.
        """
        return self._index.find(term_words(term), _kinds(kind), year)

    def summaries(self, rows: Sequence[int]) -> list[Summary]:
        """Return what search results show of these rows."""
        return [self._summary(row) for row in rows]

    def find(self, name: str, kind: str | None, year: int | None) -> Title | None:
        """Return the title of exactly this name with the most votes, else one with these words."""
        kinds = _kinds(kind)
        kinds |= {code + UNLISTED for code in kinds}
        rows = self._index.find(term_words(fold(name).replace("*", " ")), kinds, year)
        wanted = words(name)
        for row in rows:
            if words(self._summary(row).title) == wanted:
                return self.get(self._summary(row).imdb_id)
        return self.get(self._summary(rows[0]).imdb_id) if rows else None

    def season(self, series_id: str, season: int) -> list[str]:
        """Return the ids of the episodes of a season, by number."""
        computed = self._computed.episodes_of(series_id) if self._computed else ()
        episodes = {position: i for position, i in computed if i not in self._removed}
        episodes.update(self._episodes.get(series_id, {}))
        of_season = [
            (at.episode, imdb_id) for at, imdb_id in episodes.items() if at.season == season
        ]
        return [imdb_id for _, imdb_id in sorted(of_season)]

    def _summary(self, row: int) -> Summary:
        if row < self._computed_rows and self._computed is not None:
            return self._computed.summary(row)
        return self._summaries[row - self._computed_rows]
