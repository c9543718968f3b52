"""From a query to OMDb's response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omdb_emulator.protocol.details import details
from omdb_emulator.protocol.errors import INCORRECT_ID, NO_DATA, Response, not_found
from omdb_emulator.protocol.parameters import normal_id, start_year, title_type
from omdb_emulator.protocol.searches import search
from omdb_emulator.protocol.seasons import no_season, recorded_season, season

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omdb_emulator.catalogue.store import TitleStore
    from omdb_emulator.catalogue.titles import Title
    from omdb_emulator.protocol.behaviour import Behaviour

_MERGES_FOLLOWED = 3


def respond(query: Mapping[str, str], store: TitleStore, behaviour: Behaviour) -> Response:
    """Return OMDb's response to a query whose key is valid.

    A recorded exchange for exactly this query takes precedence. ``i`` wins over ``t``, and ``t``
    over ``s``.
    """
    recorded = store.recordings.exchange(query)
    if recorded is not None:
        return Response(*recorded)
    imdb_id = query.get("i")
    if imdb_id:
        return _by_id(imdb_id, query, store, behaviour)
    if query.get("t"):
        return _by_title(query, store, behaviour)
    if query.get("s"):
        return search(query, store, behaviour)
    return INCORRECT_ID


def _by_id(
    requested: str, query: Mapping[str, str], store: TitleStore, behaviour: Behaviour
) -> Response:
    imdb_id = normal_id(requested)
    if isinstance(imdb_id, Response):
        return imdb_id
    title = _follow(imdb_id, store)
    if query.get("season"):
        return season(title, query, store, behaviour)
    if title is None:
        return NO_DATA
    return details(title, query, behaviour)


def _by_title(query: Mapping[str, str], store: TitleStore, behaviour: Behaviour) -> Response:
    kind = title_type(query)
    year = start_year(query)
    if query.get("season"):
        series = store.find(query["t"], "series", year)
        if series is None:
            return recorded_season(query["t"], query, store) or no_season(query)
        return season(series, query, store, behaviour)
    # With type=game OMDb finds no title by name, though searches find games.
    title = None if kind == "game" else store.find(query["t"], kind, year)
    return not_found(kind) if title is None else details(title, query, behaviour)


def _follow(imdb_id: str, store: TitleStore) -> Title | None:
    title = store.get(imdb_id)
    for _ in range(_MERGES_FOLLOWED):
        if title is None or title.merged_into is None:
            break
        title = store.get(title.merged_into)
    return title
