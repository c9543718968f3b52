"""The titles: built-in, hostile and generated ones."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from omdb_emulator.catalogue.generator import MAX_TITLES, GeneratedTitles
from omdb_emulator.catalogue.loader import CATALOGUE, HOSTILE_CATALOGUE
from omdb_emulator.catalogue.search_index import words
from omdb_emulator.catalogue.store import TitleStore
from omdb_emulator.catalogue.titles import KEYS, json_lines, start_year, title_from_line
from omdb_emulator.testing import Emulator

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


def test_there_are_titles_enough() -> None:
    real = [line for line in LISTED if line["imdbID"] < "tt99"]
    kinds = Counter(line["Type"] for line in real)
    years = Counter(line["Year"] for line in real if line["Type"] == "movie")
    assert all(years[str(year)] >= 8 for year in range(2008, 2025))
    assert min(years["2010"], years["2011"]) >= 60
    assert sum(years[str(year)] for year in range(2008, 2025)) >= 300
    assert (kinds["series"] >= 40, kinds["episode"] >= 150, kinds["game"] >= 15) == (True,) * 3


SEASONS: dict[tuple[str, str], Iterable[int]] = {
    ("tt0185906", "1"): range(1, 11), ("tt0407362", "1"): range(1, 14),
    ("tt0407362", "2"): range(1, 21), ("tt0407362", "3"): range(1, 21),
    ("tt0407362", "4"): range(1, 22), ("tt0944947", "1"): range(1, 11),
    ("tt0944947", "2"): range(1, 11), ("tt0460649", "1"): range(1, 23),
    ("tt0491738", "3"): range(1, 17), ("tt1475582", "1"): range(1, 4),
    # One with a gap, and one that begins with an episode 0.
    ("tt2170584", "1"): (2, *range(4, 10)), ("tt1486217", "1"): range(11),
}  # fmt: skip


@pytest.mark.parametrize("season", SEASONS)
def test_seasons(season: tuple[str, str]) -> None:
    of_season = [line for line in LISTED if (line.get("seriesID"), line.get("Season")) == season]
    assert sorted(int(episode["Episode"]) for episode in of_season) == list(SEASONS[season])


def test_full_plots_are_longer() -> None:
    full = [line for line in LISTED if "PlotFull" in line]
    assert len(full) >= 100
    assert [line["imdbID"] for line in full if len(line["PlotFull"]) <= len(line["Plot"])] == []
    assert max(len(line["PlotFull"]) for line in full) == 5076


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


@pytest.mark.parametrize(
    ("imdb_id", "keys"), [("tt1403865", 16), ("tt0427152", 20), ("tt1193138", 35)]
)
def test_response_in_an_older_shape(imdb_id: str, keys: int) -> None:
    response = json.loads(RAW[imdb_id])
    assert len(response) == keys
    assert "Ratings" not in response
    assert list(response)[-1] == "Response"


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


def test_searches_and_seasons_list_them(emulator: Emulator) -> None:
    found = fetch(emulator, s="script").json["Search"]
    assert "<script>alert(1)</script>" in {hit["Title"] for hit in found}
    series = next(line for line in HOSTILE if line["Type"] == "series")
    season = fetch(emulator, i=series["imdbID"], Season="1").json
    assert [episode["Episode"] for episode in season["Episodes"]] == ["1", "2"]
    assert "\x1b[31m" in season["Episodes"][1]["Title"]
    assert season["Title"] == series["Title"]


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
    "Rated": (0.18, 0.25), "Released": (0.02, 0.04), "Runtime": (0.03, 0.06), "Title": (0, 0),
    "Director": (0.01, 0.03), "Writer": (0.03, 0.06), "Awards": (0.25, 0.4), "Year": (0, 0),
    "Poster": (0.03, 0.08), "Metascore": (0.35, 0.45), "imdbRating": (0.12, 0.22),
    "DVD": (0.98, 0.999), "BoxOffice": (0.3, 0.4), "Production": (0.985, 0.999),
}  # fmt: skip


def test_shares_of_types_and_of_missing_values() -> None:
    kinds = Counter(line["Type"] for line in generated())
    assert kinds == {"movie": 11569, "episode": 1040, "series": 260, "game": 130, "N/A": 1}
    movies = [line for line in generated() if line["Type"] == "movie"]
    for field, (low, high) in SHARES_OF_MISSING.items():
        assert low <= sum(line[field] == "N/A" for line in movies) / len(movies) <= high, field
    rated = [line for line in generated() if line["imdbRating"] != "N/A"]
    assert all(line["imdbVotes"] != "N/A" for line in rated)
    sources = Counter(len(line["Ratings"]) for line in movies)
    assert 0.5 < sources[3] / len(movies) < 0.65
    assert 0.12 < sources[0] / len(movies) < 0.21


def test_broken_responses_can_be_parsed_leniently() -> None:
    broken = next(title_from_line(line) for line in generated() if "Emulator" in line)
    with pytest.raises(ValueError, match="control character"):
        json.loads(broken.body())
    assert json.loads(broken.body(), strict=False)["imdbID"] == broken.imdb_id


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
