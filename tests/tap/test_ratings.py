"""With IMDb's rating file, popular titles come first, and changed ones are refreshed."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from omdb_emulator.testing import Emulator, title_line
from tap_omdb.config.ratings_file import (
    Rating,
    RatingsFileError,
    check_ratings_file,
    read_ratings_file,
)
from tap_omdb.state.known_rating import KnownRating, decode, encode, find_change, pack, unpack

from tests.tap.conftest import Config, Tap, memory_below

IDS = [f"tt000000{number}" for number in range(1, 8)]
VOTES = {"tt0000001": 50, "tt0000002": 7000, "tt0000003": 100, "tt0000004": 7000, "tt0000005": 9}
"""The last two titles have no row."""
BY_VOTES = ["tt0000002", "tt0000004", "tt0000003", "tt0000001", "tt0000005"]
NO_ROW = ["tt0000006", "tt0000007"]
HEADER = "tconst\taverageRating\tnumVotes\n"
START = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
Ratings = dict[str, tuple[float, int]]
Rate = Callable[[Ratings], str]
"""Writes a rating file and returns its path."""


CATALOGUE = [
    title_line(
        imdb_id,
        f"Film {imdb_id[-1]}",
        Year="2010",
        imdbRating="7.0" if imdb_id in VOTES else "N/A",
        imdbVotes=f"{VOTES[imdb_id]:,}" if imdb_id in VOTES else "N/A",
    )
    for imdb_id in IDS
]


def write(path: Path, rows: Iterable[str], header: str = HEADER) -> Path:
    with gzip.open(path, "wt", encoding="utf-8", newline="", compresslevel=1) as file:
        file.write(header)
        file.writelines(f"{row}\n" for row in rows)
    return path


@pytest.fixture
def rate(tmp_path: Path) -> Rate:
    def rate(ratings: Ratings) -> str:
        rows = (f"{imdb_id}\t{rating}\t{votes}" for imdb_id, (rating, votes) in ratings.items())
        return str(write(tmp_path / "title.ratings.tsv.gz", rows))

    return rate


@pytest.fixture
def config(config: Config, rate: Rate) -> Config:
    return {**config, "ratings_file": rate({i: (7.0, VOTES[i]) for i in VOTES}), "concurrency": 1}


# Which come first


def test_a_small_budget_fetches_the_best_known_titles_of_all_sources(
    sync: Tap, config: Config, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    file.write_text("\n".join(IDS[3:]), encoding="utf-8")
    config |= {"imdb_ids": IDS[:3], "titles_file": str(file)}
    first = sync({"max_requests": 2})
    assert first.ids("movies") == BY_VOTES[:2]
    second = sync(state=first.state)
    assert second.ids("movies") == BY_VOTES[2:] + NO_ROW


def test_lookups_by_name_keep_their_place(sync: Tap, config: Config) -> None:
    config |= {"imdb_ids": IDS[:3], "titles": [{"title": "Film 6"}, {"title": "Film 7"}]}
    assert sync().ids("movies") == [*("tt0000002", "tt0000003", "tt0000001"), *NO_ROW]


def test_hits_of_a_search_are_fetched_by_their_votes(sync: Tap) -> None:
    run = sync({"search_terms": ["film"], "max_requests": 3})
    assert run.ids("movies") == BY_VOTES[:2]
    rest = sync({"search_terms": ["film"]}, run.state)
    assert rest.ids("movies") == BY_VOTES[2:] + NO_ROW


# Which are left out


def test_titles_with_few_votes_are_left_out_and_counted(sync: Tap, config: Config) -> None:
    config |= {"search_terms": ["film"], "min_votes": 100}
    run = sync()
    assert run.ids("movies") == BY_VOTES[:3]
    assert run.log.count("| 4 titles left out: fewer than 100 votes") == 1
    [outcome] = run.records("syncs")
    assert (outcome["outcome"], outcome["pending_titles"]) == ("complete", 0)
    lowered = sync({"min_votes": 10}, run.state)
    assert lowered.ids("movies") == ["tt0000001"]
    removed = sync({"min_votes": None}, lowered.state)
    assert removed.ids("movies") == ["tt0000005", *NO_ROW]


def test_a_file_and_a_refresh_leave_titles_out_but_imdb_ids_does_not(
    sync: Tap, config: Config, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    file.write_text("\n".join(IDS), encoding="utf-8")
    config |= {"titles_file": str(file), "min_votes": 100}
    assert sync().ids("movies") == BY_VOTES[:3]
    named = {**config, "imdb_ids": ["tt0000005", "tt0000007"]}
    with time_machine.travel(START):
        run = sync(named)
    assert run.ids("movies") == [*BY_VOTES[:3], "tt0000005", "tt0000007"]
    with time_machine.travel(START + timedelta(days=400)):
        assert sorted(sync(named, run.state).ids("movies")) == sorted(run.ids("movies"))
        assert sorted(sync(state=run.state).ids("movies")) == sorted(BY_VOTES[:3])


# Which are refreshed


def on_day(day: int) -> time_machine.travel:
    return time_machine.travel(START + timedelta(days=day))


def test_a_changed_rating_is_evidence_the_largest_change_first(
    sync: Tap, config: Config, rate: Rate
) -> None:
    config["imdb_ids"] = IDS
    with on_day(0):
        run = sync()
    rate(
        {
            "tt0000001": (7.0, 50),
            "tt0000002": (7.0, 7800),
            "tt0000003": (7.1, 100),
            "tt0000004": (7.0, 8000),
            "tt0000005": (7.0, 10),
            "tt0000006": (6.0, 70),  # a row of its own now
        }
    )
    with on_day(0):
        assert sync(state=run.state).ids("movies") == [], "fetched today"
    with on_day(1):
        again = sync(state=run.state)
    ratings, votes = ["tt0000006", "tt0000003"], ["tt0000004", "tt0000002", "tt0000005"]
    in_turns = [ratings[0], votes[0], ratings[1], *votes[1:]]
    assert again.ids("movies") == in_turns
    with on_day(1):
        popular = sync({**config, "imdb_ids": IDS[:1], "min_votes": 100}, run.state)
    assert popular.ids("movies") == ["tt0000004", "tt0000003", "tt0000002"]


@pytest.mark.parametrize(("share", "fetched"), [(0, 1), (0.3, 3), (None, 5), (1, 6)])
def test_new_titles_may_take_the_whole_day_and_changed_ones_a_share(
    sync: Tap, config: Config, rate: Rate, share: float | None, fetched: int
) -> None:
    config |= {"daily_requests": 10, "refresh": {} if share is None else {"daily_share": share}}
    with on_day(0):
        run = sync({"imdb_ids": IDS[:5]})
    rate(dict.fromkeys(IDS, (9.0, 9999)))
    with on_day(1):
        again = sync({"imdb_ids": IDS[:6]}, run.state)
        later = sync({"imdb_ids": IDS[:6]}, again.state)
    assert (again.ids("movies")[0], again.requests) == ("tt0000006", fetched)
    assert later.requests == 0, "the share is of the day, not of a run"


@pytest.mark.parametrize(
    ("changes_daily", "days", "spent_on"),
    [(False, 39, [1, 2, 4, 8, 16, 32]), (True, 5, [1, 2, 3, 4, 5])],
    ids=["OMDb has the change on day 30", "OMDb has each change on its day"],
)
def test_a_lag_of_omdb_costs_few_requests_and_leaves_nothing_stale(
    sync: Tap,
    config: Config,
    omdb: Emulator,
    rate: Rate,
    changes_daily: bool,
    days: int,
    spent_on: list[int],
) -> None:
    config["imdb_ids"] = IDS[:1]
    with on_day(0):
        state = sync().state
    spent = []
    for day in range(1, days + 1):
        votes = 50 + 40 * (day if changes_daily else 1)
        rate({"tt0000001": (7.0, votes)})
        if changes_daily or day == 30:
            omdb.update_title("tt0000001", imdbVotes=str(votes))
        with on_day(day):
            run = sync(state=state)
        state = run.state
        spent += [day] * run.requests
    assert spent == spent_on


def test_age_is_the_fallback_and_the_upper_bound(sync: Tap, config: Config) -> None:
    config |= {"imdb_ids": ["tt0000001", "tt0000006"], "refresh": {"older": 400, "recent": 9}}
    with time_machine.travel("2011-06-01T12:00:00+00:00"):  # the titles are of 2010: recent
        run = sync()
    with time_machine.travel("2011-06-11T12:00:00+00:00"):
        again = sync(state=run.state)
        assert again.ids("movies") == ["tt0000006"], "it has no row; the other has not changed"
    with time_machine.travel("2012-07-06T12:00:00+00:00"):
        assert set(sync(state=run.state).ids("movies")) == {"tt0000001", "tt0000006"}


def test_a_truncated_rating_file_ends_the_run_before_any_request(sync: Tap, config: Config) -> None:
    path = Path(config["ratings_file"])
    path.write_bytes(path.read_bytes()[:-6])
    run = sync({"imdb_ids": IDS})
    assert run.exit_code == 1
    assert "ratings_file: " in run.log
    assert "download a truncated file again" in run.log
    [outcome] = run.records("syncs")
    assert (outcome["outcome"], outcome["requests"]) == ("failed", 0)


@given(
    st.one_of(st.none(), st.integers(0, 100)),
    st.one_of(st.none(), st.integers(0, 20_000_000)),
    st.integers(0, 7),
)
def test_a_known_rating_takes_four_characters(
    rating: int | None, votes: int | None, unchanged: int
) -> None:
    text = encode(pack(KnownRating(rating, votes, unchanged)))
    known = unpack(decode(text))
    assert len(text) == 4
    assert text[0].isalpha()
    assert (known.rating, known.unchanged) == (rating, unchanged)
    if votes is None:
        assert known.votes is None
    else:
        assert known.votes == pytest.approx(votes, rel=0.001, abs=0.5)
        assert find_change(decode(text), (rating or 10) - 1, votes), "a lower rating is a change"


# The file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "title.ratings.tsv.gz"


def test_a_file_of_imdb(path: Path) -> None:
    ratings = read_ratings_file(
        write(path, ["tt0000001\t5.7\t2150", "tt10000028\t10.0\t5", "tt1000003\t9\t123456"])
    )
    assert len(ratings) == 3
    assert ratings.get("tt0000001") == Rating(57, 2150)
    assert ratings.get("tt10000028") == Rating(100, 5)
    assert ratings.get("tt1000003") == Rating(90, 123456)
    assert ratings.get("tt0000002") is ratings.get("tt99999999") is None


def test_a_file_that_was_unpacked_or_saved_again(tmp_path: Path) -> None:
    path = tmp_path / "title.ratings.tsv"
    rows = f"\ufeff{HEADER}tt0000001\t5.7\t2150\ntt0000002\t5.8\t300"
    path.write_bytes(rows.replace("\n", "\r\n").encode())
    assert read_ratings_file(path).get("tt0000002") == Rating(58, 300)


def test_malformed_rows_are_counted(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bad = [
        "tt0000001\t5.7",
        "nm0000001\t5.7\t10",
        "tt0000003\t\\N\t10",
        "tt0000004\t10.1\t10",
        "tt0000005\t5.7\t-1",
        "tt0000006\t5.7\t9999999999",
        "",
    ]
    ratings = read_ratings_file(write(path, [*bad, "tt0000009\t5.7\t10"]))
    assert len(ratings) == 1
    assert "7 malformed rows" in caplog.text


def test_of_two_rows_the_one_with_more_votes_counts(path: Path) -> None:
    rows = ["tt0000001\t5.7\t20", "tt0000001\t5.9\t30", "tt0000001\t5.8\t10"]
    assert read_ratings_file(write(path, rows)).get("tt0000001") == Rating(59, 30)


@pytest.mark.parametrize(
    "header",
    ["", "tconst\ttitleType\tprimaryTitle\n", "tconst,averageRating,numVotes\n", "\x00\x01\n"],
)
def test_another_file_is_refused_with_the_columns_wanted(path: Path, header: str) -> None:
    write(path, ["tt0000001\t5.7\t20"], header)
    for read in (check_ratings_file, read_ratings_file):
        with pytest.raises(RatingsFileError, match="tconst averageRating numVotes"):
            read(path)


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.gz", tmp_path):
        with pytest.raises(RatingsFileError, match="check the path"):
            check_ratings_file(path)


def test_a_line_without_an_end_is_refused(path: Path) -> None:
    write(path, ["x" * 5_000_000])
    with pytest.raises(RatingsFileError, match="over 1 MB"):
        read_ratings_file(path)


@given(
    st.dictionaries(
        st.integers(1, 99_999_999), st.tuples(st.integers(0, 100), st.integers(0, 9_999_999))
    )
)
def test_each_row_is_found(rows: dict[int, tuple[int, int]]) -> None:
    lines = (f"tt{n:07d}\t{rating / 10}\t{votes}\n" for n, (rating, votes) in rows.items())
    with NamedTemporaryFile() as file:
        file.write((HEADER + "".join(lines)).encode())
        file.flush()
        ratings = read_ratings_file(Path(file.name))
    assert len(ratings) == len(rows)
    for number, expected in rows.items():
        assert ratings.get(f"tt{number:07d}") == expected
        assert number + 1 in rows or ratings.get(f"tt{number + 1:07d}") is None


def test_a_large_file_takes_little_memory(path: Path) -> None:
    count = 300_000  # a fifth of IMDb's
    ids = sorted(f"tt{number * 23:07d}" for number in range(1, count + 1))
    write(path, (f"{imdb_id}\t5.7\t{number}" for number, imdb_id in enumerate(ids)))
    with memory_below(30):
        ratings = read_ratings_file(path)
        kept, _ = tracemalloc.get_traced_memory()
    assert len(ratings) == count
    assert kept < 10 * count
