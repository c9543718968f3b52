"""Recorded responses: served as they are, and compared with those of the emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from omdb_emulator.catalogue.loader import load
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.catalogue.titles import TitleError
from omdb_emulator.query import parse_query
from omdb_emulator.responses import Omdb
from omdb_emulator.testing import Emulator

from tests.emulator.conftest import RECORDED, fetch, needs_recordings


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., TitleStore]:
    def store(*lines: dict[str, Any]) -> TitleStore:
        path = tmp_path / "recorded.jsonl"
        path.write_text("\n\n".join(map(json.dumps, lines)))
        return load(recorded=[path])

    return store


def get(store: TitleStore, query: str) -> bytes:
    return Omdb(store).respond(parse_query(query)).body


def test_details_keep_keys_order_and_values_and_the_last_line_counts(
    store: Callable[..., TitleStore],
) -> None:
    old = {"Plot": "é", "Title": "A", "Response": "True", "imdbID": "tt0000001", "Odd": ["x"]}
    known = store({**old, "Title": "Older"}, old)
    assert get(known, "i=tt0000001") == (
        '{"Plot":"é","Title":"A","Response":"True","imdbID":"tt0000001","Odd":["x"]}'.encode()
    )
    assert json.loads(get(known, "s=older"))["Response"] == "False"


def test_season_listing_is_served_for_its_series(store: Callable[..., TitleStore]) -> None:
    listing = {
        "Episodes": [{"imdbID": "tt0000009", "Title": "One", "Episode": "1"}],
        "Response": True,
        "Season": "2",
        "Title": "Spaced Out",
        "totalSeasons": "2",
    }
    series = {
        "Title": "Spaced Out",
        "Type": "series",
        "imdbID": "tt0000008",
        "Year": "1999\u20132001",
    }
    body = (
        b'{"Title":"Spaced Out","Season":"2","totalSeasons":"2","Episodes":['
        b'{"imdbID":"tt0000009","Title":"One","Episode":"1"}],"Response":"True"}'
    )
    assert get(store(listing), "t=spaced+out&Season=2") == body
    assert get(store(listing, series), "t=spaced+out&Season=2") == body
    assert get(store(listing, series), "i=tt0000008&Season=2&detail=full") == body
    assert b"Series or season not found!" in get(store(listing), "t=spaced+out&Season=1")


def test_hits_of_a_search_are_found_but_have_no_details(store: Callable[..., TitleStore]) -> None:
    hit = {"Title": "Order", "Year": "2001", "imdbID": "tt0000001", "Type": "movie"}
    known = {**hit, "imdbID": "tt0000002", "Plot": "It is known."}
    page = {"Search": [hit, {**known}], "totalResults": "777", "Response": "True"}
    result = store(page, known)
    assert json.loads(get(result, "s=order"))["totalResults"] == "2"
    assert b"Error getting data." in get(result, "i=tt0000001")
    assert b"It is known." in get(result, "i=tt0000002")
    assert b"It is known." in get(store(known, page), "i=tt0000002")


def test_exchange_is_served_for_its_query_only(store: Callable[..., TitleStore]) -> None:
    body = '{"Title":"X" ,"imdbID":"tt0000001","Response":"True"}'
    result = store(
        {"uri": "https://example.org/?t=X+Y&apikey=secret", "status": 200, "body": body},
        {"uri": "https://example.org/?t=rejected&apikey=x", "status": 401, "body": "{}"},
        {"uri": "https://example.org/?t=down&apikey=x", "status": 522, "body": "<html>"},
    )
    assert get(result, "apikey=other&T=X+Y").decode() == body
    assert get(result, "i=tt0000001").decode() == body.replace(" ", "")
    assert b"Movie not found!" in get(result, "t=rejected")
    down = Omdb(result).respond({"t": "down"})
    assert (down.status, down.body) == (522, b"<html>")


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


@needs_recordings
def test_all_recorded_details_are_served_as_they_are() -> None:
    path = RECORDED / "details.jsonl"
    with path.open(encoding="utf-8") as lines:
        wanted = {one["imdbID"]: one for one in map(json.loads, lines)}
    assert len(wanted) == 3150
    with Emulator(recorded=[path], log=False) as emulator:
        for imdb_id in list(wanted)[::10]:
            body = fetch(emulator, i=imdb_id).body
            compact = json.dumps(wanted[imdb_id], ensure_ascii=False, separators=(",", ":"))
            assert body.decode() == compact
    store = load(recorded=[path])
    served = {imdb_id: json.loads(get(store, f"i={imdb_id}")) for imdb_id in wanted}
    assert served == wanted
    assert all(list(served[imdb_id]) == list(wanted[imdb_id]) for imdb_id in wanted)


# --- whole exchanges recorded at omdbapi.com in December 2024 ----------------------------------

CASSETTES = RECORDED / "cassettes.jsonl"
EXCHANGES: list[dict[str, Any]] = (
    [json.loads(line) for line in CASSETTES.read_text(encoding="utf-8").splitlines()]
    if CASSETTES.is_file()
    else []
)
LIMITED = [one for one in EXCHANGES if "Request limit" in one["body"]]
INVALID = [one for one in EXCHANGES if "Invalid API key" in one["body"]]
SUCCESSFUL = [one for one in EXCHANGES if one["status"] == 200]

# They depend on the time, the path through Cloudflare, or how the recorder decoded the body.
CHANGING = {
    *("age", "cf-cache-status", "cf-ray", "date", "expires", "last-modified"),
    *("content-length", "transfer-encoding", "accept-ranges"),
}


def query_of(exchange: dict[str, Any]) -> dict[str, str]:
    query = dict(parse_qsl(urlsplit(exchange["uri"]).query))
    del query["apikey"]
    return query


def titles_of(exchanges: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the titles in the exchanges as lines of the catalogue.

    Titles without details have only what search results show. Their votes, which decide the order,
    are derived from the order in which OMDb listed them, below those of titles with details.
    """
    details = [json.loads(one["body"]) for one in exchanges]
    known = {one["imdbID"]: one for one in details if "imdbID" in one}
    popularity = 5_000
    for response in details:
        for hit in response.get("Search", ()):
            popularity -= 1
            if hit["imdbID"] not in known:
                yield {**hit, "imdbVotes": str(popularity)}
        for episode in response.get("Episodes", ()):
            if episode["imdbID"] not in known:
                yield episode_line(episode, response, known)
    yield from known.values()


def episode_line(
    episode: dict[str, str], listing: dict[str, Any], known: dict[str, Any]
) -> dict[str, str]:
    series = [one for one in known.values() if one["Title"] == listing["Title"]]
    year, _, rest = episode["Released"].partition("-")
    month, _, day = rest.partition("-")
    names = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905
    released = f"{day} {names[int(month) - 1]} {year}" if month else "N/A"
    return {
        **episode,
        "Released": released,
        "Season": listing["Season"],
        "seriesID": series[0]["imdbID"] if series else PSYCH["imdbID"],
        "Type": "episode",
    }


# The only series whose episodes were recorded but whose details were not.
PSYCH = {
    "Title": "Psych",
    "Year": "2006\u20132014",
    "imdbID": "tt0491738",
    "Type": "series",
    "totalSeasons": "8",
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator([*titles_of(SUCCESSFUL), PSYCH]) as emulator:
        yield emulator


@needs_recordings
def test_cassettes_are_all_there() -> None:
    assert (len(EXCHANGES), len(LIMITED), len(INVALID), len(SUCCESSFUL)) == (45, 1, 1, 43)


@needs_recordings
@pytest.mark.parametrize("exchange", SUCCESSFUL, ids=lambda one: str(query_of(one)))
def test_same_query_same_response(emulator: Emulator, exchange: dict[str, Any]) -> None:
    response = fetch(emulator, **query_of(exchange))
    wanted = json.loads(exchange["body"])
    assert response.status == exchange["status"]
    assert list(response.json) == list(wanted)
    if "Search" not in wanted:
        assert response.body.decode() == exchange["body"]
        return
    assert response.json["Search"] == wanted["Search"]
    # Of 777 results only the first 90 were recorded.
    if wanted["totalResults"] != "777":
        assert response.body.decode() == exchange["body"]


def own_headers(headers: dict[str, str]) -> dict[str, str]:
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: value for name, value in lower.items() if name not in CHANGING}


@needs_recordings
@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda one: str(query_of(one)))
def test_same_headers(emulator: Emulator, exchange: dict[str, Any]) -> None:
    key = emulator.key if exchange["status"] == 200 else "supersecret"
    response = fetch(emulator, apikey=key, **query_of(exchange))
    assert own_headers(response.headers) == own_headers(exchange["headers"])
    recorded = {name.lower() for name in exchange["headers"]}
    missing = recorded - response.headers.keys() - {"transfer-encoding", "accept-ranges", "age"}
    assert missing == set()


@needs_recordings
def test_limit_that_was_reached_in_a_search() -> None:
    pages = [one for one in EXCHANGES if query_of(one).get("s") == "order"]
    with Emulator(titles_of(SUCCESSFUL), keys={"supersecret": 9}) as emulator:
        responses = [fetch(emulator, **query_of(one)) for one in pages]
    assert [response.status for response in responses] == [one["status"] for one in pages]
    assert responses[-1].body.decode() == LIMITED[0]["body"]


@needs_recordings
def test_invalid_key_from_the_cache() -> None:
    exchange = INVALID[0]
    with Emulator([], cache=True) as emulator:
        fetch(emulator, apikey="supersecret", **query_of(exchange))
        response = fetch(emulator, apikey="supersecret", **query_of(exchange))
    assert response.status == exchange["status"]
    assert response.body.decode() == exchange["body"]
    assert response.headers["cf-cache-status"] == exchange["headers"]["CF-Cache-Status"] == "HIT"
    assert response.headers.keys() >= {name.lower() for name in exchange["headers"]}


@needs_recordings
def test_recorded_mode_serves_the_exchanges_byte_for_byte() -> None:
    with Emulator(recorded=[CASSETTES]) as emulator:
        for exchange in SUCCESSFUL:
            assert fetch(emulator, **query_of(exchange)).body.decode() == exchange["body"]
