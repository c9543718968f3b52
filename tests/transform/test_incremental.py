"""Incremental builds match a full build, and do not touch unchanged rows."""

# ruff: noqa: S608 - the SQL is the tests' own
from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.transform.conftest import Warehouse

NAMES = [
    f"{first} {last}" for first in ("Ann", "Björk", "Zoë", "Li") for last in ("Ito", "Roy", "Ek")
] + ["BJÖRK ROY", "Li EK"]
TYPES = ("movie", "movie", "movie", "series", "episode", "game")
GENRES = ["Drama", "Comedy", "Sci-Fi", "War", "Film-Noir", "Slow Cinema"]
COUNTRIES = ["USA", "United States", "Soviet Union", "Atlantis", "C&#xF4;te d&#x27;Ivoire"]
LANGUAGES = ["English", "American Sign ", "Elvish", "None"]
AWARDS = ["N/A", "1 win", "Won 2 Oscars. Another 3 wins & 1 nomination.", "a prize"]


def draw(rng: random.Random, number: int) -> dict[str, Any]:
    """A title with values from small sets, so that titles share, lose and gain them."""

    def some(values: list[str]) -> str:
        return ", ".join(rng.sample(values, rng.randrange(3))) or "N/A"

    rating = rng.choice(["N/A", "7.1", "8.8"])
    return {
        "Title": f"Title {number} {rng.random()}",
        "Year": str(rng.choice([2010, 2011])),
        "Type": TYPES[number % 6] if rng.random() < 0.9 else rng.choice(TYPES),
        "Rated": rng.choice(["R", "NOT RATED", "XYZ"]),
        "Genre": some(GENRES),
        "Director": some(NAMES),
        "Writer": some([f"{name} (story, in part)" for name in NAMES] + NAMES),
        "Actors": some(NAMES),
        "Language": some(LANGUAGES),
        "Country": some(COUNTRIES),
        "Production": some(["Loew&#39;s, Inc.", "Troma", "Canal+"]),
        "Awards": rng.choice(AWARDS),
        "imdbRating": rating,
        "Ratings": rng.choice([[], [{"Source": "Rotten Tomatoes", "Value": "87%"}]]),
        "Metascore": rng.choice(["N/A", "70", "9" * 18]),
        "seriesID": "tt1000003",
        "Season": str(rng.randrange(3)),
        "Episode": str(rng.randrange(5)),
        "totalSeasons": "2",
    }


def test_incremental_builds_match_a_full_build_and_touch_no_other_row(warehouse: Warehouse) -> None:
    rng = random.Random(1)  # noqa: S311 - repeatable
    titles: dict[str, dict[str, Any]] = {}

    def sync(numbers: Iterable[int]) -> None:
        drawn = {f"tt{1000000 + n}": draw(rng, n) for n in numbers}
        warehouse.load(drawn)
        titles.update(drawn)

    sync(range(60))
    warehouse.build()
    numbers = [*rng.sample(range(60), 15), *range(60, 70)]
    sync(numbers)
    # Rows that another loader wrote before the last build, and committed after it.
    late = ", ".join(f"'tt{1000000 + n}'" for n in numbers[::3])
    for table in ("movies", "series", "episodes", "games"):
        warehouse.execute(
            f"update demo_raw.{table} set _sdc_batched_at = _sdc_batched_at"
            f" - interval '30 minutes' where imdb_id in ({late})"
        )
    # An interrupted build; the next one has the titles of two syncs.
    warehouse.build("--select", "+movies", "+people", "movie_genres")
    sync([*rng.sample(range(70), 15), *range(70, 80)])
    warehouse.build()

    changed = [i for i, title in titles.items() if title["Type"] == "movie"][:2]
    tables = [
        *("movies", "movie_credits", "movie_genres", "movie_countries", "movie_languages"),
        *("movie_companies", "movie_ratings", "movie_awards"),
    ]
    locations = [
        *(f"select ctid from demo_marts.{table}" for table in ("people", "genres", "companies")),
        *(
            f"select ctid from demo_marts.{table} where imdb_id not in {(*changed,)}"
            for table in tables
        ),
    ]
    before = [{*warehouse.values(query)} for query in locations]
    warehouse.load({i: {**titles[i], "Title": "Another title"} for i in changed})
    outcome = warehouse.build()
    assert [{*warehouse.values(query)} for query in locations] == before
    assert outcome.nodes["movies"][1] == "MERGE 2"
    named = "select imdb_id from demo_marts.movies where title ~ '^Another' order by 1"
    assert warehouse.values(named) == sorted(changed)

    incremental = warehouse.tables("demo_marts") | warehouse.tables("demo_intermediate")
    warehouse.build("--full-refresh")
    full = warehouse.tables("demo_marts") | warehouse.tables("demo_intermediate")
    assert len(full.pop("dbt_runs")) == len(incremental.pop("dbt_runs")) + 1
    assert {name: rows for name, rows in incremental.items() if rows != full[name]} == {}
    of_titles = full.keys() - {"list_entries", "searches", "rejects"}
    assert min(len(full[name]) for name in of_titles) > 1


def test_a_title_of_another_type_is_no_longer_a_movie(built: Warehouse) -> None:
    built.load({"tt0000003": {"Genre": "War", "Director": "ANN ITO"}})
    built.build()
    assert built.values("select person_name from demo_marts.people") == ["Ann Ito"]

    built.load({"tt0000001": {"Type": "series", "Genre": "Drama"}})
    built.build()

    assert built.rows("select imdb_id, kind from demo_marts.titles order by imdb_id") == [
        {"imdb_id": "tt0000001", "kind": "series"},
        {"imdb_id": "tt0000002", "kind": "game"},
        {"imdb_id": "tt0000003", "kind": "movie"},
    ]
    assert built.values("select genre_id from demo_marts.movie_genres") == ["war"]
    assert built.values("select genre_id from demo_marts.genres") == ["war"]
    assert built.values("select person_name from demo_marts.people") == ["ANN ITO"]
    assert built.values("select country_id from demo_marts.countries where not is_known") == []
    former = "select kind, value from demo_marts.data_issues where issue = 'former_type'"
    assert built.rows(former) == [{"kind": "series", "value": "movie"}]
    assert built.dbt("test", "--select", "movies", "movie_genres", "movie_credits").success


def test_rating_history_has_one_version_per_change(warehouse: Warehouse) -> None:
    def sync(day: int, imdb_rating: str, **fields: str) -> None:
        moment = datetime(2026, 1, day, tzinfo=timezone.utc)
        changing = {"imdbRating": imdb_rating, "Metascore": "70", **fields}
        warehouse.load({"tt0000001": changing, "tt0000002": {"imdbRating": "5.0"}}, at=moment)
        warehouse.build("--select", "+rating_history")

    sync(1, "7.0")
    sync(2, "7.1", Title="A rating has changed")
    sync(3, "7.1", Title="No rating has changed")
    sync(4, "7.1", BoxOffice="$100")
    sync(2, "9.9", Title="An older response, loaded again")
    warehouse.build("--full-refresh", "--select", "+rating_history")

    day = datetime(2026, 1, 1)  # noqa: DTZ001 - the columns have no time zone
    history = warehouse.rows(
        "select valid_from, valid_to, is_current, imdb_rating::float as rating, box_office"
        " from demo_marts.rating_history where imdb_id = 'tt0000001' order by valid_from"
    )
    assert [tuple(version.values()) for version in history] == [
        (day, day + timedelta(days=1), False, 7.0, None),
        (day + timedelta(days=1), day + timedelta(days=3), False, 7.1, None),
        (day + timedelta(days=3), None, True, 7.1, 100),
    ]
    others = "select count(*) from demo_marts.rating_history where imdb_id = 'tt0000002'"
    assert warehouse.values(others) == [1]


def test_foreign_keys_to_a_rebuilt_dimension_are_reported_and_restored(built: Warehouse) -> None:
    def foreign_keys() -> list[str]:
        return built.values(
            "select conrelid::regclass || ' to ' || confrelid::regclass from pg_constraint"
            " where contype = 'f' order by 1"
        )

    made = foreign_keys()
    assert len(made) == 13
    built.execute("update demo_intermediate.int_titles set genres = '{War}'")

    built.build("--full-refresh", "--select", "genres", "people")
    to_genres = "demo_marts.movie_genres to demo_marts.genres"
    lost = {to_genres, "demo_marts.movie_credits to demo_marts.people"}
    assert set(made) - set(foreign_keys()) == lost
    tested = built.dbt("test", "--select", "test_name:has_foreign_keys")
    assert len(tested.named("fail")) == 2

    # Not to a row that is missing now.
    built.build("--select", "movie_genres", "movie_credits")
    assert set(made) - set(foreign_keys()) == {to_genres}
    assert len(built.dbt("test", "--select", "movie_genres").named("fail")) == 2
    built.build("--full-refresh", "--select", "movie_genres")
    assert foreign_keys() == made
    assert built.dbt("test", "--select", "movie_genres").success
