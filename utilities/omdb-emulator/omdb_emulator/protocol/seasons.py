"""Seasons of a series, and episodes by their number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from omdb_emulator.catalogue.titles import MONTHS, NOT_AVAILABLE, to_json
from omdb_emulator.protocol.details import details
from omdb_emulator.protocol.errors import NO_EPISODE, NO_SEASON, Response
from omdb_emulator.protocol.parameters import is_full, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omdb_emulator.catalogue.store import TitleStore
    from omdb_emulator.catalogue.titles import Title
    from omdb_emulator.protocol.behaviour import Behaviour

_MONTH_NUMBERS = {name: number for number, name in enumerate(MONTHS, 1)}


def season(
    series: Title | None, query: Mapping[str, str], store: TitleStore, behaviour: Behaviour
) -> Response:
    """Return the listing of the requested season of a series, or the requested episode of it."""
    number = whole_number(query["season"])
    if series is None or series.details.get("Type") != "series" or number is None:
        return no_season(query)
    if query.get("episode"):
        return _episode(series, number, query, store, behaviour)
    recorded = store.recordings.listing(series.details["Title"], number)
    if recorded is not None:
        return Response(200, recorded)
    found = (store.get(imdb_id) for imdb_id in store.season(series.imdb_id, number))
    episodes = [behaviour.current(episode) for episode in found if episode is not None]
    if not episodes:
        return NO_SEASON
    full = behaviour.season_details and is_full(query, "detail")
    plot_full = is_full(query, "plot")
    listed = [
        episode.body(full=plot_full) if full else to_json(_listed_episode(episode.details))
        for episode in episodes
    ]
    head = to_json(
        {
            "Title": series.details["Title"],
            "Season": str(number),
            "totalSeasons": series.details.get("totalSeasons", NOT_AVAILABLE),
        }
    )
    # Joined as text, so that the broken JSON of one episode breaks the listing, as it does at OMDb.
    body = b'%b,"Episodes":[%b],"Response":"True"}' % (head[:-1], b",".join(listed))
    return Response(200, body)


def recorded_season(
    series_title: str, query: Mapping[str, str], store: TitleStore
) -> Response | None:
    """Return the recorded listing of a series without details, None if there is none."""
    number = whole_number(query["season"])
    body = None if number is None else store.recordings.listing(series_title, number)
    return None if body is None or query.get("episode") else Response(200, body)


def _episode(
    series: Title, season: int, query: Mapping[str, str], store: TitleStore, behaviour: Behaviour
) -> Response:
    number = whole_number(query["episode"])
    for imdb_id in store.season(series.imdb_id, season):
        episode = store.get(imdb_id)
        position = episode.position if episode else None
        if episode and position and position.episode == number:
            return details(episode, query, behaviour)
    return NO_EPISODE


def _listed_episode(fields: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Title": fields["Title"],
        "Released": iso_date(fields.get("Released", NOT_AVAILABLE)),
        "Episode": fields["Episode"],
        "imdbRating": fields.get("imdbRating", NOT_AVAILABLE),
        "imdbID": fields["imdbID"],
    }


def iso_date(released: str) -> str:
    """Convert ``05 May 2017`` to ``2017-05-05`` as season listings do; anything else to "N/A"."""
    found = re.fullmatch(r"(\d{2}) ([A-Z][a-z]{2}) (\d{4})", released)
    month = _MONTH_NUMBERS.get(found[2]) if found else None
    return f"{found[3]}-{month:02d}-{found[1]}" if found and month else NOT_AVAILABLE


def no_season(query: Mapping[str, str]) -> Response:
    """Return the error response for a season, or an episode, that is not found."""
    return NO_EPISODE if query.get("episode") else NO_SEASON
