from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omdb_emulator.catalogue.loader import load
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.catalogue.titles import KEYS, title_from_line
from omdb_emulator.query import parse_query
from omdb_emulator.responses import Omdb
from omdb_emulator.settings import Settings

TITLES = Path(__file__).with_name("titles.jsonl")
STORE = load([TITLES])
NOT_FOUND = "Movie not found!"


def body_of(query: str, settings: Settings | None = None, store: TitleStore = STORE) -> bytes:
    result = Omdb(store, settings or Settings()).respond(parse_query(query))
    assert result.status == 200
    return result.body


def get(query: str, settings: Settings | None = None) -> Any:  # noqa: ANN401
    return json.loads(body_of(query, settings))


def found(query: str, settings: Settings | None = None) -> list[str]:
    return [hit["Title"] for hit in get(query, settings).get("Search", [])]


def error(query: str) -> str | None:
    body = get(query)
    assert (body["Response"] == "False") == ("Error" in body)
    message: str | None = body.get("Error")
    return message


def test_details_are_compact_utf8_with_the_keys_in_order() -> None:
    body = body_of("i=tt0000004")
    assert body.startswith('{"Title":"Amélie\'s Été","Year":"2001","Rated":"N/A",'.encode())
    assert body.endswith(b'"Website":"N/A","Response":"True"}')


def test_keys_are_those_of_the_type() -> None:
    for imdb_id in ("tt1375666", "tt0000007", "tt0000005", "tt0000011"):
        body = get(f"i={imdb_id}")
        assert tuple(body) == (*KEYS[body["Type"]], "Response")


def test_plot_full_is_served_only_on_request() -> None:
    assert get("i=tt1375666")["Plot"] == "A thief."
    assert get("i=tt1375666&plot=short")["Plot"] == "A thief."
    assert get("i=tt1375666&plot=full")["Plot"] == "A thief …"
    assert get("i=tt0000002&plot=full")["Plot"] == "N/A"


@pytest.mark.parametrize(
    "imdb_id", ["tt596799", "123asd1", "tt123456789", "1375666", "tt", "foo", "tt" + "\u0661" * 7]
)
def test_ids_of_another_length_are_incorrect(imdb_id: str) -> None:
    assert error(f"i={imdb_id}") == "Incorrect IMDb ID."


@pytest.mark.parametrize(
    ("requested", "named"),
    [("tt011f8539", "011f8539"), ("tt3896198a", "3896198a"), ("one%20space", "one space")],
)
def test_ids_that_are_not_numbers_are_reported_in_broken_json(requested: str, named: str) -> None:
    body = body_of(f"i={requested}").decode()
    assert body == (
        f'{{"Response":"False","Error":"Conversion from string "{named}" to type '
        "'Double' is not valid.\"}"
    )
    with pytest.raises(ValueError, match="delimiter"):
        json.loads(body)


@pytest.mark.parametrize(
    ("query", "served"),
    [
        ("i=tt01375666", "tt1375666"),
        ("i=TT1375666", "tt1375666"),
        ("i=tt0000021", "tt1375666"),
        ("I=tt1375666&s=castle", "tt1375666"),
        ("i=tt7654321", "Error getting data."),
        ("i=tt0000020", "Error getting data."),
    ],
)
def test_details_by_id(query: str, served: str) -> None:
    body = get(query)
    assert body.get("imdbID", body.get("Error")) == served


def test_raw_bodies_are_served_unchanged() -> None:
    assert body_of("i=tt0000022") == b'{"Title":"Broken" or not}'


@pytest.mark.parametrize("query", ["", "s=", "t=", "y=2010", "type=movie", "i=&s="])
def test_query_without_id_title_or_search_is_an_incorrect_id(query: str) -> None:
    assert error(query) == "Incorrect IMDb ID."


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("s=cast", ["Cast Away"]),
        ("s=cas*", ["Cast Away", "Castle Rock", "Castle Quest", "Castle"]),
        ("s=*cast", ["Cast Away"]),
        ("s=SOCIAL", ["The Social Network", "Social Work"]),
        ("s=the+social", ["The Social Network"]),
        ("s=network+social+the", ["The Social Network"]),
        ("s=social+wor*", ["Social Work"]),
        ("s=amelie", ["Amélie's Été"]),
        ("s=%C3%A9t%C3%A9", ["Amélie's Été"]),
        ("s=ete", ["Amélie's Été"]),
        ("s=charlie%27s+angels", ["Charlie's Angels"]),
        ("s=charlies+angels", []),
        ("s=castle&type=game", ["Castle Quest"]),
        ("S=castle&TYPE=Series", ["Castle Rock", "Castle"]),
        ("s=castle&y=2011", ["Castle Rock"]),
        ("s=castle&y=2012", []),
        ("s=castle&y=abc", []),
        ("s=castle&type=film", []),
        ("s=twice", ["Twice Listed", "Twice Listed"]),
        ("s=never", []),
        ("s=inception&plot=full&tomatoes=true&r=json", ["Inception"]),
    ],
)
def test_searches(query: str, titles: list[str]) -> None:
    assert found(query) == titles
    if not titles:
        assert error(query) == NOT_FOUND


def test_searches_list_episodes_only_on_request() -> None:
    assert "Castle One" not in found("s=castle")
    assert len(found("s=castle&type=episode")) == 5


def test_search_response_is_shaped_as_omdbs() -> None:
    assert body_of("s=inception") == (
        b'{"Search":[{"Title":"Inception","Year":"2010","imdbID":"tt1375666","Type":"movie",'
        b'"Poster":"N/A"}],"totalResults":"1","Response":"True"}'
    )


@pytest.mark.parametrize(
    "term", ["a", "24", "it", "the", "The", "%2B", "*e*", "!@%23$%25!", "b*", "***", "a!!"]
)
def test_broad_terms_have_too_many_results(term: str) -> None:
    assert error(f"s={term}") == "Too many results."


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        *((kind, NOT_FOUND) for kind in ("", "movie", "game", "nonsense")),
        *(("series", "Series not found!"), ("episode", "Episode not found!")),
    ],
)
def test_what_is_not_found_depends_on_the_type(kind: str, message: str) -> None:
    assert error(f"s=nothing&type={kind}") == message
    assert error(f"t=nothing&type={kind}") == message


def test_pages_hold_ten() -> None:
    first, last = get("s=serial"), get("s=serial&page=3")
    assert [len(first["Search"]), len(last["Search"])] == [10, 5]
    assert first["totalResults"] == last["totalResults"] == "25"
    ids = [hit["imdbID"] for page in "123" for hit in get(f"s=serial&page={page}")["Search"]]
    assert len(set(ids)) == 25


@pytest.mark.parametrize(("page", "first"), [("2.435", 10), ("1.5", 10), ("2.5", 10), ("0.6", 0)])
def test_fractions_of_pages_are_rounded_half_to_even(page: str, first: int) -> None:
    assert found(f"s=serial&page={page}")[0] == f"Serial {first}"


@pytest.mark.parametrize("page", ["0", "-1", "0.34", "0.5"])
def test_pages_before_the_first_are_negative_offsets(page: str) -> None:
    message = "The offset specified in a OFFSET clause may not be negative."
    assert error(f"s=serial&page={page}") == message


@pytest.mark.parametrize("page", ["4", "101", "99999999", "9" * 400])
def test_pages_past_the_end_are_not_found(page: str) -> None:
    assert error(f"s=serial&page={page}") == NOT_FOUND


def test_pages_over_100_are_served() -> None:
    many = TitleStore(
        title_from_line({"imdbID": f"tt{n:07d}", "Title": "Same"}) for n in range(1, 1012)
    )
    body = json.loads(body_of("s=same&page=102", store=many))
    assert [hit["imdbID"] for hit in body["Search"]] == ["tt0001011"]


def test_page_that_is_not_a_number_is_broken_json() -> None:
    assert b'Conversion from string "two" to type' in body_of("s=serial&page=two")


def test_very_long_terms_are_syntax_errors_in_broken_json() -> None:
    with pytest.raises(ValueError, match="delimiter"):
        get(f"s={'a' * 3000}")


def test_behaviour_without_year_filter_and_with_a_maximum_of_results() -> None:
    assert found("s=castle&y=2011", Settings(year_filter=False)) == found("s=castle")
    assert get("s=castle", Settings(max_results=2))["Error"] == "Too many results."
    assert len(found("s=castle", Settings(max_results=3))) == 3


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("t=castle", "Castle"),
        ("T=castle&s=social", "Castle"),
        ("t=Castle+Rock", "Castle Rock"),
        ("t=social", "The Social Network"),
        ("t=the_social_network", "The Social Network"),
        ("t=social&y=2010", "The Social Network"),
        ("t=castle&y=2011", "Castle Rock"),
        ("t=castle&type=movie", None),
        ("t=castle+quest", "Castle Quest"),
        ("t=castle+quest&type=game", None),
        ("t=never+listed", "Never Listed"),
        ("t=charlies+angels", None),
        ("t=castle+one", None),
        ("t=castle+one&type=episode", "Castle One"),
        ("t=cas*", None),
    ],
)
def test_titles(query: str, wanted: str | None) -> None:
    assert get(query).get("Title") == wanted


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
    body = get("i=tt0000010&season=1&detail=full")
    assert [tuple(one) for one in body["Episodes"]] == [(*KEYS["episode"], "Response")] * 3
    brief = get("i=tt0000010&season=1&detail=full", Settings(season_details=False))
    assert len(brief["Episodes"][0]) == 5


def test_broken_episode_breaks_the_full_listing() -> None:
    store = load([TITLES])
    store.update("tt0000012", {"Emulator": {"raw": '{"Title":"A "quote""}'}})
    body = body_of("i=tt0000010&season=1&detail=full", store=store)
    with pytest.raises(ValueError, match="delimiter"):
        json.loads(body)
    assert b'"tt0000012"' in body_of("i=tt0000010&season=1", store=store)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("i=tt0000010&Season=1&Episode=2", "tt0000012"),
        ("t=castle+rock&season=1&episode=10", "tt0000013"),
        ("i=tt0000010&Season=2&Episode=0", "tt0000014"),
        ("i=tt0000010&Season=1&Episode=3", "Series or episode not found!"),
        ("i=tt0000010&Season=9&Episode=1", "Series or episode not found!"),
        ("i=tt0000010&Season=9", "Series or season not found!"),
        ("i=tt0000010&Season=x", "Series or season not found!"),
        ("i=tt1375666&Season=1", "Series or season not found!"),
        ("i=tt7654321&Season=1", "Series or season not found!"),
        ("t=nothing&Season=1", "Series or season not found!"),
        ("t=nothing&Season=1&Episode=1", "Series or episode not found!"),
    ],
)
def test_seasons_and_episodes(query: str, wanted: str) -> None:
    body = get(query)
    assert body.get("imdbID", body.get("Error")) == wanted


def test_first_parameter_of_a_name_counts_and_invalid_utf8_is_replaced() -> None:
    assert parse_query("S=one&s=two&y=") == {"s": "one", "y": ""}
    assert parse_query("s=%ff%C3%A9") == {"s": "\ufffdé"}


def test_changes_are_found_at_once() -> None:
    store = load([TITLES])
    store.update("tt0000003", {"imdbVotes": "9,000,000", "Title": "Social Club"})
    assert [h.title for h in store.summaries(store.search("social", None, None))] == [
        "Social Club",
        "The Social Network",
    ]
    assert not store.search("work", None, None)
    store.update("tt0000012", {"Season": "2"})
    assert store.season("tt0000010", 1) == ["tt0000011", "tt0000013"]
    assert store.season("tt0000010", 2) == ["tt0000014", "tt0000012"]
    assert store.remove("tt0000002")
    assert not store.remove("tt0000002")
    assert store.get("tt0000002") is None
    assert len(store.search("social", None, None)) == 1
    store.update("tt1375666", {"imdbRating": "8.9"})
    kept = store.get("tt1375666")
    assert kept is not None
    assert kept.plot_full == "A thief …"
    with pytest.raises(KeyError):
        store.update("tt7654321", {})


NAMES = ["i", "t", "s", "type", "y", "plot", "page", "season", "episode", "detail", "x"]
VALUES = st.text() | st.sampled_from(
    ["tt0000010", "castle", "cas*", "series", "full", "1", "0", "-1", "1.5", "2011"]
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_every_query_has_a_response(query: dict[str, str]) -> None:
    result = Omdb(STORE).respond(parse_query(urlencode(query, errors="replace")))
    assert result.status == 200
    assert result.body.endswith(b'"}') or b'"Broken" or not' in result.body


@given(st.text())
def test_every_query_string_is_parsed(query_string: str) -> None:
    query = parse_query(query_string)
    assert all(name == name.lower() for name in query)
    assert Omdb(STORE).respond(query).status == 200
