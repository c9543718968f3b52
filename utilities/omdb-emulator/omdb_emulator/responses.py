"""From a query to OMDb's response, without network, keys or clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omdb_emulator.catalogue.search_index import words
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.catalogue.titles import NOT_AVAILABLE, Title, release_date, to_json
from omdb_emulator.protocol import (
    INCORRECT_ID,
    NEGATIVE_OFFSET,
    NO_DATA,
    NO_EPISODE,
    NO_SEASON,
    TOO_MANY,
    Response,
    error_response,
    is_full,
    normal_id,
    not_found,
    page_number,
    start_year,
    title_type,
    whole_number,
)
from omdb_emulator.settings import Settings

Query = Mapping[str, str]

PAGE_SIZE = 10
_MERGES_FOLLOWED = 3
_SHORTEST_TERM = 3
_LONGEST_TERM = 1000
_STOP_WORDS = frozenset({"the"})


@dataclass(slots=True)
class Omdb:
    """OMDb on one day.

    Attributes:
        store: its titles.
        settings: how it behaves.
        day: days since 1970, by which ratings change.
    """

    store: TitleStore
    settings: Settings = field(default_factory=Settings)
    day: int = 0

    def respond(self, query: Query) -> Response:
        """Return the response to a query whose key is valid.

        A recorded exchange for exactly this query takes precedence. ``i`` wins over ``t``, and
        ``t`` over ``s``.
        """
        recorded = self.store.recorded_exchange(query)
        if recorded is not None:
            return Response(*recorded)
        if query.get("i"):
            return self._by_id(query)
        if query.get("t"):
            return self._by_title(query)
        return self._search(query) if query.get("s") else INCORRECT_ID

    def _by_id(self, query: Query) -> Response:
        imdb_id = normal_id(query["i"])
        if isinstance(imdb_id, Response):
            return imdb_id
        title = self._follow(imdb_id)
        if query.get("season"):
            return self._season(title, query)
        return NO_DATA if title is None else self._details(title, query)

    def _follow(self, imdb_id: str) -> Title | None:
        title = self.store.get(imdb_id)
        for _ in range(_MERGES_FOLLOWED):
            if title is None or title.merged_into is None:
                break
            title = self.store.get(title.merged_into)
        return title

    def _by_title(self, query: Query) -> Response:
        kind = title_type(query)
        year = start_year(query)
        if query.get("season"):
            series = self.store.find(query["t"], "series", year)
            return self._season(series, query)
        # With type=game OMDb finds no title by name, though searches find games.
        title = None if kind == "game" else self.store.find(query["t"], kind, year)
        return not_found(kind) if title is None else self._details(title, query)

    def _details(self, title: Title, query: Query) -> Response:
        if title.error is not None:
            return error_response(title.error)
        return Response(200, self._current(title).body(full=is_full(query, "plot")))

    def _current(self, title: Title) -> Title:
        ratings = self.settings.ratings_on(self.day - self.settings.ratings_lag_days)
        return title if ratings is None else ratings.apply(title)

    def _search(self, query: Query) -> Response:
        term = query["s"].strip()
        if error := _term_error(term):
            return error
        page = page_number(query.get("page", ""))
        if isinstance(page, Response):
            return page
        kind = title_type(query)
        year = start_year(query) if self.settings.year_filter else None
        rows = self.store.search(term, kind, year)
        most = self.settings.max_results
        if most is not None and len(rows) > most:
            return TOO_MANY
        if page < 1:
            return NEGATIVE_OFFSET
        of_page = rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        if not of_page:
            return not_found(kind)
        results = [summary.as_json() for summary in self.store.summaries(of_page)]
        body = {"Search": results, "totalResults": str(len(rows)), "Response": "True"}
        return Response(200, to_json(body))

    def _season(self, series: Title | None, query: Query) -> Response:
        missing = NO_EPISODE if query.get("episode") else NO_SEASON
        number = whole_number(query["season"])
        if number is None:
            return missing
        if series is None:
            # Listings were recorded of series whose details were not.
            is_listing = not query.get("i") and not query.get("episode")
            recorded = self.store.recorded_season(query["t"], number) if is_listing else None
            return missing if recorded is None else Response(200, recorded)
        if series.details.get("Type") != "series":
            return missing
        if query.get("episode"):
            return self._episode(series, number, query)
        recorded = self.store.recorded_season(series.details["Title"], number)
        if recorded is not None:
            return Response(200, recorded)
        found = map(self.store.get, self.store.season(series.imdb_id, number))
        episodes = [self._current(episode) for episode in found if episode is not None]
        return self._listing(series, number, episodes, query) if episodes else NO_SEASON

    def _listing(self, series: Title, number: int, episodes: list[Title], query: Query) -> Response:
        if self.settings.season_details and is_full(query, "detail"):
            plot_full = is_full(query, "plot")
            listed = [episode.body(full=plot_full) for episode in episodes]
        else:
            listed = [to_json(_listed_episode(episode.details)) for episode in episodes]
        head = to_json(
            {
                "Title": series.details["Title"],
                "Season": str(number),
                "totalSeasons": series.details.get("totalSeasons", NOT_AVAILABLE),
            }
        )
        # Joined as text, so that the broken JSON of one episode breaks the listing, as at OMDb.
        body = b'%b,"Episodes":[%b],"Response":"True"}' % (head[:-1], b",".join(listed))
        return Response(200, body)

    def _episode(self, series: Title, season: int, query: Query) -> Response:
        number = whole_number(query["episode"])
        for episode in map(self.store.get, self.store.season(series.imdb_id, season)):
            if episode and episode.position and episode.position.episode == number:
                return self._details(episode, query)
        return NO_EPISODE


def _term_error(term: str) -> Response | None:
    if len(term) > _LONGEST_TERM:
        return error_response(
            f"Syntax error near '\"' in the full-text search condition '\"{term}\"'."
        )
    return TOO_MANY if _is_too_broad(term) else None


def _is_too_broad(term: str) -> bool:
    # A leading asterisk is ignored; a trailing one counts as a character.
    term = term.lstrip("*")
    found = words(term)
    if not found or len(term) < _SHORTEST_TERM:
        return True
    return len(found) == 1 and (found[0] in _STOP_WORDS or len(found[0]) < _SHORTEST_TERM - 1)


def _listed_episode(fields: Mapping[str, Any]) -> dict[str, str]:
    released = release_date(fields.get("Released", NOT_AVAILABLE))
    return {
        "Title": fields["Title"],
        "Released": released.isoformat() if released else NOT_AVAILABLE,
        "Episode": fields["Episode"],
        "imdbRating": fields.get("imdbRating", NOT_AVAILABLE),
        "imdbID": fields["imdbID"],
    }
