"""The emulator against whole exchanges recorded at omdbapi.com in December 2024."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from omdb_emulator.testing import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator.conftest import Fetch

CASSETTES = Path(__file__).parents[3] / "shared" / "omdb-recorded" / "cassettes.jsonl"
pytestmark = pytest.mark.skipif(not CASSETTES.is_file(), reason=f"{CASSETTES} is not there")

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


def test_cassettes_are_all_there() -> None:
    assert (len(EXCHANGES), len(LIMITED), len(INVALID), len(SUCCESSFUL)) == (45, 1, 1, 43)


@pytest.mark.parametrize("exchange", SUCCESSFUL, ids=lambda one: str(query_of(one)))
def test_same_query_same_response(
    emulator: Emulator, fetch: Fetch, exchange: dict[str, Any]
) -> None:
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


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda one: str(query_of(one)))
def test_same_headers(emulator: Emulator, fetch: Fetch, exchange: dict[str, Any]) -> None:
    key = emulator.key if exchange["status"] == 200 else "supersecret"
    response = fetch(emulator, apikey=key, **query_of(exchange))
    assert own_headers(response.headers) == own_headers(exchange["headers"])
    recorded = {name.lower() for name in exchange["headers"]}
    missing = recorded - response.headers.keys() - {"transfer-encoding", "accept-ranges", "age"}
    assert missing == set()


def test_limit_that_was_reached_in_a_search(fetch: Fetch) -> None:
    pages = [one for one in EXCHANGES if query_of(one).get("s") == "order"]
    with Emulator(titles_of(SUCCESSFUL), keys={"supersecret": 9}) as emulator:
        responses = [fetch(emulator, **query_of(one)) for one in pages]
    assert [response.status for response in responses] == [one["status"] for one in pages]
    assert responses[-1].body.decode() == LIMITED[0]["body"]


def test_invalid_key_from_the_cache(fetch: Fetch) -> None:
    exchange = INVALID[0]
    with Emulator([], cache=True) as emulator:
        fetch(emulator, apikey="supersecret", **query_of(exchange))
        response = fetch(emulator, apikey="supersecret", **query_of(exchange))
    assert response.status == exchange["status"]
    assert response.body.decode() == exchange["body"]
    assert response.headers["cf-cache-status"] == exchange["headers"]["CF-Cache-Status"] == "HIT"
    assert response.headers.keys() >= {name.lower() for name in exchange["headers"]}


def test_recorded_mode_serves_the_exchanges_byte_for_byte(fetch: Fetch) -> None:
    with Emulator(recorded=[CASSETTES]) as emulator:
        for exchange in SUCCESSFUL:
            assert fetch(emulator, **query_of(exchange)).body.decode() == exchange["body"]
