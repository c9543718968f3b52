"""Recorded responses: served as they are, and compared with those of the emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from omdb_emulator.catalogue.loader import load
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.catalogue.titles import TitleError
from omdb_emulator.query import parse_query
from omdb_emulator.responses import Omdb
from omdb_emulator.testing import Emulator

from tests.emulator.conftest import RECORDED, Fields, date_in_details, fetch, needs_recordings


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., TitleStore]:
    def store(*lines: Fields) -> TitleStore:
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
    episodes = [{"imdbID": "tt0000009", "Title": "One", "Episode": "1"}]
    place = {"Title": "Spaced Out", "Season": "2", "totalSeasons": "2"}
    listing = {"Episodes": episodes, "Response": True, **place}
    series = {"Title": "Spaced Out", "Type": "series", "imdbID": "tt0000008", "Year": "1999"}
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
    store = load(recorded=[path])
    for imdb_id, details in wanted.items():
        compact = json.dumps(details, ensure_ascii=False, separators=(",", ":"))
        assert get(store, f"i={imdb_id}").decode() == compact


# --- whole exchanges recorded at omdbapi.com in December 2024 ----------------------------------

CASSETTES = RECORDED / "cassettes.jsonl"
EXCHANGES: list[Fields] = (
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


def query_of(exchange: Fields) -> dict[str, str]:
    query = dict(parse_qsl(urlsplit(exchange["uri"]).query))
    del query["apikey"]
    return query


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


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(titles_of(SUCCESSFUL)) as emulator:
        yield emulator


@needs_recordings
def test_cassettes_are_all_there() -> None:
    assert (len(EXCHANGES), len(LIMITED), len(INVALID), len(SUCCESSFUL)) == (45, 1, 1, 43)


@needs_recordings
@pytest.mark.parametrize("exchange", SUCCESSFUL, ids=lambda one: str(query_of(one)))
def test_same_query_same_response(emulator: Emulator, exchange: Fields) -> None:
    response = fetch(emulator, **query_of(exchange))
    assert response.status == exchange["status"]
    wanted = json.loads(exchange["body"])
    if wanted.get("totalResults") == "777":  # of which only the first 90 were recorded
        assert response.json["Search"] == wanted["Search"]
    else:
        assert response.body.decode() == exchange["body"]


def own_headers(headers: dict[str, str]) -> dict[str, str]:
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: value for name, value in lower.items() if name not in CHANGING}


@needs_recordings
@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda one: str(query_of(one)))
def test_same_headers(emulator: Emulator, exchange: Fields) -> None:
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
