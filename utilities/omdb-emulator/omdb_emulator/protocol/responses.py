"""From a query to OMDb's response."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omdb_emulator.catalogue.search_index import words
from omdb_emulator.catalogue.titles import MONTHS, NOT_AVAILABLE, Title, to_json
from omdb_emulator.protocol.errors import (
    EPISODE_NOT_FOUND,
    INCORRECT_ID,
    MOVIE_NOT_FOUND,
    NEGATIVE_OFFSET,
    NO_DATA,
    NO_EPISODE,
    NO_SEASON,
    SERIES_NOT_FOUND,
    TOO_MANY,
    Response,
    error_response,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omdb_emulator.catalogue.ratings import RatingsOnDay
    from omdb_emulator.catalogue.store import Summary, TitleStore

PAGE_SIZE = 10
_MERGES_FOLLOWED = 3
_SHORTEST_TERM = 3
_LONGEST_TERM = 1000
_FARTHEST_PAGE = 1e9
_STOP_WORDS = frozenset({"the"})
_MONTH_NUMBERS = {name: number for number, name in enumerate(MONTHS, 1)}


@dataclass(slots=True)
class Behaviour:
    """The parts of OMDb's behaviour that are known to change over time.

    Attributes:
        year_filter: whether ``y`` filters searches; users report both.
        season_details: whether ``detail=full`` is supported.
        max_results: the most results a search may have; above it the response is
            "Too many results."; None for no limit.
        ratings: the ratings and votes to serve; None for those of the catalogue.
    """

    year_filter: bool = True
    season_details: bool = True
    max_results: int | None = None
    ratings: RatingsOnDay | None = None

    def current(self, title: Title) -> Title:
        """Return a title with the ratings and votes to serve."""
        return title if self.ratings is None else self.ratings.apply(title)


def respond(query: Mapping[str, str], store: TitleStore, behaviour: Behaviour) -> Response:
    """Return OMDb's response to a query whose key is valid.

    A recorded exchange for exactly this query takes precedence. ``i`` wins over ``t``, and ``t``
    over ``s``.
    """
    recorded = store.exchange(query)
    if recorded is not None:
        return Response(*recorded)
    imdb_id = query.get("i")
    if imdb_id:
        return _by_id(imdb_id, query, store, behaviour)
    if query.get("t"):
        return _by_title(query, store, behaviour)
    if query.get("s"):
        return _search(query, store, behaviour)
    return INCORRECT_ID


def _by_id(
    requested: str, query: Mapping[str, str], store: TitleStore, behaviour: Behaviour
) -> Response:
    imdb_id = normal_id(requested)
    if isinstance(imdb_id, Response):
        return imdb_id
    title = _follow(imdb_id, store)
    if query.get("season"):
        return _season(title, query, store, behaviour)
    if title is None:
        return NO_DATA
    return _details(behaviour.current(title), query)


def normal_id(requested: str) -> str | Response:
    """Return the id in its usual form, or OMDb's error response.

    OMDb converts what follows ``tt`` to a number. If an id of the right length is not a number,
    it responds with invalid JSON, since it does not escape the quotes.
    """
    digits = requested[2:] if requested[:2].lower() == "tt" else requested
    if re.fullmatch(r"[0-9]{7,8}", digits) and digits is not requested:
        return f"tt{int(digits):07d}"
    if not digits.isdigit() and len(requested) in {9, 10}:
        return error_response(f"Conversion from string \"{digits}\" to type 'Double' is not valid.")
    return INCORRECT_ID


def _follow(imdb_id: str, store: TitleStore) -> Title | None:
    title = store.get(imdb_id)
    for _ in range(_MERGES_FOLLOWED):
        if title is None or title.merged_into is None:
            break
        title = store.get(title.merged_into)
    return title


def _details(title: Title, query: Mapping[str, str]) -> Response:
    if title.error is not None:
        return error_response(title.error)
    return Response(200, title.body(full=query.get("plot", "").lower() == "full"))


def _by_title(query: Mapping[str, str], store: TitleStore, behaviour: Behaviour) -> Response:
    kind = query.get("type", "").lower() or None
    year = _year(query)
    if query.get("season"):
        series = store.find(query["t"], "series", year)
        if series is None:
            return _recorded_season(query["t"], query, store) or _no_season(query)
        return _season(series, query, store, behaviour)
    # With type=game OMDb finds no title by name, though searches find games.
    title = None if kind == "game" else store.find(query["t"], kind, year)
    return _not_found(kind) if title is None else _details(behaviour.current(title), query)


def _season(
    series: Title | None, query: Mapping[str, str], store: TitleStore, behaviour: Behaviour
) -> Response:
    season = _whole(query["season"])
    if series is None or series.details.get("Type") != "series" or season is None:
        return _no_season(query)
    if query.get("episode"):
        return _episode(series, season, query, store, behaviour)
    recorded = store.listing(series.details["Title"], season)
    if recorded is not None:
        return Response(200, recorded)
    found = (store.get(imdb_id) for imdb_id in store.season(series.imdb_id, season))
    episodes = [behaviour.current(episode) for episode in found if episode is not None]
    if not episodes:
        return NO_SEASON
    full = behaviour.season_details and query.get("detail", "").lower() == "full"
    plot_full = query.get("plot", "").lower() == "full"
    listed = [
        episode.body(full=plot_full) if full else to_json(_listed_episode(episode.details))
        for episode in episodes
    ]
    head = to_json(
        {
            "Title": series.details["Title"],
            "Season": str(season),
            "totalSeasons": series.details.get("totalSeasons", NOT_AVAILABLE),
        }
    )
    # Joined as text, so that the broken JSON of one episode breaks the listing, as it does at OMDb.
    body = b'%b,"Episodes":[%b],"Response":"True"}' % (head[:-1], b",".join(listed))
    return Response(200, body)


def _recorded_season(
    series_title: str, query: Mapping[str, str], store: TitleStore
) -> Response | None:
    season = _whole(query["season"])
    body = None if season is None else store.listing(series_title, season)
    return None if body is None or query.get("episode") else Response(200, body)


def _episode(
    series: Title, season: int, query: Mapping[str, str], store: TitleStore, behaviour: Behaviour
) -> Response:
    number = _whole(query["episode"])
    for imdb_id in store.season(series.imdb_id, season):
        episode = store.get(imdb_id)
        position = episode.position if episode else None
        if episode and position and position.episode == number:
            return _details(behaviour.current(episode), query)
    return NO_EPISODE


def _listed_episode(details: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Title": details["Title"],
        "Released": iso_date(details.get("Released", NOT_AVAILABLE)),
        "Episode": details["Episode"],
        "imdbRating": details.get("imdbRating", NOT_AVAILABLE),
        "imdbID": details["imdbID"],
    }


def iso_date(released: str) -> str:
    """Convert ``05 May 2017`` to ``2017-05-05`` as season listings do; anything else to "N/A"."""
    found = re.fullmatch(r"(\d{2}) ([A-Z][a-z]{2}) (\d{4})", released)
    month = _MONTH_NUMBERS.get(found[2]) if found else None
    return f"{found[3]}-{month:02d}-{found[1]}" if found and month else NOT_AVAILABLE


def _no_season(query: Mapping[str, str]) -> Response:
    return NO_EPISODE if query.get("episode") else NO_SEASON


def _search(query: Mapping[str, str], store: TitleStore, behaviour: Behaviour) -> Response:
    term = query["s"].strip()
    error = _term_error(term)
    if error is not None:
        return error
    page = page_number(query.get("page", ""))
    if isinstance(page, Response):
        return page
    kind = query.get("type", "").lower() or None
    year = _year(query) if behaviour.year_filter else None
    rows = store.search(term, kind, year)
    if behaviour.max_results is not None and len(rows) > behaviour.max_results:
        return TOO_MANY
    if page < 1:
        return NEGATIVE_OFFSET
    hits = [
        _hit(summary)
        for summary in store.summaries(rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
    ]
    if not hits:
        return _not_found(kind)
    return Response(
        200, to_json({"Search": hits, "totalResults": str(len(rows)), "Response": "True"})
    )


def _term_error(term: str) -> Response | None:
    if len(term) > _LONGEST_TERM:
        return error_response(
            f"Syntax error near '\"' in the full-text search condition '\"{term}\"'."
        )
    return TOO_MANY if _is_too_broad(term) else None


def _hit(summary: Summary) -> dict[str, str]:
    return {
        "Title": summary.title,
        "Year": summary.year,
        "imdbID": summary.imdb_id,
        "Type": summary.kind,
        "Poster": summary.poster,
    }


def _is_too_broad(term: str) -> bool:
    # A leading asterisk is ignored; a trailing one counts as a character.
    term = term.lstrip("*")
    found = words(term)
    if not found or len(term) < _SHORTEST_TERM:
        return True
    return len(found) == 1 and (found[0] in _STOP_WORDS or len(found[0]) < _SHORTEST_TERM - 1)


def page_number(text: str) -> int | Response:
    """Return the page, rounded half to even as .NET does and 1 if empty, or an error response."""
    if not text:
        return 1
    if not re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)\s*", text):
        return error_response(f"Conversion from string \"{text}\" to type 'Integer' is not valid.")
    return round(min(max(float(text), -_FARTHEST_PAGE), _FARTHEST_PAGE))


def _year(query: Mapping[str, str]) -> int | None:
    """Return the requested year, None if there is none, -1 if it is not a year."""
    text = query.get("y", "").strip()
    year = _whole(text)
    return -1 if text and year is None else year


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\s*[0-9]{1,9}\s*", text) else None


def _not_found(kind: str | None) -> Response:
    return {"series": SERIES_NOT_FOUND, "episode": EPISODE_NOT_FOUND}.get(
        kind or "", MOVIE_NOT_FOUND
    )
