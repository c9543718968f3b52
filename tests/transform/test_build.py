"""One dbt command builds all marts from whatever raw tables exist."""

# ruff: noqa: S608 - the SQL is the tests' own
from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from tests.transform.conftest import Warehouse

CHECKOUT = Path(__file__).resolve().parents[2]
MODEL = CHECKOUT / "docs/model.md"
EXPOSURES = CHECKOUT / "transform/models/_exposures.yml"
MARTS = {
    *("movies", "people", "movie_credits", "genres", "movie_genres", "countries"),
    *("movie_countries", "languages", "movie_languages", "companies", "movie_companies"),
    *("certificates", "movie_ratings", "movie_awards", "series", "seasons", "episodes", "games"),
    *("searches", "rejects", "dbt_runs"),
}
VIEWS = {
    *("box_office", "rating_history", "data_issues", "year_summary", "genre_summary"),
    *("country_summary", "person_summary", "critics_and_audience", "coverage_summary"),
    *("titles", "title_credits", "syncs", "pipeline_health"),
}
SAMPLE: dict[str, dict[str, Any]] = {
    "tt0000001": {
        "Title": "The Heist",
        "Year": "2010",
        "Rated": "NOT RATED",
        "Released": "16 Jul 2010",
        "Runtime": "148 min",
        "Genre": "Action, Sci-Fi",
        "Director": "Ann Author, Rob LaDuca(co-director)",
        "Writer": "Ann Author (story, in part), Ann Author (screenplay)",
        "Actors": "Sammy Davis, Jr., Björk",
        "Language": "English, American Sign , None",
        "Country": "USA, C&#xF4;te d&#x27;Ivoire, New Atlantis",
        "Awards": "Won 1 BAFTA Award13 wins & 9 nominations total",
        "Ratings": [{"Source": "Rotten Tomatoes", "Value": "87%"}],
        "imdbRating": "8.8",
        "imdbVotes": "1,174,194",
        "BoxOffice": "$292,587,330",
        "Production": "Loew&#39;s Inc.",
    },
    "tt0000002": {"Title": "Bare"},
    "tt0000003": {"Type": "series", "Year": "2011\u20132019", "totalSeasons": "2"},
    "tt0000004": {"Type": "episode", "seriesID": "tt0000003", "Season": "1", "Episode": "2"},
    "tt0000005": {"Type": "game", "Rated": "M"},
}


def test_an_empty_warehouse_gets_all_marts(each_warehouse: Warehouse) -> None:
    each_warehouse.build()

    assert set(each_warehouse.tables("demo_marts")) == MARTS
    views = "select viewname from pg_views where schemaname = 'demo_marts'"
    assert set(each_warehouse.values(views)) == VIEWS
    assert each_warehouse.tables("demo_marts")["movies"] == []
    assert len(each_warehouse.tables("demo_marts")["countries"]) > 250
    assert each_warehouse.dbt("test").success


def test_sample_titles_are_built(each_warehouse: Warehouse) -> None:
    each_warehouse.load(SAMPLE)

    outcome = each_warehouse.dbt("build")

    assert outcome.success, outcome.problems
    assert outcome.named("warn") == {"assert_no_data_issues"}
    rows = each_warehouse.rows
    marts = "demo_marts"
    assert rows(
        f"select title, year, runtime_minutes, certificate_id, award_wins, award_nominations,"
        f" box_office from {marts}.movies order by imdb_id"
    ) == [
        {
            "title": "The Heist",
            "year": 2010,
            "runtime_minutes": 148,
            "certificate_id": "not-rated",
            "award_wins": 13,
            "award_nominations": 9,
            "box_office": 292587330,
        },
        {
            "title": "Bare",
            "year": None,
            "runtime_minutes": None,
            "certificate_id": None,
            "award_wins": None,
            "award_nominations": None,
            "box_office": None,
        },
    ]
    credited = (
        f"select role, person_name, note from {marts}.movie_credits"
        f" join {marts}.people using (person_id) order by role, position"
    )
    assert [tuple(row.values()) for row in rows(credited)] == [
        ("actor", "Sammy Davis Jr.", None),
        ("actor", "Björk", None),
        ("director", "Ann Author", None),
        ("director", "Rob LaDuca", "co-director"),
        ("writer", "Ann Author", "story, in part"),
        ("writer", "Ann Author", "screenplay"),
    ]
    assert each_warehouse.values(
        f"select country_name from {marts}.movie_countries"
        f" join {marts}.countries using (country_id) order by position"
    ) == ["United States", "Côte d'Ivoire", "New Atlantis"]
    assert each_warehouse.values(
        f"select language_id from {marts}.movie_languages order by position"
    ) == ["english", "american-sign-language", "none"]
    assert rows(f"select rating_source, score_100 from {marts}.movie_ratings order by 1") == [
        {"rating_source": "Internet Movie Database", "score_100": 88},
        {"rating_source": "Rotten Tomatoes", "score_100": 87},
    ]
    assert rows(f"select season, missing_episodes from {marts}.seasons order by 1") == [
        {"season": 1, "missing_episodes": [1]},
        {"season": 2, "missing_episodes": []},
    ]
    assert each_warehouse.values(f"select certificate_id from {marts}.games") == ["esrb-m"]
    assert rows(f"select imdb_id, issue, value from {marts}.data_issues") == [
        {"imdb_id": "tt0000001", "issue": "unknown_country", "value": "New Atlantis"}
    ]


def test_deselected_streams_and_fields_are_null(warehouse: Warehouse) -> None:
    fields = {"imdb_id": {"type": "string"}, "title": {"type": "string"}}
    warehouse.load_messages(
        [
            warehouse.schema_message("movies", fields),
            warehouse.record_message("movies", {"imdb_id": "tt0000001", "title": "Two fields"}),
        ]
    )

    outcome = warehouse.dbt("build")

    assert outcome.success, outcome.problems
    assert warehouse.rows("select title, year, plot, fetched_at from demo_marts.movies") == [
        {"title": "Two fields", "year": None, "plot": None, "fetched_at": None}
    ]
    assert warehouse.values("select count(*) from demo_marts.series") == [0]


def test_a_bad_row_does_not_fail_the_build(warehouse: Warehouse) -> None:
    huge = "9" * 18
    warehouse.load(
        {
            "tt0000001": {
                "Title": " &#0; &#x110000; ",
                "imdbRating": "88.8",
                "imdbVotes": huge,
                "Metascore": huge,
                "BoxOffice": f"${huge}",
                "Awards": f"{huge} wins",
                "Ratings": [
                    {"Source": "Metacritic", "Value": f"{huge}/0"},
                    {"Source": "Rotten Tomatoes", "Value": "%"},
                ],
                "Writer": "(((, ))), 'x\"; drop",
                "Genre": ",,,",
                "Country": "&amp;, ,",
            },
            "tt0000002": {"Type": "series", "totalSeasons": huge},
            "tt0000003": {"Type": "episode", "seriesID": "?", "Season": huge, "Episode": huge},
            "tt0000004": {"Title": "Good", "Genre": "Drama"},
        }
    )

    outcome = warehouse.dbt("build")

    assert outcome.success, outcome.problems
    assert outcome.named("warn") >= {"assert_no_data_issues"}
    assert warehouse.values("select count(*) from demo_marts.movies") == [2]
    assert set(warehouse.values("select issue from demo_marts.data_issues")) == {
        *(
            "unparsed_value",
            "unparsed_awards",
            "unparsed_rating",
            "unknown_country",
            "unusual_name",
        ),
    }


def test_control_characters_stay_in_the_raw_tables(warehouse: Warehouse) -> None:
    def dangerous(text: str) -> str:
        return f"\x1b[31m{text}\u202e\x7f\x9b0m\u2066\x07"

    texts = ("Title", "Rated", "Plot", "Genre", "Director", "Writer", "Actors", "Language")
    fields = dict.fromkeys((*texts, "Country", "Awards", "Production", "Website"), dangerous("X"))
    warehouse.load(
        {
            f"tt000000{number}": {
                **fields,
                "Type": kind,
                "Poster": dangerous("https://posters.example/"),
                "Runtime": dangerous("an hour"),
                "seriesID": dangerous("tt0000002"),
                "Ratings": [{"Source": dangerous("Somebody"), "Value": dangerous("good")}],
                dangerous("Mood"): {"is": dangerous("odd")},
            }
            for number, kind in enumerate(("movie", "series", "episode", "game"), 1)
        }
    )
    warehouse.load_rows(
        "searches", {"search_id": "x|-|-", "search_term": "x", "error": dangerous("X")}
    )
    reject = {"message": dangerous("X"), "payload": dangerous("{}")}
    warehouse.load_rows("rejects", {"reject_id": "i=tt0000009", **reject})
    warehouse.load_rows("syncs", {"sync_id": "1", "message": dangerous("X")})
    warehouse.build()

    raw = "select title from demo_raw.movies"
    assert warehouse.values(raw) == [dangerous("X")]
    title = "select title from demo_marts.titles where kind = 'movie'"
    assert warehouse.values(title) == ["[31mX0m"]
    issues = "select distinct field, value from demo_marts.data_issues where field ~ 'Mood'"
    assert warehouse.rows(issues) == [{"field": "[31mMood0m", "value": '{"is": "[31modd0m"}'}]
    relations = warehouse.values(
        "select oid::regclass::text from pg_class where relkind in ('r', 'v')"
        " and relnamespace::regnamespace::text in ('demo_staging', 'demo_marts')"
    )
    assert len(relations) > 30
    pattern = "[\\u0001-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]"
    assert {
        relation: rows
        for relation in relations
        if (
            rows := warehouse.values(
                f"select t::text from {relation} t where t::text ~ '{pattern}'"
            )
        )
    } == {}


def test_titles_show_how_they_were_found(warehouse: Warehouse) -> None:
    kinds = ("movie", "series", "episode", "game")
    warehouse.load(
        {f"tt000000{number}": {"Type": kind} for number, kind in enumerate(kinds)},
        matched_by="title",
    )
    warehouse.load({"tt0000009": {"Title": "Found by id"}}, matched_by="imdb_id")

    outcome = warehouse.dbt("build")

    assert outcome.success, outcome.problems
    assert outcome.nodes["assert_no_titles_matched_by_name_only"][0] == "warn"
    doubtful = "select kind from demo_test_failures.assert_no_titles_matched_by_name_only"
    assert set(warehouse.values(doubtful)) == set(kinds)
    for table in ("movies", "series", "episodes", "games"):
        assert "title" in warehouse.values(f"select matched_by from demo_marts.{table}")
    found = "select matched_by from demo_marts.titles where imdb_id = 'tt0000009'"
    assert warehouse.values(found) == ["imdb_id"]


def test_syncs_have_a_duration(warehouse: Warehouse) -> None:
    warehouse.load_rows(
        "syncs",
        {
            "sync_id": "1",
            "started_at": "2026-01-02T23:59:58.5+00:00",
            "ended_at": "2026-01-03T00:01:00+00:00",
            "outcome": "complete",
            "requests": 7,
            "records": {"movies": 5, "rejects": 1},
        },
        {"sync_id": "2", "outcome": "failed", "message": "no API key"},
    )

    warehouse.build("--select", "+syncs")

    assert warehouse.rows(
        "select sync_id, duration_seconds::float, outcome, requests, records"
        " from demo_marts.syncs order by sync_id"
    ) == [
        {
            "sync_id": "1",
            "duration_seconds": 61.5,
            "outcome": "complete",
            "requests": 7,
            "records": {"movies": 5, "rejects": 1},
        },
        {
            "sync_id": "2",
            "duration_seconds": None,
            "outcome": "failed",
            "requests": None,
            "records": None,
        },
    ]


def test_source_freshness_uses_the_newest_row(warehouse: Warehouse) -> None:
    def freshness() -> set[str]:
        nodes = warehouse.dbt("source", "freshness").nodes
        return {status for name, (status, _) in nodes.items() if "on-run-end" not in name}

    assert freshness() == {"error"}

    warehouse.load({"tt0000001": {}, "tt0000002": {"Type": "game"}})
    assert freshness() == {"pass"}

    for days, of_movies, of_all in ((3, "pass", "warn"), (8, "pass", "error")):
        late = f"set _sdc_batched_at = localtimestamp - interval '{days} days'"
        warehouse.execute(f"update demo_raw.movies {late}")
        assert freshness() == {of_movies}
        warehouse.execute(f"update demo_raw.games {late}")
        assert freshness() == {of_all}
        warehouse.execute("update demo_raw.games set _sdc_batched_at = localtimestamp")


def test_example_queries_of_the_documentation_return_rows(warehouse: Warehouse) -> None:
    warehouse.load(
        {
            "tt0109830": {"Writer": "Winston Groom (novel), Eric Roth (screenplay)"},
            "tt1375666": {"imdbRating": "8.8"},
            **{
                f"tt000000{number}": {
                    "Year": "2010",
                    "Genre": "Drama",
                    "Director": "Ann Author",
                    "imdbRating": "8.8",
                    "BoxOffice": "$100",
                    "Awards": "Won 2 Oscars. 5 wins total",
                    "Ratings": [{"Source": "Metacritic", "Value": "74/100"}],
                }
                for number in range(5)
            },
            "tt0944947": {"Type": "series", "Genre": "Drama", "totalSeasons": "1"},
            "tt1480055": {
                "Type": "episode",
                "seriesID": "tt0944947",
                "Season": "1",
                "Episode": "2",
                "Director": "Tim Van Patten",
            },
            "tt9999999": {"Rated": "XYZ"},
        }
    )
    search = {"search_id": "lord*|2010|-", "search_term": "lord*", "year": 2010}
    warehouse.load_rows(
        "searches", {**search, "total_results": 9, "missed": 3, "is_complete": False}
    )
    warehouse.build()

    queries = [
        query
        for block in re.findall(r"^```sql\n(.*?)^```", MODEL.read_text(), re.DOTALL | re.MULTILINE)
        for query in block.split(";")
        if query.strip()
    ]
    assert len(queries) > 1
    assert [query for query in queries if not warehouse.rows(query)] == []
    exposures = yaml.safe_load(EXPOSURES.read_text())["exposures"]
    (recipes,) = (exposure for exposure in exposures if exposure["name"] == "recipes")
    read = set(re.findall(r"demo_marts\.(\w+)", ";".join(queries)))
    assert {f"ref('{name}')" for name in read} == set(recipes["depends_on"])


def test_every_relation_and_column_has_a_comment_in_the_database(warehouse: Warehouse) -> None:
    warehouse.build()

    assert (
        warehouse.rows(
            r"""
            select relation.oid::regclass::text as relation, attribute.attname as column
            from pg_class as relation
            join pg_attribute as attribute on relation.oid = attribute.attrelid
            where
                relation.relnamespace::regnamespace::text ~ '^demo_'
                and relation.relkind in ('r', 'v')
                and attribute.attnum > 0
                and not attribute.attisdropped
                and (
                    coalesce(obj_description(relation.oid), '') !~ '\S$'
                    or coalesce(col_description(relation.oid, attribute.attnum), '') !~ '\S$'
                )
            """
        )
        == []
    )


def test_documentation_is_one_page_without_external_requests(warehouse: Warehouse) -> None:
    assert warehouse.dbt("docs", "generate", "--static").success

    page = (warehouse.folder / "target/static_index.html").read_text()
    assert "# OMDb warehouse" in page
    assert "One row per name that is credited in a movie" in page
    assert 'src="http' not in page
    assert '<link href="http' not in page
