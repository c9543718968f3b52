"""What the README tells to put in `.env` gets what it says, as it stands there."""

from __future__ import annotations

import gzip
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from omdb_emulator.testing import Emulator

from tests.conftest import run_program
from tests.pipeline.conftest import CATALOGUE, CHECKOUT, Project

Fetched = dict[str, list[dict[str, Any]]]

WATCHLIST = "Position,Const,Title\n1,tt1375666,Inception\n2,tt0435761,Toy Story 3\n"
BASICS = """\
tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes\tgenres
tt1375666\tmovie\tInception\tInception\t0\t2010\t\\N\t148\tAction
tt0816692\tmovie\tInterstellar\tInterstellar\t0\t2014\t\\N\t169\tDrama
tt1475582\ttvSeries\tSherlock\tSherlock\t0\t2010\t\\N\t88\tCrime
"""
EPISODES = {imdb_id for imdb_id, title in CATALOGUE.items() if title.get("seriesID") == "tt0944947"}


def recipe(name: str) -> list[str]:
    """Return the assignments in a row of the README's table."""
    readme = (CHECKOUT / "README.md").read_text()
    (row,) = (line for line in readme.splitlines() if line.startswith(f"| {name}"))
    return re.findall(r"`(TAP_OMDB_\w+=[^`]*)`", row)


@pytest.fixture(scope="module")
def omdb() -> Iterator[Emulator]:
    with Emulator() as omdb:
        yield omdb


def fetch(omdb: Emulator, folder: Path, assignments: list[str]) -> Fetched:
    """Run the tap as Meltano does with these lines in `.env`; return the records by stream."""
    (folder / "watchlist.csv").write_text(WATCHLIST)
    with gzip.open(folder / "title.basics.tsv.gz", "wt", encoding="utf-8") as basics:
        basics.write(BASICS)
    values = dotenv_values(stream=io.StringIO("\n".join(assignments)))
    config = {name.removeprefix("TAP_OMDB_").lower(): value for name, value in values.items()}
    config |= {"api_url": omdb.url, "api_key": omdb.key}
    (folder / "config.json").write_text(json.dumps(config))
    tap = Path(sys.executable).with_name("tap-omdb")
    finished = run_program(tap, "--config=config.json", cwd=folder)
    assert finished.returncode == 0, finished.stderr
    fetched: Fetched = {}
    for message in map(json.loads, finished.stdout.splitlines()):
        if message["type"] == "RECORD":
            fetched.setdefault(message["stream"], []).append(message["record"])
    return fetched


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("my watchlist", {"movies": {"tt1375666", "tt0435761"}}),
        ("a complete year", {"movies": {"tt1375666"}}),
        ("a series", {"series": {"tt0944947"}, "episodes": EPISODES}),
    ],
)
def test_named_titles_are_fetched_without_a_search(
    omdb: Emulator, tmp_path: Path, name: str, expected: dict[str, set[str]]
) -> None:
    fetched = fetch(omdb, tmp_path, recipe(name))
    assert "searches" not in fetched
    titles = fetched.keys() & {"movies", "series", "episodes", "games"}
    found = {stream: {record["imdb_id"] for record in fetched[stream]} for stream in titles}
    assert found == expected


def test_a_watchlist_kept_fresh(idle_project: Project) -> None:
    env_file = idle_project.root / ".env"
    before = env_file.read_text()
    lines = recipe("my watchlist") + recipe("new titles fresh")
    env_file.write_text(before + "\n".join(lines) + "\n")
    shown = idle_project.meltano("config", "print", "tap-omdb", environment="dev").stdout
    env_file.write_text(before)
    config = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
    assert config["refresh"] == {"this_year": 3, "older": "never"}
    assert (config["titles_file"], config["years"]) == ("watchlist.csv", "[]")


def test_a_decade(omdb: Emulator, tmp_path: Path) -> None:
    # One of the searches that each year needs; the recipe's own number of them takes longer.
    fetched = fetch(omdb, tmp_path, [*recipe("a decade"), "TAP_OMDB_COVERAGE=0.02"])
    assert {search["year"] for search in fetched["searches"]} == set(range(2010, 2020))
    assert fetched["movies"]
