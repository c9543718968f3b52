"""The model built from recorded responses of OMDb; `docs/model.md` has the same figures."""

# ruff: noqa: S608 - the SQL is the tests' own
from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.transform.conftest import Warehouse

FOLDER = Path(__file__).resolve().parents[3] / "shared/omdb-recorded"
RECORDED = FOLDER / "details.jsonl"
AWARDS = FOLDER / "awards_patterns.tsv"


@pytest.mark.skipif(not RECORDED.exists(), reason="no recorded responses")
def test_recorded_titles_are_parsed_completely(warehouse: Warehouse) -> None:
    with RECORDED.open(encoding="utf-8") as lines:
        responses: dict[str, dict[str, Any]] = {r["imdbID"]: r for r in map(json.loads, lines)}
    warehouse.load(responses)

    outcome = warehouse.dbt("build", "--exclude-resource-type", "unit_test")

    assert outcome.success, outcome.problems
    movies = [response for response in responses.values() if response["Type"] == "movie"]
    values = warehouse.values
    assert values("select count(*) from demo_marts.movies") == [len(movies)]
    # The only issues are values that the tap could not parse, and unknown fields.
    issues = "select distinct issue from demo_marts.data_issues"
    assert set(values(issues)) <= {"unparsed_value", "unknown_field"}
    # Counted independently, in Python.
    genres = Counter(
        genre for movie in movies for genre in set(movie["Genre"].split(", ")) if genre != "N/A"
    )
    assert {
        row["genre_name"]: row["movies"]
        for row in warehouse.rows("select genre_name, movies from demo_marts.genre_summary")
    } == genres
    for field, role in (("Director", "director"), ("Writer", "writer"), ("Actors", "actor")):
        lists = [re.sub(r"\([^()]*\)", "", movie[field]) for movie in movies]
        credited = sum(text.count(",") + 1 for text in lists if text != "N/A")
        counted = f"select count(*) from demo_marts.movie_credits where role = '{role}'"
        assert values(counted) == [credited]
    oscars = [re.match(r"Won (\d+) Oscar", movie.get("Awards") or "") for movie in movies]
    assert values(
        "select sum(awards)::integer from demo_marts.movie_awards"
        " where award_body = 'Oscar' and outcome = 'won'"
    ) == [sum(int(match[1]) for match in oscars if match)]
    rated = sum(movie["imdbRating"] not in ("N/A", "") for movie in movies)
    assert values(
        "select count(*) from demo_marts.movie_ratings"
        " where rating_source = 'Internet Movie Database'"
    ) == [rated]


@pytest.mark.skipif(not AWARDS.exists(), reason="no recorded patterns")
def test_recorded_formats_of_awards_are_parsed(warehouse: Warehouse) -> None:
    with AWARDS.open(encoding="utf-8") as lines:
        sentences = [line.rstrip("\n").split("\t")[2] for line in lines]
    titles = {f"tt{number:07}": sentence for number, sentence in enumerate(sentences, 1)}
    warehouse.load({imdb_id: {"Awards": sentence} for imdb_id, sentence in titles.items()})

    warehouse.build("--select", "+movies")

    read = {
        row["imdb_id"]: (row["award_wins"], row["award_nominations"])
        for row in warehouse.rows(
            "select imdb_id, award_wins, award_nominations from demo_marts.movies"
        )
    }
    missing = {"N/A", "<absent>"}
    assert {imdb_id: read[imdb_id] for imdb_id in titles if titles[imdb_id] not in missing} == {
        imdb_id: (_count(sentence, "Won", "win"), _count(sentence, "Nominated for", "nomination"))
        for imdb_id, sentence in titles.items()
        if sentence not in missing
    }


def _count(sentence: str, verb: str, noun: str) -> int:
    """All awards with an outcome, parsed word by word."""
    words = re.sub(r"(\D)(\d)", r"\1 \2", sentence).replace(".", " ").split()
    counted = sum(int(words[i - 1]) for i, word in enumerate(words) if word in (noun, f"{noun}s"))
    headline = sentence.startswith(verb) and ("Another" in words)
    return counted + (int(words[len(verb.split())]) if headline else 0)
