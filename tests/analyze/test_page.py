"""The page in a browser: it shows what is in the warehouse, to every reader."""

# ruff: noqa: S608 - the SQL is the tests' own

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.analyze.conftest import MOVED, READY, OpenPage, cells, chart_table, go_to, number
from tests.transform.conftest import Warehouse

VIEWS = (
    *("movies", "browse", "pipeline", "movie/tt0816692", "series/tt9300010"),
    *("person/Christopher%20Nolan", "lists"),
)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def _texts(rows: list[dict[str, Any]]) -> list[list[str]]:
    return [[f"{v:,}" if isinstance(v, int) else str(v) for v in row.values()] for row in rows]


BY_YEAR = "select year::text, count(*) from demo_marts.movies where {} group by year order by year"
DIMENSION = (
    "select {0}_name, count(*) from demo_marts.movies join demo_marts.movie_{1} using (imdb_id)"
    " join demo_marts.{1} using ({0}_id) where {{}}"
    ' group by {0}_name order by count(*) desc, {0}_name collate "C"'
    " limit 15"
)
SHARES = (
    "with counted as (select {value} as value, year / 10 * 10 as decade, count(*) as titles"
    " from demo_marts.movies {of} where year is not null and {where} group by 1, 2),"
    " decades as (select year / 10 * 10 as decade, count(*) as of from demo_marts.movies"
    " where year is not null and {known} and {where} group by 1),"
    " top as (select value from counted group by 1"
    ' order by sum(titles) desc, value collate "C" limit 15)'
    " select value, decade::text, round(100.0 * titles / of, 1)::float8::text as percent,"
    " titles, of from counted join decades using (decade) join top using (value)"
)
CHARTS = {
    "titles-by-year": BY_YEAR,
    "ratings": "select (floor(imdb_rating * 2) / 2)::float8::text, count(*) from demo_marts.movies"
    " where imdb_rating is not null and {} group by 1 order by 1::float8",
    "titles-by-country": DIMENSION.format("country", "countries"),
    "titles-by-language": DIMENSION.format("language", "languages"),
    "genres-by-decade": SHARES.format(
        value="genre_name",
        of="join demo_marts.movie_genres using (imdb_id) join demo_marts.genres using (genre_id)",
        known="true",
        where="{0}",
    ),
    "certificates-by-decade": SHARES.format(
        value="certificate_name",
        of="join demo_marts.certificates using (certificate_id)",
        known="certificate_id is not null",
        where="{0}",
    ),
    "runtime": "select period, lower, median, upper, titles from"
    " (select year / 10 * 10 || 's' as period, "
    + ", ".join(
        f"percentile_cont({fraction}) within group (order by runtime_minutes)::text as {name}"
        for name, fraction in {"lower": 0.25, "median": 0.5, "upper": 0.75}.items()
    )
    + ", count(*) as titles from demo_marts.movies where runtime_minutes is not null and {0}"
    " group by 1) as periods",
    "critics-and-audience": "select title, year::text, (imdb_rating * 10)::float8::text,"
    " critics::float8::text from demo_marts.critics_and_audience join demo_marts.movies"
    " using (imdb_id, title, year) where {0}",
    "top-grossing": "select title || ' (' || year || ')', box_office"
    " from demo_marts.movies where box_office > 0 and {0}"
    " order by box_office desc limit 15",
    "most-awarded": "select title || ' (' || year || ')', award_wins from demo_marts.movies"
    " where award_wins > 0 and {0} order by award_wins desc, imdb_votes desc limit 15",
}


def test_charts_agree_with_the_marts(source: Warehouse, open_page: OpenPage, url: str) -> None:
    def expected(name: str, condition: str) -> list[list[str]]:
        return _texts(source.rows(CHARTS[name].format(f"year is not null and {condition}")))

    page = open_page(url)
    everything = {name: expected(name, "true") for name in CHARTS}
    for name, rows in everything.items():
        _assert_shown(page, name, rows)

    page.select_option("#filters [name=from]", "2003")
    page.select_option("#filters [name=to]", "2009")
    page.select_option("#filters [name=genre]", "Drama")

    dramas = IN.format("movie_genres", "genre_id = 'drama'")
    for name in CHARTS:
        # The first chart keeps all years, so that others can be selected.
        years = "true" if name == "titles-by-year" else "year between 2003 and 2009"
        selected = expected(name, f"{dramas} and {years}")
        assert selected not in ([], everything[name])
        _assert_shown(page, name, selected)


def _assert_shown(page: Page, name: str, expected: list[list[str]]) -> None:
    wanted = sorted([" ".join(cell.split()) for cell in row] for row in expected)
    for _ in range(50):  # each filter draws the charts anew, one after the other
        shown = sorted([" ".join(cell.split()) for cell in row] for row in chart_table(page, name))
        if shown == wanted:
            break
        page.wait_for_timeout(100)
    assert shown == wanted, name


def test_a_range_dragged_on_the_first_chart_filters_the_others(
    source: Warehouse, open_page: OpenPage, url: str
) -> None:
    page = open_page(url)
    box = page.locator("#chart-titles-by-year svg").bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=5)
    page.mouse.up()

    expect(page.locator("#filters [name=from]")).not_to_have_value("")
    first = page.locator("#filters [name=from]").input_value()
    last = page.locator("#filters [name=to]").input_value()
    (movies,) = source.values(
        f"select count(*) from demo_marts.movies where year between {first} and {last}"
    )
    expect(page.locator("#filter-result")).to_have_text(f"{movies:,} movies")
    assert sum(number(row[1]) for row in chart_table(page, "ratings")) <= movies

    page.click("#filters button[type=reset]")
    expect(page.locator("#filters [name=from]")).to_have_value("")


IN = "imdb_id in (select imdb_id from demo_marts.{} where {})"
CREDITS = "demo_marts.movie_credits join demo_marts.people using (person_id)"
WEIGHTED = (
    "select {} from demo_marts.movies where imdb_rating is not null and {}"
    " order by (coalesce(imdb_votes, 0) * imdb_rating + 1000 * (select avg(imdb_rating)"
    " from demo_marts.movies)) / (coalesce(imdb_votes, 0) + 1000) desc, imdb_votes desc limit 10"
)


def test_one_filter_bar_in_the_address_holds_for_everything(
    source: Warehouse, open_page: OpenPage, url: str
) -> None:
    condition = "true"
    for filters in ("", "?from=2003&to=2009&genre=Drama"):
        if filters:
            dramas = IN.format("movie_genres", "genre_id = 'drama'")
            condition = f"year between 2003 and 2009 and {dramas}"
        page = open_page(f"{url}#movies{filters}")
        (figures,) = source.rows(
            "select count(*) as movies, count(distinct year) as years,"
            " round(avg(imdb_rating), 2) as average_imdb_rating"
            f" from demo_marts.movies where {condition}"
        )
        for name, value in figures.items():
            assert number(page.locator(f"[data-figure={name}]").inner_text()) == float(value)
    for table, sign in (("gaps-critics", ""), ("gaps-audience", "-")):
        gap = f"{sign}critics_minus_audience"
        gaps = source.values(
            "select title || ' (' || year || ')' from demo_marts.critics_and_audience"
            f" join demo_marts.movies using (imdb_id, title, year) where {condition} and {gap} > 0"
            f" order by {gap} desc, imdb_votes desc, imdb_id limit 6"
        )
        assert [row[0] for row in cells(page.locator(f"#{table}"))] == gaps
    best = source.values(WEIGHTED.format("title || ' (' || year || ')'", condition))
    assert [row[1] for row in cells(page.locator("#top-titles"))] == best
    assert len(cells(page.locator("#top-directors"))) == 10

    page.locator("nav a", has_text="Browse").click()
    expect(page.locator("#filter-result")).to_have_text(f"{figures['movies']} movies")
    page.get_by_role("button", name="Remove the filter genre: Drama").click()
    assert page.evaluate("location.hash") == "#browse?from=2003&to=2009"
    page.get_by_role("button", name="Rating").click()
    page.reload()
    page.wait_for_selector(READY)
    assert page.locator("#filters [name=from]").input_value() == "2003"
    assert page.locator("th[aria-sort=descending]").inner_text() == "Rating"


SAID = {
    "": {
        "titles-by-year": "{top} of {dated} movies",
        "critics-and-audience": "Critics liked {liked} of {scored} movies",
        "top-grossing": "is known of {grossing} of {all} movies",
    },
    "from=2013&to=2013": {"ratings": "{rated} of {all} movies", "runtime": ""},
    "kind=game": {"titles-by-year": "", "top-grossing": ""},
}


@pytest.mark.parametrize("filters", SAID)
def test_charts_say_what_they_show_with_its_denominator(
    source: Warehouse, open_page: OpenPage, url: str, filters: str
) -> None:
    condition = "year = 2013" if filters else "true"
    (figures,) = source.rows(
        "select count(*) as all, count(year) as dated, count(imdb_rating) as rated,"
        " count(box_office) as grossing, count(critics) as scored,"
        " count(*) filter (where critics_minus_audience > 0) as liked, max(of_year) as top"
        " from (select *, count(*) over (partition by year) as of_year from demo_marts.movies) as m"
        " left join (select imdb_id, critics, critics_minus_audience"
        f" from demo_marts.critics_and_audience) as scores using (imdb_id) where {condition}"
    )
    page = open_page(f"{url}#movies?{filters}")
    for chart, said in SAID[filters].items():
        text = page.locator(f"#chart-{chart} .finding").text_content() or ""
        assert said.format(**figures) in text
        assert bool(said) == bool(text)


def test_the_largest_country_can_be_left_out(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    first, second, *_ = chart_table(page, "titles-by-country")
    page.get_by_label(f"Leave out {first[0]}").check()
    expect(page.locator("#chart-titles-by-country tbody tr td").first).to_have_text(second[0])
    assert len(chart_table(page, "titles-by-country")) == 15


def test_ratings_that_moved_are_listed(open_page: OpenPage, url: str) -> None:
    movers = cells(open_page(url).locator("#movers"))
    assert sorted(row[2] for row in movers) == sorted(MOVED.values())


FOUND = {
    "cuaron": "Alfonso Cuarón",
    "penelope CRUZ": "Penélope Cruz",
    "wall-e": "WALL·E",
    "walle": "WALL·E",
    "lord rings": "The Lord of the Rings: The Fellowship of the Ring",
    "dicaprio nolan": "Inception",
    "godfather 1972": "The Godfather",
    "breaking bad": "Breaking Bad",
}


def test_search_finds_what_people_type(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}#pipeline")
    for typed, found in FOUND.items():
        go_to(page, "pipeline")
        page.keyboard.press("/")
        page.keyboard.type(typed)
        suggestion = page.get_by_role("option", name=found).first
        expect(suggestion).to_be_visible()
        page.keyboard.press("ArrowDown")
        active = page.locator("#search").get_attribute("aria-activedescendant")
        assert found in page.locator(f"#{active}").inner_text()
        page.keyboard.press("Enter")
        expect(page.locator("h1:focus")).to_be_visible()
        assert found in page.locator("main").inner_text()


def test_what_is_typed_lists_all_that_is_found(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    page.fill("#search", "nolan")
    page.keyboard.press("Enter")
    expect(page.locator("#filters [name=q]")).to_have_value("nolan")
    assert "Inception" in page.locator("#browse-table").inner_text()
    page.fill("#filters [name=q]", "no such title")
    assert page.get_by_text("No title matches these filters.").is_visible()


FILTERS = {
    "genre=Horror&constructor=1": IN.format("movie_genres", "genre_id = 'horror'"),
    "country=France": IN.format(
        "movie_countries join demo_marts.countries using (country_id)", "country_name = 'France'"
    ),
    "language=French": IN.format(
        "movie_languages join demo_marts.languages using (language_id)", "language_name = 'French'"
    ),
    "certificate=PG-13": "certificate_id = (select certificate_id from demo_marts.certificates"
    " where certificate_name = 'PG-13')",
    "from=2000&to=2009": "year between 2000 and 2009",
    "rating=8&rating_to=8.4": "imdb_rating between 8 and 8.4",
    "person=Christopher%20Nolan": f"imdb_id in (select imdb_id from {CREDITS}"
    " where person_name = 'Christopher Nolan')",
    "q=nolan": r"title ~* '\ynolan' or "
    rf"imdb_id in (select imdb_id from {CREDITS} where person_name ~* '\ynolan')",
    "genre=Drama&from=2010&rating=8": "year >= 2010 and imdb_rating >= 8 and "
    + IN.format("movie_genres", "genre_id = 'drama'"),
    "kind=series": "true",
}


def test_filters_of_the_url_agree_with_the_marts(
    source: Warehouse, open_page: OpenPage, url: str
) -> None:
    page = open_page(url)
    for query, condition in FILTERS.items():
        go_to(page, f"browse?{query}")
        mart = "series" if "series" in query else "movies"
        (titles,) = source.values(f"select count(*) from demo_marts.{mart} where {condition}")
        assert titles > 0
        expect(page.locator("#filter-result")).to_have_text(re.compile(rf"^{titles:,}\b"))


def test_a_bar_opens_its_titles_and_a_point_its_movie(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}#movies?from=2003")
    page.locator("#chart-titles-by-country .mark-rect path").first.click()
    expect(page.locator("#browse-heading")).to_be_visible()
    assert page.evaluate("location.hash") == "#browse?from=2003&country=United+States"
    page.go_back()
    page.locator("#chart-critics-and-audience .mark-symbol path").first.click()
    expect(page.locator("#movie-heading")).to_be_visible()
    page.go_back()
    row = page.locator("#chart-ratings tbody tr").first
    page.locator("#chart-ratings summary").click()
    titles = row.locator("td").last.inner_text()
    row.locator("a").click()
    expect(page.locator("#filter-result")).to_have_text(re.compile(f"^{titles} movie"))


def test_browse_sorts_unknown_values_last_and_pages(
    source: Warehouse, open_page: OpenPage, url: str
) -> None:
    page = open_page(f"{url}#browse?columns=box_office")
    for order in ("desc", "asc"):
        page.get_by_role("button", name="Box office").click()
        expected = source.values(
            f"select imdb_id from demo_marts.movies order by box_office {order} nulls last,"
            " imdb_votes desc nulls last, imdb_id limit 50"
        )
        ids = page.locator("#browse-table tbody a").evaluate_all("all => all.map(a => a.hash)")
        assert ids == [f"#movie/{imdb_id}" for imdb_id in expected]
    page.get_by_role("button", name="Next").click()
    assert "page=2" in page.evaluate("location.hash")
    page.locator("#browse-table tbody a").first.click()
    page.wait_for_selector("#movie-heading:focus")
    page.go_back()
    expect(page.get_by_text("Page 2 of")).to_be_visible()


def test_what_browse_shows_is_downloaded_without_formulas(
    source: Warehouse, open_page: OpenPage, url: str
) -> None:
    page = open_page(f"{url}#browse?kind=all&sort=title")
    page.locator("summary", has_text="Columns").click()
    for column in ("Genres", "Directors", "Certificate", "Runtime"):
        page.get_by_label(column, exact=True).uncheck()
    page.get_by_role("checkbox", name="IMDb id").check()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download as CSV").click()
    text = started.value.path().read_text(encoding="utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["Title", "Year", "Rating", "Votes", "IMDb id"]
    by_id = {row[-1]: row for row in rows[1:]}
    query = "select imdb_id, title, year from demo_marts.titles where kind <> 'episode'"
    titles = source.rows(query)
    assert len(by_id) == len(titles)
    formulas = [title for title in titles if (title["title"] or "")[:1] in ("=", "+", "-", "@")]
    assert formulas
    for title in titles:
        shown = f"'{title['title']}" if title in formulas else title["title"] or ""
        assert by_id[title["imdb_id"]][:2] == [shown, str(title["year"] or "")]


def test_on_a_phone_filters_are_in_a_drawer_and_rows_are_cards(
    open_page: OpenPage, url: str
) -> None:
    page = open_page(f"{url}#browse", viewport={"width": 390, "height": 844})
    form, button = page.locator("#filters"), page.get_by_role("button", name="Filters", exact=True)
    assert not form.is_visible()
    button.click()
    page.select_option("#filters [name=genre]", "War")
    page.keyboard.press("Escape")
    assert not form.is_visible()
    expect(button).to_be_focused()
    card = page.locator("#browse-table tbody tr").first.bounding_box()
    assert card
    assert card["height"] > 100
    page.select_option("#browse-sort", label="Year")
    assert page.evaluate("location.hash") == "#browse?genre=War&sort=-year"


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


OPEN = "document.querySelectorAll('details').forEach(each => { each.open = true; })"
# Rows are alike, and axe takes its time for each.
SHORTEN = "document.querySelectorAll('tbody tr:nth-child(n + 6)').forEach(row => row.remove())"


# Colours do not depend on the width.
@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1440)])
def test_it_is_accessible_and_fits(open_page: OpenPage, url: str, scheme: str, width: int) -> None:
    page = open_page(url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    for view in VIEWS:
        go_to(page, view)
        page.wait_for_timeout(400)
        page.evaluate(OPEN if width > 1000 else "")
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, view
        page.evaluate(SHORTEN)
        results = Axe().run(page, options={"runOnly": WCAG, "resultTypes": ["violations"]})
        assert not results.response["violations"], results.generate_report()[:3000]


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
    assert page.evaluate("document.activeElement.name") == "kind"
    page.locator("nav a", has_text="Browse").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#browse-heading:focus")
    page.reload()
    page.wait_for_selector(READY)
    assert page.locator("#browse-heading").is_visible()
