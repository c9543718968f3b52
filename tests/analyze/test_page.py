"""The page in a browser: it shows what is in the warehouse, to every reader."""

# ruff: noqa: S608 - the SQL is the tests' own

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from omdb_emulator.catalogue.loader import CATALOGUE
from omdb_emulator.testing import HOSTILE_CATALOGUE
from playwright.sync_api import expect

from tests.analyze.conftest import READY, go_to, page_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.transform.conftest import Warehouse

    OpenPage = Callable[..., Page]

LATER = datetime(2026, 1, 3, tzinfo=timezone.utc)
POSTER = "https://m.media-amazon.com/images/M/poster.jpg"
MOVED = {"tt0816692": "8.1", "tt0111161": "9.4"}
VIEWS = ("movies", "browse", "pipeline", "movie/tt0816692")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def _titles(path: Path) -> dict[str, dict[str, Any]]:
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {line["imdbID"]: line for line in lines if line.get("Title") and "Emulator" not in line}


def _most_voted(titles: dict[str, dict[str, Any]], number: int) -> dict[str, dict[str, Any]]:
    def votes(imdb_id: str) -> int:
        return int(re.sub(r"\D", "", titles[imdb_id].get("imdbVotes", "")) or 0)

    return {imdb_id: titles[imdb_id] for imdb_id in sorted(titles, key=votes)[-number:]}


def _other_rows() -> dict[str, list[dict[str, Any]]]:
    now = datetime.now(timezone.utc)
    earlier, later = (now - timedelta(seconds=1)).isoformat(), now.isoformat()
    sync = {
        "started_at": earlier,
        "ended_at": earlier,
        "records": {"movies": 5},
        "pending_titles": 1234,
        "pending_searches": 3,
        "known_titles": 2,
    }
    complete = {"sync_id": "0", "outcome": "complete", "requests": 100, "requests_left_today": 700}
    failed = {"sync_id": "1", "outcome": "failed", "requests": 101, "requests_left_today": 699}
    failed |= {"message": "<b>Message</b>", "ended_at": later}
    rejects: list[dict[str, Any]] = [
        {"reject_id": "1", "imdb_id": "tt1", "message": "<i>No</i>"},
        {"reject_id": "2", "request": "t=x", "message": "Movie not found!"},
    ]
    searches: list[dict[str, Any]] = [
        {"search_term": "a", "total_results": 80, "hits": 60, "is_complete": False},
        {"search_term": "b", "total_results": 20, "hits": 20, "is_complete": True},
    ]
    for search in searches:
        search |= {"search_id": f"{search['search_term']}|2013|movie", "year": 2013}
        search |= {"kind": "movie"}
    return {
        "syncs": [sync | complete, sync | failed],
        "rejects": [reject | {"reason": "not_found"} for reject in rejects],
        "searches": searches,
    }


@pytest.fixture(scope="module")
def source(newest: Warehouse) -> Warehouse:
    """A warehouse with the emulator's titles, hostile ones among them, after two syncs."""
    newest.reset()
    titles = {**_most_voted(_titles(CATALOGUE), 250), **_titles(HOSTILE_CATALOGUE)}
    newest.load(titles)
    newest.load_messages(
        message
        for stream, rows in _other_rows().items()
        for message in (
            newest.schema_message(stream),
            *(newest.record_message(stream, row) for row in rows),
        )
    )
    newest.build()
    newest.load(
        {i: {**titles[i], "imdbRating": rating, "Poster": POSTER} for i, rating in MOVED.items()},
        at=LATER,
    )
    newest.build()
    return newest


@pytest.fixture(scope="module")
def url(source: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the page."""
    return page_of(source, tmp_path_factory.mktemp("page"))


def _cells(table: Locator) -> list[list[str]]:
    script = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    cells: list[list[str]] = table.locator("tbody tr").evaluate_all(script)
    return cells


def _number(text: str) -> float:
    return float(re.sub(r"[^\d.\-]", "", text.replace("\N{MINUS SIGN}", "-")))


def _chart_table(page: Page, name: str) -> list[list[str]]:
    chart = page.locator(f"#chart-{name}")
    if chart.locator("details").get_attribute("open") is None:
        chart.locator("summary").click()
    chart.locator("tbody tr").first.wait_for()
    return _cells(chart.locator("table"))


def _texts(rows: list[dict[str, Any]]) -> list[list[str]]:
    return [[f"{v:,}" if isinstance(v, int) else str(v) for v in row.values()] for row in rows]


def test_the_headline_agrees_with_the_marts(
    source: Warehouse, open_page: OpenPage, url: str
) -> None:
    page = open_page(url)
    (expected,) = source.rows(
        "select (select count(*) from demo_marts.movies) as movies,"
        " (select count(distinct year) from demo_marts.movies) as years,"
        " (select count(*) from demo_marts.people) as people,"
        " (select round(avg(imdb_rating), 2) from demo_marts.movies) as average_imdb_rating"
    )
    shown = {name: _number(page.locator(f"[data-figure={name}]").inner_text()) for name in expected}
    assert shown == {name: float(value) for name, value in expected.items()}
    assert shown["movies"] > 200


BY_YEAR = "select year::text, count(*) from demo_marts.movies where {} group by year order by year"
DIMENSION = (
    "select {0}_name, count(*) from demo_marts.movies join demo_marts.movie_{1} using (imdb_id)"
    " join demo_marts.{1} using ({0}_id) where {{}}"
    ' group by {0}_name order by count(*) desc, {0}_name collate "C"'
    " limit 15"
)
CHARTS = {
    "movies-by-year": BY_YEAR,
    "ratings": "select (floor(imdb_rating * 2) / 2)::float8::text, count(*) from demo_marts.movies"
    " where imdb_rating is not null and {} group by 1 order by 1::float8",
    "movies-by-country": DIMENSION.format("country", "countries"),
    "movies-by-language": DIMENSION.format("language", "languages"),
    "genres-by-decade": "with counted as (select genre_name, year / 10 * 10 as decade,"
    " count(*) as n from demo_marts.movies join demo_marts.movie_genres using (imdb_id)"
    " join demo_marts.genres using (genre_id) where year is not null and {} group by 1, 2),"
    " top as (select genre_name from counted group by 1 order by sum(n) desc,"
    ' genre_name collate "C" limit 15)'
    " select genre_name, decade::text, n from counted join top using (genre_name)"
    ' order by genre_name collate "C", decade',
    "runtime": "select year::text, "
    + ", ".join(
        f"round(percentile_cont({fraction}) within group (order by runtime_minutes)::numeric, 1)"
        f"::float8::text as quantile_{fraction * 100:.0f}"
        for fraction in (0.25, 0.5, 0.75)
    )
    + " from demo_marts.movies where runtime_minutes is not null and {} group by year",
    "critics-and-audience": "select title, year::text, audience::float8::text,"
    " critics::float8::text from demo_marts.critics_and_audience where {}",
    "box-office": "select title, year::text, imdb_rating::float8::text, box_office"
    " from demo_marts.movies where box_office > 0 and imdb_rating is not null and {}",
}


@pytest.mark.parametrize("name", CHARTS)
def test_charts_agree_with_the_marts(
    source: Warehouse, open_page: OpenPage, url: str, name: str
) -> None:
    page = open_page(url)
    everything = source.rows(CHARTS[name].format("year is not null"))
    _assert_same(name, _chart_table(page, name), _texts(everything))

    page.select_option("#year-filter [name=from]", "2003")
    page.select_option("#year-filter [name=to]", "2009")

    expect(page.locator("#year-filter-result")).to_have_text(re.compile(" of 6 years$"))
    if name == "movies-by-year":  # it keeps all years, so that others can be selected
        return
    selected = _texts(source.rows(CHARTS[name].format("year between 2003 and 2009")))
    expect(page.locator(f"#chart-{name} tbody tr")).to_have_count(len(selected))
    page.wait_for_timeout(200)
    assert selected != _texts(everything)
    assert selected
    _assert_same(name, _chart_table(page, name), selected)


def _assert_same(name: str, shown: list[list[str]], expected: list[list[str]]) -> None:
    normal = [[" ".join(cell.split()) for cell in row] for row in shown]
    wanted = [[" ".join(cell.split()) for cell in row] for row in expected]
    assert sorted(normal) == sorted(wanted), name


def test_a_range_dragged_on_the_first_chart_filters_the_others(
    source: Warehouse, open_page: OpenPage, url: str
) -> None:
    page = open_page(url)
    box = page.locator("#chart-movies-by-year svg").bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=5)
    page.mouse.up()

    expect(page.locator("#year-filter [name=from]")).not_to_have_value("")
    first = page.locator("#year-filter [name=from]").input_value()
    last = page.locator("#year-filter [name=to]").input_value()
    (movies,) = source.values(
        f"select count(*) from demo_marts.movies where year between {first} and {last}"
    )
    assert f"{movies:,} movies" in page.locator("#year-filter-result").inner_text()
    assert sum(_number(row[1]) for row in _chart_table(page, "ratings")) <= movies

    page.click("#year-filter button")
    assert page.locator("#year-filter [name=from]").input_value() == ""


def test_lists_agree_with_the_marts(source: Warehouse, open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    gaps = [row[0] for row in _cells(page.locator("#gaps"))]
    expected = source.rows(
        "select title, year from demo_marts.critics_and_audience join demo_marts.movies"
        " using (imdb_id, title, year) order by abs(critics_minus_audience) desc,"
        " imdb_votes desc, imdb_id limit 10"
    )
    assert gaps == [f"{row['title']} ({row['year']})" for row in expected]

    page.select_option("#year-filter [name=from]", "2003")
    page.select_option("#year-filter [name=to]", "2009")
    ids = page.locator("#top-years a").evaluate_all("links => links.map(link => link.hash)")
    best = source.values(
        "select imdb_id from demo_reports.rpt_top_movies where list = 'year'"
        " and year between 2003 and 2009 order by weighted_rating desc, imdb_votes desc limit 10"
    )
    assert ids == [f"#movie/{imdb_id}" for imdb_id in best]

    page.select_option("#top-genre-select", "Horror")
    genre = source.values(
        "select title from demo_reports.rpt_top_movies where list = 'genre' and value = 'Horror'"
        " order by position"
    )
    assert [row[1].rpartition(" (")[0] for row in _cells(page.locator("#top-genre"))] == genre
    movers = _cells(page.locator("#movers"))
    assert {row[2] for row in movers} == set(MOVED.values())
    assert len(movers) == len(MOVED)


IN = "imdb_id in (select imdb_id from demo_marts.{} where {})"
CREDITS = "movie_credits join demo_marts.people using (person_id)"
FILTERS = {
    "genre=Horror": IN.format("movie_genres", "genre_id = 'horror'"),
    "country=France": IN.format(
        "movie_countries join demo_marts.countries using (country_id)", "country_name = 'France'"
    ),
    "language=French": IN.format(
        "movie_languages join demo_marts.languages using (language_id)", "language_name = 'French'"
    ),
    "certificate=PG-13": "certificate_id = (select certificate_id from demo_marts.certificates"
    " where certificate_name = 'PG-13')",
    "from=2000&to=2009": "year between 2000 and 2009",
    "rating=8.5": "imdb_rating >= 8.5",
    "person=Christopher%20Nolan": IN.format(CREDITS, "person_name = 'Christopher Nolan'"),
    "q=nolan": "title ilike '%nolan%' or " + IN.format(CREDITS, "person_name ilike '%nolan%'"),
    "genre=Drama&from=2010&rating=8": "year >= 2010 and imdb_rating >= 8 and "
    + IN.format("movie_genres", "genre_id = 'drama'"),
}


@pytest.mark.parametrize(("query", "condition"), FILTERS.items())
def test_filters_of_the_url_agree_with_the_marts(
    source: Warehouse, open_page: OpenPage, url: str, query: str, condition: str
) -> None:
    page = open_page(f"{url}#browse?{query}")
    (expected,) = source.values(f"select count(*) from demo_marts.movies where {condition}")
    assert expected > 0
    shown = page.locator("#browse-table_info").inner_text()
    assert _number(shown.partition(" movies")[0]) == expected


def test_filters_and_sorting_are_usable(source: Warehouse, open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}#browse")
    page.select_option("#browse-filters [name=genre]", "War")
    assert page.evaluate("location.hash") == "#browse?genre=War"
    page.get_by_role("button", name="Year").click()
    (oldest,) = source.values(
        "select min(year) from demo_marts.movies join demo_marts.movie_genres using (imdb_id)"
        " where genre_id = 'war'"
    )
    assert _cells(page.locator("#browse-table"))[0][1] == str(oldest)

    page.locator("#browse-table tbody a").first.click()
    page.wait_for_selector("#movie-heading:focus")
    page.go_back()
    page.wait_for_selector("#browse-table")
    assert page.locator("#browse-filters [name=genre]").input_value() == "War"
    page.click("#browse-filters button")
    assert page.evaluate("location.hash") == "#browse"


def test_a_movie_shows_all_its_facts(source: Warehouse, open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}#movie/tt0816692")
    (movie,) = source.rows("select * from demo_marts.movies where imdb_id = 'tt0816692'")
    people = source.values(
        "select distinct person_name from demo_marts.movie_credits"
        " join demo_marts.people using (person_id) where imdb_id = 'tt0816692'"
    )
    text = page.locator("#movie-body").inner_text()
    for value in (
        *people,
        movie["plot"],
        movie["awards"],
        f"{movie['runtime_minutes']} minutes",
        f"${movie['box_office']:,}",
        f"{movie['imdb_votes']:,} votes",
        str(movie["released"]),
    ):
        assert value in text
    assert len(people) >= 5
    history = _cells(page.locator("#history"))
    assert [row[1] for row in history][-1] == MOVED["tt0816692"]
    assert len(history) == 2
    assert page.locator("#history-chart svg").count() == 1
    imdb = page.get_by_role("link", name="Open on IMDb").get_attribute("href")
    assert imdb == "https://www.imdb.com/title/tt0816692/"

    page.get_by_role("link", name="Christopher Nolan").first.click()
    page.wait_for_selector("#browse-person:visible")
    titles = [row[0] for row in _cells(page.locator("#browse-table"))]
    assert movie["title"] in titles
    assert len(titles) > 1


def test_a_movie_that_is_not_on_the_page_is_reported(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}#movie/tt0000000")
    assert "tt0000000 is not among the movies" in page.locator("#movie-body").inner_text()


def test_hostile_texts_are_shown_as_text(source: Warehouse, open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}#browse")
    hostile = source.rows(
        "select imdb_id, title from demo_marts.movies where imdb_id like 'tt991%'"
    )
    assert len(hostile) > 15
    for movie in hostile:
        go_to(page, f"movie/{movie['imdb_id']}")
        assert page.locator("#movie-heading bdi").text_content() == movie["title"]
    assert page.locator("main script, main img, main b, main i").count() == 0
    go_to(page, "pipeline")
    assert "<b>Message</b>" in page.locator("#syncs").inner_text()
    assert "<i>No</i>" in page.locator("#rejects").inner_text()


def test_the_pipeline_agrees_with_the_marts(
    source: Warehouse, open_page: OpenPage, url: str
) -> None:
    page = open_page(f"{url}#pipeline")
    (health,) = source.rows("select * from demo_marts.pipeline_health")
    for name in ("requests_today", "requests_left_today", "pending_titles", "percent_seen"):
        assert _number(page.locator(f"[data-figure={name}]").inner_text()) == float(health[name])
    for problem in health["problems"]:
        assert problem in page.locator("#health-status").inner_text()
    assert health["problems"]
    syncs = _cells(page.locator("#syncs"))
    assert [(row[1], row[2]) for row in syncs] == [("Failed", "101"), ("Complete", "100")]
    freshness = {row[0]: _number(row[1]) for row in _cells(page.locator("#freshness"))}
    assert freshness == {table: health["table_rows"][table] for table in freshness}
    coverage = _chart_table(page, "coverage-by-year")
    assert coverage == [["2013", "100", "80"]]
    requests = _chart_table(page, "requests-by-sync")
    assert sorted(row[2] for row in requests) == ["100", "101"]
    issues = sum(_number(row[2]) for row in _cells(page.locator("#data-issues")))
    assert [issues] == source.values("select count(*) from demo_marts.data_issues")


def test_posters_are_requested_only_when_switched_on(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}#movie/tt0816692", posters=POSTER)
    assert page.locator("main img").count() == 0
    with page.expect_request(POSTER):
        page.get_by_label("Show posters").check()
    poster = page.get_by_alt_text("Poster of Interstellar")
    assert poster.is_visible()
    assert poster.bounding_box() == {**(poster.bounding_box() or {}), "width": 200, "height": 300}
    go_to(page, "movie/tt99100001")  # its poster is a javascript: URL
    assert page.locator("main img").count() == 0


# Colours do not depend on the width.
@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("light", 1440), ("dark", 1440)])
def test_it_is_accessible_and_fits(open_page: OpenPage, url: str, scheme: str, width: int) -> None:
    page = open_page(url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    for view in VIEWS:
        go_to(page, view)
        page.wait_for_timeout(400)
        if width > 1000:  # opened once only, because checking long tables takes axe seconds
            page.evaluate(
                "document.querySelectorAll('details').forEach(each => { each.open = true; })"
            )
        results = Axe().run(page, options={"runOnly": WCAG})
        assert not results.response["violations"], results.generate_report()[:3000]
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, view


def test_nothing_moves_while_it_loads(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    shift = page.evaluate(
        """() => new Promise((resolve) => {
            let sum = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) sum += entry.value;
            }).observe({ type: "layout-shift", buffered: true });
            setTimeout(() => resolve(sum), 300);
        })"""
    )
    assert shift < 0.02


def test_the_keyboard_is_enough(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "from"
    page.locator("nav a", has_text="Browse").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#browse-heading:focus")
    page.reload()
    page.wait_for_selector(READY)
    assert page.locator("#browse-heading").is_visible()
