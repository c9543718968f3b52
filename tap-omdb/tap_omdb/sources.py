"""Where titles come from: the settings and the ledger, as work in the order it is worth doing.

New titles come before known ones that are due again, so that each request of a small budget
brings as much as it can: first what earlier runs found and did not fetch, then titles asked for
by name, then what was passed by while its stream was not selected, then searches, then refreshes,
oldest first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tap_omdb.ledger import GONE
from tap_omdb.prefixes import narrower_searches, ranked_prefixes
from tap_omdb.queries import LookupTask, SearchKey, SeasonTask, TitleTask
from tap_omdb.titles_file import (
    TITLE_BASICS,
    TitlesFileError,
    UnusableRow,
    Wanted,
    read_titles_file,
    recognise,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from tap_omdb.ledger import Ledger
    from tap_omdb.queries import PageTask, Task
    from tap_omdb.settings import Settings

_SHORT_FILE = 4_000_000
"""Bytes; some 100,000 titles, read in a fraction of a second."""

SEARCHABLE = frozenset({"movie", "series", "game"})
"""The types that a search lists; episodes are found through their series."""


def backlog(
    settings: Settings, ledger: Ledger, wanted: frozenset[str], today: date
) -> Iterator[Task | UnusableRow]:
    """Yield all work that is due; lazily, so that what the work brings to light counts.

    Args:
        settings: What the user asks for.
        ledger: What is known.
        wanted: The types whose streams are selected.
        today: The current day (UTC).
    """
    failing = ledger.failing(today) if wanted else []
    # Told apart before any is fetched: what this run gets is not to be asked for twice.
    never_had = [imdb_id for imdb_id in failing if not ledger.was_had(imdb_id)]
    had = [imdb_id for imdb_id in failing if ledger.was_had(imdb_id)]
    if wanted:
        yield from _pending(settings, ledger, wanted)
        yield from (TitleTask(imdb_id, "refresh") for imdb_id in never_had)
        yield from _named(settings, ledger, wanted, today)
        yield from (TitleTask(imdb_id, "refresh") for imdb_id in ledger.skipped_titles(wanted))
    if "episode" in wanted & settings.types:
        yield from _new_seasons(ledger, today)
    # Without any titles wanted, searches are made for their own sake.
    types = settings.types & wanted if wanted else settings.types
    yield from _searches(settings, ledger, types, today)
    yield from (TitleTask(imdb_id, "refresh") for imdb_id in had)
    for imdb_id, kind in ledger.due_titles(today):
        if kind in wanted or (wanted and kind == GONE):
            yield TitleTask(imdb_id, "refresh")
    if "episode" in wanted & settings.types:
        for series_id, season in ledger.due_seasons(today):
            yield SeasonTask(series_id, season)


def count_backlog(
    settings: Settings, ledger: Ledger, wanted: frozenset[str], today: date
) -> tuple[int, bool]:
    """Return how much work the backlog holds, and whether that is all.

    What a long file adds is not counted: reading it twice would take longer than it is worth.
    """
    path = settings.titles_file
    is_all = path is None or path.stat().st_size <= _SHORT_FILE
    if not is_all:
        settings = replace(settings, titles_file=None)
    try:
        return sum(1 for _ in backlog(settings, ledger, wanted, today)), is_all
    except TitlesFileError:  # told when the work gets there
        return 0, False


def _pending(settings: Settings, ledger: Ledger, wanted: frozenset[str]) -> Iterator[Task]:
    for imdb_id, kind in [*ledger.pending.items()]:
        if kind in wanted and imdb_id in ledger.pending:
            yield TitleTask(imdb_id, "search")
    if "episode" in wanted & settings.types:
        for series_id, season in [*ledger.pending_seasons]:
            yield SeasonTask(series_id, season)


def _new_seasons(ledger: Ledger, today: date) -> Iterator[Task]:
    for series_id, season in ledger.failing_seasons(today):
        yield SeasonTask(series_id, season)
    # The first season's reply tells how many more there are.
    for series_id in ledger.unopened_series():
        yield SeasonTask(series_id, 1)


def _named(
    settings: Settings, ledger: Ledger, wanted: frozenset[str], today: date
) -> Iterator[Task | UnusableRow]:
    for imdb_id in settings.imdb_ids:
        if not ledger.has(imdb_id):
            yield TitleTask(imdb_id, "imdb_ids")
    for item in settings.titles:
        lookup = LookupTask(item.title, item.year, item.type, "titles")
        if ledger.lookup_is_due(lookup, today):
            yield lookup
    if settings.titles_file is None:
        return
    years = frozenset(settings.years) or None
    for row in read_titles_file(settings.titles_file, years=years, types=settings.types & wanted):
        if isinstance(row, UnusableRow):
            yield row
        else:
            yield from _from_file(row, ledger, today)


def _from_file(row: Wanted, ledger: Ledger, today: date) -> Iterator[Task]:
    if row.imdb_id is not None:
        if not ledger.has(row.imdb_id):
            yield TitleTask(row.imdb_id, "titles_file", row.line)
    elif row.title is not None:
        lookup = LookupTask(row.title, row.year, row.type, "titles_file", row.line)
        if ledger.lookup_is_due(lookup, today):
            yield lookup


def _searches(
    settings: Settings, ledger: Ledger, types: frozenset[str], today: date
) -> Iterator[PageTask]:
    """Yield the first page due of each search: those never made first, then the oldest."""
    again: list[tuple[date, SearchKey]] = []
    for key in _keys(settings, ledger, types):
        last = ledger.last_search(key)
        if last is None or key in ledger.passes:
            yield ledger.next_page(key, today)
        elif not ledger.is_split(key) and ledger.search_is_due(key, today):
            again.append((last, key))
    for _, key in sorted(again, key=lambda item: item[0]):
        yield ledger.next_page(key, today)


def _keys(settings: Settings, ledger: Ledger, types: frozenset[str]) -> Iterator[SearchKey]:
    terms = settings.search_terms or (_prefixes(settings) if settings.years else ())
    for term in terms:
        for year in settings.years or (None,):
            for kind in _search_types(types):
                yield from _unsplit(SearchKey(term, year, kind), ledger)


def _prefixes(settings: Settings) -> tuple[str, ...]:
    """Return the searches for a year's titles; none where a file names them all."""
    path = settings.titles_file
    if path and recognise(path).kind == TITLE_BASICS:
        return ()
    return ranked_prefixes(settings.coverage)


def _unsplit(key: SearchKey, ledger: Ledger) -> Iterator[SearchKey]:
    yield key
    if ledger.is_split(key):
        for part in narrower_searches(key):
            yield from _unsplit(part, ledger)


def _search_types(types: Iterable[str]) -> list[str | None]:
    """Return the types to search one by one; all at once costs fewer part-filled pages."""
    needed = {"series" if kind == "episode" else kind for kind in types}
    if needed >= SEARCHABLE:
        return [None]
    return [*sorted(needed)]
