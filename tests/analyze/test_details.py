"""The pages of a movie, a person and a series, and the pipeline's tab, in a browser."""

# ruff: noqa: S608 - the SQL is the tests' own

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.analyze.conftest import MOVED, POSTER, OpenPage, cells, chart_table, go_to, number
from tests.transform.conftest import Warehouse


def test_a_movie_shows_all_its_facts(source: Warehouse, open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}#movie/tt0816692")
    (movie,) = source.rows("select * from demo_marts.movies where imdb_id = 'tt0816692'")
    people = source.values(
        "select distinct person_name from demo_marts.movie_credits"
        " join demo_marts.people using (person_id) where imdb_id = 'tt0816692'"
    )
    text = page.locator("[data-view=movie]").inner_text()
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
    history = cells(page.locator("#history-table"))
    assert [row[1] for row in history][-1] == MOVED["tt0816692"]
    assert len(history) == 2
    assert page.locator("#history-chart svg").count() == 1
    imdb = page.get_by_role("link", name="Open on IMDb").get_attribute("href")
    assert imdb == "https://www.imdb.com/title/tt0816692/"

    expect(page.locator("#more-0")).to_contain_text("Inception")
    page.get_by_role("link", name="Christopher Nolan").first.click()
    expect(page.locator("#person-titles")).to_contain_text("Interstellar")


def test_a_movie_that_is_not_on_the_page_is_reported(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}#movie/tt0000000")
    assert "tt0000000 is not among the titles" in page.locator("#movie-body").inner_text()


def test_credits_say_what_each_writer_wrote(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}#movie/tt9300000")
    text = page.locator("#movie-body .facts").inner_text()
    assert "novel: Ann Author\nscreenplay: Bob Body, Cid Coda" in text
    # Nothing is shown of which there is nothing: a poster, a history of one version, ratings.
    for absent in ("Show posters", "Rating history", "Ratings", "Box office", "Awards"):
        assert page.locator("#movie-body").get_by_text(absent, exact=True).count() == 0
    assert cells(page.locator("#movie-body")) == []
    expect(page.locator("#more-0")).to_contain_text("Another")


@pytest.mark.parametrize("name", ["Christopher Nolan", "Leonardo DiCaprio"])
def test_a_person_has_a_page(source: Warehouse, open_page: OpenPage, url: str, name: str) -> None:
    page = open_page(f"{url}#person/{name}")
    of_person = (
        "demo_marts.movies join demo_marts.movie_credits using (imdb_id)"
        f" join demo_marts.people using (person_id) where person_name = '{name}'"
    )
    roles = source.rows(
        "select role || 's' as role, count(distinct imdb_id)::text as titles,"
        " round((avg(imdb_rating) filter (where position_of_role = 1)), 2)::text as average"
        " from (select *, row_number() over (partition by imdb_id, role order by position)"
        f" as position_of_role from {of_person}) as credits group by role"
    )
    assert len(roles) in (1, 2)
    for role in roles:
        figure = page.locator(f"[data-figure={role['role']}]").locator("..")
        assert figure.inner_text().split("\n")[0].strip() == role["titles"]
        assert f"average rating {role['average']}" in figure.inner_text()
    credited = (
        "select person_name from demo_marts.movie_credits join demo_marts.people using (person_id)"
        f" where imdb_id in (select imdb_id from {of_person})"
    )
    titles = source.values(f"select title from {of_person} group by imdb_id, title, year")
    shown = cells(page.locator("#person-titles"))
    assert sorted(row[0] for row in shown) == sorted(titles)
    assert page.locator("#person-canvas .mark-symbol path").count() >= len(titles)
    companions = cells(page.locator("#companions"))
    assert len(companions) > 1
    assert {*(row[0] for row in companions)} < {*source.values(credited)} - {name}
    assert "titles whose credits are on this page" in page.locator("#person-body").inner_text()
    page.locator("#person-canvas .mark-symbol path[aria-roledescription]").first.click()
    expect(page.locator("#movie-heading")).to_have_text(
        re.compile("|".join(map(re.escape, titles)))
    )


def test_a_series_is_a_map_of_its_episodes(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}#series/tt9300010")
    assert page.locator("#series-what").inner_text() == "2001\N{EN DASH}2003 · series"
    assert "5 episodes, 4 with a rating. OMDb counts 3 seasons." in (
        page.locator("#series-body").inner_text()
    )
    rows = page.locator("#heat-map tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.split('\\n')[0].trim()))"
    )
    assert [[text.split(" Season")[0] for text in row] for row in rows] == [
        ["Season", "1", "2", "3", "Average"],
        ["1", "8.0", "9.1", "\N{EN DASH}", "8.55 (2 rated)"],
        ["2", "5.9", "7.0", "", "6.45"],
    ]
    best = page.get_by_role("link", name="Season 1, episode 2: Part 2")
    assert best.get_attribute("href") == "https://www.imdb.com/title/tt9300112/"
    assert best.locator("..").get_attribute("class") == "heat-6"


def test_a_game_has_a_page_and_is_in_browse(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}#browse?kind=game")
    page.get_by_role("link", name="A Game").click()
    expect(page.locator("#movie-what")).to_have_text("game")
    assert "8.1/10" in page.locator("#movie-body").inner_text()


def test_the_pipeline_agrees_with_the_marts(
    source: Warehouse, open_page: OpenPage, url: str
) -> None:
    page = open_page(f"{url}#pipeline")
    (health,) = source.rows("select * from demo_marts.pipeline_health")
    for name in ("requests_today", "requests_left_today", "pending_titles", "percent_seen"):
        assert number(page.locator(f"[data-figure={name}]").inner_text()) == float(health[name])
    for problem in health["problems"]:
        assert problem in page.locator("#health-status").inner_text()
    assert health["problems"]
    syncs = cells(page.locator("#syncs"))
    assert [(row[1], row[2]) for row in syncs] == [("Failed", "101"), ("Complete", "100")]
    freshness = {row[0]: number(row[1]) for row in cells(page.locator("#freshness"))}
    assert freshness == {table: health["table_rows"][table] for table in freshness}
    assert chart_table(page, "coverage-by-year") == [["2013", "100", "80"]]
    issues = sum(number(row[2]) for row in cells(page.locator("#data-issues")))
    assert [issues] == source.values("select count(*) from demo_marts.data_issues")
    levels = page.locator("#health-status .badge").all_inner_texts()
    assert [*dict.fromkeys(levels)] == ["Act", "Check", "Waiting"]
    assert page.locator("#chart-requests-by-sync .mark-symbol path").count() == 2  # statuses
    assert "To 2 searches, OMDb reported 100 results, and 80 of them (80%) were read." in (
        page.locator("[data-view=pipeline]").inner_text()
    )


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


def test_lists_say_what_became_of_each_row(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    page.locator("nav a", has_text="Lists").click()
    table = page.locator("#outcome-table")
    table.wait_for()
    outcomes = dict(zip(table.locator("th").all_inner_texts(), cells(table)[0], strict=True))
    assert outcomes == {
        "List": "<i>mine</i>.csv",
        "Rows": "7",
        "Found": "3 (43%)",
        "To check": "1 (14%)",
        "Pending": "1 (14%)",
        "Of another year only": "1 (14%)",
        "No title in the row": "1 (14%)",
    }
    checked = cells(page.locator("#to-check-table"))
    assert [row[0] for row in checked] == ["Interstellar (1990)", "Inception"]
    link = page.locator("#to-check-table").get_by_role("link", name="tt0816692")
    assert link.get_attribute("href") == "https://www.imdb.com/title/tt0816692/"

    page.locator("#outcome-table a", has_text="3").click()
    expect(page.locator("#whole-list h2")).to_have_text("<i>mine</i>.csv: found")
    entries = cells(page.locator("#entries"))
    assert [row[1] for row in entries] == ["2", "3", "4"]
    page.reload()
    expect(page.locator("#entries tbody tr")).to_have_count(3)


def test_own_ratings_are_compared_with_those_of_others(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}#lists")
    text = page.locator("#lists-body").inner_text()
    assert "of 7 rows, with a rating by IMDb's users too" in text
    assert page.locator("#lists-body .figure-value").all_inner_texts()[:2] == ["3", "7.83"]
    better = cells(page.locator("#overrated-table"))
    worse = cells(page.locator("#underrated-table"))
    assert better == [["Inception (2010)", "9.5", "8.8", "+0.7"]]
    assert worse == [
        ["The Shawshank Redemption (1994)", "6.0", "9.4", "\N{MINUS SIGN}3.4"],
        ["Interstellar (2014)", "8.0", "8.1", "\N{MINUS SIGN}0.1"],
    ]
    assert page.locator("#own-canvas .mark-symbol path").count() == 3
    page.locator("#own-canvas .mark-symbol path").first.click()
    expect(page.locator("#movie-heading")).to_have_text("Interstellar")
