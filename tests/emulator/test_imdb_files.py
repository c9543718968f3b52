"""IMDb's files, ratings that change from day to day, and responses that lag behind."""

from __future__ import annotations

import csv
import gzip
import json
import time
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omdb_emulator import cli
from omdb_emulator.catalogue.generator import GeneratedTitles
from omdb_emulator.catalogue.imdb_files import ImdbFiles, basics_row
from omdb_emulator.catalogue.loader import CATALOGUE
from omdb_emulator.catalogue.ratings import (
    RatedTitle,
    Rating,
    RatingsOnDay,
    days_since_1970,
)
from omdb_emulator.catalogue.titles import read_titles, title_from_line
from omdb_emulator.client import ControlError
from omdb_emulator.testing import Emulator, title_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.emulator.conftest import Fetch

START = date(2024, 6, 1)
START_DAY = days_since_1970(START)
COUNT = 20_000

Rows = dict[str, dict[str, str | None]]


def read(path: Path) -> Rows:
    """Read one of IMDb's files as their documentation describes it."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
        found = [{k: None if v == r"\N" else v for k, v in row.items()} for row in rows]
    by_id = {str(row["tconst"]): row for row in found}
    assert len(by_id) == len(found)
    assert list(by_id) == sorted(by_id)
    return by_id


def basics(directory: Path) -> Rows:
    return read(directory / "title.basics.tsv.gz")


def ratings(directory: Path) -> Rows:
    return read(directory / "title.ratings.tsv.gz")


def served(emulator: Emulator, fetch: Fetch, imdb_id: str) -> tuple[str, str]:
    """Return rating and votes in the response, which must agree with ``Ratings``."""
    details = fetch(emulator, i=imdb_id).json
    average, votes = details["imdbRating"], details["imdbVotes"]
    sources = {one["Source"]: one["Value"] for one in details["Ratings"]}
    assert sources["Internet Movie Database"] == f"{average}/10"
    return average, votes.replace(",", "")


def listed(row: dict[str, str | None]) -> tuple[str | None, str | None]:
    return row["averageRating"], row["numVotes"]


# --- the format -------------------------------------------------------------------------------


def test_files_of_the_built_in_catalogue(tmp_path: Path) -> None:
    with Emulator() as emulator:
        emulator.write_imdb_files(tmp_path / "new")
    titles = {title.imdb_id: title for title in read_titles(CATALOGUE) if title.is_listed}
    names, rated = basics(tmp_path / "new"), ratings(tmp_path / "new")
    assert names.keys() == titles.keys()
    assert names["tt1375666"] == {
        "tconst": "tt1375666",
        "titleType": "movie",
        "primaryTitle": "Inception",
        "originalTitle": "Inception",
        "isAdult": "0",
        "startYear": "2010",
        "endYear": None,
        "runtimeMinutes": "148",
        "genres": "Action,Adventure,Sci-Fi",
    }
    expected = {
        imdb_id: (title.details["imdbRating"], title.details["imdbVotes"].replace(",", ""))
        for imdb_id, title in titles.items()
        if "N/A" not in {title.details["imdbRating"], title.details["imdbVotes"]}
    }
    assert {imdb_id: listed(row) for imdb_id, row in rated.items()} == expected
    assert len(expected) > 600
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "title.basics.tsv.gz",
        "title.ratings.tsv.gz",
    ]


def test_headers_are_imdbs(tmp_path: Path) -> None:
    ImdbFiles([]).write(tmp_path)
    assert gzip.decompress((tmp_path / "title.basics.tsv.gz").read_bytes()) == (
        b"tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\t"
        b"runtimeMinutes\tgenres\n"
    )
    assert gzip.decompress((tmp_path / "title.ratings.tsv.gz").read_bytes()) == (
        b"tconst\taverageRating\tnumVotes\n"
    )


@pytest.mark.parametrize(
    ("kind", "fields", "column", "expected"),
    [
        ("movie", {}, 1, "movie"),
        ("movie", {"Genre": "Short, Drama"}, 1, "short"),
        ("series", {"Genre": "Short"}, 1, "tvSeries"),
        ("episode", {}, 1, "tvEpisode"),
        ("game", {}, 1, "videoGame"),
        ("movie", {"Type": "N/A"}, 1, "movie"),
        ("movie", {"Title": "Drum &amp; Dust\t\r\n\\N"}, 2, "Drum & Dust   \\N"),
        ("movie", {"Title": '"Live" \u202eé'}, 3, '"Live" \u202eé'),
        ("movie", {"Genre": "Adult"}, 4, "1"),
        ("movie", {"Genre": "Drama"}, 4, "0"),
        ("movie", {"Year": "2010"}, 5, "2010"),
        ("movie", {"Year": "N/A"}, 5, r"\N"),
        ("movie", {"Year": "2010"}, 6, r"\N"),
        ("series", {"Year": "2010\u20132015"}, 6, "2015"),
        ("series", {"Year": "2010\u2013"}, 6, r"\N"),
        ("series", {"Year": "2010\u20132015"}, 5, "2010"),
        ("movie", {"Runtime": "148 min"}, 7, "148"),
        ("movie", {"Runtime": "1 h 40 min"}, 7, "100"),
        ("movie", {"Runtime": "2 h"}, 7, "120"),
        ("movie", {"Runtime": "34S min"}, 7, r"\N"),
        ("movie", {"Runtime": "N/A"}, 7, r"\N"),
        ("movie", {"Genre": "A, B, C, D"}, 8, "A,B,C"),
        ("movie", {"Genre": "N/A"}, 8, r"\N"),
    ],
)
def test_columns(kind: str, fields: dict[str, str], column: int, expected: str) -> None:
    line = title_line("tt0000001", "One", kind) | fields
    assert basics_row(title_from_line(line))[column] == expected


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
    assert ratings(tmp_path) == {
        "tt0000001": {"tconst": "tt0000001", "averageRating": "10.0", "numVotes": "1234567"}
    }


def test_the_same_day_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        files = ImdbFiles(map(title_from_line, GeneratedTitles(300, seed=1).lines()))
        files.write(tmp_path / name, RatingsOnDay(START_DAY, START_DAY + 9))
        time.sleep(1)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


# --- how ratings change -----------------------------------------------------------------------


class Changes(NamedTuple):
    """All ratings on each day, and the release day of each title."""

    days: list[dict[str, Rating]]
    released: dict[str, int]

    def share(self, youngest: int, oldest: int, day: int, least_votes: int = 1000) -> float:
        """Return the share of the titles of an age (in days) that change on a day."""
        before, after = self.days[day - 1], self.days[day]
        ids = [
            imdb_id
            for imdb_id, released in self.released.items()
            if youngest <= START_DAY + day - released < oldest
            and before[imdb_id].votes >= least_votes
        ]
        return sum(before[imdb_id] != after[imdb_id] for imdb_id in ids) / len(ids)


@pytest.fixture(scope="module")
def changes() -> Changes:
    titles = [title_from_line(line) for line in GeneratedTitles(COUNT).lines()]
    files = ImdbFiles(titles)
    days = [dict(files.ratings(RatingsOnDay(START_DAY, START_DAY + day))) for day in range(61)]
    rated = {title.imdb_id: RatedTitle.of(title) for title in titles}
    return Changes(days, {i: one.released for i, one in rated.items() if one and i in days[0]})


def test_known_ratings() -> None:
    """The ratings of a title and day must not change between versions."""
    released = days_since_1970(date(2024, 5, 1))
    title = RatedTitle(1375666, released, Rating(8.8, 2_000_000), is_fixed=False)
    ratings = [RatingsOnDay(START_DAY, START_DAY + day).rating(title) for day in (0, 1, 30, 59)]
    assert ratings == [(8.8, 2_000_000), (8.8, 2_035_655), (8.5, 2_941_564), (8.4, 3_730_293)]


def test_the_first_day_has_the_values_of_the_catalogue(changes: Changes) -> None:
    files = ImdbFiles(map(title_from_line, GeneratedTitles(COUNT).lines()))
    assert changes.days[0] == dict(files.ratings())
    assert dict(files.ratings(RatingsOnDay(START_DAY, START_DAY - 500))) == changes.days[0]


def test_votes_never_decrease_and_ratings_stay_in_range(changes: Changes) -> None:
    for before, after in zip(changes.days, changes.days[1:], strict=False):
        for imdb_id, rating in after.items():
            assert rating.votes >= before[imdb_id].votes
            assert 1.0 <= rating.average <= 10.0
            assert rating.average == round(rating.average, 1)


@pytest.mark.parametrize("day", [10, 30, 60])
@pytest.mark.parametrize(
    ("youngest", "oldest", "low", "high"),
    [
        (1, 60, 0.95, 1),
        (60, 365, 0.28, 0.4),
        (365, 3 * 365, 0.1, 0.2),
        (3 * 365, 10 * 365, 0.02, 0.06),
        (10 * 365, 200 * 365, 0.003, 0.02),
        (-2000, 0, 0, 0),
    ],
)
def test_share_of_titles_that_change_on_a_day(  # noqa: PLR0913, PLR0917
    changes: Changes, youngest: int, oldest: int, low: float, high: float, day: int
) -> None:
    assert low <= changes.share(youngest, oldest, day) <= high


def test_new_titles_gain_more_votes_than_old_ones(changes: Changes) -> None:
    def growth(youngest: int, oldest: int) -> float:
        ids = [
            imdb_id
            for imdb_id, released in changes.released.items()
            if youngest <= START_DAY - released < oldest and changes.days[0][imdb_id].votes > 1000
        ]
        factors = [changes.days[60][i].votes / changes.days[0][i].votes for i in ids]
        return sum(factors) / len(factors)

    assert growth(0, 60) > 1.5
    assert 1.05 < growth(100, 365) < 1.5
    assert growth(10 * 365, 100 * 365) < 1.01


def test_most_changes_of_ratings_are_of_new_titles(changes: Changes) -> None:
    moved = [i for i, one in changes.days[60].items() if one.average != changes.days[0][i].average]
    ages = sorted(START_DAY - changes.released[imdb_id] for imdb_id in moved)
    assert len(moved) > 500
    assert ages[len(ages) // 2] < 365


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
    days = [RatingsOnDay(start, start + day + later).rating(title).votes for later in range(40)]
    assert days == sorted(days)
    assert days[0] >= votes


# --- responses --------------------------------------------------------------------------------


def test_responses_are_those_of_the_catalogue_by_default(fetch: Fetch) -> None:
    with Emulator(generated=3000) as plain, Emulator(generated=3000) as changing:
        changing.settings(ratings_change_from=START.isoformat())
        changing.set_date(START)
        plain.advance_days(4000)
        titles = GeneratedTitles(3000)
        for row in range(0, 3000, 41):
            query = {"i": titles.id_of(row)}
            assert fetch(plain, **query).body == fetch(changing, **query).body
        assert plain.settings()["ratings_change_from"] is None


@pytest.fixture(scope="module")
def new_titles() -> list[dict[str, Any]]:
    """Generated titles of the months before the start, of all types, and an old one."""
    rated = [one for one in GeneratedTitles(8000).lines() if one["imdbVotes"].count(",") == 1]
    new = [one for one in rated if one["imdbRating"] != "N/A" and one["Released"][-4:] == "2024"]
    return [*new[:40], next(one for one in rated if one["Released"][-4:] == "1990")]


@pytest.fixture
def omdb(new_titles: list[dict[str, Any]]) -> Iterator[Emulator]:
    with Emulator(new_titles, ratings_change_from=START.isoformat()) as emulator:
        emulator.set_date(START)
        yield emulator


def test_responses_agree_with_the_files(omdb: Emulator, fetch: Fetch, tmp_path: Path) -> None:
    first: Rows = {}
    for day in range(0, 60, 20):
        omdb.write_imdb_files(tmp_path)
        rows = ratings(tmp_path)
        for imdb_id, row in rows.items():
            assert served(omdb, fetch, imdb_id) == listed(row), day
        first = first or rows
        omdb.advance_days(20)
    changed = [imdb_id for imdb_id in rows if rows[imdb_id] != first[imdb_id]]
    assert 10 < len(changed) <= len(rows)


@pytest.mark.parametrize("lag", [1, 5])
def test_responses_lag_behind_the_files(
    omdb: Emulator, fetch: Fetch, tmp_path: Path, lag: int
) -> None:
    omdb.settings(ratings_lag_days=lag)
    for day in range(lag + 4):
        omdb.write_imdb_files(tmp_path / str(day))
        expected = ratings(tmp_path / str(max(0, day - lag)))
        for imdb_id in list(expected)[:10]:
            assert served(omdb, fetch, imdb_id) == listed(expected[imdb_id])
        omdb.advance_days(1)
    last = ratings(tmp_path / str(lag + 3))
    assert sum(last[imdb_id] != expected[imdb_id] for imdb_id in last) > 10


def test_titles_by_name_seasons_and_episodes_change_as_well(fetch: Fetch) -> None:
    votes = {"imdbRating": "7.0", "imdbVotes": "100,000", "Released": "20 May 2024"}
    votes["Ratings"] = [{"Source": "Internet Movie Database", "Value": "7.0/10"}]  # type: ignore[assignment]
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


def test_exact_bodies_do_not_change(fetch: Fetch, tmp_path: Path) -> None:
    fields = {"imdbRating": "7.0", "imdbVotes": "100,000", "Released": "20 May 2024"}
    raw = title_line("tt0000001", "Raw", **fields, Emulator={"raw": '{"Title":"Broken"'})
    with Emulator([raw], ratings_change_from=START.isoformat()) as emulator:
        emulator.set_date(START + timedelta(days=40))
        emulator.write_imdb_files(tmp_path)
        assert fetch(emulator, i="tt0000001").body == b'{"Title":"Broken"'
    assert listed(ratings(tmp_path)["tt0000001"]) == ("7.0", "100000")


def test_votes_keep_their_format(fetch: Fetch) -> None:
    fields = {"imdbRating": "7.0", "Released": "20 May 2024"}
    lines = [
        title_line("tt0000001", "With comma", imdbVotes="1,000", **fields),
        title_line("tt0000002", "Without comma", imdbVotes="1000", **fields),
        title_line("tt0000003", "Few", imdbVotes="999", **fields),
    ]
    with Emulator(lines, ratings_change_from=START.isoformat()) as emulator:
        emulator.set_date(START + timedelta(days=200))
        texts = [fetch(emulator, i=line["imdbID"]).json["imdbVotes"] for line in lines]
    assert ["," in text for text in texts] == [True, False, True]


def test_a_changed_title_changes_from_its_new_values(omdb: Emulator, tmp_path: Path) -> None:
    imdb_id = omdb.titles()[0]
    omdb.advance_days(30)
    omdb.write_imdb_files(tmp_path)
    omdb.update_title(imdb_id, imdbVotes="3,000,000")
    before = ratings(tmp_path)[imdb_id]
    omdb.write_imdb_files(tmp_path)
    assert (
        int(ratings(tmp_path)[imdb_id]["numVotes"] or 0) >= 3_000_000 > int(before["numVotes"] or 0)
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ratings_change_from": "tomorrow"}, "tomorrow"),
        ({"ratings_change_from": 1}, "ratings_change_from cannot be 1"),
        ({"ratings_lag_days": -1}, "ratings_lag_days cannot be negative"),
        ({"ratings_lag_days": 1.5}, "ratings_lag_days cannot be 1.5"),
    ],
)
def test_invalid_settings(omdb: Emulator, settings: dict[str, object], message: str) -> None:
    before = omdb.settings()
    with pytest.raises(ControlError, match=message):
        omdb.settings(**settings)
    assert omdb.settings() == before


# --- the command ------------------------------------------------------------------------------


def test_command_writes_what_an_emulator_serves(tmp_path: Path, fetch: Fetch) -> None:
    options = ["--generated", "500", "--seed", "3", "--ratings-change-from", START.isoformat()]
    day = START + timedelta(days=25)
    directory = tmp_path / "files"
    arguments = ["imdb-files", *options, "--directory", str(directory), "--date", day.isoformat()]
    assert cli.main(arguments) == 0
    rows = ratings(directory)
    assert len(basics(directory)) == 500
    with Emulator(generated=500, seed=3, ratings_change_from=START.isoformat()) as emulator:
        emulator.set_date(day)
        emulator.write_imdb_files(tmp_path)
        for imdb_id in list(rows)[::20]:
            assert served(emulator, fetch, imdb_id) == listed(rows[imdb_id])
    assert ratings(tmp_path) == rows


def test_command_without_options_writes_the_built_in_catalogue(tmp_path: Path) -> None:
    assert cli.main(["imdb-files", "--directory", str(tmp_path)]) == 0
    assert basics(tmp_path)["tt1375666"]["primaryTitle"] == "Inception"


def test_command_with_a_file_of_titles(tmp_path: Path) -> None:
    line = title_line("tt0000001", "Mine", imdbRating="5.0", imdbVotes="7")
    (tmp_path / "mine.jsonl").write_text(json.dumps(line))
    arguments = ["--catalogue", str(tmp_path / "mine.jsonl"), "--directory", str(tmp_path)]
    assert cli.main(["imdb-files", *arguments]) == 0
    assert list(ratings(tmp_path)) == ["tt0000001"]


def test_command_reports_a_directory_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["imdb-files", "--directory", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == f"omdb-emulator: {tmp_path / 'file'}: File exists\n"


def test_command_reports_an_invalid_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["imdb-files", "--directory", str(tmp_path), "--date", "31.1.2026"])
    assert "'31.1.2026' is not a date such as 2026-01-31" in capsys.readouterr().err
