"""The details of a title become one typed record."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker
from tap_omdb.omdb.records import (
    BIGINT_MAX,
    FIELDS,
    FIELDS_OF,
    INTEGER,
    MAX_DEPTH,
    STREAM_OF_TYPE,
    TEXT,
    InvalidRecord,
    is_absent,
    parse_imdb_id,
    to_record,
    to_timestamp,
)
from tap_omdb.streams import STREAMS

NOW = datetime(2024, 12, 27, 20, 57, 37, 999_999, tzinfo=timezone.utc)
DASH = "\N{EN DASH}"

VALIDATORS = {
    stream.name: Draft7Validator(
        # To mypy, it is a property.
        {**stream.schema, "additionalProperties": False},  # type: ignore[dict-item]
        format_checker=FormatChecker(),
    )
    for stream in STREAMS
}


def record(kind: str = "movie", /, **keys: object) -> dict[str, Any]:
    """Return the values of the record for a title with these OMDb keys."""
    details = {"imdbID": "tt1375666", "Type": kind, "Response": "True", **keys}
    return to_record(details, fetched_at=NOW).values


def test_every_field_is_described() -> None:
    assert all(len(field.description) > 20 for field in FIELDS)


@pytest.mark.parametrize(
    ("sent", "stream", "stored"),
    [
        ("movie", "movies", "movie"),
        ("series", "series", "series"),
        ("episode", "episodes", "episode"),
        ("Series", "series", "Series"),
        ("N/A", "movies", None),
        ("podcast", "movies", "podcast"),
    ],
)
def test_the_type_determines_the_stream(sent: object, stream: str, stored: str | None) -> None:
    result = to_record({"imdbID": "tt0948540", "Type": sent}, fetched_at=NOW)
    assert (result.stream, result.values["type"]) == (stream, stored)


@pytest.mark.parametrize(
    ("key", "text", "field", "value"),
    [
        ("Released", "05 May 2017", "released", "2017-05-05"),
        ("Released", "29 FEB 2008", "released", "2008-02-29"),
        ("Released", "2005-01-14", "released", "2005-01-14"),
        ("Runtime", "148 min", "runtime_minutes", 148),
        ("Runtime", "1,024 min", "runtime_minutes", 1024),
        ("Runtime", "1 h 15 min", "runtime_minutes", 75),
        ("imdbVotes", "1,174,194", "imdb_votes", 1_174_194),
        ("imdbRating", "8.8", "imdb_rating", 8.8),
        ("imdbRating", "10.0", "imdb_rating", 10.0),
        ("BoxOffice", "$292,587,330", "box_office", 292_587_330),
        ("BoxOffice", "$292,979,556.00", "box_office", 292_979_556),
        ("BoxOffice", "$106.6M", "box_office", 106_600_000),
        ("BoxOffice", "$900k", "box_office", 900_000),
        ("BoxOffice", "$0.3M", "box_office", 300_000),
        ("Poster", "https://h/a.@._V1_CR61,0,380,562_.jpg", "poster_url", None),
        ("Language", "American Sign ", "language", None),
        ("Metascore", 74.0, "metascore", 74),
        ("Title", 1917, "title", "1917"),
        ("imdbID", " tt12345678\n", "imdb_id", "tt12345678"),
    ],
)
def test_value_that_parses(key: str, text: object, field: str, value: object) -> None:
    values = record(**{key: text})
    assert values[field] == (text if value is None else value)
    assert type(values[field]) is type(text if value is None else value)
    assert values["unparsed"] is None
    assert values["extra"] is None


@pytest.mark.parametrize(
    ("key", "text", "field"),
    [
        ("Released", "30 Feb 2017", "released"),
        ("Released", "May 2017", "released"),
        ("Released", "00 Jan 2017", "released"),
        ("Runtime", "34S min", "runtime_minutes"),
        ("Runtime", "1,2 min", "runtime_minutes"),
        ("imdbVotes", "1,17", "imdb_votes"),
        ("imdbVotes", "\N{ARABIC-INDIC DIGIT FIVE}", "imdb_votes"),
        ("imdbVotes", str(BIGINT_MAX + 1), "imdb_votes"),
        ("imdbVotes", "9" * 5000, "imdb_votes"),
        ("imdbRating", "nan", "imdb_rating"),
        ("imdbRating", "8.8000000000000000001", "imdb_rating"),
        ("Metascore", "74.5", "metascore"),
        ("BoxOffice", "\N{POUND SIGN}1,000,000", "box_office"),
        ("BoxOffice", "INR 20,000", "box_office"),
        ("BoxOffice", "$1,000.50", "box_office"),
        ("Year", "soon", "year"),
        ("Year", f"2011{DASH}19", "year"),
        ("Year", f"2018{DASH}", "year_end"),
    ],
)
def test_text_that_does_not_parse(key: str, text: str, field: str) -> None:
    values = record(**{key: text})
    assert values[field] is None
    assert values["unparsed"] == {field: text}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (True, "true"),
        ({"é": 1}, '{"é": 1}'),
        (float("nan"), '"nan"'),
    ],
)
@pytest.mark.parametrize(("key", "field"), [("Title", "title"), ("imdbVotes", "imdb_votes")])
def test_value_that_is_not_text(key: str, field: str, sent: object, stored: str) -> None:
    values = record(**{key: sent})
    assert values[field] is None
    assert values["unparsed"] == {field: stored}


@pytest.mark.parametrize("absent", ["N/A", " N/A ", "", "\n", None])
def test_absent_values_are_null(absent: object) -> None:
    keys = {str(f.omdb_key) for f in FIELDS if f.omdb_key} - {"imdbID", "Type"}
    for kind, stream in STREAM_OF_TYPE.items():
        values = record(kind, **dict.fromkeys(keys, absent))
        assert values["unparsed"] is None
        unknown = keys - {str(field.omdb_key) for field in FIELDS_OF[stream]}
        assert values["extra"] == (dict.fromkeys(unknown, absent) or None)


@pytest.mark.parametrize(
    ("kind", "text", "first", "last", "unparsed"),
    [
        ("movie", "2010", 2010, None, None),
        ("series", "2010", 2010, 2010, None),
        ("series", f"2011{DASH}2019", 2011, 2019, None),
        ("series", f"2018{DASH}", 2018, None, None),
        ("series", "2011-2019", 2011, 2019, None),
        ("series", "2011 \N{EM DASH} 2019", 2011, 2019, None),
        ("game", f"2011{DASH}2019", 2011, 2019, None),
        ("movie", f"2018{DASH}", 2018, None, {"year_end": f"2018{DASH}"}),
        ("series", "soon", None, None, {"year": "soon"}),
    ],
)
def test_years(
    kind: str, text: str, first: int | None, last: int | None, unparsed: dict[str, str] | None
) -> None:
    values = record(kind, Year=text)
    assert (values["year"], values["year_end"]) == (first, last)
    assert values["unparsed"] == unparsed


def test_numbers_of_episodes_and_seasons() -> None:
    values = record("episode", Season="1", Episode="0", seriesID="tt0185906", totalSeasons="2")
    assert (values["season"], values["episode"], values["series_id"]) == (1, 0, "tt0185906")
    assert values["extra"] == {"totalSeasons": "2"}
    assert record("series", totalSeasons="8")["total_seasons"] == 8


def test_valid_and_malformed_ratings() -> None:
    good = {"Source": "Metacritic", "Value": "74/100"}
    bad = [{"Source": "X", "Value": "1", "Votes": 5}, {"Source": "X"}, {"Source": "Y", "Value": 3}]
    values = record(Ratings=[good, *bad, "Z"])
    assert values["ratings"] == [
        {"source": "Metacritic", "value": "74/100"},
        {"source": "X", "value": "1"},
    ]
    assert json.loads(values["unparsed"]["ratings"]) == [*bad, "Z"]


@pytest.mark.parametrize("none", [[], None, "N/A", [{"Source": "Metacritic", "Value": "N/A"}]])
def test_no_ratings(none: object) -> None:
    values = record(Ratings=none)
    assert (values["ratings"], values["unparsed"]) == (None, None)


@pytest.mark.parametrize("odd", ["8.8/10", 5, {"Source": "X", "Value": "1"}, True])
def test_ratings_that_are_not_a_list(odd: object) -> None:
    values = record(Ratings=odd)
    assert values["ratings"] is None
    assert json.loads(values["unparsed"]["ratings"]) == [odd]


def test_unknown_keys_are_stored_as_sent() -> None:
    unknown = {"tomatoMeter": "N/A", "title": "x", "Awards2": [{"a": None}], "Response": "Maybe"}
    assert record(**unknown)["extra"] == unknown


def test_response_is_not_part_of_the_title() -> None:
    for true in ("True", "true", True):
        assert record(Response=true)["extra"] is None


def test_what_postgres_cannot_store_is_replaced_everywhere() -> None:
    bad, good = "a\x00\ud83d\ude00\ud800", "a" + "\ufffd" * 4
    ratings = [{"Source": bad, "Value": bad}]
    values = record(Title=bad, Runtime=bad, Ratings=ratings, **{bad: {bad: [bad]}, good: 2})
    assert values["title"] == good
    assert values["ratings"] == [{"source": good, "value": good}]
    assert values["unparsed"] == {"runtime_minutes": good}
    assert values["extra"] == {good: {good: [good]}, good + "\ufffd": 2}


def test_numbers_that_not_every_parser_can_store_become_text() -> None:
    values = record(big=2**64, small=-(2**64), inf=float("inf"), fits=2**63 - 1)
    expected = {"big": str(2**64), "small": str(-(2**64)), "inf": "inf", "fits": 2**63 - 1}
    assert values["extra"] == expected


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({}, "imdbID is not an IMDb id: None"),
        ({"imdbID": "tt123456"}, "imdbID is not an IMDb id"),
        ({"imdbID": "TT1375666"}, "imdbID is not an IMDb id"),
        ({"imdbID": "tt12345678901"}, "imdbID is not an IMDb id"),
        ({"imdbID": "tt\N{ARABIC-INDIC DIGIT FIVE}123456"}, "imdbID is not an IMDb id"),
        ({"imdbID": 1375666}, "imdbID is not an IMDb id"),
        ({"imdbID": "nm0000001"}, "imdbID is not an IMDb id"),
        ({"imdbID": "x" * 1000}, "imdbID is not an IMDb id"),
    ],
)
def test_a_record_requires_an_id(details: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRecord, match=reason) as error:
        to_record(details, fetched_at=NOW)
    assert len(str(error.value)) < 120


@pytest.mark.parametrize("key", ["extra", "Title", "Ratings"])
def test_a_record_must_not_be_nested_too_deep(key: str) -> None:
    deep: Any = "x"
    for _ in range(MAX_DEPTH):
        deep = [deep]
    with pytest.raises(InvalidRecord, match="nested more than"):
        record(**{key: [deep]})


def test_timestamps_are_utc() -> None:
    west = timezone(timedelta(hours=-5))
    assert to_timestamp(datetime(2024, 12, 31, 20, 0, tzinfo=west)) == "2025-01-01T01:00:00Z"
    with pytest.raises(ValueError, match="no time zone"):
        to_timestamp(datetime(2024, 12, 31))  # noqa: DTZ001


ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    ["N/A", "", "2010", f"2018{DASH}", "148 min", "$1.5M", "1,234", "05 May 2017", "a\x00\ud800"]
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)
ANY_DETAILS = st.builds(
    lambda known, unknown, imdb_id: {**unknown, **known, **imdb_id},
    st.dictionaries(
        st.sampled_from([str(f.omdb_key) for f in FIELDS if f.omdb_key] + ["Response"]), ANY_JSON
    ),
    st.dictionaries(ANY_TEXT, ANY_JSON, max_size=4),
    st.sampled_from([{}, *({"imdbID": "tt1375666", "Type": t} for t in ("movie", "series"))])
    | st.just({"imdbID": "tt1375666"}),
)


@settings(deadline=None)  # the machine may be busy
@given(ANY_DETAILS)
def test_any_details_are_a_valid_record_or_a_reject(details: dict[str, Any]) -> None:
    try:
        stream, values = to_record(details, fetched_at=NOW)
    except InvalidRecord:
        assert parse_imdb_id(details.get("imdbID")) is None
        return
    VALIDATORS[stream].validate(values)
    assert list(values) == [field.name for field in FIELDS_OF[stream]]
    stored = json.dumps(values, allow_nan=False, ensure_ascii=False).encode()
    assert json.loads(stored) == values
    assert b"\\u0000" not in stored
    for field in FIELDS_OF[stream]:
        value = values[field.name]
        if field.type.json_schema == INTEGER.json_schema and value is not None:
            assert 0 <= value <= BIGINT_MAX
        if field.type.json_schema == TEXT.json_schema:
            assert value is None or value.strip()
        if field.omdb_key and field.name not in ("year_end", "ratings"):
            is_stored = value is not None or field.name in (values["unparsed"] or {})
            assert is_stored is not is_absent(details.get(field.omdb_key))
