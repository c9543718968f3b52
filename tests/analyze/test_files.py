"""The files that omdb-export writes: the marts, and enriched lists."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import zipfile
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from pyarrow import parquet
from tap_omdb.config.titles_file import InvalidRow, open_titles_files

from tests.conftest import run_program
from tests.transform.conftest import Warehouse

PROGRAM = Path(sys.executable).with_name("omdb-export")
MARTS = """
    select relname::text from pg_class
    where relnamespace = 'demo_marts'::regnamespace and relkind in ('r', 'v')
"""
COLUMNS = """
    select attname::text as name, format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = 'demo_marts.{}'::regclass and attnum > 0 and not attisdropped
    order by attnum
"""


def export(source: Warehouse, *arguments: str | Path, **variables: str) -> tuple[int, str, str]:
    """Run omdb-export, and return its exit code, stdout and stderr."""
    env = {**os.environ, **source.server.environment, **variables}
    finished = run_program(PROGRAM, "--schema", "demo", *arguments, env=env)
    assert "Traceback" not in finished.stderr
    return finished.returncode, finished.stdout, finished.stderr


# In Parquet, by the type that Postgres shows.
TYPES = {
    "bigint": "int64",
    "boolean": "bool",
    "date": "date32[day]",
    "integer": "int32",
    "jsonb": "extension<arrow.json>",
    "numeric": "double",
    "text": "string",
    "timestamp without time zone": "timestamp[us]",
    "uuid": "extension<arrow.uuid>",
    "bigint[]": "list<element: int64>",
    "text[]": "list<element: string>",
}


def test_every_mart_is_exported_with_its_types(built: Warehouse, tmp_path: Path) -> None:
    built.execute("update demo_marts.movies set title = E'\"One\",\\nand é', imdb_rating = 7.0")
    code, stdout, stderr = export(built, "marts", "--output", tmp_path)
    assert (code, stderr) == (0, "")
    marts = built.values(MARTS)
    assert stdout.startswith(f"Wrote {len(marts)} marts with ")
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{mart}.{extension}" for mart in marts for extension in ("parquet", "csv")
    }
    for mart in marts:
        table = parquet.read_table(tmp_path / f"{mart}.parquet")
        kinds = {row["name"]: row["type"] for row in built.rows(COLUMNS.format(mart))}
        assert {field.name: str(field.type) for field in table.schema} == {
            name: TYPES.get(kind) or kind.replace("numeric", "decimal128").replace(",", ", ")
            for name, kind in kinds.items()
        }
        query = f"select * from demo_marts.{mart}"  # noqa: S608
        rows = [_values(row, kinds) for row in built.rows(query)]
        assert _sorted(_values(row, kinds) for row in table.to_pylist()) == _sorted(rows), mart
        header, *plain = cells(tmp_path / f"{mart}.csv")
        assert (header, len(plain)) == ([*kinds], len(rows)), mart
    (movie,) = _csv(tmp_path / "movies.csv")
    assert (movie["title"], movie["imdb_rating"], movie["year"]) == ('"One",\nand é', "7.0", "")
    (loaded_at,) = built.values("select loaded_at from demo_marts.movies")
    assert movie["loaded_at"] == f"{loaded_at:%Y-%m-%d %H:%M:%S.%f}"
    (run, *_) = _csv(tmp_path / "dbt_runs.csv")
    assert (run["is_successful"], json.loads(run["failed_nodes"])) == ("true", [])
    assert json.loads(run["nodes"])["success"] > 0


def _csv(path: Path) -> list[dict[str, str]]:
    header, *rows = cells(path)
    return [dict(zip(header, row, strict=True)) for row in rows]


def _sorted(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=repr)


def _values(row: dict[str, Any], kinds: dict[str, str]) -> dict[str, Any]:
    """A row in which JSON is an object, and each number of any precision the nearest float."""
    values = {}
    for name, value in row.items():
        match kinds[name], value:
            case "jsonb", str():
                values[name] = json.loads(value)
            case "numeric", Decimal():
                values[name] = float(value)
            case _:
                values[name] = value
    return values


def test_an_export_that_fails_leaves_the_files_of_the_last_one(
    built: Warehouse, tmp_path: Path
) -> None:
    assert export(built, "marts", "--output", tmp_path)[0] == 0
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    built.execute("update demo_marts.movies set title = 'Changed'")
    built.execute("create view demo_marts.zero as select 1 / count(*) from pg_class where false")

    code, _, stderr = export(built, "marts", "--output", tmp_path)

    assert code == 1
    assert "division by zero" in stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_without_a_warehouse_the_error_names_the_remedy(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    code, _, stderr = export(warehouse, "marts", "--output", tmp_path / "export")
    assert (code, stderr.count("\n")) == (1, 1)
    assert "no mart in the schema demo_marts" in stderr
    assert "meltano run dbt:run" in stderr

    unreachable = {"PGHOST": "127.0.0.1", "PGPORT": "1", "PGPASSWORD": "s3cret"}
    code, _, stderr = export(warehouse, "marts", "--output", tmp_path / "export", **unreachable)
    assert (code, stderr.count("\n")) == (1, 1)
    assert "Connection refused" in stderr
    assert "s3cret" not in stderr
    assert not (tmp_path / "export").exists()


# Enriched lists: the list's own cells, then the added columns

ADDED = [
    *("imdb_id", "matched_by", "outcome", "reason", "title", "year", "type", "genres"),
    *("directors", "actors", "countries", "runtime_minutes", "certificate", "imdb_rating"),
    *("imdb_votes", "metascore", "rotten_tomatoes", "box_office", "awards_won"),
    *("awards_nominated", "poster_url"),
]
FOUND = {"One": ("tt0000001", "title_and_year"), "Two": ("tt0000002", "title")}
"""Of the titles that are built, those that a list may name."""
INSERT = """
    insert into demo_marts.list_entries (
        list, position, line, listed_title, listed_year, listed_imdb_id, imdb_id, matched_by,
        outcome, reason, read_at
    ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now())
"""


@pytest.fixture(scope="module")
def source(newest: Warehouse, _built: str) -> Warehouse:
    """A warehouse with the titles of `FOUND`, to which each test adds a list."""
    newest.reset(_built)
    newest.execute("update demo_intermediate.int_titles set imdb_rating = 7.1, box_office = 5")
    return newest


def load(source: Warehouse, path: Path) -> None:
    """Put a list into the mart, as the tap and dbt do; titles that are not built are pending."""
    (file,) = open_titles_files([path])
    with source.connect() as connection:
        connection.execute("truncate demo_marts.list_entries")
        for position, row in enumerate(file.rows(), start=1):
            known: tuple[object, ...] = (file.name, position, row.line)
            if isinstance(row, InvalidRow):
                known += (None, None, None, None, None, "invalid", row.reason)
            else:
                found = FOUND.get(row.title or "", (None, None))
                outcome = "found" if found[0] else "pending"
                known += (row.title, row.year, row.imdb_id, *found, outcome, None)
            connection.execute(INSERT, known)


def enrich(source: Warehouse, path: Path, *options: str) -> tuple[Path, str]:
    """Load and enrich a list; return the file that was written, and what was printed."""
    load(source, path)
    code, stdout, stderr = export(source, "enrich", path, *options)
    assert (code, stderr) == (0, "")
    (written,) = path.parent.glob("*.enriched.*")
    assert stdout.endswith(f"Wrote {written}\n")
    return written, stdout


def cells(path: Path, delimiter: str = ",") -> list[list[str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return [*csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]


QUOTED = 'Year, Title ,imdb_id,Note,Note\n2001,"One","","a\n\n""b""", c \n,Two,,,\n1999,Other\n'
LISTS: dict[str, tuple[bytes, list[list[str]]]] = {
    "quotes.csv": (QUOTED.encode(), [*csv.reader(io.StringIO(QUOTED))]),
    "cp1252.csv": (
        "Title;Übersetzung\nOne;für\n".encode("cp1252"),
        [["Title", "Übersetzung"], ["One", "für"]],
    ),
    "wide.csv": (
        b"Title,Year,Note\nOne,2001,a,b,\nTwo\n",
        [["Title", "Year", "Note", "column 4", "column 5"], ["One", "2001", "a", "b", ""], ["Two"]],
    ),
    "no-header.csv": (
        b"1,2001,One\n2,2002,Two\n",
        [["column 1", "column 2", "column 3"], ["1", "2001", "One"], ["2", "2002", "Two"]],
    ),
    "lines.txt": (
        b"# mine\n One \n\nTwo\nOther (1999)\n",
        [["item"], [" One "], ["Two"], ["Other (1999)"]],
    ),
    "items.json": (
        b'[{"title": "One", "year": 2001, "my": {"tags": ["a"]}}, {"title": "Two"}]',
        [["title", "year", "my"], ["One", "2001", '{"tags": ["a"]}'], ["Two"]],
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_each_row_and_column_stays_as_it_is(source: Warehouse, tmp_path: Path, name: str) -> None:
    content, expected = LISTS[name]
    path = tmp_path / name
    path.write_bytes(content)

    written, _ = enrich(source, path)

    delimiter = ";" if name == "cp1252.csv" else ","
    assert written.name == f"{name.partition('.')[0]}.enriched.csv"
    header, *rows = cells(written, delimiter)
    width = len(header) - len(ADDED)
    assert header[:width] == expected[0]
    padded = [row + [""] * (width - len(row)) for row in expected[1:]]
    assert [row[:width] for row in rows] == padded
    taken = {column.strip().casefold() for column in expected[0]}
    assert header[width:] == [f"omdb_{name}" if name in taken else name for name in ADDED]
    for row in rows:
        title = next((cell.strip() for cell in row[:width] if cell.strip() in FOUND), "")
        found = FOUND.get(title, ("", ""))
        assert row[width : width + 3] == [*found, "found" if title else "pending"]


def test_the_facts_are_those_of_the_title(source: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Name,Rating\nOne,5\nTwo,4\nOther,3\n,\n", encoding="utf-8")
    written, stdout = enrich(source, path)
    rows = [dict(zip(cells(written)[0], row, strict=True)) for row in cells(written)[1:]]
    one = {name: text for name, text in rows[0].items() if text}
    assert one == {
        "Name": "One",
        "Rating": "5",
        "imdb_id": "tt0000001",
        "matched_by": "title_and_year",
        "outcome": "found",
        "title": "One",
        "type": "movie",
        "genres": "Drama",
        "directors": "Ann Ito",
        "countries": "Atlantis, France",
        "certificate": "R",
        "imdb_rating": "7.1",
        "box_office": "5",
    }
    assert rows[1]["type"] == "game"
    assert f"{path}: 2 found (1 to check), 1 pending, 0 not found\n" in stdout
    assert "after 00:00 UTC" in stdout


FORMULAS = {
    "=1+1": True, "@SUM(A1)": True, "+1+1": True, "-30-": True, "\tx": True, "\uff1dx": True,
    "-5": False, "+3.2": False, "-1,000.5%": False, "a=b": False, "": False,
}  # fmt: skip
"""Texts, and whether a spreadsheet would run them."""


@pytest.mark.parametrize("keep", [False, True])
def test_formulas_are_made_harmless(source: Warehouse, tmp_path: Path, *, keep: bool) -> None:
    path = tmp_path / "list.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["Title", "=Note"], *(["One", text] for text in FORMULAS)])
    options = ["--keep-formulas"] if keep else []
    header, *rows = cells(enrich(source, path, *options)[0])
    assert header[1] == ("=Note" if keep else "'=Note")
    assert [row[1] for row in rows] == [
        f"'{text}" if runs and not keep else text for text, runs in FORMULAS.items()
    ]
    (tmp_path / "list.enriched.csv").unlink()

    sheet, quoted = _sheet(enrich(source, path, "--format=xlsx", *options)[0])

    assert [row.get("B", "") for row in sheet] == ["=Note", *FORMULAS]
    assert [row.get("L") for row in sheet[:2]] == ["actors", None]
    runs = [number for number, text in enumerate(["=Note", *FORMULAS], 1) if FORMULAS.get(text, 1)]
    assert quoted == ([] if keep else [f"B{number}" for number in runs])


def _sheet(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    """The texts of each row of a workbook by column, and the cells that are marked as texts."""
    with zipfile.ZipFile(path) as book:
        styles = ET.fromstring(book.read("xl/styles.xml"))  # noqa: S314
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314
    (formats,) = styles.findall(".//{*}cellXfs")
    marked = {str(i) for i, style in enumerate(formats) if style.get("quotePrefix") == "1"}
    rows, quoted = [], []
    for row in sheet.findall(".//{*}row"):
        found = {cell.get("r", ""): cell for cell in row}
        quoted += [name for name, cell in found.items() if cell.get("s") in marked]
        rows.append({name.rstrip("0123456789"): "".join(c.itertext()) for name, c in found.items()})
        assert not row.findall(".//{*}f")
    return rows, quoted


def test_parquet_and_json_have_types(source: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text('[{"title": "One", "my": [1, null]}, {"title": "Other"}]', encoding="utf-8")
    as_json = json.loads(enrich(source, path, "--format=json")[0].read_bytes())
    assert [item["my"] for item in as_json] == [[1, None], None]
    assert as_json[0]["genres"] == ["Drama"]
    assert as_json[1]["omdb_title"] is None
    (tmp_path / "list.enriched.json").unlink()

    table = parquet.read_table(enrich(source, path, "--format=parquet")[0])

    types = {field.name: str(field.type) for field in table.schema}
    assert [types[name] for name in ("my", "year", "imdb_rating", "genres")] == [
        *("string", "int64", "double", "list<element: string>"),
    ]
    assert table["my"].to_pylist() == ["[1, null]", None]
    assert table["omdb_title"].to_pylist() == ["One", None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Title\nTwo\nOne\n", "not in the warehouse as it is now"),
        ("Title\nOne\n", "not in the warehouse as it is now"),
        ("Title\nOne\nTwo\nTwo\n", "not in the warehouse as it is now"),
        ("a,b\n1,2\n", "has no known column"),
        (
            "tconst\ttitleType\tprimaryTitle\tstartYear\ntt0000001\tmovie\tOne\t2001\n",
            "is IMDb's catalogue",
        ),
    ],
)
def test_a_list_that_cannot_be_matched_leaves_the_last_file(
    source: Warehouse, tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Title\nOne\nTwo\n", encoding="utf-8")
    written, _ = enrich(source, path)
    before = written.read_bytes()
    path.write_text(content, encoding="utf-8")

    code, _, stderr = export(source, "enrich", path)

    assert (code, stderr.count("\n")) == (1, 1)
    assert message in stderr
    assert written.read_bytes() == before
    assert {*tmp_path.iterdir()} == {path, written}
