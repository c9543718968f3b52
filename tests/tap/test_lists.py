"""Each row of a list finds its film: the streams `list_entries` and `lookups`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omdb_emulator.testing import Emulator

from tests.film_lists import FILMS, JSON, TABLES, WITHOUT_HEADER, Film, Item
from tests.tap.conftest import Config, Run, Tap

NOT_THERE = {"Title": "No Such Film", "Year": "1999", "imdbID": "tt0009999"}
Listed = tuple[Film, Item]
"""A film, and the cells of its row."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


@pytest.fixture
def config(config: Config, file: Path) -> Config:
    return {**config, "titles_file": str(file)}


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


# What came of each row

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
