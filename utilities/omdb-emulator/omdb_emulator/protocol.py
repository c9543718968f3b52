"""From a query to OMDb's reply: no network, no keys, no clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from omdb_emulator.search import words
from omdb_emulator.titles import NOT_AVAILABLE, Title, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omdb_emulator.library import Head, Library

PAGE_SIZE = 10
_MERGES_FOLLOWED = 3
_SHORTEST_TERM = 3
_LONGEST_TERM = 1000
_FARTHEST_PAGE = 1e9
_STOP_WORDS = frozenset({"the"})
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}


@dataclass(frozen=True, slots=True)
class Reply:
    """What OMDb answers: an HTTP status and a body of JSON, broken JSON included."""

    status: int
    body: bytes


@dataclass(slots=True)
class Manners:
    """OMDb's behaviour where it is known to differ from time to time.

    Attributes:
        year_filter: whether ``y`` filters a search; users report both.
        season_details: whether ``detail=full`` is known.
        max_results: a search that finds more answers "Too many results."; None for no such limit.
    """

    year_filter: bool = True
    season_details: bool = True
    max_results: int | None = None


def error(text: str, status: int = 200) -> Reply:
    """Return OMDb's error reply with this text, unescaped as OMDb leaves it."""
    return Reply(status, b'{"Response":"False","Error":"%b"}' % text.encode())


MOVIE_NOT_FOUND = error("Movie not found!")
SERIES_NOT_FOUND = error("Series not found!")
EPISODE_NOT_FOUND = error("Episode not found!")
NO_SEASON = error("Series or season not found!")
NO_EPISODE = error("Series or episode not found!")
TOO_MANY = error("Too many results.")
INCORRECT_ID = error("Incorrect IMDb ID.")
NO_DATA = error("Error getting data.")
NEGATIVE_OFFSET = error("The offset specified in a OFFSET clause may not be negative.")
NO_KEY = error("No API key provided.", 401)
INVALID_KEY = error("Invalid API key!", 401)
LIMIT_REACHED = error("Request limit reached!", 401)


def parse_query(query_string: bytes) -> dict[str, str]:
    """Return the parameters by lower-case name; the first of a name counts."""
    query: dict[str, str] = {}
    pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="replace")
    for name, value in pairs:
        query.setdefault(name.lower(), value)
    return query


def kind_of(query: Mapping[str, str]) -> str:
    """Name what is asked: details, title, season, episode, search or invalid."""
    if query.get("i") or query.get("t"):
        if query.get("season"):
            return "episode" if query.get("episode") else "season"
        return "details" if query.get("i") else "title"
    return "search" if query.get("s") else "invalid"


def answer(query: Mapping[str, str], library: Library, manners: Manners) -> Reply:
    """Return what OMDb answers to a query whose key is good.

    A recorded exchange of exactly this question comes first. ``i`` wins over ``t``, ``t`` over
    ``s``.
    """
    recorded = library.exchange(query)
    if recorded is not None:
        return Reply(*recorded)
    imdb_id = query.get("i")
    if imdb_id:
        return _by_id(imdb_id, query, library, manners)
    if query.get("t"):
        return _by_title(query, library, manners)
    if query.get("s"):
        return _search(query, library, manners)
    return INCORRECT_ID


def _by_id(asked: str, query: Mapping[str, str], library: Library, manners: Manners) -> Reply:
    imdb_id = normal_id(asked)
    if isinstance(imdb_id, Reply):
        return imdb_id
    title = _follow(imdb_id, library)
    if query.get("season"):
        return _season(title, query, library, manners)
    if title is None:
        return NO_DATA
    return _details(title, query)


def normal_id(asked: str) -> str | Reply:
    """Return the id in its usual form, or the error that OMDb answers.

    OMDb takes what follows ``tt`` for a number, and reports in JSON of its own making when an
    id of the right length is none.
    """
    digits = asked[2:] if asked[:2].lower() == "tt" else asked
    if re.fullmatch(r"[0-9]{7,8}", digits) and digits is not asked:
        return f"tt{int(digits):07d}"
    if not digits.isdigit() and len(asked) in {9, 10}:
        return error(f"Conversion from string \"{digits}\" to type 'Double' is not valid.")
    return INCORRECT_ID


def _follow(imdb_id: str, library: Library) -> Title | None:
    title = library.get(imdb_id)
    for _ in range(_MERGES_FOLLOWED):
        if title is None or title.merged_into is None:
            break
        title = library.get(title.merged_into)
    return title


def _details(title: Title, query: Mapping[str, str]) -> Reply:
    if title.error is not None:
        return error(title.error)
    return Reply(200, title.body(full=query.get("plot", "").lower() == "full"))


def _by_title(query: Mapping[str, str], library: Library, manners: Manners) -> Reply:
    kind = query.get("type", "").lower() or None
    year = _year(query)
    if query.get("season"):
        series = library.find(query["t"], "series", year)
        if series is None:
            return _recorded_season(query["t"], query, library) or _no_season(query)
        return _season(series, query, library, manners)
    # OMDb answers type=game with "Movie not found!" for every title, though searches know games.
    title = None if kind == "game" else library.find(query["t"], kind, year)
    return _not_found(kind) if title is None else _details(title, query)


def _season(
    series: Title | None, query: Mapping[str, str], library: Library, manners: Manners
) -> Reply:
    season = _whole(query["season"])
    if series is None or series.details.get("Type") != "series" or season is None:
        return _no_season(query)
    if query.get("episode"):
        return _episode(series, season, query, library)
    recorded = library.listing(series.details["Title"], season)
    if recorded is not None:
        return Reply(200, recorded)
    episodes = [library.get(imdb_id) for imdb_id in library.season(series.imdb_id, season)]
    if not episodes:
        return NO_SEASON
    full = manners.season_details and query.get("detail", "").lower() == "full"
    plot_full = query.get("plot", "").lower() == "full"
    listed = [
        episode.body(full=plot_full) if full else to_json(_listed_episode(episode.details))
        for episode in episodes
        if episode is not None
    ]
    head = to_json(
        {
            "Title": series.details["Title"],
            "Season": str(season),
            "totalSeasons": series.details.get("totalSeasons", NOT_AVAILABLE),
        }
    )
    # Joined as text, so that one episode's broken JSON breaks the listing, as it does at OMDb.
    body = b'%b,"Episodes":[%b],"Response":"True"}' % (head[:-1], b",".join(listed))
    return Reply(200, body)


def _recorded_season(series_title: str, query: Mapping[str, str], library: Library) -> Reply | None:
    season = _whole(query["season"])
    body = None if season is None else library.listing(series_title, season)
    return None if body is None or query.get("episode") else Reply(200, body)


def _episode(series: Title, season: int, query: Mapping[str, str], library: Library) -> Reply:
    number = _whole(query["episode"])
    for imdb_id in library.season(series.imdb_id, season):
        episode = library.get(imdb_id)
        place = episode.place if episode else None
        if episode and place and place.episode == number:
            return _details(episode, query)
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
    """Return ``05 May 2017`` as ``2017-05-05``; anything else is "N/A", as in season listings."""
    found = re.fullmatch(r"(\d{2}) ([A-Z][a-z]{2}) (\d{4})", released)
    month = _MONTH_NUMBERS.get(found[2]) if found else None
    return f"{found[3]}-{month:02d}-{found[1]}" if found and month else NOT_AVAILABLE


def _no_season(query: Mapping[str, str]) -> Reply:
    return NO_EPISODE if query.get("episode") else NO_SEASON


def _search(query: Mapping[str, str], library: Library, manners: Manners) -> Reply:
    term = query["s"].strip()
    refusal = _refuse_term(term)
    if refusal is not None:
        return refusal
    page = page_number(query.get("page", ""))
    if isinstance(page, Reply):
        return page
    kind = query.get("type", "").lower() or None
    year = _year(query) if manners.year_filter else None
    rows = library.search(term, kind, year)
    if manners.max_results is not None and len(rows) > manners.max_results:
        return TOO_MANY
    if page < 1:
        return NEGATIVE_OFFSET
    hits = [_hit(head) for head in library.heads(rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])]
    if not hits:
        return _not_found(kind)
    return Reply(200, to_json({"Search": hits, "totalResults": str(len(rows)), "Response": "True"}))


def _refuse_term(term: str) -> Reply | None:
    if len(term) > _LONGEST_TERM:
        return error(f"Syntax error near '\"' in the full-text search condition '\"{term}\"'.")
    return TOO_MANY if _is_too_broad(term) else None


def _hit(head: Head) -> dict[str, str]:
    return {
        "Title": head.title,
        "Year": head.year,
        "imdbID": head.imdb_id,
        "Type": head.kind,
        "Poster": head.poster,
    }


def _is_too_broad(term: str) -> bool:
    # A leading star is not honoured, a trailing one counts as a character.
    term = term.lstrip("*")
    found = words(term)
    if not found or len(term) < _SHORTEST_TERM:
        return True
    return len(found) == 1 and (found[0] in _STOP_WORDS or len(found[0]) < _SHORTEST_TERM - 1)


def page_number(text: str) -> int | Reply:
    """Return the page as .NET rounds it (half to even), 1 when empty; else OMDb's error."""
    if not text:
        return 1
    if not re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)\s*", text):
        return error(f"Conversion from string \"{text}\" to type 'Integer' is not valid.")
    return round(min(max(float(text), -_FARTHEST_PAGE), _FARTHEST_PAGE))


def _year(query: Mapping[str, str]) -> int | None:
    """Return the year asked for, None for none, -1 for what is not a year."""
    text = query.get("y", "").strip()
    year = _whole(text)
    return -1 if text and year is None else year


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\s*[0-9]{1,9}\s*", text) else None


def _not_found(kind: str | None) -> Reply:
    return {"series": SERIES_NOT_FOUND, "episode": EPISODE_NOT_FOUND}.get(
        kind or "", MOVIE_NOT_FOUND
    )
