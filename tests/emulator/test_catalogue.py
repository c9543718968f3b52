from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from omdb_emulator.catalogue.tidy import TITLES, tidy
from omdb_emulator.catalogue.titles import json_lines
from omdb_emulator.catalogue.validation import validation_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECORDED = Path(__file__).parents[3] / "shared" / "omdb-recorded"
needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"{RECORDED} is not there")

Fields = dict[str, Any]

LINES: list[Fields] = [line for _, line in json_lines(TITLES)]
LISTED = [line for line in LINES if "Title" in line]
BY_ID = {line["imdbID"]: line for line in LINES}
RAW = {
    line["imdbID"]: line["Emulator"]["raw"] for line in LINES if "raw" in line.get("Emulator", {})
}

KEYS = (
    "Title Year Rated Released Runtime Genre Director Writer Actors Plot Language Country Awards "
    "Poster Ratings Metascore imdbRating imdbVotes imdbID Type"
)
MOVIE = f"{KEYS} DVD BoxOffice Production Website"
KEYS_BY_TYPE = {
    "movie": MOVIE,
    "game": MOVIE,
    "series": f"{KEYS} totalSeasons",
    "episode": KEYS.replace("Released", "Released Season Episode").replace("Type", "seriesID Type"),
}
NOT_FACTS = {"Plot", "PlotFull", "Poster", "Emulator", "Response", "tomatoConsensus"}


def _served() -> Iterator[Fields]:
    """Yield each title as a client with a strict JSON parser receives it."""
    for line in LISTED:
        if "raw" in line.get("Emulator", {}):
            try:
                yield json.loads(line["Emulator"]["raw"])
            except ValueError:
                continue
        else:
            yield {key: value for key, value in line.items() if key not in {"PlotFull", "Emulator"}}


SERVED = list(_served())


def _is_made_up(title: Fields) -> bool:
    return bool(re.fullmatch(r"tt990000\d\d", title["imdbID"]))


# --- what holds for every title ---------------------------------------------------------------


def test_the_emulator_finds_no_errors() -> None:
    assert list(validation_errors(LINES)) == []


def test_the_file_is_tidy() -> None:
    assert TITLES.read_text(encoding="utf-8") == tidy(LINES)


def test_ids_are_imdb_ids_and_unique() -> None:
    ids = [line["imdbID"] for line in LINES]
    assert [i for i in ids if not re.fullmatch(r"tt(\d{7}|[1-9]\d{7})", i)] == []
    assert [i for i, count in Counter(ids).items() if count > 1] == []


@pytest.mark.parametrize("kind", KEYS_BY_TYPE)
def test_keys_stand_in_omdbs_order(kind: str) -> None:
    wrong = [
        line["imdbID"]
        for line in LISTED
        if line["Type"] == kind
        and [key for key in line if key not in {"PlotFull", "Emulator"}]
        != KEYS_BY_TYPE[kind].split()
    ]
    assert wrong == []


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
    "Poster": r"N/A|https?://posters\.example/\S+\.jpg",
}


@pytest.mark.parametrize("field", FORMS)
def test_values_have_a_form_that_omdb_uses(field: str) -> None:
    values = {line[field] for line in LISTED if field in line}
    assert sorted(value for value in values if not re.fullmatch(FORMS[field], value)) == []


def test_only_series_have_a_range_of_years() -> None:
    assert {line["Type"] for line in LISTED if "\u2013" in line["Year"]} == {"series"}


def test_ratings_repeat_imdb_and_metacritic_in_omdbs_order() -> None:
    order = ["Internet Movie Database", "Rotten Tomatoes", "Metacritic"]
    for line in LISTED:
        ratings = {rating["Source"]: rating["Value"] for rating in line["Ratings"]}
        assert list(ratings) == [source for source in order if source in ratings], line["imdbID"]
        if line["imdbRating"] != "N/A" or order[0] in ratings:
            assert ratings[order[0]] == f"{line['imdbRating']}/10", line["imdbID"]
        if line["Metascore"] != "N/A" or order[2] in ratings:
            assert ratings[order[2]] == f"{line['Metascore']}/100", line["imdbID"]


@pytest.mark.parametrize("year", range(2008, 2025))
def test_there_are_several_movies_of_each_year(year: int) -> None:
    movies = [
        line
        for line in LISTED
        if line["Type"] == "movie" and line["Year"] == str(year) and not _is_made_up(line)
    ]
    assert len(movies) >= (60 if year in {2010, 2011} else 8)


def test_there_are_movies_enough() -> None:
    kinds = Counter(
        line["Type"]
        for line in LISTED
        if not _is_made_up(line) and (line["Type"] != "movie" or "2008" <= line["Year"] <= "2024")
    )
    assert kinds["movie"] >= 300
    assert kinds["series"] >= 40
    assert kinds["episode"] >= 150
    assert kinds["game"] >= 15


@pytest.mark.parametrize(
    ("series", "season", "episodes"),
    [
        ("tt0185906", 1, 10),
        ("tt0407362", 1, 13),
        ("tt0407362", 2, 20),
        ("tt0407362", 3, 20),
        ("tt0407362", 4, 21),
        ("tt0944947", 1, 10),
        ("tt0944947", 2, 10),
        ("tt0460649", 1, 22),
        ("tt0491738", 3, 16),
        ("tt1475582", 1, 3),
    ],
)
def test_these_seasons_are_complete(series: str, season: int, episodes: int) -> None:
    assert _numbers(series, season) == list(range(1, episodes + 1))


def test_a_season_has_a_gap() -> None:
    assert _numbers("tt2170584", 1) == [2, 4, 5, 6, 7, 8, 9]


def test_a_season_begins_with_episode_0() -> None:
    assert _numbers("tt1486217", 1) == list(range(11))


def _numbers(series: str, season: int) -> list[int]:
    return sorted(
        int(line["Episode"])
        for line in LISTED
        if line["Type"] == "episode"
        and line["seriesID"] == series
        and line["Season"] == str(season)
    )


def test_full_plots_are_longer() -> None:
    full = [line for line in LISTED if "PlotFull" in line]
    assert len(full) >= 100
    assert [line["imdbID"] for line in full if len(line["PlotFull"]) <= len(line["Plot"])] == []


def test_made_up_ids_are_documented() -> None:
    readme = TITLES.with_name("README.md").read_text(encoding="utf-8")
    documented: set[int] = set()
    for row in re.findall(r"^\| (tt99.*?) \|", readme, re.MULTILINE):
        numbers = [int(number) for number in re.findall(r"tt(\d+)", row)]
        documented.update(range(numbers[0], numbers[-1] + 1))
    made_up = {int(line["imdbID"][2:]) for line in LINES if line["imdbID"] >= "tt99"}
    assert documented == made_up


# --- each oddity of OMDb is served by some title ----------------------------------------------

RATED = (
    "R,N/A,PG-13,PG,Not Rated,Approved,G,TV-14,TV-PG,Unrated,NOT RATED,TV-MA,TV-G,"
    "Passed,NC-17,GP,TV-Y,UNRATED,TV-Y7,APPROVED,M,M/PG,X,U,NC-16,PASSED,NR,7+,18+,"
    "K-15,K-3,M18,UA,E10+,TV-Y7-FV"
)
GENRES = (
    "Drama Comedy Adventure Action Crime Thriller Romance Short Fantasy Animation "
    "Sci-Fi Family Mystery Horror Biography Documentary War History Music Sport "
    "Talk-Show Musical Western Film-Noir News Reality-TV Game-Show N/A"
)
COUNTRIES = (
    "USA,UK,United States,United Kingdom,West Germany,East Germany,Soviet Union,"
    "Czechoslovakia,Yugoslavia,Federal Republic of Yugoslavia,Côte d&#x27;Ivoire"
)


@pytest.mark.parametrize(
    ("field", "pattern"),
    [
        pytest.param("Year", r"\d{4}\u2013\d{4}", id="year-range"),
        pytest.param("Year", r"\d{4}\u2013", id="year-range-open"),
        pytest.param("Released", r"N/A", id="released-na"),
        pytest.param("Released", r"01 Jan \d{4}", id="released-placeholder"),
        pytest.param("Runtime", r"1 h \d+ min", id="runtime-hours-and-minutes"),
        pytest.param("Runtime", r"2 h", id="runtime-hours"),
        pytest.param("Runtime", r"34S min", id="runtime-typo"),
        pytest.param("Runtime", r"624 min", id="runtime-of-a-whole-series"),
        pytest.param("Runtime", r"N/A", id="runtime-na"),
        *(
            pytest.param("Rated", re.escape(rated), id=f"rated-{rated}")
            for rated in RATED.split(",")
        ),
        *(
            pytest.param("Genre", rf"(.*, )?{genre}(, .*)?", id=f"genre-{genre}")
            for genre in GENRES.split()
        ),
        pytest.param("Genre", r"([^,]+, ){3,}[^,]+", id="genre-more-than-three"),
        pytest.param("Director", r".*\w\(co-director\).*", id="director-note-glued"),
        pytest.param("Director", r"N/A", id="director-na"),
        pytest.param("Writer", r".*\([^)]*,  [^)]*\).*", id="writer-note-with-comma"),
        pytest.param("Writer", r'.*\([^)]*"[^)]*\).*', id="writer-note-with-quotes"),
        pytest.param("Writer", r'.*\([^)]*",? ?[^)]*,[^)]*\).*', id="writer-note-with-both"),
        pytest.param("Writer", r"(.*, )?([^,(]+) \([^,]+\), (.*, )?\2 \(.*", id="writer-twice"),
        pytest.param("Actors", r".*\bRobert Downey Jr\., .*", id="actor-jr"),
        pytest.param("Actors", r"[^,]+, [^,]+, [^,]+, [^,]+", id="actors-four"),
        pytest.param("Title", r"[^\x00-\u2fff]+", id="title-in-another-script"),
        pytest.param("Title", r'.*".*', id="title-with-quotes"),
        pytest.param("Title", r".*&[^;]*", id="title-with-ampersand"),
        pytest.param("Title", r".*&amp;.*", id="title-with-entity"),
        pytest.param("Title", r"\d+", id="title-of-digits"),
        pytest.param("Title", r"Episode #\d+\.\d+", id="title-of-episode-numbers"),
        pytest.param("Language", r"None", id="language-none"),
        pytest.param("Language", r".*American Sign ", id="language-cut-off"),
        pytest.param("Language", r".*\w+ Sign ,.*", id="language-cut-off-inside"),
        pytest.param("Language", r".*Ancient \(to 1453\).*", id="language-with-comma"),
        pytest.param("Language", r".*Egyptian \(Ancient\).*", id="language-with-brackets"),
        *(
            pytest.param("Country", rf"(.*, )?{country}(, .*)?", id=f"country-{country}")
            for country in COUNTRIES.split(",")
        ),
        pytest.param("Awards", r"\d+ wins? & \d+ nominations? total", id="awards-now"),
        pytest.param("Awards", r"\d+ wins? & \d+ nominations?", id="awards-of-2021"),
        pytest.param("Awards", r"\d+ wins? & \d+ nominations?\.", id="awards-before-2021"),
        pytest.param("Awards", r"\d+ wins?( total)?", id="awards-wins-only"),
        pytest.param("Awards", r"\d+ nominations?( total)?", id="awards-nominations-only"),
        pytest.param("Awards", r"Won \d+ Oscars?\. Another .*", id="awards-oscar-another"),
        pytest.param("Awards", r"Won \d+ Oscars?\. \d+ .* total", id="awards-oscar"),
        pytest.param("Awards", r"Won \d BAFTA Award\d+ .*", id="awards-bafta-won-glued"),
        pytest.param("Awards", r"Nominated for \d BAFTA Award\d+ .*", id="awards-bafta-glued"),
        pytest.param("Awards", r"Nominated for \d BAFTA Film Award\d+ .*", id="awards-film-glued"),
        pytest.param("Awards", r"Won \d BAFTA \d+ .*", id="awards-bafta-without-award"),
        pytest.param("Awards", r".* BAFTA Awards\. .*", id="awards-bafta-not-glued"),
        pytest.param("Awards", r".* BAFTA Film Award\. Another .*", id="awards-bafta-film"),
        pytest.param("Awards", r".* Golden Globes?\. Another .*", id="awards-golden-globe"),
        pytest.param("Awards", r"Won \d+ Primetime Emmys\. .*", id="awards-emmy"),
        pytest.param("Poster", r"N/A", id="poster-na"),
        pytest.param("Poster", r"https://.*\._V1_SX300\.jpg", id="poster"),
        pytest.param("Poster", r"http://.*", id="poster-http"),
        pytest.param("Poster", r".*_V1_SX640\.jpg", id="poster-wide"),
        pytest.param("Poster", r".*,.*\.jpg_V1_SX300\.jpg", id="poster-joined-with-commas"),
        pytest.param("Metascore", r"\d+", id="metascore"),
        pytest.param("imdbRating", r"10\.0", id="rating-10"),
        pytest.param("imdbVotes", r"\d,\d{3},\d{3}", id="votes"),
        pytest.param("imdbVotes", r"\d{4,}", id="votes-without-comma"),
        pytest.param("imdbID", r"tt(?!99)\d{8}", id="id-of-eight-digits"),
        pytest.param("Type", r"N/A", id="type-na"),
        pytest.param("DVD", r"\d\d \w{3} \d{4}", id="dvd"),
        pytest.param("BoxOffice", r"\$\d{3},\d{3},\d{3}", id="box-office"),
        pytest.param("BoxOffice", r"\$[\d,]+\.00", id="box-office-cents"),
        pytest.param("BoxOffice", r"\$106\.6M", id="box-office-millions"),
        pytest.param("Production", r"(?!N/A).+", id="production"),
        pytest.param("Production", r"Loew&#39;s .*", id="production-with-entity"),
        pytest.param("Website", r"https?://.+", id="website"),
        pytest.param("totalSeasons", r"N/A", id="seasons-na"),
        pytest.param("Season", r"N/A", id="season-na"),
        pytest.param("Episode", r"N/A", id="episode-na"),
        pytest.param("Episode", r"0", id="episode-0"),
        pytest.param("seriesID", r"N/A", id="series-na"),
        pytest.param("Plot", r"N/A", id="plot-na"),
        pytest.param("Plot", r".* \.\.\.", id="plot-cut-off"),
        pytest.param("Plot", r".*&amp;.*", id="plot-with-entity"),
        pytest.param("Plot", r".*Date\.now\(\).*", id="plot-of-page-script"),
    ],
)
def test_odd_value(field: str, pattern: str) -> None:
    assert any(re.fullmatch(pattern, title[field]) for title in SERVED if field in title)


@pytest.mark.parametrize(
    "is_odd",
    [
        pytest.param(
            lambda t: t["Type"] == "series" and re.fullmatch(r"\d{4}", t["Year"]),
            id="series-of-a-single-year",
        ),
        pytest.param(
            lambda t: t["Released"] != "N/A" and not t["Released"].endswith(t["Year"][:4]),
            id="released-in-another-year",
        ),
        pytest.param(
            lambda t: t["imdbVotes"] != "N/A" and t["imdbRating"] == "N/A",
            id="votes-without-rating",
        ),
        pytest.param(
            lambda t: t["Type"] == "episode" and t["imdbRating"] == t["Released"] == "N/A",
            id="season-row-without-date-and-rating",
        ),
        pytest.param(
            lambda t: t["Type"] == "episode" and re.fullmatch(r"\d{4,}", t["imdbVotes"]),
            id="episode-votes-without-comma",
        ),
        pytest.param(
            lambda t: t["Type"] == "series" and t["Runtime"] == "594 min",
            id="series-runtime-is-the-total",
        ),
    ],
)
def test_odd_combination(is_odd: Callable[[Fields], object]) -> None:
    assert any(is_odd(title) for title in SERVED if "Country" in title)


@pytest.mark.parametrize(
    "sources",
    [
        "Internet Movie Database, Rotten Tomatoes, Metacritic",
        "Internet Movie Database, Rotten Tomatoes",
        "Internet Movie Database, Metacritic",
        "Internet Movie Database",
        "Rotten Tomatoes",
        "",
    ],
)
def test_combination_of_ratings(sources: str) -> None:
    combinations = {", ".join(r["Source"] for r in t["Ratings"]) for t in SERVED if "Ratings" in t}
    assert sources in combinations


def test_plot_of_full_length() -> None:
    assert max(len(line.get("PlotFull", "")) for line in LISTED) == 5076


@pytest.mark.parametrize(
    ("imdb_id", "keys"),
    [
        pytest.param("tt1403865", 16, id="16-keys-of-2013"),
        pytest.param("tt0427152", 20, id="20-keys-of-2015"),
        pytest.param("tt1193138", 35, id="35-keys-with-tomatoes"),
    ],
)
def test_response_in_an_older_shape(imdb_id: str, keys: int) -> None:
    response = json.loads(RAW[imdb_id])
    assert len(response) == keys
    assert "Ratings" not in response
    assert list(response)[-1] == "Response"


@pytest.mark.parametrize(
    ("imdb_id", "broken"),
    [
        pytest.param("tt2091423", "\x1f", id="U+001F"),
        pytest.param("tt99000040", "\x08", id="U+0008"),
        pytest.param("tt99000041", "\x1d", id="U+001D"),
        pytest.param("tt99000042", "\x1a", id="U+001A"),
        pytest.param("tt99000043", "\x0b", id="U+000B"),
        pytest.param("tt99000044", "\t", id="tab"),
        pytest.param("tt99000045", "\n", id="line-feed"),
    ],
)
def test_body_with_a_raw_control_character(imdb_id: str, broken: str) -> None:
    assert broken in RAW[imdb_id]
    with pytest.raises(json.JSONDecodeError, match="control character"):
        json.loads(RAW[imdb_id])
    assert broken in json.loads(RAW[imdb_id], strict=False)["Plot"]


@pytest.mark.parametrize(
    ("imdb_id", "broken"),
    [
        pytest.param("tt99000046", r"inner\spiritual", id="bad-escape-in-plot"),
        pytest.param("tt99000047", r'"Title":"Billions\Milliards"', id="bad-escape-in-title"),
        pytest.param("tt99000048", r"painter\'s", id="escaped-apostrophe"),
        pytest.param("tt99000049", r'her "the Whisper",', id="quotes"),
        pytest.param("tt99000050", r'<a class="ipc-link" href="', id="html"),
        pytest.param("tt99000051", r"before the end", id="cut-short"),
    ],
)
def test_body_that_is_not_json(imdb_id: str, broken: str) -> None:
    assert broken in RAW[imdb_id]
    with pytest.raises(json.JSONDecodeError):
        json.loads(RAW[imdb_id], strict=False)


def test_ids_that_serve_another_title() -> None:
    merged = {
        line["imdbID"]: line["Emulator"]["merged_into"]
        for line in LINES
        if "merged_into" in line.get("Emulator", {})
    }
    assert merged["tt4440394"] == "tt2250912"
    assert len(merged) >= 2
    assert all("Title" in BY_ID[target] for target in merged.values())


def test_ids_without_data() -> None:
    errors = [line for line in LINES if "error" in line.get("Emulator", {})]
    assert {line["Emulator"]["error"] for line in errors} == {"Error getting data."}
    assert {"Title" in line for line in errors} == {True, False}


def test_titles_that_searches_duplicate_and_omit() -> None:
    copies = {line["Emulator"].get("search") for line in LINES if "Emulator" in line}
    assert {0, 2} <= copies


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
            yield {**row, "Season": listing["Season"], "Released": _as_in_details(row)}
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


def _as_in_details(row: Fields) -> str:
    released: str = row["Released"]
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", released):
        return released
    day = datetime.strptime(released, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    return day.strftime("%d %b %Y")


@needs_recordings
def test_every_fact_is_on_record() -> None:
    facts = _recorded_facts()
    wrong = []
    titles, compared = set(), 0
    for title in (*LISTED, *SERVED):
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
    ours = {re.sub(r"\d+", "N", title["Awards"]) for title in SERVED if "Awards" in title}
    assert patterns - ours == set()
