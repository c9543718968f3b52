from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from omdb_emulator.catalogue.recording_files import add_recorded
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.catalogue.titles import TitleError
from omdb_emulator.protocol.behaviour import Behaviour
from omdb_emulator.protocol.responses import respond
from omdb_emulator.query import parse_query
from omdb_emulator.testing import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.emulator.conftest import Fetch

RECORDED = Path(__file__).parents[3] / "shared" / "omdb-recorded"
needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"{RECORDED} is not there")


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., TitleStore]:
    def store(*lines: dict[str, Any]) -> TitleStore:
        path = tmp_path / "recorded.jsonl"
        path.write_text("\n\n".join(map(json.dumps, lines)))
        result = TitleStore()
        add_recorded(result, path)
        return result

    return store


def get(store: TitleStore, query: str) -> bytes:
    return respond(parse_query(query.encode()), store, Behaviour()).body


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
    down = respond({"t": "down"}, result, Behaviour())
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
        add_recorded(TitleStore(), path)
    assert f"{path}{message}" in str(raised.value)


@needs_recordings
def test_all_recorded_details_are_served_as_they_are(fetch: Fetch) -> None:
    path = RECORDED / "details.jsonl"
    with path.open(encoding="utf-8") as lines:
        wanted = {one["imdbID"]: one for one in map(json.loads, lines)}
    assert len(wanted) == 3150
    with Emulator(recorded=[path], log=False) as emulator:
        for imdb_id in list(wanted)[::10]:
            body = fetch(emulator, i=imdb_id).body
            compact = json.dumps(wanted[imdb_id], ensure_ascii=False, separators=(",", ":"))
            assert body.decode() == compact
    store = TitleStore()
    add_recorded(store, path)
    served = {imdb_id: json.loads(get(store, f"i={imdb_id}")) for imdb_id in wanted}
    assert served == wanted
    assert all(list(served[imdb_id]) == list(wanted[imdb_id]) for imdb_id in wanted)
