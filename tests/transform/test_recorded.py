"""The model on what OMDb really answered; `docs/model.md` tells of the same figures."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.transform.conftest import Warehouse

RECORDED = Path(__file__).resolve().parents[3] / "shared/omdb-recorded/details.jsonl"


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded replies are not here")
def test_all_recorded_titles_are_understood(warehouse: Warehouse) -> None:
    with RECORDED.open(encoding="utf-8") as lines:
        replies: dict[str, dict[str, Any]] = {r["imdbID"]: r for r in map(json.loads, lines)}
    warehouse.load(replies)

    outcome = warehouse.dbt("build")

    assert outcome.success, outcome.problems
    movies = [reply for reply in replies.values() if reply["Type"] == "movie"]
    values = warehouse.values
    assert values("select count(*) from demo_marts.movies") == [len(movies)]
    # Nothing is odd but what the tap itself could not parse or does not know.
    issues = "select distinct issue from demo_marts.data_issues"
    assert set(values(issues)) <= {"unparsed_value", "unknown_field"}
    # Counted in Python, by other means.
    genres = Counter(
        genre for movie in movies for genre in set(movie["Genre"].split(", ")) if genre != "N/A"
    )
    assert {
        row["genre_name"]: row["movies"]
        for row in warehouse.rows("select genre_name, movies from demo_marts.genre_summary")
    } == genres
    for field, role in (("Director", "director"), ("Writer", "writer"), ("Actors", "actor")):
        lists = [re.sub(r"\([^()]*\)", "", movie[field]) for movie in movies]
        credits = sum(text.count(",") + 1 for text in lists if text != "N/A")
        counted = f"select count(*) from demo_marts.movie_credits where role = '{role}'"
        assert values(counted) == [credits]
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
