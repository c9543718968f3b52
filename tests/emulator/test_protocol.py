"""From a query to the response, and what OMDb itself was recorded to respond."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omdb_emulator.catalogue.loader import load
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.catalogue.titles import KEYS, TitleError
from omdb_emulator.protocol import parse_query
from omdb_emulator.responses import Omdb
from omdb_emulator.testing import Emulator

from tests.emulator.conftest import (
    RECORDED,
    TITLES,
    Fields,
    fetch,
    needs_recordings,
)

STORE = load([TITLES])


def body_of(query: str, store: TitleStore = STORE) -> bytes:
    result = Omdb(store).respond(parse_query(query))
    assert result.status == 200
    return result.body


def get(query: str) -> Any:  # noqa: ANN401
    body = json.loads(body_of(query))
    assert (body["Response"] == "False") == ("Error" in body)
    return body


ERRORS = {
    "Incorrect IMDb ID.": [
        *("i=tt596799", "i=123asd1", "i=tt123456789", "i=1375666", "i=tt", "i=foo"),
        *("i=tt" + "\u0661" * 7, "", "s=", "t=", "y=2010", "type=movie", "i=&s="),
    ],
    "Error getting data.": ["i=tt7654321", "i=tt0000020"],
    "Too many results.": [
        *("s=a", "s=24", "s=it", "s=the", "s=The", "s=%2B", "s=*e*", "s=!@%23$%25!", "s=b*"),
        *("s=***", "s=a!!"),
    ],
    "Movie not found!": [
        *("s=charlies+angels", "s=castle&y=2012", "s=castle&y=abc", "s=castle&type=film"),
        *("s=never", "t=castle&type=movie", "t=castle+quest&type=game", "t=charlies+angels"),
        *("t=castle+one", "t=cas*", "s=serial&page=4", "s=serial&page=101"),
        *("s=serial&page=99999999", f"s=serial&page={'9' * 400}"),
        *(f"{by}=nothing&type={t}" for by in "st" for t in ("", "movie", "game", "nonsense")),
    ],
    "Series not found!": ["s=nothing&type=series", "t=nothing&type=series"],
    "Episode not found!": ["s=nothing&type=episode", "t=nothing&type=episode"],
    "Series or season not found!": [
        *("i=tt0000010&Season=9", "i=tt0000010&Season=x", "i=tt1375666&Season=1"),
        *("i=tt7654321&Season=1", "t=nothing&Season=1"),
    ],
    "Series or episode not found!": [
        *("i=tt0000010&Season=1&Episode=3", "i=tt0000010&Season=9&Episode=1"),
        "t=nothing&Season=1&Episode=1",
    ],
    "The offset specified in a OFFSET clause may not be negative.": [
        f"s=serial&page={page}" for page in ("0", "-1", "0.34", "0.5")
    ],
}


@pytest.mark.parametrize(
    ("query", "message"), [(query, message) for message in ERRORS for query in ERRORS[message]]
)
def test_errors(query: str, message: str) -> None:
    assert get(query)["Error"] == message


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("i=tt011f8539", "Conversion from string \"011f8539\" to type 'Double' is not valid."),
        ("i=one%20space", "Conversion from string \"one space\" to type 'Double' is not valid."),
        ("s=serial&page=two", "Conversion from string \"two\" to type 'Integer' is not valid."),
        (
            f"s={'a' * 3000}",
            f"Syntax error near '\"' in the full-text search condition '\"{'a' * 3000}\"'.",
        ),
    ],
)
def test_errors_in_broken_json(query: str, error: str) -> None:
    assert body_of(query).decode() == f'{{"Response":"False","Error":"{error}"}}'


@pytest.mark.parametrize(
    ("query", "plot"),
    [("", "A thief."), ("&plot=short", "A thief."), ("&plot=full", "A thief …")],
)
def test_plot_full_is_served_only_on_request(query: str, plot: str) -> None:
    assert get(f"i=tt1375666{query}")["Plot"] == plot
    assert get(f"i=tt0000002{query}")["Plot"] == "N/A"


@pytest.mark.parametrize(
    ("query", "title"),
    [
        *((f"i={i}", "Inception") for i in ("tt01375666", "TT1375666", "tt0000021")),
        ("I=tt1375666&s=castle", "Inception"),
        ("t=castle", "Castle"),
        ("T=castle&s=social", "Castle"),
        ("t=Castle+Rock", "Castle Rock"),
        ("t=the_social_network", "The Social Network"),
        ("t=social&y=2010", "The Social Network"),
        ("t=castle&y=2011", "Castle Rock"),
        ("t=castle+quest", "Castle Quest"),
        ("t=never+listed", "Never Listed"),
        ("t=castle+one&type=episode", "Castle One"),
        ("i=tt0000010&Season=1&Episode=2", "Castle Two"),
        ("t=castle+rock&season=1&episode=10", "Castle Three"),
        ("i=tt0000010&Season=2&Episode=0", "Castle Pilot"),
        ("i=tt1375666&I=tt0000002&y=&y=2011", "Inception"),
    ],
)
def test_details_by_id_title_or_episode(query: str, title: str) -> None:
    assert get(query)["Title"] == title


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        *((f"s={term}", ["Cast Away"]) for term in ("cast", "*cast")),
        ("s=cas*", ["Cast Away", "Castle Rock", "Castle Quest", "Castle"]),
        ("s=SOCIAL", ["The Social Network", "Social Work"]),
        ("s=network+social+the", ["The Social Network"]),
        ("s=social+wor*", ["Social Work"]),
        *((f"s={term}", ["Amélie's Été"]) for term in ("amelie", "%C3%A9t%C3%A9", "ete")),
        ("s=charlie%27s+angels", ["Charlie's Angels"]),
        ("s=castle&type=game", ["Castle Quest"]),
        ("S=castle&TYPE=Series", ["Castle Rock", "Castle"]),
        ("s=castle&y=2011", ["Castle Rock"]),
        ("s=castle", ["Castle Rock", "Castle Quest", "Castle"]),
        ("s=twice", ["Twice Listed", "Twice Listed"]),
        ("s=castle+one&type=episode", ["Castle One"]),
        *((f"s=serial&page={n}", [f"Serial {i}" for i in range(10)]) for n in ("1", "0.6")),
        *((f"s=serial&page={n}", [f"Serial {i}" for i in range(10, 20)]) for n in ("1.5", "2.5")),
        ("s=serial&page=3", [f"Serial {i}" for i in range(20, 25)]),
    ],
)
def test_searches(query: str, titles: list[str]) -> None:
    assert [hit["Title"] for hit in get(query)["Search"]] == titles


def test_search_response_is_shaped_as_omdbs() -> None:
    assert body_of("s=inception") == (
        b'{"Search":[{"Title":"Inception","Year":"2010","imdbID":"tt1375666","Type":"movie",'
        b'"Poster":"N/A"}],"totalResults":"1","Response":"True"}'
    )
    assert get("s=serial&page=3")["totalResults"] == "25"


def test_season_listing() -> None:
    body = body_of("i=tt0000010&Season=1")
    assert body == (
        b'{"Title":"Castle Rock","Season":"1","totalSeasons":"2","Episodes":['
        b'{"Title":"Castle One","Released":"2011-01-09","Episode":"1","imdbRating":"7.1",'
        b'"imdbID":"tt0000011"},'
        b'{"Title":"Castle Two","Released":"2011-01-09","Episode":"2","imdbRating":"N/A",'
        b'"imdbID":"tt0000012"},'
        b'{"Title":"Castle Three","Released":"N/A","Episode":"10","imdbRating":"N/A",'
        b'"imdbID":"tt0000013"}],"Response":"True"}'
    )
    assert body_of("t=castle+rock&season=1&type=episode") == body


def test_season_with_full_details() -> None:
    query = "i=tt0000010&season=1&detail=full"
    assert [tuple(one) for one in get(query)["Episodes"]] == [(*KEYS["episode"], "Response")] * 3
    store = load([TITLES])
    store.update("tt0000012", {"Emulator": {"raw": '{"Title":"A "quote""}'}})
    assert b'"tt0000013"' in body_of(query, store)
    with pytest.raises(ValueError, match="delimiter"):
        json.loads(body_of(query, store))


NAMES = ["i", "t", "s", "type", "y", "plot", "page", "season", "episode", "detail", "x"]
VALUES = st.text() | st.sampled_from(
    ["tt0000010", "castle", "cas*", "series", "full", "1", "0", "-1", "1.5", "2011"]
)
QUERIES = st.dictionaries(st.sampled_from(NAMES), VALUES).map(
    lambda query: urlencode(query, errors="replace")
)


@given(QUERIES | st.text())
def test_every_query_has_a_response(query: str) -> None:
    body = body_of(query)
    assert body.endswith(b'"}') or b'"Broken" or not' in body


# Recorded responses: served as they are


def recorded(tmp_path: Path, *lines: Fields) -> Callable[[str], str]:
    """Return what serves these lines: from a query to a body."""
    path = tmp_path / "recorded.jsonl"
    path.write_text("\n\n".join(map(json.dumps, lines)))
    store = load(recorded=[path])
    return lambda query: Omdb(store).respond(parse_query(query)).body.decode()


def test_details_keep_keys_order_and_values_and_the_last_line_counts(tmp_path: Path) -> None:
    old = {"Plot": "é", "Title": "A", "Response": "True", "imdbID": "tt0000001", "Odd": ["x"]}
    body = recorded(tmp_path, {**old, "Title": "Older"}, old)
    compact = '{"Plot":"é","Title":"A","Response":"True","imdbID":"tt0000001","Odd":["x"]}'
    assert body("i=tt0000001") == compact
    assert "not found" in body("s=older")


def test_season_listing_is_served_for_its_series(tmp_path: Path) -> None:
    episodes = [{"imdbID": "tt0000009", "Title": "One", "Episode": "1"}]
    place = {"Title": "Spaced Out", "Season": "2", "totalSeasons": "2"}
    listing = {"Episodes": episodes, "Response": True, **place}
    series = {"Title": "Spaced Out", "Type": "series", "imdbID": "tt0000008", "Year": "1999"}
    wanted = (
        '{"Title":"Spaced Out","Season":"2","totalSeasons":"2","Episodes":['
        '{"imdbID":"tt0000009","Title":"One","Episode":"1"}],"Response":"True"}'
    )
    body = recorded(tmp_path, listing)
    assert body("t=spaced+out&Season=2") == wanted
    assert "Series or season not found!" in body("t=spaced+out&Season=1")
    body = recorded(tmp_path, listing, series)
    assert body("t=spaced+out&Season=2") == body("i=tt0000008&Season=2&detail=full") == wanted


def test_hits_of_a_search_are_found_but_have_no_details(tmp_path: Path) -> None:
    hit = {"Title": "Order", "Year": "2001", "imdbID": "tt0000001", "Type": "movie"}
    known = {**hit, "imdbID": "tt0000002", "Plot": "It is known."}
    page = {"Search": [hit, known], "totalResults": "777", "Response": "True"}
    for lines in ((page, known), (known, page)):
        body = recorded(tmp_path, *lines)
        assert '"totalResults":"2"' in body("s=order")
        assert "Error getting data." in body("i=tt0000001")
        assert "It is known." in body("i=tt0000002")


def test_exchange_is_served_for_its_query_only(tmp_path: Path) -> None:
    text = '{"Title":"X" ,"imdbID":"tt0000001","Response":"True"}'
    body = recorded(
        tmp_path,
        {"uri": "https://example.org/?t=X+Y&apikey=secret", "status": 200, "body": text},
        {"uri": "https://example.org/?t=rejected&apikey=x", "status": 401, "body": "{}"},
        {"uri": "https://example.org/?t=down&apikey=x", "status": 522, "body": "<html>"},
    )
    assert body("apikey=other&T=X+Y") == text
    assert body("i=tt0000001") == text.replace(" ", "")
    assert "Movie not found!" in body("t=rejected")
    assert body("t=down") == "<html>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", ":1: neither details, a season listing, a page of search results nor an exchange"),
        ("\n[]", ":2: not a JSON object"),
        ("{", ":1: not JSON: "),
        ('{"imdbID": "x", "Title": "y"}', ":1: imdbID must be tt and 7 or 8 digits, not 'x'"),
        ('{"uri": "/?i=1"}', ":1: an exchange needs status"),
        ('{"Episodes": []}', ":1: a season listing needs Title, Season"),
    ],
)
def test_invalid_lines_are_errors_with_file_and_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "recorded.jsonl"
    path.write_text(text)
    with pytest.raises(TitleError) as raised:
        load(recorded=[path])
    assert f"{path}{message}" in str(raised.value)


# The emulator against exchanges that were recorded at omdbapi.com in December 2024

CASSETTES = RECORDED / "cassettes.jsonl"
EXCHANGES: list[Fields] = (
    [json.loads(line) for line in CASSETTES.read_text(encoding="utf-8").splitlines()]
    if CASSETTES.is_file()
    else []
)
SUCCESSFUL = [one for one in EXCHANGES if one["status"] == 200]

# They depend on the time, the path through Cloudflare, or how the recorder decoded the body.
CHANGING = {
    *("age", "cf-cache-status", "cf-ray", "date", "expires", "last-modified"),
    *("content-length", "transfer-encoding", "accept-ranges"),
}


def query_of(exchange: Fields) -> dict[str, str]:
    query = dict(parse_qsl(urlsplit(exchange["uri"]).query))
    del query["apikey"]
    return query


def date_in_details(episode: Fields) -> str:
    """Return the date of a season listing's row as details have it."""
    try:
        return date.fromisoformat(episode["Released"]).strftime("%d %b %Y")
    except ValueError:
        return str(episode["Released"])


def titles_of(exchanges: list[Fields]) -> Iterator[Fields]:
    """Yield the titles in the exchanges as lines of the catalogue.

    Titles without details have only what search results or season listings show. They have no
    votes, so that searches list them last, in this order.
    """
    bodies = [json.loads(one["body"]) for one in exchanges]
    # The only series whose episodes were recorded but whose details were not.
    psych = {"Title": "Psych", "imdbID": "tt0491738", "Type": "series", "totalSeasons": "8"}
    known = {one["imdbID"]: one for one in (psych, *bodies) if "imdbID" in one}
    series_ids = {one["Title"]: one["imdbID"] for one in known.values()}
    for body in bodies:
        for hit in body.get("Search", ()):
            known.setdefault(hit["imdbID"], hit)
        for row in body.get("Episodes", ()):
            episode = {**row, "Released": date_in_details(row), "Season": body["Season"]}
            episode |= {"seriesID": series_ids[body["Title"]], "Type": "episode"}
            known.setdefault(row["imdbID"], episode)
    yield from known.values()


def own_headers(headers: dict[str, str]) -> dict[str, str]:
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: value for name, value in lower.items() if name not in CHANGING}


@needs_recordings
def test_same_query_same_response() -> None:
    assert (len(EXCHANGES), len(SUCCESSFUL)) == (45, 43)
    with Emulator(titles_of(SUCCESSFUL)) as emulator:
        for exchange in EXCHANGES:
            is_successful = exchange["status"] == 200
            key = emulator.key if is_successful else "supersecret"
            response = fetch(emulator, apikey=key, **query_of(exchange))
            assert response.status == exchange["status"]
            assert own_headers(response.headers) == own_headers(exchange["headers"])
            sent = {name.lower() for name in exchange["headers"]}
            assert sent - response.headers.keys() <= {"transfer-encoding", "accept-ranges", "age"}
            wanted = json.loads(exchange["body"])
            if wanted.get("totalResults") == "777":  # of which only the first 90 were recorded
                assert response.json["Search"] == wanted["Search"]
            elif is_successful:
                assert response.body.decode() == exchange["body"]


@needs_recordings
def test_recorded_mode_serves_the_exchanges_byte_for_byte() -> None:
    with Emulator(recorded=[CASSETTES]) as emulator:
        for exchange in SUCCESSFUL:
            assert fetch(emulator, **query_of(exchange)).body.decode() == exchange["body"]
