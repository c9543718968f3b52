"""The titles: built-in, hostile and generated ones, IMDb's files of them, and their ratings."""

from __future__ import annotations

import csv
import gzip
import json
import re
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from omdb_emulator.__main__ import main
from omdb_emulator.catalogue.generator import MAX_TITLES, GeneratedTitles
from omdb_emulator.catalogue.imdb import (
    ImdbFiles,
    RatedTitle,
    Rating,
    RatingsOnDay,
    basics_row,
    days_since_1970,
)
from omdb_emulator.catalogue.loader import CATALOGUE, HOSTILE_CATALOGUE, load
from omdb_emulator.catalogue.search_index import words
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.catalogue.titles import KEYS, json_lines, start_year, title_from_line
from omdb_emulator.testing import Emulator, title_line

from tests.emulator.conftest import (
    GENERATED,
    RECORDED,
    Fields,
    date_in_details,
    fetch,
    generated,
    needs_recordings,
)

LINES: list[Fields] = [line for _, line in json_lines(CATALOGUE)]
LISTED = [line for line in LINES if "Title" in line]
HOSTILE: list[Fields] = [line for _, line in json_lines(HOSTILE_CATALOGUE)]
BY_ID = {line["imdbID"]: line for line in LINES}
RAW = {
    line["imdbID"]: line["Emulator"]["raw"] for line in LINES if "raw" in line.get("Emulator", {})
}
NOT_FACTS = {"Plot", "PlotFull", "Poster", "Emulator", "Response", "tomatoConsensus"}


def _served(lines: Iterable[Fields]) -> Iterator[Fields]:
    """Yield each title as a client with a strict JSON parser receives it."""
    for line in lines:
        if "raw" in line.get("Emulator", {}):
            try:
                yield json.loads(line["Emulator"]["raw"])
            except ValueError:
                continue
        else:
            yield {key: value for key, value in line.items() if key not in {"PlotFull", "Emulator"}}


def lines_of(origin: str) -> list[Fields]:
    return {"built-in": LISTED, "hostile": HOSTILE}.get(origin) or generated()


@cache
def served(origin: str) -> list[Fields]:
    return list(_served(lines_of(origin)))


@pytest.fixture(params=["built-in", "generated"])
def origin(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# --- what holds for every title ---------------------------------------------------------------


@pytest.mark.parametrize("origin", ["built-in", "hostile", "generated"])
def test_keys_stand_in_omdbs_order(origin: str) -> None:
    for line in lines_of(origin):
        keys = KEYS.get(line["Type"], KEYS["movie"])
        assert list(line) == [key for key in (*keys, "PlotFull", "Emulator") if key in line]
        assert line.keys() >= set(keys)
        texts = [value for key, value in line.items() if key not in {"Ratings", "Emulator"}]
        assert all(value and isinstance(value, str) for value in texts)


def test_ids_are_unique_and_sorted_and_lead_to_titles() -> None:
    ids = [line["imdbID"] for line in LINES]
    assert [i for i in ids if not re.fullmatch(r"tt(\d{7}|[1-9]\d{7})", i)] == []
    assert ids == sorted(set(ids), key=lambda imdb_id: int(imdb_id[2:]))
    series = {line["seriesID"] for line in LISTED if line["Type"] == "episode"} - {"N/A"}
    assert {BY_ID[imdb_id]["Type"] for imdb_id in series} == {"series"}


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
    "seriesID": r"N/A|tt\d{7,8}",
    "Poster": r"N/A|https?://(posters\.example/|m\.media-amazon\.com/images/M/MV5BMadeUp)\S+\.jpg",
}


@pytest.mark.parametrize("field", FORMS)
def test_values_have_a_form_that_omdb_uses(origin: str, field: str) -> None:
    values = {line[field] for line in lines_of(origin) if field in line}
    assert sorted(value for value in values if not re.fullmatch(FORMS[field], value)) == []


def test_ratings_repeat_imdb_and_metacritic_in_omdbs_order(origin: str) -> None:
    order = ["Internet Movie Database", "Rotten Tomatoes", "Metacritic"]
    for line in lines_of(origin):
        ratings = {rating["Source"]: rating["Value"] for rating in line["Ratings"]}
        assert list(ratings) == [source for source in order if source in ratings], line["imdbID"]
        imdb, meta = line["imdbRating"], line["Metascore"]
        assert ratings.get(order[0]) == (None if imdb == "N/A" else f"{imdb}/10")
        assert ratings.get(order[2]) == (None if meta == "N/A" else f"{meta}/100")


def test_made_up_ids_are_documented() -> None:
    readme = CATALOGUE.with_name("README.md").read_text(encoding="utf-8")
    documented: set[int] = set()
    for row in re.findall(r"^\| (tt99.*?) \|", readme, re.MULTILINE):
        numbers = [int(number) for number in re.findall(r"tt(\d+)", row)]
        documented.update(range(numbers[0], numbers[-1] + 1))
    assert documented == {int(i[2:]) for i in BY_ID if i >= "tt99"}


# --- each oddity of OMDb is served by some title ----------------------------------------------

ODDITIES = json.loads(Path(__file__).with_name("oddities.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("field", ODDITIES["values"])
def test_rare_values_occur(origin: str, field: str) -> None:
    values = {one for title in served(origin) if field in title for one in title[field].split(", ")}
    missing = set(ODDITIES["values"][field]) - values
    assert missing == set(ODDITIES["absent"][origin].get(field, ()))


@pytest.mark.parametrize("field", ODDITIES["patterns"])
def test_odd_forms_occur(origin: str, field: str) -> None:
    values = {title[field] for title in served(origin) if field in title}
    patterns = ODDITIES["patterns"][field]
    missing = {one for one in patterns if not any(re.fullmatch(one, v) for v in values)}
    assert missing == set(ODDITIES["absent"][origin].get(field, ())) & set(patterns)


@pytest.mark.parametrize(
    "is_odd",
    [
        lambda t: t["Type"] == "series" and t["Year"].isdigit(),
        lambda t: t["Type"] == "series" and t["Year"].endswith("\u2013"),
        lambda t: t["Released"] != "N/A" and not t["Released"].endswith(t["Year"][:4]),
        lambda t: t["imdbVotes"] != "N/A" and t["imdbRating"] == "N/A",
        lambda t: t["Type"] == "episode" and t["imdbRating"] == t["Released"] == "N/A",
        lambda t: t["Type"] == "episode" and re.fullmatch(r"\d{4,}", t["imdbVotes"]),
    ],
)
def test_odd_combinations_occur(origin: str, is_odd: Callable[[Fields], object]) -> None:
    assert any(is_odd(title) for title in served(origin) if "Country" in title)


def test_combinations_of_ratings(origin: str) -> None:
    lists = {
        "".join(r["Source"][0] for r in t["Ratings"]) for t in served(origin) if "Ratings" in t
    }
    assert lists >= {"IRM", "IR", "IM", "I", "R", ""}


def test_responses_in_older_shapes() -> None:
    older = [json.loads(RAW[imdb_id]) for imdb_id in ("tt1403865", "tt0427152", "tt1193138")]
    assert [len(response) for response in older] == [16, 20, 35]
    assert all("Ratings" not in response for response in older)


BROKEN = {
    "tt2091423": "\x1f", "tt99000040": "\x08", "tt99000041": "\x1d", "tt99000042": "\x1a",
    "tt99000043": "\x0b", "tt99000044": "\t", "tt99000045": "\n",
    "tt99000046": r"inner\spiritual", "tt99000047": r'"Title":"Billions\Milliards"',
    "tt99000048": r"painter\'s", "tt99000049": r'her "the Whisper",',
    "tt99000050": r'<a class="ipc-link" href="', "tt99000051": r"before the end",
}  # fmt: skip


@pytest.mark.parametrize(("imdb_id", "broken"), BROKEN.items())
def test_body_that_is_not_json(imdb_id: str, broken: str) -> None:
    assert broken in RAW[imdb_id]
    with pytest.raises(json.JSONDecodeError):
        json.loads(RAW[imdb_id])
    if broken.isprintable():
        with pytest.raises(json.JSONDecodeError):
            json.loads(RAW[imdb_id], strict=False)
    else:
        assert broken in json.loads(RAW[imdb_id], strict=False)["Plot"]


def test_directives() -> None:
    lines = [line for line in LINES if "Emulator" in line]
    merged = {i["imdbID"]: i["Emulator"].get("merged_into") for i in lines}
    assert merged["tt4440394"] == "tt2250912"
    assert all("Title" in BY_ID[target] for target in merged.values() if target)
    errors = [line for line in lines if "error" in line["Emulator"]]
    assert {line["Emulator"]["error"] for line in errors} == {"Error getting data."}
    assert {"Title" in line for line in errors} == {True, False}
    assert {line["Emulator"].get("search") for line in lines} >= {0, 2}


# --- every fact is one that OMDb has stated ---------------------------------------------------


def _recorded(name: str) -> Iterator[Fields]:
    with (RECORDED / name).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _comparable(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _recorded_responses() -> Iterator[Fields]:
    """Yield all recordings of titles: whole responses, and rows of searches and seasons."""
    yield from _recorded("details.jsonl")
    for search in _recorded("searches.jsonl"):
        yield from search["Search"]
    for text in (RECORDED / "malformed_raw.txt").read_text(encoding="utf-8").split("\n"):
        if '"imdbID"' in text:
            yield json.loads(text, strict=False)
    for listing in (*_recorded("seasons.jsonl"), *_recorded("seasons_boolean_response.jsonl")):
        for row in listing["Episodes"]:
            yield {**row, "Season": listing["Season"], "Released": date_in_details(row)}
            series = BY_ID.get(row["imdbID"], {}).get("seriesID")
            if series is not None:
                yield {**{key: listing[key] for key in ("Title", "totalSeasons")}, "imdbID": series}


def _recorded_facts() -> dict[str, dict[str, set[str]]]:
    """Return all values on record, by id and field."""
    facts: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for response in _recorded_responses():
        for field, value in response.items():
            facts[response["imdbID"]][field].add(_comparable(value))
    return facts


@needs_recordings
def test_every_fact_is_on_record() -> None:
    facts = _recorded_facts()
    wrong = []
    titles, compared = set(), 0
    for title in (*LISTED, *served("built-in")):
        on_record = facts.get(title["imdbID"], {})
        for field in (title.keys() & on_record.keys()) - NOT_FACTS:
            compared += 1
            titles.add(title["imdbID"])
            if _comparable(title[field]) not in on_record[field]:
                wrong.append((title["imdbID"], field, title[field], on_record[field]))
    assert wrong == []
    assert len(titles) >= 750
    assert compared >= 20_000


@needs_recordings
def test_no_text_is_copied() -> None:
    texts = {response["Plot"] for response in _recorded("details.jsonl")} - {"N/A"}
    ours = {line[key] for line in LISTED for key in ("Plot", "PlotFull") if key in line}
    assert ours & texts == set()


@needs_recordings
def test_every_form_of_awards_is_there() -> None:
    table = (RECORDED / "awards_patterns.tsv").read_text(encoding="utf-8").splitlines()
    patterns = {row.split("\t")[1] for row in table} - {"<absent>"}
    ours = {
        re.sub(r"\d+", "N", title["Awards"]) for title in served("built-in") if "Awards" in title
    }
    assert patterns - ours == set()


# --- titles whose texts attack or confuse whatever shows, stores or logs them -----------------

NAMES = ("Title", "Director", "Actors", "Writer", "Plot", "PlotFull")


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(catalogue=HOSTILE_CATALOGUE) as emulator:
        yield emulator


def test_the_file_is_harmless_itself() -> None:
    text = HOSTILE_CATALOGUE.read_text(encoding="utf-8")
    assert text.isascii()
    assert text.replace("\n", "").isprintable()


def test_no_title_is_in_the_built_in_catalogue() -> None:
    assert BY_ID.keys().isdisjoint(line["imdbID"] for line in HOSTILE)


TEXTS = (  # noqa: SIM905
    "<script>alert(1)</script>|</script>|onerror=|&lt;b&gt;|\"Double\"|'Single'|\\|DROP TABLE|"
    "=HYPERLINK(|{{|${HOME}|\x1b[31m|\x00|\x07|\x7f|\x9b31m|\x85|\n|\t|\u202e|\u2066|\u200f|\u200b|"
    "\ufeff|e\u0301|\u05dc|\u0645|\U0001f469\u200d|\U0001d509"
).split("|")


@pytest.mark.parametrize("name", NAMES)
def test_texts_occur(name: str) -> None:
    assert [text for text in TEXTS if not any(text in line[name] for line in HOSTILE)] == []
    assert name != "Title" or max(len(line[name]) for line in HOSTILE) > 2000


def test_responses_are_valid_json_with_the_same_texts(emulator: Emulator) -> None:
    for line in HOSTILE:
        details = json.loads(fetch(emulator, i=line["imdbID"], plot="full").body)
        assert details.pop("Response") == "True"
        assert details == {
            key: line["PlotFull"] if key == "Plot" else value
            for key, value in line.items()
            if key != "PlotFull"
        }


# --- generated titles -------------------------------------------------------------------------


def test_known_title_of_a_seed() -> None:
    """The titles of a seed must not change between versions."""
    line = GeneratedTitles(100, seed=42).line(50)
    assert {name: line[name] for name in ("Title", "Year", "imdbID", "imdbVotes", "Awards")} == {
        "Title": "World Anger",
        "Year": "1933",
        "imdbID": "tt0010455",
        "imdbVotes": "1,340,182",
        "Awards": "61 wins & 6 nominations total",
    }


def test_same_seed_same_titles_whatever_the_number() -> None:
    known = generated()
    assert list(GeneratedTitles(300, seed=1).lines()) == known[:300]
    many = GeneratedTitles(MAX_TITLES, seed=1)
    assert [many.line(row) for row in (7, 0)] == [known[7], known[0]]
    assert GeneratedTitles(300, seed=2).line(50) != known[50]


def test_rows_and_ids_belong_together() -> None:
    ids = [line["imdbID"] for line in generated()]
    assert [GENERATED.row_of(imdb_id) for imdb_id in ids] == list(range(len(ids)))
    assert GENERATED.row_of("tt0000001") is None
    after = GeneratedTitles(len(ids) + 1, seed=1)
    assert GENERATED.row_of(after.id_of(len(ids))) is None
    lengths = Counter(map(len, ids))
    assert lengths.keys() == {9, 10}
    assert 0.03 < lengths[10] / len(ids) < 0.04


SHARES_OF_MISSING = {
    "Title": (0, 0), "Rated": (0.18, 0.25), "Runtime": (0.03, 0.06), "Director": (0.01, 0.03),
    "Awards": (0.25, 0.4), "Metascore": (0.35, 0.45), "imdbRating": (0.12, 0.22),
    "DVD": (0.98, 0.999), "BoxOffice": (0.3, 0.4),
}  # fmt: skip


def test_shares_of_types_and_of_missing_values() -> None:
    kinds = Counter(line["Type"] for line in generated())
    assert kinds == {"movie": 11569, "episode": 1040, "series": 260, "game": 130, "N/A": 1}
    movies = [line for line in generated() if line["Type"] == "movie"]
    for field, (low, high) in SHARES_OF_MISSING.items():
        assert low <= sum(line[field] == "N/A" for line in movies) / len(movies) <= high, field


@pytest.fixture(scope="module")
def store() -> TitleStore:
    return TitleStore(computed=GENERATED)


def test_searches_find_what_they_should(store: TitleStore) -> None:
    rows = store.search("love", "movie", None)
    assert set(rows) == {
        row
        for row, line in enumerate(generated())
        if line["Type"] == "movie" and "love" in words(line["Title"])
    }
    found = store.summaries(rows)
    assert found == [title_from_line(generated()[row]).summary for row in rows]
    votes = [shown.votes for shown in found]
    assert votes == sorted(votes, reverse=True)
    prefix = store.summaries(store.search("bri*", None, 2010))
    assert prefix
    for shown in prefix:
        assert any(word.startswith("bri") for word in words(shown.title))
        assert start_year(shown.year) == 2010


def test_seasons_list_the_episodes_that_say_so(store: TitleStore) -> None:
    episodes = [line for line in generated() if line["Type"] == "episode"]
    placed = [line for line in episodes if line["Season"] != "N/A"]
    assert 0.6 < len(placed) / len(episodes) < 0.8
    for line in placed[:50]:
        assert line["imdbID"] in store.season(line["seriesID"], int(line["Season"]))
    assert {line["seriesID"] for line in episodes if line not in placed} == {"N/A"}


def test_generated_titles_can_be_changed_and_removed() -> None:
    store = TitleStore(computed=GeneratedTitles(300, seed=1))
    imdb_id, name = generated()[50]["imdbID"], generated()[50]["Title"]
    store.update(imdb_id, {"Title": "Zyzzyva Quux", "imdbRating": "9.9"})
    found = store.summaries(store.search("zyzzyva", None, None))
    assert [shown.imdb_id for shown in found] == [imdb_id]
    assert imdb_id not in {s.imdb_id for s in store.summaries(store.search(name, None, None))}
    store.remove(imdb_id)
    assert store.get(imdb_id) is None
    assert not store.search("zyzzyva", None, None)


def test_index_takes_little_memory() -> None:
    tracemalloc.start()
    try:
        store = TitleStore(computed=GeneratedTitles(5_000, seed=3))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / len(store) < 300


# IMDb's files, and ratings that change from day to day

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


def served_rating(emulator: Emulator, imdb_id: str) -> tuple[str, str]:
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
            assert served_rating(emulator, imdb_id) == rows[imdb_id]
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
            assert served_rating(omdb, imdb_id) == expected[imdb_id]
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
