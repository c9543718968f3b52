"""The pipeline from end to end: what the emulator has arrives in Postgres, once.

`.env` says other things wherever it can, as that of a production does.
"""

# ruff: noqa: S608 - the SQL is the tests' own

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from dotenv import dotenv_values
from tap_omdb.tap import TapOMDb

from tests.pipeline.conftest import (
    CATALOGUE,
    CHECKOUT,
    MISLEADING,
    PIPELINE,
    Project,
    running_project,
)

RECORDED = CHECKOUT.parent / "shared/omdb-recorded/details.jsonl"

SERIES = "tt0407362"
KINDS = ("movies", "series", "episodes", "games")
NOISE = ("[warning", "START", "METRIC", "DeprecationWarning", "Inserting with SQL", "Traceback")
OTHER_SETTINGS = {
    **{name: MISLEADING[name] for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD")},
    **{name: MISLEADING[name] for name in ("PGDATABASE", "PGSSLMODE", "TAP_OMDB_API_KEY")},
    "PGPASSFILE": "/srv/movies/.pgpass",
    "PGSSLROOTCERT": "/srv/movies/ca.pem",
    "TARGET_POSTGRES_SQLALCHEMY_URL": "postgresql+psycopg://omdb_loader@192.0.2.1/",
    "TAP_OMDB_API_URL": "http://192.0.2.1/",
    "TAP_OMDB_DAILY_REQUESTS": "2000",
    "TAP_OMDB_LOGLEVEL": "WARNING",
    "TARGET_POSTGRES_LOGLEVEL": "WARNING",
    "MELTANO_ENVIRONMENT": "prod",
    "MELTANO_STATE_BACKEND_URI": "file://elsewhere",
    "ALERT_WEBHOOK_URL": "http://192.0.2.1/",
}
# The ports are those of demo, and what to fetch applies to it, too.
OF_DEMO = {"EMBEDDED_POSTGRES_PORT", "OMDB_EMULATOR_PORT", "TAP_OMDB_YEARS", "TAP_OMDB_TITLES_FILE"}


@dataclass(frozen=True)
class Ran:
    """A project after its first `make demo`.

    Attributes:
        shown: What it printed.
        asked: The titles whose details were asked for.
        loaded: The titles in the raw tables.
        watchlist: The titles of the demo's file.
    """

    project: Project
    shown: str
    asked: set[str]
    loaded: set[str]
    watchlist: set[str]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    with running_project(tmp_path_factory.mktemp("demo") / "a próject") as project:
        settings = {**OTHER_SETTINGS, "MELTANO_STATE_BACKEND_URI": f"file://{project.root}/state"}
        with (project.root / ".env").open("a") as env_file:
            env_file.writelines(f"{name}='{value}'\n" for name, value in settings.items())
        shown = project.make("demo")
        emulator = project.emulator
        asked = {r["query"]["i"] for r in emulator.requests() if r["kind"] == "details"}
        query = " union all ".join(f"select imdb_id from demo_raw.{kind}" for kind in KINDS)
        loaded = {row["imdb_id"] for row in project.rows(query)}
        rows = (project.root / "scripts/demo_watchlist.csv").read_text("utf-8").splitlines()
        watchlist = {row.partition(",")[0] for row in rows[1:]} - {""}
        yield Ran(project, shown, asked, loaded, watchlist)


def test_env_says_something_else_wherever_it_can() -> None:
    example = (CHECKOUT / ".env.example").read_text()
    described = set(re.findall(r"^#?([A-Z]\w+)=", example, re.MULTILINE))
    assert described - OF_DEMO == set(OTHER_SETTINGS) & described
    runbook = (CHECKOUT / "docs/operations.md").read_text()
    (block,) = re.findall(r"```shell\n\s+(TAP_OMDB_API_KEY=.*?)```", runbook, re.DOTALL)
    assert set(re.findall(r"^\s*(\w+)=", block, re.MULTILINE)) - OF_DEMO <= set(OTHER_SETTINGS)


RECIPES = [
    re.findall(r"`(TAP_OMDB_\w+=[^`]*)`", line)
    for line in (CHECKOUT / "README.md").read_text().splitlines()
    if line.startswith("| ") and "`TAP_OMDB_" in line
]
"""The lines for `.env`, by row of the README's table."""


@pytest.mark.parametrize("lines", RECIPES, ids=" ".join)
def test_what_the_readme_puts_in_env_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("watchlist.csv").write_text("Position,Const,Title\n1,tt1375666,Inception\n")
    for name, header in (
        ("basics", "tconst\ttitleType\tstartYear"),
        ("ratings", "tconst\taverageRating\tnumVotes"),
    ):
        with gzip.open(f"title.{name}.tsv.gz", "wt") as file:
            file.write(f"{header}\n")
    values = dotenv_values(stream=io.StringIO("\n".join(lines)))
    config = {name.removeprefix("TAP_OMDB_").lower(): value for name, value in values.items()}
    TapOMDb(config={"api_key": "1a2b3c4d", "years": "2010", **config})


def test_make_demo_prints_a_summary_and_no_noise(ran: Ran) -> None:
    assert len(ran.shown.splitlines()) <= 60, ran.shown
    result = ran.shown.partition("== Rows of the tables")[2]
    (row,) = ran.project.rows("select count(*) as n from demo_marts.movies")
    assert re.search(rf"\bmovies +{row['n']} ", result)
    assert re.search(r"\n *2010 +2010 +8.8 Inception +Christopher Nolan +Action, Adventure", result)
    spent = ran.project.emulator.stats()
    assert f"\n{spent['requests']} requests spent;" in result
    assert 0 < spent["requests"] <= 1000, "more than a day of a free key"
    assert spent["by_key"].keys() == {"00000000"}
    assert "make psql" in result
    assert [noise for noise in NOISE if noise in ran.shown] == []


def test_only_what_tells_of_problems_and_changes_is_empty(ran: Ran) -> None:
    listed = ran.shown.partition("== Rows of the tables")[2].partition("== Best movie")[0]
    counts = re.findall(r"([\w.]+) +(\d+)(?!\S)", listed)
    assert len(counts) > 30
    empty = {name for name, rows in counts if rows == "0"}
    assert empty == {"data_issues", "rating_changes"}


def test_each_row_of_the_watchlist_finds_its_title(ran: Ran) -> None:
    query = (
        "select outcome, matched_by, count(*)::integer as n from demo_marts.list_entries"
        " group by 1, 2 order by n desc"
    )
    rows = ran.project.rows(query)
    assert [tuple(row.values()) for row in rows] == [
        ("found", "imdb_id", len(ran.watchlist)),
        ("found", "title_and_year", 11),
        ("found", "title", 1),
        ("not_found", None, 1),
    ]
    (rated,) = ran.project.rows("select count(own_rating) as n from demo_marts.list_entries")
    assert rated["n"] > 100


def test_every_requested_title_is_loaded(ran: Ran) -> None:
    assert len(ran.watchlist) > 300
    assert ran.watchlist <= ran.loaded
    rejects = ran.project.rows("select imdb_id from demo_raw.rejects where source <> 'season'")
    assert {SERIES} < ran.asked <= ran.loaded | {row["imdb_id"] for row in rejects}
    searched = ran.asked - {SERIES} - ran.watchlist
    assert {CATALOGUE[imdb_id]["Year"][:4] for imdb_id in searched} == {"2013", "2014"}
    query = "select imdb_id, title from {}.movies order by imdb_id"
    rows = ran.project.rows
    assert rows(query.format("demo_marts")) == rows(query.format("demo_raw"))
    (times,) = rows(
        "select bool_and(now() at time zone 'UTC' - fetched_at between '0' and '1 hour') as are_utc"
        " from demo_raw.movies"
    )
    assert times["are_utc"]


def test_every_field_matches_the_response(ran: Ran) -> None:
    responses = []
    for imdb_id in ran.loaded:
        url = f"{ran.project.emulator.url}?apikey=00000000&i={imdb_id}"
        with urlopen(url) as response:  # noqa: S310
            responses.append((imdb_id, json.loads(response.read(), strict=False)))
    assert ran.project.differences(responses) == []


def test_the_questions_of_the_documentation_have_the_answers_given(ran: Ran) -> None:
    text = (CHECKOUT / "docs/model.md").read_text()
    asked = re.findall(r"^-- (\d+)\. .*\n([^;]+);\n((?:--> .*\n)+)", text, re.MULTILINE)
    assert [int(number) for number, _, _ in asked] == list(range(1, 26))
    for number, query, answer in asked:
        expected = re.findall(r"--> (.*)", answer)
        rows = ran.project.rows(query)[: len(expected)] or [{"": "nothing"}]
        given = [" | ".join("" if v is None else str(v) for v in row.values()) for row in rows]
        assert (number, given) == (number, expected)


def test_the_other_queries_of_the_documentation_run(ran: Ran) -> None:
    text = (CHECKOUT / "docs/model.md").read_text()
    for query in re.findall(r"^-- (?!\d).*\n([^;]+);$", text, re.MULTILINE):
        ran.project.rows(query)
    exposures = yaml.safe_load((CHECKOUT / "transform/models/_exposures.yml").read_text())
    (recipes,) = (e for e in exposures["exposures"] if e["name"] == "recipes")
    (questions,) = re.findall(r"^## Questions$(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    read = set(re.findall(r"demo_marts\.(\w+)", questions))
    assert {f"ref('{name}')" for name in read} == set(recipes["depends_on"])


def test_the_job_starts_both_servers_spends_no_requests_and_changes_nothing(ran: Ran) -> None:
    before = ran.project.snapshot()
    assert len(before["demo_raw.movies"]) > 100
    assert ran.project.make("stop").count("stopped") == 2

    finished = ran.project.meltano("run", "demo")

    assert finished.returncode == 0, finished.stdout
    assert ran.project.emulator.stats()["requests"] == 0
    after = ran.project.snapshot()
    assert after.keys() == before.keys()
    assert {table for table in before if after[table] != before[table]} == {"demo_raw.syncs"}
    shown = ran.project.make("psql", "ARGS=--no-psqlrc --file=scripts/demo.sql")
    assert "0 requests spent: nothing was due" in shown
    home = ran.project.root.parent / "home"
    written = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    assert {path for path in written if not path.startswith(".local/state/meltano/log")} == set()


def test_dev_is_the_same_job_without_the_emulator() -> None:
    jobs = yaml.safe_load((CHECKOUT / "meltano.yml").read_text())["jobs"]
    tasks = {job["name"]: job["tasks"] for job in jobs}
    start, pipeline = tasks["demo"]
    assert tasks["dev"] == [start.removesuffix(" omdb-emulator:start"), pipeline]


# What OMDb really answered: every recorded title, each value checked in SQL


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Project]:
    """A copy whose emulator answers as recorded."""
    if not RECORDED.exists():
        pytest.skip("the recorded responses are not here")
    with running_project(tmp_path / "a próject") as copy:
        copy.utility("omdb-emulator", "stop")
        copy.utility("omdb-emulator", "start", "--recorded", str(RECORDED))
        yield copy


def test_every_recorded_title_is_loaded_unchanged(recorded: Project, tmp_path: Path) -> None:
    with RECORDED.open(encoding="utf-8") as lines:
        responses: dict[str, dict[str, Any]] = {r["imdbID"]: r for r in map(json.loads, lines)}
    assert len(responses) == 3150
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(responses) + "\n")

    finished = recorded.meltano(
        *(*PIPELINE, "dbt:test"),
        TAP_OMDB_YEARS="[]",
        TAP_OMDB_IMDB_IDS="[]",
        TAP_OMDB_TYPES="movie",
        TAP_OMDB_TITLES_FILE=str(ids),
    )
    assert finished.returncode == 0, finished.stdout

    assert recorded.emulator.stats()["requests"] == len(responses)
    assert recorded.rows("select * from demo_raw.rejects") == []
    assert recorded.differences(responses.items()) == []
    movies = [response for response in responses.values() if response["Type"] == "movie"]
    assert recorded.rows("select imdb_id, title from demo_marts.movies order by 1") == [
        {"imdb_id": movie["imdbID"], "title": movie["Title"]}
        for movie in sorted(movies, key=itemgetter("imdbID"))
    ]
    # The only issues are values that the tap could not parse, and unknown fields.
    issues = recorded.rows("select distinct issue from demo_marts.data_issues")
    assert {row["issue"] for row in issues} <= {"unparsed_value", "unknown_field"}
