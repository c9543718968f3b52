"""IMDb's title.ratings.tsv.gz: read whole, in little memory, and nothing else is accepted."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_omdb.config.ratings_file import (
    Rating,
    RatingsFileError,
    check_ratings_file,
    read_ratings_file,
)

HEADER = "tconst\taverageRating\tnumVotes\n"
MEMORY = """
import sys
from pathlib import Path
from tap_omdb.config.ratings_file import read_ratings_file

def megabytes(key):
    return int(Path("/proc/self/status").read_text().partition(key)[2].split()[0]) // 1024

before = megabytes("VmRSS:")
ratings = read_ratings_file(Path(sys.argv[1]))
print(len(ratings), megabytes("VmHWM:") - before, megabytes("VmRSS:") - before)
"""


def write(path: Path, rows: Iterable[str], header: str = HEADER) -> Path:
    with gzip.open(path, "wt", encoding="utf-8", newline="", compresslevel=1) as file:
        file.write(header)
        file.writelines(f"{row}\n" for row in rows)
    return path


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
    assert ratings.votes("tt1000003") == 123456
    assert ratings.votes("tt0000002") == 0


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


def test_a_truncated_file_is_refused(path: Path) -> None:
    write(path, (f"tt{number:07d}\t5.7\t{number}" for number in range(1, 50_000)))
    path.write_bytes(path.read_bytes()[:-1000])
    check_ratings_file(path)
    with pytest.raises(RatingsFileError, match="download a truncated file again"):
        read_ratings_file(path)


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


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_all_of_imdb_fits_in_little_memory(path: Path) -> None:
    ids = sorted(f"tt{number * 23:07d}" for number in range(1, 1_600_001))
    write(path, (f"{imdb_id}\t5.7\t{number}" for number, imdb_id in enumerate(ids)))
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, path], capture_output=True, text=True, check=True
    )
    rows, peak, kept = map(int, done.stdout.split())
    assert rows == 1_600_000
    assert peak <= 150
    assert kept <= 60
