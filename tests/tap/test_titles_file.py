"""What is read from the files in which people keep titles."""

from __future__ import annotations

import csv
import gzip
import io
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tap_omdb.config.titles_file import (
    MAX_INVALID_ROW_TEXT,
    InvalidRow,
    Layout,
    TitleEntry,
    TitlesFileError,
    detect_layout,
    imdb_id_in,
    omdb_type,
    open_titles_files,
    split_title,
)

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

BASICS_HEADER = (
    "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear"
    "\truntimeMinutes\tgenres\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "titles.csv"


def write(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(content.encode(encoding))
    return path


def entry(
    imdb_id: str | None, title: str | None, year: int | None, kind: str | None, line: int
) -> TitleEntry:
    return TitleEntry(imdb_id, title, year, kind, line, "")


def invalid(line: int, text: str, reason: str) -> InvalidRow:
    return InvalidRow(line, text, reason, "")


def read(
    path: Path, years: Container[int] | None = None, types: tuple[str, ...] = ("movie",)
) -> list[TitleEntry | InvalidRow]:
    [file] = open_titles_files([path])
    return [row._replace(list="", columns=None) for row in file.rows(years, types)]


def ids(path: Path) -> list[str | None]:
    return [row.imdb_id for row in read(path) if isinstance(row, TitleEntry)]


def titles(path: Path) -> list[tuple[str | None, int | None]]:
    return [(row.title, row.year) for row in read(path) if isinstance(row, TitleEntry)]


def test_list_of_ids_with_comments_urls_and_bare_numbers(file: Path) -> None:
    write(
        file,
        "# mine\n"
        "\n"
        "tt0111161\n"
        "1375666\n"
        "114709  # Toy Story\n"
        "https://www.imdb.com/title/tt10872600/?ref_=nv_sr_1#full\n"
        "TT0068646,The Godfather\n"
        "foo\n"
        "nm0000151\n"
        "tt123456789\n",
    )
    assert detect_layout(file).describe() == "a list of IMDb ids, one per line"
    assert read(file) == [
        entry("tt0111161", None, None, None, 3),
        entry("tt1375666", None, None, None, 4),
        entry("tt0114709", None, None, None, 5),
        entry("tt10872600", None, None, None, 6),
        entry("tt0068646", None, None, None, 7),
        invalid(8, "foo", "not an IMDb id"),
        invalid(9, "nm0000151", "the id is a person's, not a title's"),
        invalid(10, "tt123456789", "not an IMDb id"),
    ]


def test_imdb_export(file: Path) -> None:
    write(
        file,
        "Position,Const,Created,Modified,Description,Title,Original Title,URL,Title Type,"
        "IMDb Rating,Runtime (mins),Year,Genres,Num Votes,Release Date,Directors\n"
        '1,tt0903747,2020-01-01,2020-01-01,"two\nlines",Breaking Bad,Breaking Bad,'
        "https://www.imdb.com/title/tt0903747/,TV Series,9.5,45,2008,Crime,2000000,2008-01-20,\n"
        "2,tt0185906,,,,Band of Brothers,,,TV Mini Series,9.4,594,2001,War,500000,2001-09-09,\n"
        "3,tt2140553,,,,The Last of Us,,,Video Game,9.7,,2013,,,,\n"
        "4,tt0060345,,,,How the Grinch Stole Christmas!,,,TV Short,8.3,26,1966,,,,\n",
    )
    layout = detect_layout(file)
    assert layout.columns == {
        "imdb_id": "Const",
        "title": "Title",
        "year": "Year",
        "type": "Title Type",
    }
    assert layout.describe() == (
        'table of ids (comma-separated): imdb_id from "Const", title from "Title", '
        'year from "Year", type from "Title Type"'
    )
    # Somebody chose these titles: neither years nor types leaves one out.
    assert read(file, years=[1999]) == [
        entry("tt0903747", "Breaking Bad", 2008, "series", 2),
        entry("tt0185906", "Band of Brothers", 2001, "series", 4),
        entry("tt2140553", "The Last of Us", 2013, "game", 5),
        entry("tt0060345", "How the Grinch Stole Christmas!", 1966, "movie", 6),
    ]


def test_movielens_links(file: Path) -> None:
    write(file, "movieId,imdbId,tmdbId\n1,0114709,862\n2,113497,8844\n3,113228.0,\n4,,\n5,x,1\n")
    assert read(file) == [
        entry("tt0114709", None, None, None, 2),
        entry("tt0113497", None, None, None, 3),
        entry("tt0113228", None, None, None, 4),
        invalid(5, "4,,", "no IMDb id"),
        invalid(6, "5,x,1", "not an IMDb id"),
    ]


def test_movielens_movies(file: Path) -> None:
    write(
        file,
        "movieId,title,genres\n"
        "1,Toy Story (1995),Animation\n"
        '11,"American President, The (1995)",Comedy\n'
        '29,"City of Lost Children, The (Cité des enfants perdus, La) (1995)",Fantasy\n'
        "114180,Maze Runner,Action\n",
    )
    assert detect_layout(file).kind == "table of titles"
    assert titles(file) == [
        ("Toy Story", 1995),
        ("The American President", 1995),
        ("The City of Lost Children", 1995),
        ("Maze Runner", None),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Seven (a.k.a. Se7en) (1995)", ("Seven", 1995)),
        ("(500) Days of Summer (2009)", ("(500) Days of Summer", 2009)),
        (
            "Birdman: Or (The Unexpected Virtue of Ignorance) (2014)",
            ("Birdman: Or (The Unexpected Virtue of Ignorance)", 2014),
        ),
        ("Avventura, L' (Adventure, The) (1960)", ("L'Avventura", 1960)),
        ("Double (One) (Two) (2001)", ("Double", 2001)),
        ("Fawlty Towers (1975-1979)", ("Fawlty Towers", 1975)),
        ("Mushi-Shi (2005\u2013)", ("Mushi-Shi", 2005)),
        ("2012 (2009)", ("2012", 2009)),
        ("  Heat  (1995) ", ("Heat", 1995)),
        ("Me, Myself, I", ("Me, Myself, I", None)),
        ("(1995)", ("(1995)", None)),
        ("Movie (42)", ("Movie (42)", None)),
    ],
)
def test_split_title(text: str, expected: tuple[str, int | None]) -> None:
    assert split_title(text) == expected


def test_year_in_a_title_that_is_not_its_year_stays(file: Path) -> None:
    write(file, "title,year\nHeat (1995),1995\nAlien (1979),2003\n")
    assert titles(file) == [("Heat", 1995), ("Alien (1979)", 2003)]


def test_letterboxd_export(file: Path) -> None:
    write(
        file,
        "Date,Name,Year,Letterboxd URI\n"
        "2024-05-01,Parasite,2019,https://boxd.it/hTha\n"
        '2024-05-02,"I, Tonya",2017,https://boxd.it/eFWQ\n'
        "2024-05-03,,2017,https://boxd.it/x\n",
    )
    assert read(file) == [
        entry(None, "Parasite", 2019, None, 2),
        entry(None, "I, Tonya", 2017, None, 3),
        invalid(4, "2024-05-03,,2017,https://boxd.it/x", "no IMDb id and no title"),
    ]


def test_letterboxd_list_tells_about_itself_before_its_titles(file: Path) -> None:
    write(
        file,
        "Letterboxd list export v7\n"
        "Date,Name,Tags,URL,Description\n"
        "2024-05-01,My list,,https://boxd.it/abc,\n"
        "\n"
        "Position,Name,Year,URL,Description\n"
        "1,Parasite,2019,https://boxd.it/hTha,\n",
    )
    assert detect_layout(file).header_line == 5
    assert read(file) == [entry(None, "Parasite", 2019, None, 6)]


@pytest.mark.parametrize(
    "name", ["imdb_id", "IMDb ID", "imdbID", "ImdbId", "tconst", "const", "IMDB-ID", " imdb id "]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_id_column_names_and_delimiters(file: Path, name: str, delimiter: str) -> None:
    write(file, f"n{delimiter}{name}\n1{delimiter}tt0111161\n")
    assert detect_layout(file).delimiter == delimiter
    assert ids(file) == ["tt0111161"]


@pytest.mark.parametrize("name", ["URL", "link", "imdb", "id", "titleId"])
def test_ambiguous_columns_only_count_if_they_contain_imdb_ids(file: Path, name: str) -> None:
    write(file, f"{name},Name,Year\nhttps://www.imdb.com/title/tt0111161/,Shawshank,1994\n")
    assert read(file) == [entry("tt0111161", "Shawshank", 1994, None, 2)]
    write(file, f"{name},Name,Year\n1,Shawshank,1994\n")
    assert read(file) == [entry(None, "Shawshank", 1994, None, 2)]


def test_the_title_is_used_where_the_id_is_missing_or_invalid(file: Path) -> None:
    write(
        file,
        "imdb_id,title,year\n\\N,Heat,1995\nnan,Alien,1979.0\nN/A,Up,\nzz1,Jaws,1975\n,\\N,2001\n"
        "0,Seven,1995\nzz2,,1995\nnm0000138,Leonardo DiCaprio,\n",
    )
    assert read(file) == [
        entry(None, "Heat", 1995, None, 2),
        entry(None, "Alien", 1979, None, 3),
        entry(None, "Up", None, None, 4),
        entry(None, "Jaws", 1975, None, 5),
        invalid(6, ",\\N,2001", "no IMDb id and no title"),
        entry(None, "Seven", 1995, None, 7),
        invalid(8, "zz2,,1995", "not an IMDb id"),
        invalid(9, "nm0000138,Leonardo DiCaprio,", "the id is a person's, not a title's"),
    ]


def test_ragged_rows_blank_rows_and_hash_signs_in_tables(file: Path) -> None:
    write(file, "#,title,year\n1,#Alive,2020\n\n,,\n2\n3,Heat\n4,Up,2009,extra\n")
    assert read(file) == [
        entry(None, "#Alive", 2020, None, 2),
        invalid(5, "2", "no IMDb id and no title"),
        entry(None, "Heat", None, None, 6),
        entry(None, "Up", 2009, None, 7),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(file: Path, encoding: str, newline: str) -> None:
    rows = ['"title","year"', "Amélie,2001", '"Así, sí",1999', ""]
    write(file, newline.join(rows), encoding)
    assert detect_layout(file).columns == {"title": "title", "year": "year"}
    assert titles(file) == [("Amélie", 2001), ("Así, sí", 1999)]


def test_cp1252_after_utf8_loses_nothing(file: Path) -> None:
    file.write_bytes(b"title,year\nAm\xc3\xa9lie,2001\nAm\xe9lie \x96 \x81,2001\n")
    assert titles(file) == [("Amélie", 2001), ("Amélie \u2013 \x81", 2001)]


def test_gzip_is_known_by_its_content(file: Path) -> None:
    file.write_bytes(gzip.compress(b"tt0111161\ntt0068646\n"))
    assert ids(file) == ["tt0111161", "tt0068646"]


def test_open_quote_is_reported_instead_of_swallowing_titles(file: Path) -> None:
    write(file, 'title,year\nHeat,1995\n"Alien,1979\nJaws,1975\n')
    assert read(file) == [
        entry(None, "Heat", 1995, None, 2),
        invalid(3, '"Alien,1979', "a quote is not closed"),
        entry(None, "Jaws", 1975, None, 4),
    ]


def test_two_open_quotes_swallow_no_rows_between_them(file: Path) -> None:
    write(file, 'title,note\n"Alien,good\nJaws,fine\n"Heat,better\nUp,fun\n')
    assert titles(file) == [("Jaws", None), ("Up", None)]
    assert [row.line for row in read(file) if isinstance(row, InvalidRow)] == [2, 4]


def test_a_cell_may_span_lines(file: Path) -> None:
    write(file, 'title,note\nAlien,"good,\nbut\nlong"\nJaws,"""fine"" he said"\n')
    assert titles(file) == [("Alien", None), ("Jaws", None)]


def test_a_hundred_open_quotes_are_a_hundred_invalid_rows(file: Path) -> None:
    rows = "".join(f'"Film {number},2001\n' for number in range(101))
    write(file, f"title,year\n{rows}Up,2009\n")
    assert titles(file) == [("Up", 2009)]
    assert len(read(file)) == 102


def test_a_row_that_is_not_csv_is_reported_and_the_rest_is_read(file: Path) -> None:
    write(file, f"title,year\n{'x' * (csv.field_size_limit() + 1)},1995\nJaws,1975\n")
    broken, jaws = read(file)
    assert isinstance(broken, InvalidRow)
    assert (broken.line, "field" in broken.reason) == (2, True)
    assert jaws == entry(None, "Jaws", 1975, None, 3)


def test_the_text_of_an_invalid_row_is_truncated(file: Path) -> None:
    write(file, f"imdb_id\n{'x' * 2000}\n")
    (row,) = read(file)
    assert isinstance(row, InvalidRow)
    assert row.text == "x" * MAX_INVALID_ROW_TEXT


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


def test_title_basics_is_filtered(tmp_path: Path) -> None:
    path = tmp_path / "title.basics.tsv.gz"
    path.write_bytes(gzip.compress(BASICS.encode()))
    assert detect_layout(path).kind == "IMDb title.basics"
    unusable = [
        invalid(9, "tt0000016\tmo", "the row is truncated"),
        invalid(
            10,
            "nm0000017\tvideo\tF\tF\t0\t2010\t\\N\t\\N\tAction",
            "the id is a person's, not a title's",
        ),
    ]
    assert read(path, years=range(2010, 2012)) == [
        entry("tt0000010", "Leaving", 2010, "movie", 3),
        entry("tt0000011", "A", 2011, "movie", 4),
        *unusable,
    ]
    assert read(path, years=[2010], types=("series", "game", "episode")) == [
        entry("tt0000012", "B", 2010, "series", 5),
        entry("tt0000014", "D", 2010, "episode", 7),
        entry("tt0000015", "E", 2010, "game", 8),
        unusable[0],
    ]
    assert read(path) == [
        entry("tt0000009", 'Miss "Jerry', 1894, "movie", 2),
        entry("tt0000010", "Leaving", 2010, "movie", 3),
        entry("tt0000011", "A", 2011, "movie", 4),
        entry("tt0000013", "C", None, "movie", 6),
        *unusable,
    ]


def test_title_basics_is_streamed_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "title.basics.tsv.gz"
    with gzip.open(path, "wt") as file:
        file.write(BASICS_HEADER)
        for number in range(1, 50_001):
            file.write(f"tt{number:07d}\tmovie\tTitle {number}\tT\t0\t2010\t\\N\t90\tDrama\n")
    rows = open_titles_files([path])[0].rows([2010], ["movie"])
    next(rows)
    tracemalloc.start()
    try:
        assert sum(1 for _ in rows) == 49_999
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 500_000


def test_other_imdb_data_sets_quote_nothing(file: Path) -> None:
    write(file, 'titleId\tordering\ttitle\ntt0000001\t1\t"Open\ntt0000002\t1\tShut"\n')
    assert ids(file) == ["tt0000001", "tt0000002"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("TV Mini Series", "series"),
        ("tvMiniSeries", "series"),
        ("Mini-Series", "series"),
        ("TV Episode", "episode"),
        ("Video Game", "game"),
        ("Video", "movie"),
        ("TV Movie", "movie"),
        ("Short", "movie"),
        ("Podcast Series", None),
    ],
)
def test_omdb_type(name: str, expected: str | None) -> None:
    assert omdb_type(name) == expected


@pytest.mark.parametrize("text", ["", "tt", "0", "tt0000000", "foo", "12345678.5", "-5", "1e7"])
def test_what_is_not_an_imdb_id(text: str) -> None:
    assert imdb_id_in(text) is None


def test_error_for_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TitlesFileError, match=r"gone\.csv cannot be read \(No such file"):
        open_titles_files([tmp_path / "gone.csv"])


def test_error_for_a_folder(tmp_path: Path) -> None:
    with pytest.raises(TitlesFileError, match="cannot be read"):
        detect_layout(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty. Write one IMDb id per line"),
        (b"\n  \n# only a comment\n", "is empty"),
        (b"a,b\n1,2\n", "first line is 'a,b'. Name a column 'imdb_id'"),
        (b"PK\x03\x04rest", "is an archive or a workbook. Unpack it"),
        (b"\x00\x01\x02", "is not a text file"),
        (b"\x1f\x8b", "a truncated file"),
        (b"\x1f\x8bnot gzip at all", "a truncated file"),
    ],
)
def test_error_names_the_file_the_problem_and_the_remedy(
    file: Path, content: bytes, message: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(TitlesFileError, match=message) as raised:
        detect_layout(file)
    assert str(raised.value).startswith(str(file))


def test_error_for_a_truncated_file(file: Path) -> None:
    whole = gzip.compress("".join(f"tt{n:07d}\n" for n in range(1, 200_000)).encode())
    file.write_bytes(whole[: len(whole) // 2])
    rows = open_titles_files([file])[0].rows()
    with pytest.raises(TitlesFileError, match="download a truncated file again"):
        list(rows)


lines = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(
            ["title,year", "imdb_id", "tt0111161", '"', "tconst\ttitleType\tstartYear"]
        ),
    ),
    max_size=8,
).map("\n".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.one_of(st.binary(max_size=200), lines.map(lambda t: t.encode("utf-8", "replace")))
)
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


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(st.one_of(st.just("tt0111161"), cells), cells, cells), max_size=10),
    delimiter=st.sampled_from(",;\t|"),
)
def test_every_row_gives_one_result(
    file: Path, rows: list[tuple[str, str, str]], delimiter: str
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["imdb_id", "title", "year"])
    writer.writerows(rows)
    write(file, written.getvalue())
    results = read(file)
    expected = [n for n, row in enumerate(rows, start=2) if any(cell.strip() for cell in row)]
    assert [row.line for row in results] == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(entries=st.lists(st.one_of(st.just(""), st.integers(0, 10**9).map(str)), max_size=20))
def test_every_entry_of_a_list_gives_one_result(file: Path, entries: list[str]) -> None:
    write(file, "\n".join(["tt0111161", *entries]))
    expected = [1, *(n for n, entry in enumerate(entries, start=2) if entry)]
    assert [row.line for row in read(file)] == expected


def test_layout_of_title_basics_says_that_it_is_filtered() -> None:
    columns = {"imdb_id": "tconst", "year": "startYear", "type": "titleType"}
    layout = Layout("IMDb title.basics", columns, "\t", 1)
    assert layout.describe().endswith("filtered on type and year")
