"""IMDb's files, and ratings that change from day to day."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from omdb_emulator.catalogue.imdb_files import ImdbFiles, basics_row
from omdb_emulator.catalogue.loader import CATALOGUE, load
from omdb_emulator.catalogue.ratings import RatedTitle, Rating, RatingsOnDay, days_since_1970
from omdb_emulator.catalogue.titles import title_from_line
from omdb_emulator.cli import main
from omdb_emulator.testing import Emulator, title_line

from tests.emulator.conftest import fetch, generated

START = date(2024, 6, 1)
START_DAY = days_since_1970(START)

Rows = dict[str, dict[str, str | None]]


# --- IMDb's files -----------------------------------------------------------------------------


def read(path: Path) -> Rows:
    """Read one of IMDb's files as their documentation describes it."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
        found = [{k: None if v == r"\N" else v for k, v in row.items()} for row in rows]
    by_id = {str(row["tconst"]): row for row in found}
    assert list(by_id) == sorted(str(row["tconst"]) for row in found)
    return by_id


def basics(directory: Path) -> Rows:
    return read(directory / "title.basics.tsv.gz")


def ratings(directory: Path) -> dict[str, tuple[str | None, str | None]]:
    rows = read(directory / "title.ratings.tsv.gz")
    return {imdb_id: (row["averageRating"], row["numVotes"]) for imdb_id, row in rows.items()}


def served(emulator: Emulator, imdb_id: str) -> tuple[str, str]:
    """Return rating and votes in the response, which must agree with ``Ratings``."""
    details = fetch(emulator, i=imdb_id).json
    average, votes = details["imdbRating"], details["imdbVotes"]
    sources = {one["Source"]: one["Value"] for one in details["Ratings"]}
    assert sources["Internet Movie Database"] == f"{average}/10"
    return average, votes.replace(",", "")


def test_files_of_the_built_in_catalogue(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["imdb-files", "--directory", str(tmp_path / "new")])
    assert result.exit_code == 0, result.output
    titles = {title.imdb_id: title for title in load([CATALOGUE]).titles() if title.is_listed}
    names = basics(tmp_path / "new")
    assert names.keys() == titles.keys()
    columns = "tconst titleType primaryTitle originalTitle isAdult startYear endYear"
    assert " ".join(names["tt1375666"]) == f"{columns} runtimeMinutes genres"
    assert ratings(tmp_path / "new") == {
        imdb_id: (title.details["imdbRating"], title.details["imdbVotes"].replace(",", ""))
        for imdb_id, title in titles.items()
        if "N/A" not in {title.details["imdbRating"], title.details["imdbVotes"]}
    }


@pytest.mark.parametrize(
    ("kind", "fields", "columns"),
    [
        ("movie", {"Type": "N/A"}, r"movie|One|One|0|\N|\N|\N|\N"),
        ("movie", {"Genre": "Adult", "Year": "2010"}, r"movie|One|One|1|2010|\N|\N|Adult"),
        ("movie", {"Genre": "A, Short", "Runtime": "9 min"}, r"short|One|One|0|\N|\N|9|A,Short"),
        ("series", {"Year": "2010\u20132015"}, r"tvSeries|One|One|0|2010|2015|\N|\N"),
        ("series", {"Year": "2010\u2013"}, r"tvSeries|One|One|0|2010|\N|\N|\N"),
        ("episode", {"Runtime": "2 h"}, r"tvEpisode|One|One|0|\N|\N|120|\N"),
        ("episode", {"Runtime": "1 h 4 min"}, r"tvEpisode|One|One|0|\N|\N|64|\N"),
        ("game", {"Runtime": "34S min"}, r"videoGame|One|One|0|\N|\N|\N|\N"),
        ("game", {"Genre": "A, B, C, D"}, r"videoGame|One|One|0|\N|\N|\N|A,B,C"),
        ("movie", {"Title": "A &amp; B\t\r\n\\N"}, r"movie|A & B   \N|A & B   \N|0|\N|\N|\N|\N"),
        ("movie", {"Title": '"A" \u202eé'}, 'movie|"A" \u202eé|"A" \u202eé|0|\\N|\\N|\\N|\\N'),
    ],
)
def test_columns(kind: str, fields: dict[str, str], columns: str) -> None:
    line = title_line("tt0000001", "One", kind) | fields
    assert "|".join(basics_row(title_from_line(line))) == f"tt0000001|{columns}"


def test_titles_without_rating_or_votes_are_only_in_the_file_of_titles(tmp_path: Path) -> None:
    lines = [
        title_line("tt0000002", "No rating", imdbVotes="12"),
        title_line("tt10000000", "No votes", imdbRating="7.1"),
        title_line("tt0000001", "Both", imdbRating="10.0", imdbVotes="1,234,567"),
        {"imdbID": "tt0000003", "Emulator": {"merged_into": "tt0000001"}},
        {"imdbID": "tt0000004", "Emulator": {"error": "Error getting data."}},
    ]
    ImdbFiles(map(title_from_line, lines)).write(tmp_path)
    assert list(basics(tmp_path)) == ["tt0000001", "tt0000002", "tt10000000"]
    assert ratings(tmp_path) == {"tt0000001": ("10.0", "1234567")}
    # gzip would store the time.
    assert (tmp_path / "title.ratings.tsv.gz").read_bytes()[4:8] == bytes(4)


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
        for imdb_id in list(rows)[::20]:
            assert served(emulator, imdb_id) == rows[imdb_id]
    assert ratings(tmp_path) == rows


# --- how ratings change -----------------------------------------------------------------------


@cache
def rated() -> dict[str, RatedTitle]:
    found = {title.imdb_id: RatedTitle.of(title) for title in map(title_from_line, generated())}
    return {imdb_id: title for imdb_id, title in found.items() if title is not None}


@cache
def on_day(day: int) -> dict[str, Rating]:
    """Return all ratings so many days after the start."""
    ratings = RatingsOnDay(START_DAY, START_DAY + day)
    return {imdb_id: ratings.rating(title) for imdb_id, title in rated().items()}


def aged(youngest: int, oldest: int, day: int = 0) -> list[str]:
    """Return the titles with many votes that have an age, in days, on a day."""
    return [
        imdb_id
        for imdb_id, title in rated().items()
        if youngest <= START_DAY + day - title.released < oldest and title.rating.votes > 1000
    ]


def test_known_ratings() -> None:
    """The ratings of a title and day must not change between versions."""
    released = days_since_1970(date(2024, 5, 1))
    title = RatedTitle(1375666, released, Rating(8.8, 2_000_000), is_fixed=False)
    found = [RatingsOnDay(START_DAY, START_DAY + day).rating(title) for day in (0, 1, 30, 59)]
    assert found == [(8.8, 2_000_000), (8.8, 2_035_655), (8.5, 2_941_564), (8.4, 3_730_293)]


def test_up_to_the_first_day_ratings_are_those_of_the_catalogue() -> None:
    catalogue = {imdb_id: title.rating for imdb_id, title in rated().items()}
    assert on_day(0) == on_day(-500) == catalogue


@pytest.mark.parametrize("day", [10, 60])
@pytest.mark.parametrize(
    ("youngest", "oldest", "low", "high"),
    [
        *((1, 60, 0.95, 1), (60, 365, 0.25, 0.42), (365, 3 * 365, 0.08, 0.2)),
        *((3 * 365, 10 * 365, 0.02, 0.06), (10 * 365, 200 * 365, 0.003, 0.02), (-2000, 0, 0, 0)),
    ],
)
def test_share_of_titles_that_change_on_a_day(
    youngest: int, oldest: int, low: float, high: float, day: int
) -> None:
    ids = aged(youngest, oldest, day)
    changed = sum(on_day(day - 1)[imdb_id] != on_day(day)[imdb_id] for imdb_id in ids)
    assert low <= changed / len(ids) <= high


def test_new_titles_gain_more_votes_than_old_ones() -> None:
    def growth(youngest: int, oldest: int) -> float:
        factors = [
            on_day(60)[imdb_id].votes / on_day(0)[imdb_id].votes
            for imdb_id in aged(youngest, oldest)
        ]
        return sum(factors) / len(factors)

    assert growth(0, 60) > 1.5
    assert 1.05 < growth(100, 365) < 1.5
    assert growth(10 * 365, 100 * 365) < 1.01


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


# --- responses --------------------------------------------------------------------------------


@pytest.fixture
def omdb() -> Iterator[Emulator]:
    """Titles of the months before the start, of all types."""
    dated = [line for line in generated() if line["Released"][-4:] == "2024"]
    new = [line for line in dated if line["imdbID"] in rated()]
    with Emulator(new[:40], ratings_change_from=START.isoformat()) as emulator:
        emulator.set_date(START)
        yield emulator


def test_responses_are_those_of_the_catalogue_by_default(omdb: Emulator) -> None:
    omdb.settings(ratings_change_from=None)
    omdb.advance_days(4000)
    details = {imdb_id: omdb.title(imdb_id) for imdb_id in omdb.titles()}
    for imdb_id, wanted in details.items():
        assert fetch(omdb, i=imdb_id).json == {**wanted, "Response": "True"}


@pytest.mark.parametrize("lag", [0, 5])
def test_responses_lag_behind_the_files(omdb: Emulator, tmp_path: Path, lag: int) -> None:
    omdb.settings(ratings_lag_days=lag)
    for day in range(lag + 4):
        omdb.write_imdb_files(tmp_path / str(day))
        expected = ratings(tmp_path / str(max(0, day - lag)))
        for imdb_id in list(expected)[:10]:
            assert served(omdb, imdb_id) == expected[imdb_id]
        omdb.advance_days(1)
    first, last = ratings(tmp_path / "0"), ratings(tmp_path / str(lag + 3))
    assert sum(last[imdb_id] != first[imdb_id] for imdb_id in last) > 10


def test_titles_by_name_seasons_and_episodes_change_as_well() -> None:
    votes: dict[str, Any] = {"imdbRating": "7.0", "imdbVotes": "100,000", "Released": "20 May 2024"}
    votes["Ratings"] = [{"Source": "Internet Movie Database", "Value": "7.0/10"}]
    position = {"Season": "1", "Episode": "1", "seriesID": "tt0000001"}
    lines = [
        title_line("tt0000001", "Castle", "series", totalSeasons="1", **votes),
        title_line("tt0000002", "Castle One", "episode", **position, **votes),
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


def test_exact_bodies_do_not_change_and_votes_keep_their_format(tmp_path: Path) -> None:
    fields = {"imdbRating": "7.0", "Released": "20 May 2024"}
    lines = [
        title_line("tt0000001", "With comma", imdbVotes="1,000", **fields),
        title_line("tt0000002", "Without comma", imdbVotes="1000", **fields),
        title_line("tt0000003", "Few", imdbVotes="999", **fields),
        title_line("tt0000004", "Raw", imdbVotes="9", **fields, Emulator={"raw": '{"Title":"B"'}),
    ]
    with Emulator(lines, ratings_change_from=START.isoformat()) as emulator:
        emulator.set_date(START + timedelta(days=200))
        emulator.write_imdb_files(tmp_path)
        texts = [fetch(emulator, i=line["imdbID"]).json["imdbVotes"] for line in lines[:3]]
        assert fetch(emulator, i="tt0000004").body == b'{"Title":"B"'
    assert ["," in text for text in texts] == [True, False, True]
    assert ratings(tmp_path)["tt0000004"] == ("7.0", "9")


def test_a_changed_title_changes_from_its_new_values(omdb: Emulator, tmp_path: Path) -> None:
    imdb_id = omdb.titles()[0]
    omdb.advance_days(30)
    omdb.write_imdb_files(tmp_path)
    before = int(ratings(tmp_path)[imdb_id][1] or 0)
    omdb.update_title(imdb_id, imdbVotes=f"{before + 1_000_000:,}")
    omdb.write_imdb_files(tmp_path)
    assert int(ratings(tmp_path)[imdb_id][1] or 0) >= before + 1_000_000
