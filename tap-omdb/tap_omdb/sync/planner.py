"""What is due, from the settings and the state, in the order in which it is worth fetching.

New titles come before known ones that are due again, so that each request of a small budget
brings as much as it can: first what earlier runs found and did not fetch, then titles that the
user names, then those left out while their stream was not selected, then searches, then
refreshes, oldest first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tap_omdb.config.settings import Title
from tap_omdb.config.titles_file import (
    TITLE_BASICS,
    InvalidRow,
    TitleEntry,
    TitlesFileError,
    detect_layout,
    read_titles_file,
)
from tap_omdb.omdb.queries import SearchKey
from tap_omdb.state.titles import NOT_FOUND
from tap_omdb.sync.prefixes import narrower_searches, ranked_prefixes
from tap_omdb.sync.tasks import LookupTask, SearchTask, SeasonTask, TitleTask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from tap_omdb.config.settings import Settings
    from tap_omdb.state.sync_state import SyncState
    from tap_omdb.sync.tasks import Source, Task

_SMALL_FILE = 4_000_000
"""Bytes; about 100,000 titles, read in a fraction of a second."""

SEARCHABLE = frozenset({"movie", "series", "game"})
"""The types that a search lists; episodes are found through their series."""


def plan_tasks(
    settings: Settings, state: SyncState, selected: frozenset[str], today: date
) -> Iterator[Task | InvalidRow]:
    """Yield all tasks that are due; lazily, so that what earlier tasks bring is considered.

    Args:
        settings: What the user wants.
        state: What is known.
        selected: The types whose streams are selected.
        today: The current day (UTC).
    """
    failed = state.titles.failed(today) if selected else []
    # Split before any is fetched, so that none is fetched twice.
    never_fetched = [imdb_id for imdb_id in failed if not state.titles.was_fetched(imdb_id)]
    fetched_before = [imdb_id for imdb_id in failed if state.titles.was_fetched(imdb_id)]
    with_episodes = "episode" in selected & settings.types
    if selected:
        yield from _pending(state, selected, with_episodes=with_episodes)
        yield from _refreshes(never_fetched)
        yield from _named(settings, state, selected, today)
        yield from _refreshes(state.titles.not_selected(selected))
    if with_episodes:
        yield from _new_seasons(state, today)
    # If no stream of titles is selected, searches are made for their own sake.
    types = settings.types & selected if selected else settings.types
    yield from _searches(settings, state, types, today)
    yield from _refreshes(fetched_before)
    for imdb_id, kind in state.titles.due(today):
        if kind in selected or (selected and kind == NOT_FOUND):
            yield TitleTask(imdb_id, "refresh")
    if with_episodes:
        for series_id, season in state.seasons.due(today):
            yield SeasonTask(series_id, season)


def count_planned_tasks(
    settings: Settings, state: SyncState, selected: frozenset[str], today: date
) -> tuple[int, bool]:
    """Return how many tasks are due, and whether that is all.

    The titles of a large file are not counted: reading it twice would take too long.
    """
    path = settings.titles_file
    is_all = path is None or path.stat().st_size <= _SMALL_FILE
    if not is_all:
        settings = replace(settings, titles_file=None)
    try:
        return sum(1 for _ in plan_tasks(settings, state, selected, today)), is_all
    except TitlesFileError:  # reported when the queue gets there
        return 0, False


def next_search_task(key: SearchKey, state: SyncState, today: date) -> SearchTask:
    """Return the task for the first page of a search that is not read yet."""
    progress = state.searches.progress(key, today)
    return SearchTask(progress, progress.next_page)


def _refreshes(imdb_ids: Iterable[str]) -> Iterator[Task]:
    return (TitleTask(imdb_id, "refresh") for imdb_id in imdb_ids)


def _pending(state: SyncState, selected: frozenset[str], *, with_episodes: bool) -> Iterator[Task]:
    for imdb_id, kind in [*state.titles.pending.items()]:
        if kind in selected and imdb_id in state.titles.pending:
            yield TitleTask(imdb_id, "season" if kind == "episode" else "search")
    if with_episodes:
        for series_id, season in [*state.seasons.pending]:
            yield SeasonTask(series_id, season)


def _new_seasons(state: SyncState, today: date) -> Iterator[Task]:
    for series_id, season in state.seasons.failed(today):
        yield SeasonTask(series_id, season)
    # The response for the first season has the number of seasons.
    for series_id in state.titles.of_type("series"):
        if not state.seasons.is_known(series_id, 1):
            yield SeasonTask(series_id, 1)


def _named(
    settings: Settings, state: SyncState, selected: frozenset[str], today: date
) -> Iterator[Task | InvalidRow]:
    for imdb_id in settings.imdb_ids:
        if not state.titles.is_known(imdb_id):
            yield TitleTask(imdb_id, "imdb_ids")
    for title in settings.titles:
        if state.lookups.is_due(title, today):
            yield _lookup(title, "titles", state)
    if settings.titles_file is None:
        return
    years = frozenset(settings.years) or None
    types = settings.types & selected
    for row in read_titles_file(settings.titles_file, years=years, types=types):
        if isinstance(row, InvalidRow):
            yield row
        else:
            yield from _from_file(row, state, today)


def _from_file(row: TitleEntry, state: SyncState, today: date) -> Iterator[Task]:
    if row.imdb_id is not None:
        if not state.titles.is_known(row.imdb_id):
            yield TitleTask(row.imdb_id, "titles_file", row.line)
    elif row.title is not None:
        title = Title(row.title, row.year, row.type)
        if state.lookups.is_due(title, today):
            yield _lookup(title, "titles_file", state, row.line)


def _lookup(title: Title, source: Source, state: SyncState, line: int | None = None) -> LookupTask:
    ignores_year = state.lookups.is_not_found_with_year(title)
    return LookupTask(title, source, line, ignores_year=ignores_year)


def _searches(
    settings: Settings, state: SyncState, types: frozenset[str], today: date
) -> Iterator[SearchTask]:
    """Yield the first unread page of each search that is due: new ones first, then the oldest."""
    again: list[tuple[date, SearchKey]] = []
    for key in _search_keys(settings, state, types):
        last = state.searches.last_finished(key)
        if last is None or key in state.searches.in_progress:
            yield next_search_task(key, state, today)
        elif not state.searches.is_split(key) and state.searches.is_due(key, today):
            again.append((last, key))
    for _, key in sorted(again, key=lambda item: item[0]):
        yield next_search_task(key, state, today)


def _search_keys(
    settings: Settings, state: SyncState, types: frozenset[str]
) -> Iterator[SearchKey]:
    terms = settings.search_terms or (_prefixes(settings) if settings.years else ())
    for term in terms:
        for year in settings.years or (None,):
            for kind in _search_types(types):
                yield from _with_parts(SearchKey(term, year, kind), state)


def _prefixes(settings: Settings) -> tuple[str, ...]:
    """Return the search terms for a year's titles; none where a file lists all of them."""
    path = settings.titles_file
    if path and detect_layout(path).kind == TITLE_BASICS:
        return ()
    return ranked_prefixes(settings.coverage)


def _with_parts(key: SearchKey, state: SyncState) -> Iterator[SearchKey]:
    yield key
    if state.searches.is_split(key):
        for part in narrower_searches(key):
            yield from _with_parts(part, state)


def _search_types(types: Iterable[str]) -> list[str | None]:
    """Return the types to search one by one; all at once needs fewer pages that are not full."""
    needed = {"series" if kind == "episode" else kind for kind in types}
    if needed >= SEARCHABLE:
        return [None]
    return [*sorted(needed)]
