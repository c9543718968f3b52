"""One dbt command builds all marts from whatever raw tables exist, and whatever is in them."""

# ruff: noqa: S608 - the SQL is the tests' own
from __future__ import annotations

from typing import Any

import dictionary

from tests.transform.conftest import CHECKOUT, Warehouse

MARTS = {
    *("movies", "people", "movie_credits", "genres", "movie_genres", "countries"),
    *("movie_countries", "languages", "movie_languages", "companies", "movie_companies"),
    *("certificates", "movie_ratings", "movie_awards", "series", "seasons", "episodes", "games"),
    *("list_entries", "searches", "rejects", "data_issues", "dbt_runs"),
}
VIEWS = {
    *("box_office", "rating_history", "year_summary", "genre_summary"),
    *("country_summary", "person_summary", "person_role_summary", "critics_and_audience"),
    *("coverage_summary", "rating_changes"),
    *("titles", "title_credits", "syncs", "pipeline_health"),
}
UNDESCRIBED = r"""
    select relation.oid::regclass::text as relation, attribute.attname as column
    from pg_class as relation
    join pg_attribute as attribute on relation.oid = attribute.attrelid
    where
        relation.relnamespace::regnamespace::text ~ '^demo_(?!test_failures)'
        and relation.relkind in ('r', 'v')
        and attribute.attnum > 0
        and not attribute.attisdropped
        and (
            coalesce(obj_description(relation.oid), '') !~ '\S$'
            or coalesce(col_description(relation.oid, attribute.attnum), '') !~ '\S$'
        )
"""
"""Relations and columns without a comment."""
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

SAMPLE_BUILT = [
    (
        "title, year, runtime_minutes, certificate_id, award_wins, award_nominations, box_office",
        "movies order by imdb_id",
        ['("The Heist",2010,148,not-rated,13,9,292587330)', "(Bare,,,,,,)"],
    ),
    (
        "role, person_name, note",
        "movie_credits join demo_marts.people using (person_id) order by role, position",
        [
            '(actor,"Sammy Davis Jr.",)',
            "(actor,Björk,)",
            '(director,"Ann Author",)',
            '(director,"Rob LaDuca",co-director)',
            '(writer,"Ann Author","story, in part")',
            '(writer,"Ann Author",screenplay)',
        ],
    ),
    (
        "rating_source, score_100",
        "movie_ratings order by rating_source",
        ['("Internet Movie Database",88.0)', '("Rotten Tomatoes",87.0)'],
    ),
    ("imdb_id, issue, value", "data_issues", ['(tt0000001,unknown_country,"New Atlantis")']),
]
"""Columns, table and rows as text, for the titles of `SAMPLE`."""
TESTED = ("--exclude-resource-type", "unit_test")
"""Options without the tests that read no data: those run with the sample."""
HUGE = "9" * 18
DANGEROUS = "\x1b[31mX\u202e\x7f\x9b0m\u2066\x07"
TEXTS = (
    *("Title", "Rated", "Plot", "Genre", "Director", "Writer", "Actors", "Language", "Country"),
    *("Awards", "Production", "Website", "Poster", "Runtime", "seriesID"),
)
ODD: dict[str, dict[str, Any]] = {
    "tt0000001": {
        "Title": " &#0; &#x110000; ",
        "imdbRating": "88.8",
        "imdbVotes": HUGE,
        "Metascore": HUGE,
        "Runtime": f"{HUGE} min",
        "BoxOffice": f"${HUGE}",
        "Awards": f"{HUGE} wins",
        "Ratings": [
            {"Source": "Metacritic", "Value": f"{HUGE}/0"},
            {"Source": "Rotten Tomatoes", "Value": "%"},
        ],
        "Writer": "(((, ))), 'x\"; drop",
        "Genre": ",,,",
        "Country": "&amp;, ,",
    },
    "tt0000002": {"Type": "series", "totalSeasons": HUGE},
    "tt0000003": {"Type": "episode", "seriesID": "?", "Season": HUGE, "Episode": HUGE},
    **{
        f"tt000001{number}": {
            **dict.fromkeys(TEXTS, DANGEROUS),
            "Type": kind,
            "Ratings": [{"Source": DANGEROUS, "Value": DANGEROUS}],
            DANGEROUS: {"is": DANGEROUS},
        }
        for number, kind in enumerate(("movie", "series", "episode", "game"))
    },
}
"""Huge values, empty lists, control characters."""


def test_an_empty_warehouse_gets_all_marts(warehouse: Warehouse) -> None:
    outcome = warehouse.dbt("build", *TESTED)

    assert outcome.success, outcome.problems
    tables = warehouse.tables("demo_marts")
    assert set(tables) == MARTS
    views = "select viewname from pg_views where schemaname = 'demo_marts'"
    assert set(warehouse.values(views)) == VIEWS
    assert tables["movies"] == []
    assert len(tables["countries"]) > 250
    (health,) = warehouse.rows("select * from demo_marts.pipeline_health")
    assert health["problems"] == ["No sync has been recorded."]
    assert health["rejects_last_7_days"] == {}
    assert health["table_rows"]["movies"] == 0
    assert warehouse.rows(UNDESCRIBED) == []


def test_sample_titles_are_built(each_warehouse: Warehouse) -> None:
    each_warehouse.load(SAMPLE, matched_by="title")

    outcome = each_warehouse.dbt("build")

    assert outcome.success, outcome.problems
    doubtful = "assert_no_titles_matched_by_name_only"
    assert outcome.named("warn") == {"assert_no_data_issues", doubtful}
    values = each_warehouse.values
    assert values(f"select count(*) from demo_test_failures.{doubtful}") == [len(SAMPLE)]
    for table in ("movies", "series", "episodes", "games"):
        assert set(values(f"select matched_by from demo_marts.{table}")) == {"title"}
    for columns, tables, rows in SAMPLE_BUILT:
        assert values(f"select ({columns})::text from demo_marts.{tables}") == rows


def test_odd_values_break_nothing(warehouse: Warehouse) -> None:
    warehouse.load(ODD)
    warehouse.load_rows("searches", {"search_id": "x|-|-", "error": DANGEROUS})
    warehouse.load_rows("rejects", {"reject_id": "1", "message": DANGEROUS, "payload": DANGEROUS})
    warehouse.load_rows("syncs", {"sync_id": "1", "message": DANGEROUS})
    cells = {DANGEROUS: DANGEROUS, "Your Rating": HUGE, "Rating": "1", "Date Rated": "2000-99-99"}
    entry = {"list": "x", "position": 1, "line": 1, "title": DANGEROUS, "lookup_id": "x"}
    read_at = "2026-01-01T00:00:00Z"
    warehouse.load_rows("list_entries", {**entry, "columns": cells, "read_at": read_at})
    warehouse.load_rows("lookups", {"lookup_id": "x", "outcome": "not_found", "message": DANGEROUS})

    outcome = warehouse.dbt("build", *TESTED)

    assert outcome.success, outcome.problems
    assert outcome.named("warn") >= {"assert_no_data_issues"}
    values = warehouse.values
    assert values("select count(*) from demo_marts.movies") == [2]
    assert set(values("select issue from demo_marts.data_issues where imdb_id = 'tt0000001'")) == {
        "unparsed_value",
        "unparsed_awards",
        "unparsed_rating",
        "unknown_country",
        "unusual_name",
    }
    assert values("select title from demo_raw.games") == [DANGEROUS]
    assert values("select title from demo_marts.titles where kind = 'game'") == ["[31mX0m"]
    unknown = (
        "select (field, value)::text from demo_marts.data_issues"
        " where issue = 'unknown_field' and field ~ 'X'"
    )
    assert set(values(unknown)) == {'([31mX0m,"{""is"": ""[31mX0m""}")'}
    relations = values(
        "select oid::regclass::text from pg_class where relkind in ('r', 'v') and"
        " relnamespace::regnamespace::text ~ 'demo_(staging|intermediate|marts|reports)'"
    )
    assert len(relations) > 40
    control = "[\\u0001-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]"
    for relation in relations:
        assert values(f"select t::text from {relation} t where t::text ~ '{control}'") == []


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


def test_documentation_is_one_page_without_external_requests(warehouse: Warehouse) -> None:
    assert warehouse.dbt("docs", "generate", "--static", "--write-json").success

    generated = (warehouse.folder / "target/static_index.html").read_text()
    page = dictionary.complete(generated, (CHECKOUT / "docs/model.md").read_text())
    overview = page.index("# OMDb warehouse")
    assert overview < page.index(
        r"select person_name, movies, average_imdb_rating\nfrom demo_marts"
    )
    assert '<td style="text-overflow: ellipsis' in generated, "nothing is wrapped"
    assert "One row per name that is credited in a movie" in page
    assert 'src="http' not in page
    assert '<link href="http' not in page
