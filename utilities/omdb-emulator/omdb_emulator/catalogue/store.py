"""The titles that one emulator serves: by id, by words, by season."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from omdb_emulator.catalogue.generator import GeneratedTitles
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
    Summary,
    Title,
    TitleError,
    start_year,
    title_from_line,
)

_ANY_KIND = frozenset({0, *KINDS.values()})
_SEARCHED = _ANY_KIND - {KINDS["episode"]}


def _kinds(kind: str | None) -> frozenset[int]:
    return _SEARCHED if kind is None else frozenset({KINDS.get(kind, -1)})


def _without_key(query: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in query.items() if name != "apikey")


class TitleStore:
    """Stored titles (from files, or changed at run time), computed titles and recorded responses.

    A stored title takes precedence over a computed one with the same id.

    Attributes:
        revision: a number that grows with every change of a title.
    """

    def __init__(
        self, titles: Iterable[Title] = (), computed: GeneratedTitles | None = None
    ) -> None:
        """Index all titles; a million computed ones take about 15 s."""
        self.revision = 0
        self._index = SearchIndex()
        self._stored: dict[str, Title] = {}
        self._summaries: list[Summary] = []
        self._rows: dict[str, list[int]] = {}
        self._episodes: dict[str, dict[EpisodePosition, str]] = {}
        self._removed: set[str] = set()
        self._seasons: dict[tuple[str, int], bytes] = {}
        self._exchanges: dict[frozenset[tuple[str, str]], tuple[int, bytes]] = {}
        self._computed = computed or GeneratedTitles(0)
        for name, kind, year, votes in self._computed.index_entries():
            self._index.add(name, KINDS.get(kind, 0), year, votes)
        for title in titles:
            self.put(title)

    def __len__(self) -> int:
        """Return the number of titles that can be requested by id, stored and computed."""
        return len(self._stored) + len(self._computed)

    def ids(self) -> list[str]:
        """Return the ids of all stored titles."""
        return list(self._stored)

    def titles(self) -> Iterator[Title]:
        """Yield all titles, stored and computed."""
        yield from self._stored.values()
        for line in self._computed.lines():
            if line["imdbID"] not in self._stored and line["imdbID"] not in self._removed:
                yield title_from_line(line)

    def get(self, imdb_id: str) -> Title | None:
        """Return the title with an id, None if there is none."""
        title = self._stored.get(imdb_id)
        if title is not None or imdb_id in self._removed:
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
        summary = title.summary
        # A title that searches omit is still indexed once, since t= finds it.
        kind = KINDS.get(summary.kind, 0) + (0 if title.copies else UNLISTED)
        year = start_year(summary.year)
        copies = range(title.copies or 1)
        self._summaries += [summary for _ in copies]
        self._rows[imdb_id] = [
            self._index.add(summary.title, kind, year, summary.votes) for _ in copies
        ]
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
        computed = self._computed.row_of(imdb_id)
        if computed is not None:
            self._index.hide(computed)
            self._removed.add(imdb_id)
        return known is not None or computed is not None

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
        new = title_from_line({**old.details, PLOT_FULL: old.plot_full, **fields})
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
        if not rows:
            return None
        wanted = words(name)
        found = (summary for summary in map(self._summary, rows) if words(summary.title) == wanted)
        return self.get(next(found, self._summary(rows[0])).imdb_id)

    def season(self, series_id: str, season: int) -> list[str]:
        """Return the ids of the episodes of a season, by number."""
        computed = self._computed.episodes_of(series_id)
        episodes = {position: i for position, i in computed if i not in self._removed}
        episodes.update(self._episodes.get(series_id, {}))
        of_season = [
            (at.episode, imdb_id) for at, imdb_id in episodes.items() if at.season == season
        ]
        return [imdb_id for _, imdb_id in sorted(of_season)]

    def _summary(self, row: int) -> Summary:
        computed = len(self._computed)
        return self._computed.summary(row) if row < computed else self._summaries[row - computed]

    def record_exchange(self, query: Mapping[str, str], status: int, body: bytes) -> None:
        """Serve this body for exactly these parameters, whatever the key."""
        self._exchanges[_without_key(query)] = (status, body)

    def recorded_exchange(self, query: Mapping[str, str]) -> tuple[int, bytes] | None:
        """Return the recorded status and body for exactly these parameters."""
        return self._exchanges.get(_without_key(query)) if self._exchanges else None

    def record_season(self, series_title: str, season: int, body: bytes) -> None:
        """Serve this body as the season listing of the series with this title."""
        self._seasons[fold(series_title), season] = body

    def recorded_season(self, series_title: str, season: int) -> bytes | None:
        """Return the recorded season listing of the series with this title."""
        return self._seasons.get((fold(series_title), season))
