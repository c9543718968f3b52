"""Lists of titles: what is read from the files, and how each row finds its film."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Container
from pathlib import Path

import pytest
import time_machine
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omdb_emulator.testing import Emulator
from tap_omdb.config.titles_file import (
    InvalidRow,
    TitleEntry,
    TitlesFile,
    TitlesFileError,
    imdb_id_in,
    open_titles_files,
)
from tap_omdb.config.titles_file.entries import MAX_INVALID_ROW_TEXT

from tests.tap.conftest import Config, Run, Tap, memory_below
from tests.tap.film_lists import FILMS, JSON, TABLES, WITHOUT_HEADER, Film, Item

FOLDER = Path(__file__).parent
LAYOUTS = (FOLDER / "titles_file_layouts.txt").read_text(encoding="utf-8").split("=== ")[1:]

BASICS_HEADER = (
    "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear"
    "\truntimeMinutes\tgenres\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


@pytest.fixture
def config(config: Config, file: Path) -> Config:
    return {**config, "titles_file": str(file)}


def opened(path: Path) -> TitlesFile:
    [file] = open_titles_files([path])
    return file


def read(path: Path) -> list[TitleEntry | InvalidRow]:
    return [*opened(path).rows()]


def titles(path: Path) -> list[tuple[str | None, int | None]]:
    return [(row.title, row.year) for row in read(path) if isinstance(row, TitleEntry)]


# Layouts


@pytest.mark.parametrize("layout", LAYOUTS, ids=[layout.partition("\n")[0] for layout in LAYOUTS])
def test_layout(file: Path, layout: str) -> None:
    text, _, results = layout.partition("\n")[2].partition("---\n")
    file.write_text(text, encoding="utf-8")
    found = [
        [*row[:4]] if isinstance(row, TitleEntry) else [row.line, row.reason] for row in read(file)
    ]
    expected = [json.loads(line) for line in results.splitlines()]
    assert found == [
        row if isinstance(row[0], int) else [*row, None, None, None][:4] for row in expected
    ]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a,b\n1,2\n3,4\n", '"a", "b"'),
        ('x,y\n"Twin, The","a, b"\n', '"x", "y"'),
        ("Up,Pete Docter\nHeat,Michael Mann\n", '"Up", "Pete Docter"'),
        ("1::1193::5::978300760\n1::661::3::978302109\n", '"1", "1193", "5", "978300760"'),
        ("Interstellar (2014)\ntt1375666\n", '"Interstellar (2014)"'),
        ("<!DOCTYPE html>\n<html>\n", '"<!DOCTYPE html>"'),
        ("x" * 400 + "\n", f'"{"x" * 60}"'),
        ("I, Tonya\nThe Good, the Bad, and the Ugly\nHeat\n", '"I", "Tonya"'),
        ('[{"x": 1, "y": {"z": 2}}]', '"x", "y.z"'),
        ('{"items": [{"name": "Action"}], "x": 1}', '"items", "x"'),
    ],
)
def test_unknown_columns_are_named_with_the_remedy(file: Path, text: str, columns: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(TitlesFileError) as raised:
        open_titles_files([file])
    assert str(raised.value) == (
        f"{file} has no known column among {columns}. Name a column 'imdb_id', or 'title' (with "
        "'year' beside it), or write one IMDb id or title per line."
    )


# Ids and columns


@pytest.mark.parametrize(
    ("name", "delimiter"),
    [
        *(("imdb_id", delimiter) for delimiter in ",;\t|"),
        *((name, ",") for name in ("IMDb ID", "imdbID", "const", "IMDB-ID", " imdb id\xa0")),
        *((name, ",") for name in ("\ufeffid", "\u200bimdbID")),
    ],
)
def test_id_column_names_and_delimiters(file: Path, name: str, delimiter: str) -> None:
    file.write_text(f"n{delimiter}{name}\n1{delimiter}tt0111161\n", encoding="utf-8")
    assert [row[0] for row in read(file)] == ["tt0111161"]


@pytest.mark.parametrize("name", ["URL", "link", "imdb", "id", "titleId", "whatever"])
def test_a_column_of_any_name_counts_if_it_has_imdb_ids(file: Path, name: str) -> None:
    for value, expected in [("https://www.imdb.com/title/tt0111161/", "tt0111161"), ("1", None)]:
        file.write_text(f"{name},Name,Year\n{value},Shawshank,1994\n", encoding="utf-8")
        assert [row[:3] for row in read(file)] == [(expected, "Shawshank", 1994)]


def test_the_layout_says_what_each_column_was_taken_for(file: Path) -> None:
    file.write_text("Const,Title,Mine,Title Type\ntt1375666,Inception,9,Movie\n", encoding="utf-8")
    assert opened(file).layout.describe() == (
        'a table (comma-separated): imdb_id from "Const"; title from "Title"; type from '
        '"Title Type"; kept as they are: "Mine"'
    )
    file.write_text("1;Up (2009)\n2;Heat (1995)\n", encoding="utf-8")
    assert opened(file).layout.describe() == (
        'a table without a header (semicolon-separated): title from "column 2"; kept as they are: '
        '"column 1"'
    )
    file.write_text('[{"ids": {"imdb": "tt1375666"}, "x": 1}]', encoding="utf-8")
    assert opened(file).layout.describe() == (
        'JSON: imdb_id from "ids.imdb"; kept as they are: "x"'
    )
    file.write_text("tt1375666\n", encoding="utf-8")
    assert opened(file).layout.describe() == "a list of IMDb ids, one per line"


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (
            "\ufeffConst,Title,Year,Type,Mine,Title,\ntt1375666,Up,2010,movie, 9 ,x,y,z\n",
            {"Mine": " 9 ", "Title (2)": "x", "column 7": "y", "column 8": "z"},
        ),
        (
            "id,title,year\nhttps://imdb.com/title/tt1375666/,Up (2010),2010.0",
            {"id": "https://imdb.com/title/tt1375666/", "title": "Up (2010)", "year": "2010.0"},
        ),
        ("imdb_id,x\nrubbish\n", {"imdb_id": "rubbish"}),
        ('title,x\n"open,1\n', {"item": '"open,1'}),
        ("tt1375666\n", {}),
        ("1375666  # mine\ntt1\n", {"item": "1375666  # mine"}),
        ("Inception (2010)\n", {"item": "Inception (2010)"}),
        ('[{"title": "Up", "mine": [9, {"x": null}]}]', {"mine": [9, {"x": None}]}),
        ('["Up"]', {}),
    ],
)
def test_everything_else_of_a_row_is_kept(file: Path, text: str, columns: object) -> None:
    file.write_text(text, encoding="utf-8")
    row = read(file)[0]
    assert (row.list, row.columns) == ("list.csv", columns)


# Several files


def test_files_of_the_same_name_are_told_apart_and_none_is_read_twice(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a/x.csv", "b/x.csv", "y.csv")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text("tt1375666\n", encoding="utf-8")
    files = open_titles_files([*paths, tmp_path / "a" / ".." / "y.csv"])
    assert [file.name for file in files] == ["a/x.csv", "b/x.csv", "y.csv"]
    assert [row.list for file in files for row in file.rows()] == ["a/x.csv", "b/x.csv", "y.csv"]


# Encodings, compression and quotes


def test_cp1252_after_utf8_loses_nothing(file: Path) -> None:
    file.write_bytes(b"title,year\nAm\xc3\xa9lie,2001\nAm\xe9lie \x96 \x81,2001\n")
    assert titles(file) == [("Amélie", 2001), ("Amélie \u2013 \x81", 2001)]


def test_a_hundred_open_quotes_are_a_hundred_invalid_rows(file: Path) -> None:
    rows = "".join(f'"Film {number},2001\n' for number in range(101))
    file.write_text(f"title,year\n{rows}Up,2009\n", encoding="utf-8")
    assert titles(file) == [("Up", 2009)]
    assert len(read(file)) == 102


def test_a_row_that_is_not_csv_is_reported_and_the_rest_is_read(file: Path) -> None:
    long = "x" * (csv.field_size_limit() + 1)
    file.write_text(f"title,year\n{long},1995\nJaws,1975\n", encoding="utf-8")
    broken, jaws = read(file)
    assert isinstance(broken, InvalidRow)
    assert (broken.line, "field" in broken.reason) == (2, True)
    assert broken.text == "x" * MAX_INVALID_ROW_TEXT
    assert jaws[:5] == (None, "Jaws", 1975, None, 3)


# IMDb's title.basics

BASICS = BASICS_HEADER + (
    'tt0000009\tmovie\tMiss "Jerry\tMiss Jerry\t0\t1894\t\\N\t45\tRomance\n'
    "tt0000010\tshort\tLeaving\tLa sortie\t0\t2010\t\\N\t1\tShort\n"
    "tt0000011\ttvMovie\tA\tA\t1\t2011\t\\N\t1\tAdult\n"
    "tt0000012\ttvSeries\tB\tB\t0\t2010\t2012\t1\tDrama\n"
    "tt0000013\tmovie\tC\tC\t0\t\\N\t\\N\t1\tDrama\n"
    "tt0000014\ttvEpisode\tD\tD\t0\t2010\t\\N\t1\tDrama\n"
    "tt0000015\tvideoGame\tE\tE\t0\t2010\t\\N\t\\N\tAction\n"
    "tt0000016\tmo\n"
    "nm0000017\tvideo\tF\tF\t0\t2010\t\\N\t\\N\tAction\n"
)
CUT, PERSON = (9, "the row is truncated"), (10, "the id is a person's, not a title's")


@pytest.mark.parametrize(
    ("years", "types", "expected"),
    [
        (range(2010, 2012), ["movie"], ["Leaving", "A", CUT, PERSON]),
        ([2010], ["series", "game", "episode"], ["B", "D", "E", CUT]),
        (None, ["movie"], ['Miss "Jerry', "Leaving", "A", "C", CUT, PERSON]),
    ],
)
def test_title_basics_is_filtered(
    tmp_path: Path, years: Container[int] | None, types: list[str], expected: list[object]
) -> None:
    path = tmp_path / "title.basics.tsv.gz"
    path.write_bytes(gzip.compress(BASICS.encode()))
    file = opened(path)
    assert file.is_catalogue
    assert file.layout.describe() == (
        'IMDb\'s title.basics, filtered on type and year (tab-separated): imdb_id from "tconst"; '
        'title from "primaryTitle"; year from "startYear"; type from "titleType"'
    )
    rows = [*file.rows(years, types)]
    assert [r.title if isinstance(r, TitleEntry) else (r.line, r.reason) for r in rows] == expected
    assert {row.columns for row in rows} == {None}


def test_a_table_with_the_columns_of_title_basics_under_other_names_is_a_list(file: Path) -> None:
    file.write_text("Tconst,titletype,startYear\ntt1375666,movie,2010\n", encoding="utf-8")
    assert not opened(file).is_catalogue


def test_title_basics_is_streamed_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "title.basics.tsv.gz"
    titles = (
        f"tt{n:07d}\tmovie\tTitle {n}\tT\t0\t2010\t\\N\t90\tDrama\n" for n in range(1, 20_001)
    )
    path.write_bytes(gzip.compress((BASICS_HEADER + "".join(titles)).encode()))
    rows = opened(path).rows([2010], ["movie"])
    next(rows)
    with memory_below(0.5):
        assert sum(1 for _ in rows) == 19_999


# JSON


def test_json_lines_and_large_arrays_are_streamed(file: Path) -> None:
    items = [{"imdb_id": f"tt{number:07d}", "plot": "x" * 300} for number in range(1, 10_001)]
    within = {"page": 1, "data": {"total": 10_000, "items": items}, "after": {"x": [1]}}
    by_id = {item["imdb_id"]: item for item in items}
    for text in (
        *(json.dumps(items, indent=2), json.dumps(within), json.dumps(by_id)),
        "\n".join(map(json.dumps, items)),
    ):
        file.write_text(text, encoding="utf-8")
        assert [row[0] for row in read(file)] == [*by_id]


# Errors and bounds


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty. Write one IMDb id per line"),
        (b"[]", "is empty"),
        (b'{"imdb_id": ', "is not JSON"),
        (b"PK\x03\x04rest", "is an archive or a workbook. Unpack it"),
        (b"\x00\x01\x02", "is not a text file"),
        (b"\x1f\x8b", "a truncated file"),
    ],
)
def test_error_names_the_file_and_the_remedy(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(TitlesFileError, match=message) as raised:
        open_titles_files([file])
    assert str(file) in str(raised.value)


def test_an_error_for_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TitlesFileError, match=r"gone\.csv cannot be read \(No such file"):
        open_titles_files([tmp_path / "gone.csv"])


@pytest.mark.parametrize(
    "text", ["title,year\nHeat,1995\n{},1\nUp,2009\n", "tt1375666\n{}\ntt0816692\n"]
)
def test_a_long_line_is_one_invalid_row(file: Path, text: str) -> None:
    file.write_text(text.format("x" * 5_000_000), encoding="utf-8")
    before, long, after = read(file)
    assert isinstance(before, TitleEntry)
    assert long[2] == "the line is longer than 1 MB"
    assert isinstance(after, TitleEntry)


def test_a_line_that_does_not_end_is_an_error(file: Path) -> None:
    file.write_text("tt1375666\n" + "x" * 70_000_000, encoding="utf-8")
    with pytest.raises(TitlesFileError, match=r"line 2 of .* does not end"):
        read(file)


@pytest.mark.parametrize("content", [b" ", b"tt0111161" + b" " * 90 + b"\n"])
def test_a_gzip_bomb_is_refused_in_little_memory(file: Path, content: bytes) -> None:
    with gzip.open(file, "wb") as packed:
        packed.write(b"tt0111161\n")
        for _ in range(100):
            packed.write(content * (1_000_000 // len(content)))
    with (
        memory_below(50),
        pytest.raises(TitlesFileError, match=r"unpacks to more than 200 times its size"),
    ):
        sum(1 for _ in opened(file).rows())


# Any file

any_lines = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(
            ["title,year", "imdb_id", "tt0111161", '"', "tconst\ttitleType\tstartYear", '{"x": [']
        ),
    ),
    max_size=8,
).map("\n".join)
any_cell = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
with_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@with_file
@given(st.one_of(st.binary(max_size=200), any_lines.map(lambda t: t.encode("utf-8", "replace"))))
@example(content=b'"imdbid')
def test_any_file_is_read_or_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    try:
        rows = read(file)
    except TitlesFileError:
        return
    for row in rows:
        if isinstance(row, TitleEntry):
            assert row.imdb_id or row.title
            assert row.imdb_id is None or imdb_id_in(row.imdb_id) == row.imdb_id
        else:
            assert row.reason
        assert row.line >= 1


@with_file
@given(
    rows=st.lists(
        st.tuples(st.one_of(st.just("tt0111161"), any_cell), any_cell, any_cell), max_size=10
    ),
    delimiter=st.sampled_from(",;\t|"),
)
def test_every_row_gives_one_result(
    file: Path, rows: list[tuple[str, str, str]], delimiter: str
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["imdb_id", "title", "year"])
    writer.writerows(rows)
    file.write_text(written.getvalue(), encoding="utf-8")
    expected = [n for n, row in enumerate(rows, start=2) if any(cell.strip() for cell in row)]
    assert [row.line for row in read(file)] == expected


# One title, one request


def test_spellings_of_a_title_with_the_same_id_cost_one_request(sync: Tap, file: Path) -> None:
    file.write_text(
        "imdb,title,year\ntt0816692,Interstellar,2014\n0816692,INTERSTELLAR,\n"
        "816692.0,Interestelar,2015\nhttps://www.imdb.com/title/tt0816692/,Interstellar,2014\n"
        "0,interstellar,2014\n0,Interstellar,2014\n",
        encoding="utf-8",
    )
    run = sync()
    assert {*run.ids("movies")} == {"tt0816692"}
    [outcome] = run.records("syncs")
    assert outcome["requests"] == 2, "by its id, and by its name where there is no id"


# Several files, and files that are of no use


@pytest.mark.parametrize("form", ["array", "JSON", "glob"])
def test_several_files_have_their_own_layouts(form: str, sync: Tap, tmp_path: Path) -> None:
    (tmp_path / "1, ids.csv").write_text("tt1375666\n", encoding="utf-8")
    (tmp_path / "2.csv").write_text("title,year\nInterstellar,2014\n", encoding="utf-8")
    paths = [str(tmp_path / "1, ids.csv"), str(tmp_path / "?.csv")]
    setting = {"array": paths, "JSON": json.dumps(paths), "glob": str(tmp_path / "*.csv")}[form]
    run = sync({"titles_file": setting, "concurrency": 1})
    assert run.ids("movies") == ["tt1375666", "tt0816692"]
    assert "titles_file: 1, ids.csv is a list of IMDb ids, one per line" in run.log
    assert 'titles_file: 2.csv is a table (comma-separated): title from "title"' in run.log


@pytest.mark.parametrize("is_ranked", [False, True])
def test_a_file_that_is_broken_does_not_hold_up_the_next(
    is_ranked: bool, sync: Tap, config: Config, tmp_path: Path
) -> None:
    if is_ranked:
        ratings = tmp_path / "title.ratings.tsv"
        ratings.write_text("tconst\taverageRating\tnumVotes\ntt1375666\t8.8\t2000\n")
        config["ratings_file"] = str(ratings)
    items = '{"imdb_id": "tt1375666"}\n{"imdb_id": \n'
    (tmp_path / "1.json").write_text(items, encoding="utf-8")
    (tmp_path / "2.csv").write_text("tt0816692\n", encoding="utf-8")
    run = sync({"titles_file": str(tmp_path / "[12].*"), "concurrency": 1})
    assert (run.exit_code, run.ids("movies")) == (1, ["tt1375666", "tt0816692"])
    assert "1.json is not JSON" in run.log
    assert run.counts["list_entries"] == 1
    assert run.sync_state["lists"] == {}, "the list is sent again"


def test_the_rest_of_a_list_is_left_out_if_its_first_20_lookups_find_nothing(
    sync: Tap, config: Config, omdb: Emulator, tmp_path: Path
) -> None:
    names = "".join(f"Nothing of this name {number}\n" for number in range(60))
    (tmp_path / "bad.csv").write_text(f"name\n{names}", encoding="utf-8")
    run = sync({"titles_file": str(tmp_path / "bad.csv"), "imdb_ids": ["tt0816692"]})
    assert run.exit_code == 1
    assert run.ids("movies") == ["tt0816692"]
    assert omdb.stats()["requests"] == 21
    assert "the first 20 lookups of bad.csv found nothing" in run.log
    assert 'a table (comma-separated): title from "name"' in run.log
    assert "Nothing was due" not in run.log
    # Another list goes on, and so does this one if it was right.
    (tmp_path / "good.csv").write_text("title\nInception\n" + names, encoding="utf-8")
    both = {**config, "titles_file": [str(tmp_path / f"{name}.csv") for name in ("bad", "good")]}
    run = sync(both, run.state)
    assert (run.exit_code, run.ids("movies")) == (1, ["tt1375666"])
    assert omdb.stats()["requests"] == 21 + 20 + 1 + 20
    assert "20 lookups of good.csv" not in run.log


def test_a_list_with_a_title_that_was_found_before_is_right(sync: Tap, file: Path) -> None:
    file.write_text("title\nInception\n", encoding="utf-8")
    state = sync().state
    names = "".join(f"Nothing of this name {number}\n" for number in range(30))
    file.write_text(f"title\n{names}Inception\n", encoding="utf-8")
    run = sync(state=state)
    assert (run.exit_code, len(run.records("rejects"))) == (0, 30)


def test_a_file_without_a_usable_row_is_named_at_the_end(sync: Tap, file: Path) -> None:
    file.write_text("imdb_id\nfoo\n", encoding="utf-8")
    run = sync()
    assert "titles_file: no row of list.csv could be used: see `rejects`" in run.log
    assert "Nothing was due" not in run.log


# What becomes of each row


NOT_THERE = {"Title": "No Such Film", "Year": "1999", "imdbID": "tt0009999"}
Listed = tuple[Film, Item]
"""A film, and the cells of its row."""


def positions(run: Run) -> list[tuple[str, int, int]]:
    return [(row["list"], row["position"], row["line"]) for row in run.records("list_entries")]


def answers(run: Run) -> list[tuple[str | None, str | None, str | None]]:
    """Join the rows of the lists to what they were looked up as, as the mart does.

    Returns:
        For each row its outcome, title and `matched_by`.
    """
    lookups = {row["lookup_id"]: row for row in run.records("lookups")}
    missing = {row["imdb_id"] for row in run.records("rejects")} - {None}
    found: list[tuple[str | None, str | None, str | None]] = []
    for row in run.records("list_entries"):
        lookup = lookups.get(row["lookup_id"], {})
        imdb_id = row["imdb_id"] or lookup.get("imdb_id")
        if row["reason"]:
            found.append(("invalid", None, None))
        elif imdb_id in run.ids("movies"):
            found.append(("found", imdb_id, lookup.get("matched_by") or "imdb_id"))
        else:
            found.append(("not_found" if imdb_id in missing else lookup["outcome"], None, None))
    return found


# What is sent, and when


def test_a_list_is_sent_again_only_if_it_has_changed(sync: Tap, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("tt1375666\n")
    config = {"titles_file": [str(file), str(other)]}
    file.write_text("title,year,mine\nUp,2009,a\nHeat,,b\n,1999,c\n", encoding="utf-8")
    with time_machine.travel("2026-06-15T12:00:00Z", tick=False) as clock:
        first = sync(config)
        mine = [("list.csv", 1, 2), ("list.csv", 2, 3), ("list.csv", 3, 4)]
        assert positions(first) == [*mine, ("other.txt", 1, 1)]
        assert first.records("list_entries")[0] == {
            "list": "list.csv",
            "position": 1,
            "line": 2,
            "title": "Up",
            "year": 2009,
            "type": None,
            "imdb_id": None,
            "lookup_id": "up|2009|",
            "reason": None,
            "columns": {"mine": "a"},
            "read_at": "2026-06-15T12:00:00Z",
        }
        assert first.records("list_entries")[2]["reason"]
        sizes = [len(digest) for digest in first.sync_state["lists"].values()]
        assert sizes == [8, 8]
        assert positions(sync(config, first.state)) == []

        clock.shift(60)
        file.write_text("title,year,mine\nUp,2009,b\n", encoding="utf-8")
        shorter = sync(config, first.state)
        assert [row["read_at"] for row in shorter.records("list_entries")] == [
            "2026-06-15T12:01:00Z"
        ]
        file.write_text("title,year,mine\n", encoding="utf-8")
        assert positions(sync(config, shorter.state)) == [("list.csv", 0, 0)]

        # A list that is named again is sent again, as is every list of another version of the tap.
        without = sync({"titles_file": str(other)}, shorter.state)
        assert list(without.sync_state["lists"]) == ["other.txt"]
        file.write_text("title,year,mine\nUp,2009,b\n", encoding="utf-8")
        assert positions(sync(config, without.state)) == [("list.csv", 1, 2)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tap_omdb.sync.lists.version", lambda _: "9")
            assert len(positions(sync(config, shorter.state))) == 2


def test_a_catalogue_is_filtered_and_not_a_list(sync: Tap, file: Path) -> None:
    header = "tconst\ttitleType\tprimaryTitle\tstartYear\n"
    rows = "tt1375666\tmovie\tInception\t2010\ntt0816692\tmovie\tInterstellar\t2014\n"
    file.write_text(header + rows, encoding="utf-8")
    run = sync({"years": [2010]})
    assert (run.counts, run.ids("movies")) == ({"movies": 1}, ["tt1375666"])
    assert run.sync_state["lists"] == {}


def test_values_that_cannot_be_stored_are_replaced(sync: Tap, file: Path) -> None:
    deep = '{"title": "Up", "x": ' + '{"y": ' * 200 + "1" + "}" * 201
    file.write_text(f'{{"title": "\\ud800 \\u0000", "n": NaN}}\n{deep}\n', encoding="utf-8")
    odd, nested = sync().records("list_entries")
    assert odd["title"] == "\ufffd \ufffd"
    assert odd["columns"]["n"] == "nan"
    assert nested["title"] == "Up"
    assert json.loads(nested["columns"]["row"])["x"]["y"]


LOOKED_UP = [
    ("Inception,2010,", ("found", "tt1375666", "title_and_year")),
    ("INCEPTION,2010,", ("found", "tt1375666", "title_and_year")),
    ("Inception,2011,", ("found", "tt1375666", "title")),
    ("Inception,,", ("found", "tt1375666", "title")),
    ("Inception,1990,", ("year_mismatch", None, None)),
    ("No Such Title,2010,", ("not_found", None, None)),
    ("Sherlock,2010,", ("left_out", None, None)),
    ("Whatever,,tt1475582", ("left_out", None, None)),
    ("Whatever,,tt1049413", ("found", "tt1049413", "imdb_id")),
    (",2010,", ("invalid", None, None)),
]


def test_each_row_finds_its_title_or_an_outcome(sync: Tap, omdb: Emulator, file: Path) -> None:
    rows = "\n".join(row for row, _ in LOOKED_UP)
    file.write_text(f"title,year,imdb_id\n{rows}\n", encoding="utf-8")
    select = {"movies", "rejects", "list_entries", "lookups"}
    run = sync(select=select)
    assert answers(run) == [answer for _, answer in LOOKED_UP]
    messages = [row["message"] for row in run.records("lookups") if row["outcome"] != "found"]
    assert None not in messages
    assert "the stream series is not selected" in messages
    rejects = {row["line_number"]: row for row in run.records("rejects")}
    reasons = {6: "year_mismatch", 7: "not_found", 11: "invalid_row"}
    assert {line: row["reason"] for line, row in rejects.items()} == reasons
    sent = ("t=Inception&y=1990", "t=Inception&plot=short")
    assert (rejects[6]["reject_id"], rejects[6]["request"]) == sent
    assert all(offered in rejects[6]["message"] for offered in ("Inception", "2010", "tt1375666"))
    assert (rejects[11]["reject_id"], rejects[11]["payload"]) == ("list.csv:11", ",2010,")
    assert rejects[11]["message"]
    # A list that changes later still tells what is known to be left out; nothing is asked again.
    spent = omdb.stats()["requests"]
    file.write_text(f"title,year,imdb_id\n{rows}\n\n", encoding="utf-8")
    again = sync(state=run.state, select=select)
    assert [row["lookup_id"] for row in again.records("lookups")] == ["tt1475582"]
    assert omdb.stats()["requests"] == spent


def test_titles_with_few_votes_are_left_out(sync: Tap, file: Path, tmp_path: Path) -> None:
    file.write_text("tt1375666\ntt1049413\n", encoding="utf-8")
    ratings = tmp_path / "title.ratings.tsv"
    ratings.write_text("tconst\taverageRating\tnumVotes\ntt1375666\t8.8\t2000\ntt1049413\t8.3\t9\n")
    run = sync({"ratings_file": str(ratings), "min_votes": 1000})
    assert answers(run) == [("found", "tt1375666", "imdb_id"), ("left_out", None, None)]
    [lookup] = run.records("lookups")
    assert lookup["message"] == "it has fewer than 1,000 votes"
    more = sync({"ratings_file": str(ratings), "min_votes": 10_000}, run.state)
    assert len(more.records("lookups")) == 2


# Any list


HEADERS: list[Callable[[str], str]] = [str, str.upper, "{} ".format, lambda n: n.replace(" ", "_")]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp1252"]


@st.composite
def lists(draw: st.DrawFn) -> tuple[bytes, list[Listed]]:
    """Return a file, and the film and cells of each of its rows."""
    films = draw(st.lists(st.sampled_from([*FILMS, NOT_THERE]), min_size=1, max_size=4))
    if draw(st.booleans()):
        films[0] = {**films[0], "Year": str(int(films[0]["Year"]) + 1)}
    layout = draw(st.sampled_from([*TABLES, *JSON]))
    if layout == WITHOUT_HEADER:
        # Its columns are told by their values: a single "1917" is refused.
        films = FILMS[:4] + [film for film in films if any(map(str.isalpha, film["Title"]))]
    encoding = draw(st.sampled_from(ENCODINGS))
    ending = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    if layout in JSON:
        items = [JSON[layout](film, number) for number, film in enumerate(films)]
        wrapped = draw(st.sampled_from([items, {"Items": items}, {"result": {"movies": items}}]))
        if draw(st.booleans()):
            text = json.dumps(wrapped, indent=draw(st.sampled_from([None, 2])))
        else:
            text = ending.join(map(json.dumps, items))
        return encoded(text, encoding), [*zip(films, items, strict=True)]
    rows = [TABLES[layout](film, number) for number, film in enumerate(films)]
    names, header = [*rows[0]], HEADERS[0]
    if layout != WITHOUT_HEADER:
        names, header = draw(st.permutations(names)), draw(st.sampled_from(HEADERS))
    written = io.StringIO()
    writer = csv.writer(
        written,
        delimiter=draw(st.sampled_from(",;\t")),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=ending,
    )
    if layout != WITHOUT_HEADER:
        writer.writerow(map(header, names))
    writer.writerows([row[name] for name in names] for row in rows)
    items = [{header(name): row[name] for name in names} for row in rows]
    return encoded(written.getvalue(), encoding), [*zip(films, items, strict=True)]


def encoded(text: str, encoding: str) -> bytes:
    """Return a text in an encoding, or in UTF-8 if that lacks a character."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
@given(files=st.lists(lists(), min_size=1, max_size=3))
def test_any_list_of_films_comes_back_with_them(
    sync: Tap, tmp_path: Path, files: list[tuple[bytes, list[Listed]]]
) -> None:
    paths = [tmp_path / f"{number}.txt" for number in range(len(files))]
    for path, (content, _) in zip(paths, files, strict=True):
        path.write_bytes(content)
    run = sync({"titles_file": [str(path) for path in paths]})
    assert run.exit_code == 0, run.log
    rows = [row for _, rows in files for row in rows]
    entries = run.records("list_entries")
    assert len(entries) == len(rows)
    names = {film["imdbID"]: film["Title"] for film in FILMS}
    for (film, item), entry, answer in zip(rows, entries, answers(run), strict=True):
        if film["Title"] == NOT_THERE["Title"]:
            assert answer[0] == "not_found"
        elif answer[2] == "title":
            assert film not in FILMS, "only a film whose year differs may be doubtful"
            assert names[str(answer[1])].casefold() == film["Title"].casefold()
        else:
            assert answer[:2] == ("found", film["imdbID"]), entry
        read = [str(entry[field]) for field in ("imdb_id", "title", "year", "type")]
        for name, value in item.items():
            kept = entry["columns"].get(name.strip(), entry["columns"].get(name))
            assert kept == value or (kept is None and str(value) in read), (name, entry)
