"""What the README tells to put in `.env` gets what it says, as it stands there."""

from __future__ import annotations

import gzip
import json
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pipeline.conftest import Project

README = Path(__file__).resolve().parents[2] / "README.md"
WATCHLIST = "Position,Const,Title\n1,tt1375666,Inception\n2,tt0435761,Toy Story 3\n"
BASICS = """\
tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes\tgenres
tt1375666\tmovie\tInception\tInception\t0\t2010\t\\N\t148\tAction
tt0816692\tmovie\tInterstellar\tInterstellar\t0\t2014\t\\N\t169\tDrama
tt1475582\ttvSeries\tSherlock\tSherlock\t0\t2010\t\\N\t88\tCrime
"""


def recipe(name: str) -> list[str]:
    """Return the assignments in a row of the README's table."""
    (row,) = (line for line in README.read_text().splitlines() if line.startswith(f"| {name}"))
    return re.findall(r"`(TAP_OMDB_\w+=[^`]*)`", row)


@contextmanager
def in_env_file(project: Project, lines: list[str]) -> Iterator[None]:
    """Have these lines in `.env` for a while."""
    env_file = project.root / ".env"
    before = env_file.read_text()
    env_file.write_text(before + "\n".join(lines) + "\n")
    try:
        yield
    finally:
        env_file.write_text(before)


def fetched(project: Project, assignments: list[str]) -> dict[str, set[str]]:
    """Run `dev` with these lines in `.env`; return the ids by kind."""
    with project.connect() as connection:
        connection.execute("drop schema if exists dev_raw cascade")
    with in_env_file(project, assignments):
        finished = project.meltano(
            *("run", "--full-refresh", "tap-omdb", "target-postgres"),
            environment="dev",
            TAP_OMDB_API_URL=project.emulator.url,
            TAP_OMDB_API_KEY="00000000",
        )
    assert finished.returncode == 0, finished.stdout
    kinds = ("movies", "series", "episodes", "games")
    return {
        kind: {row["imdb_id"] for row in project.rows(f"select imdb_id from dev_raw.{kind}")}  # noqa: S608
        for kind in kinds
    }


@pytest.fixture
def files(project: Project) -> None:
    (project.root / "watchlist.csv").write_text(WATCHLIST)
    with gzip.open(project.root / "title.basics.tsv.gz", "wt", encoding="utf-8") as basics:
        basics.write(BASICS)


@pytest.mark.usefixtures("files")
def test_a_watchlist(project: Project) -> None:
    ids = fetched(project, recipe("my watchlist"))
    assert ids == {
        "movies": {"tt1375666", "tt0435761"},
        "series": set(),
        "episodes": set(),
        "games": set(),
    }
    assert project.rows("select * from dev_raw.searches") == []


@pytest.mark.usefixtures("files")
def test_a_watchlist_kept_fresh(project: Project) -> None:
    lines = recipe("my watchlist") + recipe("new titles fresh")
    assert fetched(project, lines)["movies"] == {"tt1375666", "tt0435761"}
    with in_env_file(project, lines):
        shown = project.meltano("config", "print", "tap-omdb", environment="dev").stdout
    assert json.loads(shown[shown.index("{") : shown.rindex("}") + 1])["refresh"] == {
        "this_year": 3,
        "older": "never",
    }


def test_a_decade(project: Project) -> None:
    # One of the searches that each year needs; the recipe's own number of them takes longer.
    ids = fetched(project, [*recipe("a decade"), "TAP_OMDB_COVERAGE=0.02"])
    years = {row["year"] for row in project.rows("select distinct year from dev_raw.searches")}
    assert years == set(range(2010, 2020))
    assert ids["movies"]


def test_a_series_with_all_episodes(project: Project) -> None:
    ids = fetched(project, recipe("a series"))
    titles = (project.emulator.title(imdb_id) for imdb_id in project.emulator.titles())
    episodes = {title["imdbID"] for title in titles if title.get("seriesID") == "tt0944947"}
    assert len(episodes) > 10
    assert ids == {
        "movies": set(),
        "series": {"tt0944947"},
        "episodes": episodes,
        "games": set(),
    }


@pytest.mark.usefixtures("files")
def test_a_complete_year(project: Project) -> None:
    ids = fetched(project, recipe("a complete year"))
    assert ids == {"movies": {"tt1375666"}, "series": set(), "episodes": set(), "games": set()}
    assert project.rows("select * from dev_raw.searches") == []
