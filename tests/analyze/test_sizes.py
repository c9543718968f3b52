"""The page of warehouses of any size."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest
from playwright.sync_api import Browser, Page

from tests.analyze.conftest import READY, OpenPage, build, go_to, page_of
from tests.transform.conftest import Warehouse

VIEWS = ("movies", "browse", "pipeline")
# In the tables that the page reads, since what fills them has tests of its own. Texts and numbers
# are as hard to compress as OMDb's: titles take 9 bytes, plots 60.
ADD_MOVIES = """
    set session_replication_role = replica; -- no triggers, which would check foreign keys
    create function pg_temp.random(text, integer) returns integer language sql immutable
    as $$ select ('x' || substr(md5($1), 1, 7))::bit(28)::integer % $2 $$;
    insert into demo_intermediate.int_titles
    select filled.*
    from
        demo_intermediate.int_titles as one,
        generate_series(2, 100100) as n,
        jsonb_populate_record(
            one, jsonb_build_object(
                'imdb_id', 'tt' || 40000000 + n * 7919 % 1000003,
                'title',
                initcap(substr(md5(n::text), 1, 4) || ' the ' || substr(md5(n::text), 8, 8)),
                'year', 2025 - (80 * (pg_temp.random(n || 'y', 1000) / 1000.0) ^ 2)::integer,
                'genres', jsonb_build_array(
                    'Genre ' || pg_temp.random(n || '1', 8),
                    'Genre ' || pg_temp.random(n || '2', 8) + 8,
                    'Genre ' || pg_temp.random(n || '3', 8) + 16
                ),
                'imdb_rating', 1 + pg_temp.random(n || 'r', 90) / 10.0,
                'imdb_votes', (3e6 / n ^ 0.9)::integer,
                'runtime_minutes', 60 + pg_temp.random(n || 'm', 90),
                'plot', md5(n::text) || md5((n + 1)::text) || md5((n + 2)::text),
                'poster_url', 'https://m.media-amazon.com/images/M/' || md5(n::text) || '.jpg'
            )
        ) as filled;
    insert into demo_marts.movies (imdb_id, title, year, imdb_rating, imdb_votes, loaded_at)
    select imdb_id, title, year, imdb_rating, imdb_votes, loaded_at
    from demo_intermediate.int_titles where imdb_votes is not null;
    insert into demo_marts.people
    select id::uuid, initcap(substr(id, 1, 5) || ' ' || substr(id, 6, 8))
    from generate_series(0, 9999) as n, md5(n::text) as id;
    insert into demo_marts.movie_credits
        (imdb_id, role, position, person_id, credited_as, loaded_at)
    select imdb_id, role, position,
        md5(pg_temp.random(imdb_id || role || position, 10000)::text)::uuid, 'A', loaded_at
    from demo_marts.movies, (values
        ('director', 1), ('writer', 1), ('writer', 2), ('actor', 1), ('actor', 2), ('actor', 3)
    ) as credits (role, position)
    where imdb_votes > 100;
    analyze;
"""


def _visit(page: Page) -> str:
    texts = []
    for view in VIEWS:
        go_to(page, view)
        page.wait_for_timeout(300)
        texts.append(page.locator("main").inner_text())
    return "\n".join(texts)


def test_without_reports_the_error_names_the_remedy(warehouse: Warehouse, tmp_path: Path) -> None:
    finished = build(warehouse, tmp_path)
    assert finished.returncode == 1
    assert "meltano run dbt:run" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not (tmp_path / "index.html").exists()


def test_an_empty_warehouse(warehouse: Warehouse, tmp_path: Path, open_page: OpenPage) -> None:
    warehouse.build()
    text = _visit(open_page(page_of(warehouse, tmp_path)))
    assert "There are no movies yet." in text
    assert "No sync has been recorded." in text


@pytest.fixture(scope="module")
def one_movie(newest: Warehouse) -> Warehouse:
    """A warehouse with one movie, which has no values."""
    newest.reset()
    newest.load({"tt0000001": {}})
    newest.build()
    return newest


def test_one_movie_without_values(
    one_movie: Warehouse, tmp_path: Path, open_page: OpenPage
) -> None:
    page = open_page(page_of(one_movie, tmp_path))
    assert "1 movie" in _visit(page)
    go_to(page, "movie/tt0000001")
    assert page.locator("#movie-heading").inner_text() == "tt0000001"


def test_a_page_of_100000_titles_is_small_and_fast(
    one_movie: Warehouse, tmp_path: Path, browser: Browser
) -> None:
    one_movie.execute(ADD_MOVIES)
    url = page_of(one_movie, tmp_path)
    assert (tmp_path / "index.html").stat().st_size <= 4_000_000
    page = browser.new_page()
    # The CPU's time of the page's thread, which does not depend on what else the machine does.
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "ThreadTime"))

    page.goto(url, wait_until="commit")
    page.wait_for_selector("[data-chart] svg", timeout=60_000)
    assert seconds() <= 2
    page.wait_for_selector(READY, timeout=60_000)
    assert page.locator("[data-figure=movies]").text_content() == "100,100"
    assert "the 100,000 with the most votes are here" in page.locator("main").inner_text()
    assert "Among the 3,000 titles with the most votes" in page.locator("main").inner_text()
    name = page.locator("#top-directors a").first.inner_text()
    page.wait_for_timeout(1000)  # the index of the search is made
    keys: list[float] = []
    for view, field in (("pipeline", "#search"), ("browse", "#filters [name=q]")):
        go_to(page, view)
        page.focus(field)
        for letter in name:
            before = seconds()
            page.keyboard.type(letter)
            keys.append(seconds() - before)
    assert median(keys) <= 0.05, keys
    assert page.locator("#browse-table tbody tr").count() > 0
    page.close()
