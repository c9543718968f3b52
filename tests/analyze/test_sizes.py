"""The page of warehouses of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.analyze.conftest import build, go_to, page_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.transform.conftest import Warehouse

    OpenPage = Callable[..., Page]

VIEWS = ("movies", "browse", "pipeline")
# In the marts, since what loads and transforms them has tests of its own.
ADD_MOVIES = """
    insert into demo_marts.movies
    select filled.*
    from demo_marts.movies as one, generate_series(2, 6000) as n, jsonb_populate_record(
        one, jsonb_build_object(
            'imdb_id', 'tt' || lpad(n::text, 7, '0'), 'title', 'Movie ' || n,
            'year', 1920 + n % 100, 'imdb_rating', 1 + n % 90 / 10.0, 'imdb_votes', n,
            'metascore', n % 101, 'box_office', n * 1000,
            'plot', n || repeat(' A plot of an ordinary length, with some words in it.', 4)
        )
    ) as filled;
    insert into demo_marts.people
    select md5(n::text)::uuid, 'Person ' || n from generate_series(0, 1299) as n;
    insert into demo_marts.movie_credits (imdb_id, role, position, person_id, loaded_at)
    select imdb_id, role, position, md5((imdb_votes % modulus)::text)::uuid, loaded_at
    from demo_marts.movies, (values
        ('director', 1, 500), ('actor', 1, 900), ('actor', 2, 1100), ('actor', 3, 1300)
    ) as credits (role, position, modulus)
    where imdb_votes is not null
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
    assert "1 movies" in _visit(page)
    go_to(page, "movie/tt0000001")
    assert page.locator("#movie-heading").inner_text() == "tt0000001"


def test_beyond_5000_movies_the_most_voted_are_listed(
    one_movie: Warehouse, tmp_path: Path, open_page: OpenPage
) -> None:
    one_movie.execute(ADD_MOVIES)
    page = open_page(page_of(one_movie, tmp_path))
    assert "the 5,000 movies with the most votes, of 6,000 in the warehouse" in _visit(page)
    assert page.locator("[data-figure=movies]").text_content() == "6,000"
    assert (tmp_path / "index.html").stat().st_size < 6_000_000
    go_to(page, "movie/tt0001001")
    assert page.locator("#movie-heading bdi").inner_text() == "Movie 1001"
    assert "Person 1" in page.locator("#movie-body").inner_text()
