"""The page of warehouses of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.analyze.conftest import build, go_to, page_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.transform.conftest import Warehouse

    OpenPage = Callable[..., Page]

VIEWS = ("movies", "browse", "pipeline")
MOVIES = 6000


def _visit(page: Page) -> str:
    texts = []
    for view in VIEWS:
        go_to(page, view)
        page.wait_for_timeout(300)
        texts.append(page.locator("main").inner_text())
    return "\n".join(texts)


def test_an_empty_warehouse(warehouse: Warehouse, tmp_path: Path, open_page: OpenPage) -> None:
    warehouse.build()
    text = _visit(open_page(page_of(warehouse, tmp_path)))
    assert "There are no movies yet." in text
    assert "No sync has been recorded." in text


def test_one_movie_without_values(
    warehouse: Warehouse, tmp_path: Path, open_page: OpenPage
) -> None:
    warehouse.load({"tt0000001": {}})
    warehouse.build()
    page = open_page(page_of(warehouse, tmp_path))
    assert "1 movies" in _visit(page)
    go_to(page, "movie/tt0000001")
    assert page.locator("#movie-heading").inner_text() == "tt0000001"


def test_beyond_5000_movies_the_most_voted_are_listed(
    warehouse: Warehouse, tmp_path: Path, open_page: OpenPage
) -> None:
    warehouse.load(
        {
            f"tt{number:07}": {
                "Title": f"Movie {number}",
                "Year": str(1920 + number % 100),
                "Plot": f"{number} " + "A plot of an ordinary length, with some words in it. " * 4,
                "imdbRating": f"{1 + number % 90 / 10:.1f}",
                "imdbVotes": str(number),
                "Director": f"Director {number % 500}",
                "Actors": f"Actor {number % 900}, Actor {number % 1100}, Actor {number % 1300}",
                "Genre": "Drama, Comedy" if number % 2 else "Horror",
                "BoxOffice": f"${number},000",
                "Metascore": str(number % 101),
                "Ratings": [{"Source": "Metacritic", "Value": f"{number % 101}/100"}],
            }
            for number in range(1, MOVIES + 1)
        }
    )
    warehouse.build()
    page = open_page(page_of(warehouse, tmp_path))
    assert "the 5,000 movies with the most votes, of 6,000 in the warehouse" in _visit(page)
    (movies,) = warehouse.values("select count(*) from demo_marts.movies")
    assert page.locator("[data-figure=movies]").text_content() == f"{movies:,}"
    assert (tmp_path / "index.html").stat().st_size < 6_000_000
    go_to(page, "movie/tt0001001")
    assert page.locator("#movie-heading bdi").inner_text() == "Movie 1001"


def test_without_reports_the_error_names_the_remedy(warehouse: Warehouse, tmp_path: Path) -> None:
    finished = build(warehouse, tmp_path)
    assert finished.returncode == 1
    assert "meltano run dbt:run" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not (tmp_path / "index.html").exists()
