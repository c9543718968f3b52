"""Lists as people have them: whatever they keep their titles in is read as it is."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tap_omdb.config.titles_file import (
    LIST_OF_TITLES,
    MOVIELENS,
    SEQUENCE_OF_JSON,
    InvalidRow,
    TitleEntry,
    TitlesFileError,
    detect_layout,
    open_titles_files,
)
from tap_omdb.config.values import parse_years

if TYPE_CHECKING:
    from tests.tap.conftest import Config, RunTap

Titles = list[tuple[str | None, str | None, int | None]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "titles"


def read(path: Path) -> list[TitleEntry | InvalidRow]:
    [file] = open_titles_files([path])
    return [row._replace(list="", columns=None) for row in file.rows()]


def found(path: Path) -> Titles:
    return [(r.imdb_id, r.title, r.year) for r in read(path) if isinstance(r, TitleEntry)]


# Lists of titles


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Interstellar (2014)\nInception\n", [("Interstellar", 2014), ("Inception", None)]),
        ("Interstellar\n", [("Interstellar", None)]),
        ("2012\n1917 (2019)\n", [("2012", None), ("1917", 2019)]),
        (
            "The Good, the Bad and the Ugly (1966)\nHeat\n",
            [("The Good, the Bad and the Ugly", 1966), ("Heat", None)],
        ),
        ("Me, Myself & Irene (2000)\n", [("Me, Myself & Irene", 2000)]),
        ("Matrix, The (1999)\n", [("The Matrix", 1999)]),
        ("#Alive (2020)\n# a comment\n\nHeat\n", [("#Alive", 2020), ("Heat", None)]),
        ("Amélie\r\nÀ bout de souffle (1960)\r\n", [("Amélie", None), ("À bout de souffle", 1960)]),
    ],
)
def test_lines_of_titles(file: Path, text: str, expected: list[tuple[str, int | None]]) -> None:
    file.write_text(text, encoding="utf-8", newline="")
    assert detect_layout(file).kind == LIST_OF_TITLES
    assert detect_layout(file).describe() == "a list of titles, one per line"
    assert [(title, year) for _, title, year in found(file)] == expected
    assert all(isinstance(row, TitleEntry) for row in read(file))


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4\n",
        "a;b\nc;d\n",
        "a\tb\nc\td\n",
        "Interstellar (2014)\ntt1375666\n",
        "<!DOCTYPE html>\n<html>\n",
        "x" * 400 + "\n",
        "1::1193::5::978300760\n1::661::3::978302109\n",
    ],
)
def test_what_is_not_a_list_of_titles_is_refused(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(TitlesFileError, match="Name a column"):
        detect_layout(file)


# MovieLens


def test_movielens_1m_and_10m(file: Path) -> None:
    file.write_bytes(
        b"1::Toy Story (1995)::Animation|Children's|Comedy\n"
        b"29::City of Lost Children, The (Cit\xe9 des enfants perdus, La) (1995)::Adventure\n"
        b"99::No Year::Drama\n\n"
        b"100\n"
    )
    assert detect_layout(file).kind == MOVIELENS
    assert "column 2" in detect_layout(file).describe()
    assert found(file) == [
        (None, "Toy Story", 1995),
        (None, "The City of Lost Children", 1995),
        (None, "No Year", None),
    ]
    assert [row.line for row in read(file) if isinstance(row, InvalidRow)] == [5]


# Columns of numbers


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("imdb", ["0816692", "1375666"], ["tt0816692", "tt1375666"]),
        ("imdb", ["816692.0", "1375666"], ["tt0816692", "tt1375666"]),
        ("imdbid", ["0816692", "99"], ["tt0816692", "tt0000099"]),
        ("imdb_title_id", ["0816692", "1375666"], ["tt0816692", "tt1375666"]),
        ("IMDb Number", ["0816692", "1375666"], ["tt0816692", "tt1375666"]),
        ("imdb", ["8.6", "8.8"], [None, None]),  # a rating
        ("imdb", ["86", "88"], [None, None]),  # a rating
        ("id", ["157336", "27205"], [None, None]),  # TMDB's
        ("tmdbId", ["157336", "27205"], [None, None]),
        ("imdb", ["0", "1375666"], [None, "tt1375666"]),
    ],
)
def test_bare_numbers_are_ids_where_the_column_says_so(
    file: Path, column: str, values: list[str], expected: list[str | None]
) -> None:
    rows = [f"{value},Film {position}" for position, value in enumerate(values)]
    file.write_text("\n".join([f"{column},title", *rows]), encoding="utf-8")
    assert [imdb_id for imdb_id, _, _ in found(file)] == expected


# JSON


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["tt1375666", "0816692"], [("tt1375666", None, None), ("tt0816692", None, None)]),
        ([1375666, 816692], [("tt1375666", None, None), ("tt0816692", None, None)]),
        (["Heat (1995)"], [(None, "Heat", 1995)]),
        ([{"imdb_id": "tt1375666"}], [("tt1375666", None, None)]),
        ([{"imdb": "tt1375666", "x": [1, {"y": "]}"}]}], [("tt1375666", None, None)]),
        (
            [{"title": "Inception", "year": 2010, "ids": {"trakt": 1, "imdb": "tt1375666"}}],
            [("tt1375666", "Inception", 2010)],
        ),
        (
            [{"rank": 1, "type": "movie", "movie": {"title": "Heat", "year": 1995, "ids": {}}}],
            [(None, "Heat", 1995)],
        ),
        ([{"title": "Heat", "year": "1995"}], [(None, "Heat", 1995)]),
        ([{"Title": "Heat", "Year": None}], [(None, "Heat", None)]),
        ([{"imdb_id": "0", "title": "Heat"}], [(None, "Heat", None)]),
    ],
)
@pytest.mark.parametrize("is_array", [True, False], ids=["array", "lines"])
def test_json(file: Path, items: list[Any], expected: Titles, *, is_array: bool) -> None:
    if is_array:
        file.write_text(json.dumps(items, indent=2), encoding="utf-8")
    else:
        lines = (json.dumps(item) for item in items)
        if not isinstance(items[0], dict):
            pytest.skip("a line of JSON lines is an object")
        file.write_text("\n".join(lines), encoding="utf-8")
    assert detect_layout(file).kind == SEQUENCE_OF_JSON
    assert found(file) == expected


def test_an_episode_of_trakt_is_not_its_show(file: Path) -> None:
    item = {
        "type": "episode",
        "episode": {"title": "Pilot", "ids": {"imdb": "tt0959621"}},
        "show": {"title": "Breaking Bad", "ids": {"imdb": "tt0903747"}},
    }
    file.write_text(json.dumps([item]), encoding="utf-8")
    [row] = read(file)
    assert isinstance(row, TitleEntry)
    assert (row.imdb_id, row.type) == ("tt0959621", "episode")


def test_json_items_that_name_no_title_have_their_line(file: Path) -> None:
    file.write_text('[\n"tt1375666",\n{"x": 1},\n\n[],\nnull,\n"tt0816692"\n]', encoding="utf-8")
    assert [(row.line, type(row)) for row in read(file)] == [
        (2, TitleEntry),
        (3, InvalidRow),
        (6, InvalidRow),
        (7, TitleEntry),
    ]


def test_what_was_read_before_broken_json_counts(file: Path) -> None:
    file.write_text('{"imdb_id": "tt1375666"}\n{"imdb_id": \n', encoding="utf-8")
    rows = open_titles_files([file])[0].rows()
    assert next(rows)[:5] == ("tt1375666", None, None, None, 1)
    with pytest.raises(TitlesFileError, match=r"line 2 of .* is not JSON"):
        next(rows)


def test_a_large_array_is_streamed(file: Path) -> None:
    items = ({"imdb_id": f"tt{number:07d}", "plot": "x" * 300} for number in range(1, 20_001))
    file.write_text(json.dumps(list(items)), encoding="utf-8")
    assert len(found(file)) == 20_000


# Years


@pytest.mark.parametrize("dash", ["-", "\u2010", "\u2012", "\u2013", "\u2014", "\u2212"])
def test_years_with_any_dash(dash: str) -> None:
    from datetime import date  # noqa: PLC0415

    today = date(2026, 11, 26)
    assert parse_years([f"2010{dash}2012"], today) == (2010, 2011, 2012)
    assert parse_years([f"2025 {dash} "], today) == (2025, 2026)


# One title, one request


def test_spellings_of_a_title_with_the_same_id_cost_one_request(
    sync: RunTap, config: Config, file: Path
) -> None:
    file.write_text(
        "imdb,title,year\ntt0816692,Interstellar,2014\n0816692,INTERSTELLAR,\n"
        "816692.0,Interestelar,2015\nhttps://www.imdb.com/title/tt0816692/,Interstellar,2014\n"
        "0,interstellar,2014\n0,Interstellar,2014\n",
        encoding="utf-8",
    )
    run = sync({**config, "titles_file": str(file)})
    assert {*run.ids("movies")} == {"tt0816692"}
    [outcome] = run.records("syncs")
    assert outcome["requests"] == 2, "by its id, and by its name where there is no id"


# Bounds


@pytest.mark.parametrize("line_length", [1_000_001, 5_000_000])
def test_a_long_line_is_one_invalid_row(file: Path, line_length: int) -> None:
    file.write_text(f"title,year\nHeat,1995\n{'x' * line_length},1\nUp,2009\n", encoding="utf-8")
    rows = read(file)
    assert [row.line for row in rows] == [2, 3, 4]
    assert isinstance(rows[1], InvalidRow)
    assert rows[1].reason == "the line is longer than 1 MB"
    file.write_text(f"tt1375666\n{'x' * line_length}\ntt0816692\n", encoding="utf-8")
    assert [type(row) for row in read(file)] == [TitleEntry, InvalidRow, TitleEntry]


def test_a_line_that_does_not_end_is_an_error(file: Path) -> None:
    with file.open("w", encoding="utf-8") as text:
        text.write("tt1375666\n")
        for _ in range(70):
            text.write("x" * 1_000_000)
    with pytest.raises(TitlesFileError, match=r"line 2 of .* does not end"):
        read(file)


PEAK = """
import sys
from pathlib import Path
from tap_omdb.config.titles_file import TitlesFileError, open_titles_files
def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) // 1024
before = peak()
try:
    print(sum(1 for _ in open_titles_files([Path(sys.argv[1])])[0].rows()))
except TitlesFileError as error:
    print(error)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("content", [b"\n", b" ", b"tt0111161" + b" " * 90 + b"\n"])
def test_a_gzip_bomb_is_refused_in_little_memory(file: Path, content: bytes) -> None:
    with gzip.open(file, "wb") as packed:
        packed.write(b"tt0111161\n")
        for _ in range(100):
            packed.write(content * (1_000_000 // len(content)))
    done = subprocess.run(
        [sys.executable, "-c", PEAK, file], capture_output=True, text=True, check=True, timeout=60
    )
    *_, message, peak = done.stdout.splitlines()
    assert "unpacks to more than 200 times its size" in message or "does not end" in message
    assert int(peak) < 50


def test_a_pipe_is_not_a_regular_file(sync: RunTap, config: Config, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (str(pipe), "/dev/null", str(tmp_path)):
        run = sync({**config, "titles_file": path})
        assert run.exit_code == 1
        assert f"titles_file: {path} is not a regular file" in run.log
