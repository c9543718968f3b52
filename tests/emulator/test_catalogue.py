"""The titles: built-in, hostile and generated ones, IMDb's files of them, and their ratings."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from omdb_emulator.__main__ import main
from omdb_emulator.catalogue.generator import MAX_TITLES, GeneratedTitles
from omdb_emulator.catalogue.imdb import (
    RatedTitle,
    Rating,
    RatingsOnDay,
    basics_row,
    days_since_1970,
)
from omdb_emulator.catalogue.loader import CATALOGUE, load
from omdb_emulator.catalogue.search_index import words
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.catalogue.titles import KEYS, json_lines, start_year, title_from_line
from omdb_emulator.testing import Emulator, title_line

from tests.emulator.conftest import RECORDED, Fields, fetch, needs_recordings

GENERATED = GeneratedTitles(2_000, seed=1)
START = date(2024, 6, 1)
START_DAY = days_since_1970(START)
LISTED = [line for _, line in json_lines(CATALOGUE) if "Title" in line]
LINES = list(GENERATED.lines())
SOURCES = ["Internet Movie Database", "Rotten Tomatoes", "Metacritic"]
FORMS = {
    "Year": r"\d{4}|\d{4}\u2013(\d{4})?",
    "Released": r"N/A|\d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}",
    "DVD": r"N/A|\d\d [A-Z][a-z]{2} \d{4}",
    "Runtime": r"N/A|\d+ min|\d h( \d+ min)?|34S min",
    "Metascore": r"N/A|\d{1,3}",
    "imdbRating": r"N/A|\d\.\d|10\.0",
    "imdbVotes": r"N/A|\d{1,3}(,\d{3})*|\d+",
    "BoxOffice": r"N/A|\$\d{1,3}(,\d{3})*(\.00)?|\$\d+\.\d+M",
    "Season": r"N/A|\d+",
    "Episode": r"N/A|\d+",
    "totalSeasons": r"N/A|\d+",
    "imdbID": r"tt(\d{7}|[1-9]\d{7})",
    "seriesID": r"N/A|tt\d{7,8}",
    "Poster": r"N/A|https?://(posters\.example/|m\.media-amazon\.com/images/M/MV5BMadeUp)\S+\.jpg",
}


@pytest.mark.parametrize("lines", [LISTED, LINES], ids=["built-in", "generated"])
def test_every_title_has_omdbs_keys_in_order_and_values_in_its_forms(lines: list[Fields]) -> None:
    assert len({line["imdbID"] for line in lines}) == len(lines)
    for line in lines:
        keys = KEYS.get(line["Type"], KEYS["movie"])
        assert list(line) == [key for key in (*keys, "PlotFull", "Emulator") if key in line]
        assert line.keys() >= set(keys)
        texts = [value for key, value in line.items() if key not in {"Ratings", "Emulator"}]
        assert all(value and isinstance(value, str) for value in texts)
        odd = [key for key, form in FORMS.items() if not re.fullmatch(form, line.get(key, "N/A"))]
        assert odd == [], line["imdbID"]
        ratings = {rating["Source"]: rating["Value"] for rating in line["Ratings"]}
        assert list(ratings) == [source for source in SOURCES if source in ratings]
        imdb, meta = line["imdbRating"], line["Metascore"]
        assert ratings.get(SOURCES[0]) == (None if imdb == "N/A" else f"{imdb}/10")
        assert ratings.get(SOURCES[2]) == (None if meta == "N/A" else f"{meta}/100")


@needs_recordings
def test_every_fact_was_stated_by_omdb_and_no_text_is_copied() -> None:
    stated: dict[tuple[str, str], list[object]] = defaultdict(list)
    for line in (RECORDED / "details.jsonl").read_text(encoding="utf-8").splitlines():
        response = json.loads(line)
        for field, value in response.items():
            stated[response["imdbID"], field].append(value)
    compared = 0
    for title in LISTED:
        for field, value in title.items():
            known = stated.get((title["imdbID"], field))
            if field in {"Plot", "PlotFull"}:
                assert value == "N/A" or value not in (known or ())
            elif known and field != "Poster":
                assert value in known, (title["imdbID"], field)
                compared += 1
    assert compared > 12_000


# Generated titles


def test_a_seed_always_gives_the_same_titles_whatever_their_number() -> None:
    # In every version of the emulator.
    digest = hashlib.sha256(json.dumps(LINES).encode()).hexdigest()
    assert digest.startswith("c67d2e42fe58")
    many = GeneratedTitles(MAX_TITLES, seed=1)
    assert [many.line(row) for row in (7, 0)] == [LINES[7], LINES[0]]
    assert GeneratedTitles(300, seed=2).line(50) != LINES[50]
    assert [GENERATED.row_of(line["imdbID"]) for line in LINES] == list(range(len(LINES)))
    assert GENERATED.row_of("tt0000001") is GENERATED.row_of(many.id_of(len(LINES))) is None


def test_generated_titles_are_found_changed_and_removed() -> None:
    store = TitleStore(computed=GENERATED)
    rows = store.search("love", "movie", None)
    is_movie = (line["Type"] == "movie" and "love" in words(line["Title"]) for line in LINES)
    assert set(rows) == {row for row, found in enumerate(is_movie) if found}
    found = store.summaries(rows)
    assert found == [title_from_line(LINES[row]).summary for row in rows]
    assert [one.votes for one in found] == sorted((one.votes for one in found), reverse=True)
    prefixed = store.summaries(store.search("b*", None, 2010))
    assert prefixed
    for shown in prefixed:
        assert any(word.startswith("b") for word in words(shown.title))
        assert start_year(shown.year) == 2010
    placed = [line for line in LINES if line.get("Season", "N/A") != "N/A"]
    assert placed
    for line in placed:
        assert line["imdbID"] in store.season(line["seriesID"], int(line["Season"]))
    imdb_id, name = LINES[50]["imdbID"], LINES[50]["Title"]
    store.update(imdb_id, {"Title": "Zyzzyva Quux", "imdbRating": "9.9"})
    found = store.summaries(store.search("zyzzyva", None, None))
    assert [shown.imdb_id for shown in found] == [imdb_id]
    assert imdb_id not in {s.imdb_id for s in store.summaries(store.search(name, None, None))}
    store.remove(imdb_id)
    assert store.get(imdb_id) is None
    assert not store.search("zyzzyva", None, None)


# IMDb's files, and ratings that change from day to day

Ratings = dict[str, tuple[str, str]]


def read(path: Path) -> list[dict[str, str]]:
    """Read one of IMDb's files as their documentation describes it."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True))
    assert rows == sorted(rows, key=lambda row: row["tconst"])
    return rows


def ratings(directory: Path) -> Ratings:
    rows = read(directory / "title.ratings.tsv.gz")
    return {row["tconst"]: (row["averageRating"], row["numVotes"]) for row in rows}


def served(emulator: Emulator, imdb_ids: Iterable[str]) -> Ratings:
    """Return rating and votes in the responses, which must agree with ``Ratings`` there."""
    found = {}
    for imdb_id in imdb_ids:
        details = fetch(emulator, i=imdb_id).json
        average, votes = details["imdbRating"], details["imdbVotes"].replace(",", "")
        sources = {one["Source"]: one["Value"] for one in details["Ratings"]}
        assert sources[SOURCES[0]] == f"{average}/10"
        found[imdb_id] = (average, votes)
    return found


def test_files_of_the_built_in_catalogue(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["imdb-files", "--directory", str(tmp_path / "new")])
    assert result.exit_code == 0, result.output
    titles = {title.imdb_id: title for title in load([CATALOGUE]).titles() if title.is_listed}
    rows = read(tmp_path / "new/title.basics.tsv.gz")
    assert {row["tconst"] for row in rows} == titles.keys()
    columns = "tconst titleType primaryTitle originalTitle isAdult startYear endYear"
    assert " ".join(rows[0]) == f"{columns} runtimeMinutes genres"
    assert ratings(tmp_path / "new") == {
        imdb_id: (title.details["imdbRating"], title.details["imdbVotes"].replace(",", ""))
        for imdb_id, title in titles.items()
        if "N/A" not in {title.details["imdbRating"], title.details["imdbVotes"]}
    }


@pytest.mark.parametrize(
    ("kind", "fields", "columns"),
    [
        ("movie", {"Genre": "Adult", "Year": "2010"}, r"movie|One|One|1|2010|\N|\N|Adult"),
        ("movie", {"Genre": "A, Short", "Runtime": "9 min"}, r"short|One|One|0|\N|\N|9|A,Short"),
        ("series", {"Year": "2010\u20132015"}, r"tvSeries|One|One|0|2010|2015|\N|\N"),
        ("episode", {"Runtime": "1 h 4 min"}, r"tvEpisode|One|One|0|\N|\N|64|\N"),
        ("game", {"Genre": "A, B, C, D"}, r"videoGame|One|One|0|\N|\N|\N|A,B,C"),
        ("movie", {"Title": "A &amp; B\t\r\n\\N"}, r"movie|A & B   \N|A & B   \N|0|\N|\N|\N|\N"),
    ],
)
def test_columns(kind: str, fields: dict[str, str], columns: str) -> None:
    line = title_line("tt0000001", "One", kind) | fields
    assert "|".join(basics_row(title_from_line(line))) == f"tt0000001|{columns}"


def test_command_writes_what_an_emulator_serves(tmp_path: Path) -> None:
    day = START + timedelta(days=25)
    options = ["--generated", "500", "--seed", "3", "--ratings-change-from", START.isoformat()]
    options += ["--directory", str(tmp_path / "files"), "--date", day.isoformat()]
    result = CliRunner().invoke(main, ["imdb-files", *options])
    assert result.exit_code == 0, result.output
    rows = ratings(tmp_path / "files")
    with Emulator(generated=500, seed=3, ratings_change_from=START.isoformat()) as emulator:
        emulator.set_date(day)
        emulator.write_imdb_files(tmp_path)
        assert served(emulator, rows).items() <= rows.items()
    assert ratings(tmp_path) == rows


def test_known_ratings() -> None:
    """The ratings of a title and day must not change between versions."""
    released = days_since_1970(date(2024, 5, 1))
    title = RatedTitle(1375666, released, Rating(8.8, 2_000_000), is_fixed=False)
    days = (-500, 0, 1, 30, 59)
    found = [RatingsOnDay(START_DAY, START_DAY + day).rating(title) for day in days]
    assert found[:2] == [title.rating] * 2
    assert found[2:] == [(8.8, 2_035_655), (8.5, 2_941_564), (8.4, 3_730_293)]


@given(
    number=st.integers(1, 99_999_999),
    released=st.integers(-20_000, 25_000),
    votes=st.integers(1, 4_000_000),
    start=st.integers(15_000, 22_000),
    day=st.integers(0, 6_000),
)
def test_no_title_ever_loses_votes(
    number: int, released: int, votes: int, start: int, day: int
) -> None:
    title = RatedTitle(number, released, Rating(7.0, votes), is_fixed=False)
    found = [RatingsOnDay(start, start + day + later).rating(title) for later in range(20)]
    assert [one.votes for one in found] == sorted(one.votes for one in found)
    assert found[0].votes >= votes
    assert all(1.0 <= one.average == round(one.average, 1) <= 10.0 for one in found)


def test_responses_lag_behind_the_files(tmp_path: Path) -> None:
    new = [line for line in LINES if line["Released"].endswith("2024") and line["Ratings"]]
    with Emulator(new, ratings_change_from=START.isoformat(), ratings_lag_days=2) as emulator:
        emulator.set_date(START)
        for day in range(5):
            emulator.write_imdb_files(tmp_path / str(day))
            expected = ratings(tmp_path / str(max(0, day - 2)))
            assert served(emulator, expected) == expected
            emulator.advance_days(1)
    assert ratings(tmp_path / "0") != ratings(tmp_path / "4")


def test_titles_by_name_seasons_and_episodes_change_as_well() -> None:
    votes: dict[str, Any] = {"imdbRating": "7.0", "imdbVotes": "100,000", "Released": "20 May 2024"}
    position = {"Season": "1", "Episode": "1", "seriesID": "tt0000001"}
    lines = [
        title_line("tt0000001", "Castle", "series", totalSeasons="1", **votes),
        title_line("tt0000002", "Castle One", "episode", **position, **votes),
        title_line("tt0000003", "Broken", **votes, Emulator={"raw": '{"Title":"B"'}),
    ]
    with Emulator(lines, ratings_change_from=START.isoformat()) as emulator:
        emulator.set_date(START + timedelta(days=40))
        episode = fetch(emulator, i="tt0000002").json
        assert int(episode["imdbVotes"].replace(",", "")) > 100_000
        assert fetch(emulator, t="castle", Season="1", Episode="1").json == episode
        full = fetch(emulator, i="tt0000001", Season="1", detail="full").json
        assert full["Episodes"] == [episode]
        short = fetch(emulator, i="tt0000001", Season="1").json["Episodes"][0]
        assert short["imdbRating"] == episode["imdbRating"]
        by_name = fetch(emulator, t="castle").json
        assert by_name == fetch(emulator, i="tt0000001").json
        assert by_name["imdbVotes"] != "100,000"
        assert fetch(emulator, i="tt0000003").body == b'{"Title":"B"'
