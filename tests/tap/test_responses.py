"""What a response of OMDb is parsed to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tap_omdb.omdb.responses import (
    ErrorKind,
    ErrorResponse,
    Hit,
    ParsedResponse,
    SearchPage,
    Season,
    TitleDetails,
    classify_error,
    parse_response,
)

RECORDED = Path(__file__).parents[3] / "shared" / "omdb-recorded"
DASH = "\N{EN DASH}"
JSON_HEADERS = {"Content-Type": "application/json; charset=utf-8"}


def parse(body: str | bytes, status: int = 200, /, **headers: str) -> ParsedResponse:
    raw = body.encode() if isinstance(body, str) else body
    return parse_response(status, {**JSON_HEADERS, **headers}, raw)


def error(body: str | bytes, status: int = 200, **headers: str) -> ErrorResponse:
    parsed = parse(body, status, **headers)
    assert isinstance(parsed, ErrorResponse)
    return parsed


def details(body: str | bytes, content_type: str = "application/json") -> TitleDetails:
    parsed = parse(body, **{"Content-Type": content_type})
    assert isinstance(parsed, TitleDetails)
    return parsed


def movie(plot: str) -> str:
    """Return the details of a title; the plot is inserted unescaped, so it may break the JSON."""
    return (
        '{"Title":"Jigsaw","Year":"2010","Plot":"' + plot + '","Language":"English",'
        '"Ratings":[{"Source":"Internet Movie Database","Value":"8.8/10"}],'
        '"imdbID":"tt1375666","Type":"movie","Response":"True"}'
    )


ERRORS = {
    "Movie not found!": ErrorKind.NOT_FOUND,
    "Series not found!": ErrorKind.NOT_FOUND,
    "Episode not found!": ErrorKind.NOT_FOUND,
    "Game not found!": ErrorKind.NOT_FOUND,
    "Series or season not found!": ErrorKind.NOT_FOUND,
    "Series or episode not found!": ErrorKind.NOT_FOUND,
    "Too many results.": ErrorKind.TOO_MANY_RESULTS,
    "Incorrect IMDb ID.": ErrorKind.INCORRECT_ID,
    "Error converting data type varchar to int.": ErrorKind.INCORRECT_ID,
    "Error getting data.": ErrorKind.NO_DATA,
    "The offset specified in a OFFSET clause may not be negative.": ErrorKind.BAD_OFFSET,
    "Something went wrong.": ErrorKind.BAD_REQUEST,
    "Must provide more than one character.": ErrorKind.BAD_REQUEST,
    "Invalid API key!": ErrorKind.INVALID_KEY,
    "No API key provided.": ErrorKind.NO_KEY,
    "Request limit reached!": ErrorKind.LIMIT_REACHED,
    "Daily request limit reached!": ErrorKind.LIMIT_REACHED,
    "The moon is full.": ErrorKind.UNKNOWN,
}


@pytest.mark.parametrize(("text", "kind"), ERRORS.items())
def test_error_texts(text: str, kind: ErrorKind) -> None:
    body = json.dumps({"Response": "False", "Error": text})
    assert error(body) == ErrorResponse(kind, text, 200)
    if kind is not ErrorKind.UNKNOWN:
        # The body outranks the status.
        assert {error(body, status).kind for status in (401, 403, 500, 503)} == {kind}
    assert classify_error(text.upper()) is kind
    assert classify_error(text.rstrip(".!")) is kind


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ((200, 302), ErrorKind.UNKNOWN),
        ((400, 404), ErrorKind.BAD_REQUEST),
        ((401,), ErrorKind.INVALID_KEY),
        ((403,), ErrorKind.BLOCKED),
        ((408, 425, 429, 500, 522), ErrorKind.UNAVAILABLE),
    ],
)
def test_the_status_decides_on_an_unknown_error(statuses: tuple[int, ...], kind: ErrorKind) -> None:
    for status in statuses:
        parsed = error('{"Response":"False","Error":"The moon is full."}', status)
        assert (parsed.kind, parsed.message) == (kind, "The moon is full.")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("""Conversion from string "011f" to type 'Double'.""", ErrorKind.INCORRECT_ID),
        ("""Syntax error near '"' in the condition '"aaaa'.""", ErrorKind.BAD_REQUEST),
        ('The "moon" is full.', ErrorKind.UNKNOWN),
    ],
)
def test_errors_with_unescaped_quotes(text: str, kind: ErrorKind) -> None:
    parsed = error('{"Response" : "False","Error" : "' + text + '"}')
    assert (parsed.kind, parsed.message) == (kind, text)


CLOUDFLARE = "<!DOCTYPE html><html><head><title>{}</title></head><body>x</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (503, "The service is unavailable.", ErrorKind.UNAVAILABLE, "The service is unavail"),
        (
            522,
            CLOUDFLARE.format("omdbapi.com |\n 522: Connection timed out"),
            ErrorKind.UNAVAILABLE,
            "omdbapi.com | 522: Connection timed out",
        ),
        (429, "error code: 1015", ErrorKind.UNAVAILABLE, "1015"),
        (200, " \n", ErrorKind.UNAVAILABLE, "not JSON: an empty body"),
        (200, CLOUDFLARE.format("A &amp; B"), ErrorKind.UNAVAILABLE, "not JSON: A & B"),
        (200, "<root response='True'/>", ErrorKind.UNAVAILABLE, "not JSON: <root"),
        (200, "[1]", ErrorKind.UNAVAILABLE, "not JSON: [1]"),
        (403, CLOUDFLARE.format("Attention Required! | Cloudflare"), ErrorKind.BLOCKED, "Att"),
        (503, "<p>Sorry, you have been blocked</p>", ErrorKind.BLOCKED, "Sorry"),
        (
            500,
            CLOUDFLARE.format("A potentially dangerous Request.QueryString value was detected"),
            ErrorKind.BAD_REQUEST,
            "potentially dangerous",
        ),
        (414, "", ErrorKind.BAD_REQUEST, "an empty body"),
        (401, "", ErrorKind.INVALID_KEY, "an empty body"),
        (301, "", ErrorKind.UNKNOWN, "an empty body"),
        (200, "{}", ErrorKind.BROKEN, "broken JSON: {}"),
        (200, '{"message":"hello"}', ErrorKind.UNKNOWN, '{"message": "hello"}'),
        (200, '{"Response":"False","Error":" "}', ErrorKind.UNKNOWN, "False"),
        (200, '{"Response":"False","Error":5}', ErrorKind.UNKNOWN, "5"),
        (200, '{"Search":"x","Response":"True"}', ErrorKind.UNKNOWN, "Search"),
    ],
)
def test_other_errors(status: int, body: str, kind: ErrorKind, message: str) -> None:
    parsed = error(body, status)
    assert parsed.kind is kind
    assert message in parsed.message
    assert parsed.status == status


def test_a_challenge_is_detected_by_its_header() -> None:
    body = CLOUDFLARE.format("Just a moment...")
    assert error(body, 503, **{"CF-Mitigated": "challenge"}).kind is ErrorKind.BLOCKED
    assert error(body, 503).kind is ErrorKind.UNAVAILABLE


@pytest.mark.parametrize(
    ("headers", "from_cache"),
    [
        ({}, False),
        ({"CF-Cache-Status": "MISS"}, False),
        ({"CF-Cache-Status": "HIT"}, True),
        ({"cf-cache-status": "hit"}, True),
        ({"CF-Cache-Status": "STALE"}, True),
    ],
)
def test_cloudflares_cache_is_detected(headers: dict[str, str], from_cache: bool) -> None:
    parsed = error('{"Response":"False","Error":"Request limit reached!"}', 401, **headers)
    assert parsed.from_cache is from_cache


@pytest.mark.parametrize("response", ['"True"', '"true"', "true", "null", '"Yes"'])
def test_response_may_be_written_differently(response: str) -> None:
    assert details(f'{{"imdbID":"tt1375666","Response":{response}}}')


@pytest.mark.parametrize("response", ['"False"', '"false"', '" FALSE "', "false"])
def test_error_responses_may_be_written_differently(response: str) -> None:
    body = f'{{"imdbID":"tt1375666","Response":{response},"Error":"Movie not found!"}}'
    assert error(body).kind is ErrorKind.NOT_FOUND


def test_title_details_are_detected_without_response_or_id_whatever_the_status_and_type() -> None:
    assert details('{"imdbID":"tt1375666"}').data == {"imdbID": "tt1375666"}
    assert details('{"Title":"X","Response":"True"}').data["Title"] == "X"
    parsed = parse('{"imdbID":"tt1375666","Response":"True"}', 500, **{"Content-Type": "text/html"})
    assert isinstance(parsed, TitleDetails)


@pytest.mark.parametrize("char", ["\x1f", "\x08", "\x1d", "\x1a", "\x0b", "\t", "\n", "\x00"])
def test_raw_control_characters(char: str) -> None:
    parsed = details(movie(f"one{char}two"))
    assert parsed.data["Plot"] == f"one{char}two"
    assert not parsed.repaired


@pytest.mark.parametrize(
    ("plot", "repaired"),
    [
        (r"the inner\spiritual self", r"the inner\spiritual self"),
        (r"it\'s there", "it's there"),
        ('he says "hello" to her', 'he says "hello" to her'),
        ('he says "hello, there" and goes', 'he says "hello, there" and goes'),
        ('see <a class="x" href="/y">z</a>.', 'see <a class="x" href="/y">z</a>.'),
    ],
)
def test_broken_json_is_repaired(plot: str, repaired: str) -> None:
    parsed = details(movie(plot))
    assert parsed.repaired
    assert parsed.data == {**json.loads(movie("")), "Plot": repaired}


def test_a_season_is_repaired() -> None:
    body = (
        '{"Title":"X","Season":"6","totalSeasons":"7","Episodes":['
        '{"Title":"A","Plot":"See <a class="b" href="/c">d</a>.","imdbID":"tt1000001"},'
        '{"Title":"B","Plot":"e","imdbID":"tt1000002"}],"Response":"True"}'
    )
    parsed = parse(body)
    assert isinstance(parsed, Season)
    assert parsed.repaired
    assert [episode["imdbID"] for episode in parsed.episodes] == ["tt1000001", "tt1000002"]
    assert parsed.episodes[0]["Plot"] == 'See <a class="b" href="/c">d</a>.'


@pytest.mark.parametrize(
    "body",
    [
        '{"Title":"X","Plot":"y","Ratings":[{"Source":"a","Value":"b"}',  # cut at a brace
        '{"Title":"X","Plot":"a "b","c": "d","imdbID":"tt1375666"}',  # no Response
        '{"Title":"X","imdbID":"1375666",,"Response":"True"}',
        '{"Search":[{"imdbID":"x"}],,"Response":"True"}',
        '{"Search":[{"imdbID":"tt1375666"},{"imdbID":"tt1375667"}',
        movie('One, "two": three.'),
        '{"Search":[' + movie('One, "two": three.') + '],"Response":"True"}',
        '{"Title":"One, "two": three.","Episodes":[{"imdbID":"tt1375666"}],"Response":"True"}',
        movie("x" * 500_000 + r"\s"),
        '{"Title":"X","a "b": c":"d","imdbID":"tt1375666","Response":"True"}',
        "{" + "[" * 100_000 + "}",
        '{"a":' * 100_000 + "}",
        "{" + '"x' * 500_000 + "}",
        '{"n":' + "9" * 5000 + "}",
        "{\ufffd}",
    ],
)
def test_what_cannot_be_repaired_reliably_is_broken(body: str) -> None:
    parsed = error(body)
    assert parsed.kind is ErrorKind.BROKEN
    assert len(parsed.message) <= 200
    assert error(body, 503).kind is ErrorKind.UNAVAILABLE


def test_a_truncated_body_is_unavailable() -> None:
    body = movie("a \N{LATIN SMALL LETTER E WITH ACUTE} c").encode()
    for end in range(1, len(body)):
        is_whole = body[:end].endswith(b"}")
        assert error(body[:end]).kind is (ErrorKind.BROKEN if is_whole else ErrorKind.UNAVAILABLE)


@pytest.mark.parametrize(
    ("encoded_as", "declared"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-8", "iso-8859-1"),
        ("latin-1", "utf-8"),
        ("cp1252", "nonsense"),
        ("cp1252", "\x00"),
        ("cp850", '"cp850"'),
    ],
)
def test_the_declared_charset_is_a_fallback(encoded_as: str, declared: str) -> None:
    body = movie("Salda\N{LATIN SMALL LETTER N WITH TILDE}a").encode(encoded_as)
    parsed = details(body, f"application/json; charset={declared}")
    assert parsed.data["Plot"] == "Salda\N{LATIN SMALL LETTER N WITH TILDE}a"


def test_a_single_byte_in_another_encoding_does_not_change_the_rest() -> None:
    body = movie("Pok\N{LATIN SMALL LETTER E WITH ACUTE}mon @").encode().replace(b"@", b"\x96\x81")
    plot = details(body).data["Plot"]
    assert plot == "Pok\N{LATIN SMALL LETTER E WITH ACUTE}mon \N{EN DASH}\x81"


@pytest.mark.parametrize(("total", "parsed_total"), [("3,721", 3721), ("N/A", None)])
def test_a_page_of_a_search(total: str, parsed_total: int | None) -> None:
    movie = {"Title": "Up", "Year": "2009", "imdbID": "tt1049413", "Type": "movie", "Poster": "N/A"}
    series = {"Year": f"2011{DASH}2019", "imdbID": "tt1632701", "Type": "series"}
    unknown = {"Title": "N/A", "Year": "N/A", "imdbID": "tt0000001"}
    rows: list[Any] = [movie, movie, series, unknown, {"imdbID": "nm0000001"}, "Up", None]
    body = {"Search": rows, "totalResults": total, "Response": "True"}
    parsed = parse(json.dumps(body))
    assert isinstance(parsed, SearchPage)
    assert parsed.hits == (
        *[Hit("tt1049413", 2009, "movie")] * 2,
        Hit("tt1632701", 2011, "series"),
        Hit("tt0000001", None, None),
    )
    assert (parsed.total, parsed.invalid_hits, parsed.repaired) == (parsed_total, 3, False)


@pytest.mark.parametrize(("total", "parsed_total"), [("9", 9), ("N/A", None)])
def test_a_season(total: str, parsed_total: int | None) -> None:
    episode = {"Title": "Pilot", "Episode": "1", "imdbID": "tt1000001", "Plot": "x"}
    body = {"Season": "1", "totalSeasons": total, "Episodes": [episode, "x"], "Response": True}
    parsed = parse(json.dumps(body))
    assert isinstance(parsed, Season)
    assert (parsed.total_seasons, parsed.episodes) == (parsed_total, (episode,))
    assert (parsed.invalid_episodes, parsed.repaired) == (1, False)


HEADERS = st.dictionaries(
    st.sampled_from(["Content-Type", "CF-Cache-Status", "cf-mitigated", "x"]),
    st.text() | st.text().map("text/html; charset={}".format),
)
KEYS = ['"imdbID":', '"Search":', '"Episodes":', '"Error":', '"Response":']
VALUES = ['"True"', '"False"', '"tt1375666"', '"not found!"', "null", "1e999", "<a>", "\u00e9"]
PIECES = st.sampled_from([*'{}[]",:\\', *KEYS, *VALUES])
BODIES = (
    st.binary()
    | st.lists(PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode())
    | st.lists(PIECES, max_size=10).map(lambda pieces: movie("".join(pieces)).encode())
)


@settings(deadline=None, max_examples=300)  # the machine may be busy
@given(st.integers() | st.integers(100, 599), HEADERS, BODIES)
def test_anything_is_parsed(status: int, headers: dict[str, str], body: bytes) -> None:
    parsed = parse_response(status, headers, body)
    assert isinstance(parsed, (TitleDetails, SearchPage, Season, ErrorResponse))
    if isinstance(parsed, ErrorResponse):
        assert parsed.message
        assert "\n" not in parsed.message


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded responses are not here")
@pytest.mark.parametrize(
    "name",
    ["cassettes", "details", "searches", "seasons", "seasons_boolean_response"],
)
def test_recorded_responses(name: str) -> None:
    for line in (RECORDED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        exchange = json.loads(line)
        body = json.loads(exchange["body"]) if name == "cassettes" else exchange
        parsed = parse(json.dumps(body), exchange.get("status", 200), **exchange.get("headers", {}))
        if isinstance(parsed, ErrorResponse):
            assert (parsed.kind, parsed.message) == (ERRORS[body["Error"]], body["Error"])
            continue
        assert not parsed.repaired
        if isinstance(parsed, SearchPage):
            assert [hit.imdb_id for hit in parsed.hits] == [row["imdbID"] for row in body["Search"]]
            assert parsed.total == int(body["totalResults"])
        elif isinstance(parsed, Season):
            assert list(parsed.episodes) == body["Episodes"]
        else:
            assert parsed == TitleDetails(body)
