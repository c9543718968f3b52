from __future__ import annotations

import io
import json
import tracemalloc
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from omdb_emulator import cli
from omdb_emulator.catalogue.generator import MAX_TITLES, GeneratedTitles
from omdb_emulator.catalogue.search_index import words
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.catalogue.titles import start_year, title_from_line, votes_of
from omdb_emulator.catalogue.validation import validation_errors
from omdb_emulator.testing import Emulator

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.conftest import Fetch

COUNT = 20_000


@pytest.fixture(scope="module")
def titles() -> GeneratedTitles:
    return GeneratedTitles(COUNT, seed=1)


@pytest.fixture(scope="module")
def lines(titles: GeneratedTitles) -> list[dict[str, Any]]:
    return list(titles.lines())


@pytest.fixture(scope="module")
def store(titles: GeneratedTitles) -> TitleStore:
    return TitleStore(computed=titles)


def share(lines: list[dict[str, Any]], field: str, value: object = "N/A") -> float:
    count: int = sum(line.get(field) == value for line in lines)
    return count / len(lines)


def of_type(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["Type"] == kind]


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


def test_same_seed_same_titles_whatever_the_number(lines: list[dict[str, Any]]) -> None:
    assert list(GeneratedTitles(300, seed=1).lines()) == lines[:300]
    assert [GeneratedTitles(MAX_TITLES, seed=1).line(row) for row in (7, 0)] == [lines[7], lines[0]]
    assert GeneratedTitles(300, seed=2).line(50) != lines[50]


def test_titles_are_sound(lines: list[dict[str, Any]]) -> None:
    typeless = [line for line in lines if line["Type"] == "N/A"]
    assert len(typeless) == COUNT / 10_000
    assert list(validation_errors(line for line in lines if line["Type"] != "N/A")) == []


def test_rows_and_ids_belong_together(titles: GeneratedTitles) -> None:
    ids = [titles.id_of(row) for row in range(COUNT)]
    assert [titles.row_of(imdb_id) for imdb_id in ids] == list(range(COUNT))
    assert titles.row_of("tt0000001") is None
    assert titles.row_of(GeneratedTitles(COUNT + 1, seed=1).id_of(COUNT)) is None
    lengths = Counter(map(len, ids))
    assert 0.03 < lengths[10] / COUNT < 0.04
    assert lengths[9] + lengths[10] == COUNT


def test_heads_agree_with_lines(titles: GeneratedTitles, lines: list[dict[str, Any]]) -> None:
    for row, (head, line) in enumerate(zip(titles.index_entries(), lines, strict=True)):
        name, kind, year, votes = head
        assert (name, kind, year) == (line["Title"], line["Type"], start_year(line["Year"]))
        assert votes == votes_of(line)
        if row % 100 == 0:
            full = titles.summary(row)
            assert full[:5] == tuple(
                line[field] for field in ("Title", "Year", "imdbID", "Type", "Poster")
            )


def test_mix_of_types(lines: list[dict[str, Any]]) -> None:
    kinds = Counter(line["Type"] for line in lines)
    assert kinds["movie"] == pytest.approx(0.89 * COUNT, abs=5)
    assert (kinds["series"], kinds["episode"], kinds["game"]) == (400, 1600, 200)


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("Rated", 0.18, 0.25),
        ("Released", 0.02, 0.04),
        ("Runtime", 0.03, 0.06),
        ("Director", 0.01, 0.03),
        ("Writer", 0.03, 0.06),
        ("Awards", 0.25, 0.4),
        ("Poster", 0.03, 0.08),
        ("Metascore", 0.35, 0.45),
        ("imdbRating", 0.12, 0.22),
        ("DVD", 0.98, 0.999),
        ("BoxOffice", 0.3, 0.4),
        ("Production", 0.985, 0.999),
        ("Website", 1, 1),
        ("Title", 0, 0),
        ("Year", 0, 0),
    ],
)
def test_shares_of_missing_values(
    lines: list[dict[str, Any]], field: str, low: float, high: float
) -> None:
    assert low <= share(of_type(lines, "movie"), field) <= high


def test_ratings_agree_with_each_other(lines: list[dict[str, Any]]) -> None:
    sources: Counter[tuple[int, str | bool]] = Counter()
    votes_without_rating = 0
    for line in lines:
        values = {one["Source"]: one["Value"] for one in line["Ratings"]}
        order = ["Internet Movie Database", "Rotten Tomatoes", "Metacritic"]
        assert list(values) == [source for source in order if source in values]
        imdb, meta = line["imdbRating"], line["Metascore"]
        assert values.get(order[0]) == (None if imdb == "N/A" else f"{imdb}/10")
        assert values.get(order[2]) == (None if meta == "N/A" else f"{meta}/100")
        votes_without_rating += imdb == "N/A" and line["imdbVotes"] != "N/A"
        assert imdb == "N/A" or line["imdbVotes"] != "N/A"
        sources[len(values), bool(values) and next(iter(values))] += 1
    assert 0.5 < sources[3, order[0]] / COUNT < 0.65
    assert 0.12 < sources[0, False] / COUNT < 0.21
    assert sources[1, order[1]] > 0
    assert 0 < votes_without_rating < 0.01 * COUNT


@pytest.mark.parametrize(
    "oddity",
    [
        lambda line: "Another" in line["Awards"],
        lambda line: line["Awards"].endswith("total"),
        lambda line: "AwardN" in "".join("N" if c.isdigit() else c for c in line["Awards"]),
        lambda line: "West Germany" in line["Country"],
        lambda line: "USA" in line["Country"].split(", "),
        lambda line: "&#x27;" in line["Country"],
        lambda line: "American Sign " in line["Language"].split(", "),
        lambda line: line["Language"] == "None",
        lambda line: "&#39;" in line.get("Production", ""),
        lambda line: "&amp;" in line["Plot"],
        lambda line: '"' in line["Plot"],
        lambda line: line["Plot"].endswith(" ..."),
        lambda line: " h" in line["Runtime"],
        lambda line: "(screenplay)" in line["Writer"],
        lambda line: "Gamora & Drax" in line["Writer"],
        lambda line: "(co-director)" in line["Director"],
        lambda line: " Jr." in line["Actors"],
        lambda line: line["Released"].startswith("01 Jan "),
        lambda line: line["Released"][-4:] not in {line["Year"][:4], "N/A"},
        lambda line: ",90,132" in line["Poster"].replace("3,0,89", "3,0,90"),
        lambda line: line["Type"] == "series" and line["Year"].endswith("\u2013"),
        lambda line: line["Type"] == "series" and line["Year"].isdigit(),
        lambda line: line["Type"] == "series" and line["totalSeasons"] == "N/A",
        lambda line: line["Type"] == "episode" and line["Season"] == "N/A",
        lambda line: line["Type"] == "episode" and line["Episode"] == "0",
        lambda line: line["Type"] == "episode" and line["imdbVotes"].isdigit(),
        lambda line: len(line["Genre"].split(", ")) > 3,
        lambda line: not line["Title"].isascii(),
        lambda line: "raw" in line.get("Emulator", {}),
    ],
)
def test_oddities_occur(lines: list[dict[str, Any]], oddity: Any) -> None:  # noqa: ANN401
    assert 0 < sum(map(oddity, lines)) < COUNT * 0.9


def test_broken_responses_can_be_parsed_leniently(lines: list[dict[str, Any]]) -> None:
    broken = next(title_from_line(line) for line in lines if "Emulator" in line)
    with pytest.raises(ValueError, match="control character"):
        json.loads(broken.body())
    assert json.loads(broken.body(), strict=False)["imdbID"] == broken.imdb_id


def test_searches_find_what_they_should(
    store: TitleStore, titles: GeneratedTitles, lines: list[dict[str, Any]]
) -> None:
    rows = store.search("love", "movie", None)
    expected = {
        row
        for row, line in enumerate(lines)
        if line["Type"] == "movie" and "love" in words(line["Title"])
    }
    assert set(rows) == expected
    votes = [head.votes for head in store.summaries(rows[:30])]
    assert votes == sorted(votes, reverse=True)
    prefix = store.search("bri*", None, 2010)
    assert prefix
    for head in store.summaries(prefix):
        assert any(word.startswith("bri") for word in words(head.title))
        assert start_year(head.year) == 2010
    assert titles.row_of(store.summaries(rows[:1])[0].imdb_id) == rows[0]


def test_seasons_list_the_episodes_that_say_so(
    store: TitleStore, lines: list[dict[str, Any]]
) -> None:
    placed = [line for line in of_type(lines, "episode") if line["Season"] != "N/A"]
    assert 0.6 < len(placed) / len(of_type(lines, "episode")) < 0.8
    for line in placed[:50]:
        assert line["imdbID"] in store.season(line["seriesID"], int(line["Season"]))
    unplaced = next(line for line in of_type(lines, "episode") if line["Season"] == "N/A")
    assert unplaced["seriesID"] == "N/A"


def test_generated_titles_can_be_changed(
    titles: GeneratedTitles, lines: list[dict[str, Any]]
) -> None:
    store = TitleStore(computed=titles)
    imdb_id = lines[50]["imdbID"]
    store.update(imdb_id, {"Title": "Zyzzyva Quux", "imdbRating": "9.9"})
    assert [head.imdb_id for head in store.summaries(store.search("zyzzyva", None, None))] == [
        imdb_id
    ]
    assert len(store.search(lines[50]["Title"], None, None)) == sum(
        set(words(lines[50]["Title"])) <= set(words(line["Title"]))
        for line in lines
        if line["Type"] != "episode" and line["imdbID"] != imdb_id
    )
    store.remove(imdb_id)
    assert store.get(imdb_id) is None
    assert not store.search("zyzzyva", None, None)


def test_served_without_a_file(fetch: Fetch, lines: list[dict[str, Any]]) -> None:
    with Emulator(generated=2_000, seed=1) as emulator:
        assert emulator.health()["titles"] == 2_000
        details = fetch(emulator, i=lines[50]["imdbID"], plot="full").json
        assert details["Title"] == lines[50]["Title"]
        assert details["Plot"] == lines[50].get("PlotFull", "N/A")
        assert int(fetch(emulator, s="the", y="2010").json.get("totalResults", 0)) == 0
        assert int(fetch(emulator, s="man").json["totalResults"]) > 10


def test_index_takes_little_memory() -> None:
    titles = GeneratedTitles(20_000, seed=3)
    tracemalloc.start()
    try:
        store = TitleStore(computed=titles)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(store) == 20_000
    assert used / 20_000 < 300


def test_generate_streams_lines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    assert cli.main(["generate", "--titles", "20", "--seed", "1"]) == 0
    out = capsys.readouterr().out
    assert [json.loads(line) for line in io.StringIO(out)] == lines[:20]
    path = tmp_path / "titles.jsonl"
    assert cli.main(["generate", "--titles", "20", "--seed", "1", "--output", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == out


@pytest.mark.parametrize("count", [-1, MAX_TITLES + 1])
def test_too_many_or_too_few_titles_are_rejected(
    count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["generate", "--titles", str(count)]) == 1
    assert "--titles must be between 0 and 1000000" in capsys.readouterr().err
    with pytest.raises(ValueError, match="can be generated"):
        GeneratedTitles(count)
