"""`dbt:run` builds no less than what has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.transform.conftest import Warehouse

CHECKOUT = Path(__file__).resolve().parents[2]
SKIPPED = "dbt is not started"
EVERYTHING = "seed file"
TITLES = {"tt0000001": {"Title": "One", "Genre": "Drama"}, "tt0000002": {"Title": "Two"}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of script and dbt project, so that tests can change it."""
    for folder in ("scripts", "transform"):
        ignored = shutil.ignore_patterns("target", "logs")
        shutil.copytree(CHECKOUT / folder, tmp_path / folder, ignore=ignored)
    return tmp_path


@pytest.fixture
def run(warehouse: Warehouse, project: Path) -> Callable[..., str]:
    """Runs `dbt:run` as Meltano does, and returns what it prints."""

    def run_(*arguments: str, returncode: int = 0) -> str:
        bin_folder = Path(sys.executable).parent
        finished = subprocess.run(
            [sys.executable, project / "scripts/dbt_run.py", *arguments],
            env={
                **{name: value for name, value in os.environ.items() if name[:2] != "PG"},
                **warehouse.server.environment,
                "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
                "MELTANO_ENVIRONMENT": "demo",
                "OMDB_SCHEMA": "demo",
                "DBT_PROJECT_DIR": str(project / "transform"),
                "DBT_PROFILES_DIR": str(project / "transform"),
                "DBT_USE_COLORS": "false",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert finished.returncode == returncode, finished.stdout + finished.stderr
        return finished.stdout

    warehouse.load(TITLES)
    return run_


@pytest.fixture
def built(run: Callable[..., str]) -> Callable[..., str]:
    """`run`, after a first run, which builds everything."""
    assert EVERYTHING in run()
    return run


def titles(warehouse: Warehouse) -> list[str]:
    return warehouse.values("select title from demo_marts.titles order by imdb_id")


def test_dbt_is_not_started_if_nothing_is_new(
    built: Callable[..., str], warehouse: Warehouse
) -> None:
    assert titles(warehouse) == ["One", "Two"]
    before = warehouse.tables("demo_marts")
    warehouse.load_rows("syncs", {"sync_id": "1"})  # each sync writes one

    assert SKIPPED in built()

    assert warehouse.tables("demo_marts") == before
    assert EVERYTHING in built("--force")
    assert SKIPPED in built()


def test_new_changed_and_deleted_rows_are_built(
    built: Callable[..., str], warehouse: Warehouse
) -> None:
    warehouse.load({"tt0000003": {"Title": "Three"}})
    assert EVERYTHING not in built()
    assert titles(warehouse) == ["One", "Two", "Three"]

    warehouse.load({"tt0000002": {"Title": "Second"}})
    assert EVERYTHING not in built()
    assert titles(warehouse) == ["One", "Second", "Three"]

    warehouse.execute("delete from demo_raw.movies where imdb_id = 'tt0000001'")
    assert SKIPPED not in built()
    assert SKIPPED in built()


def test_rows_that_another_loader_commits_late_are_built(
    built: Callable[..., str], warehouse: Warehouse
) -> None:
    with psycopg.connect(**warehouse.server.parameters) as late:  # type: ignore[arg-type]
        late.execute("update demo_raw.movies set title = 'Late' where imdb_id = 'tt0000001'")
        warehouse.load({"tt0000003": {"Title": "Three"}})
        assert SKIPPED not in built()
        assert titles(warehouse) == ["One", "Two", "Three"]
        late.execute("update demo_raw.movies set _sdc_batched_at = now() at time zone 'utc'")

    assert SKIPPED not in built()

    assert titles(warehouse)[0] == "Late"
    assert SKIPPED in built()


def test_a_new_raw_table_or_column_is_built(
    built: Callable[..., str], warehouse: Warehouse
) -> None:
    warehouse.load({"tt0000004": {"Title": "Game", "Type": "game"}})
    assert EVERYTHING in built()
    assert titles(warehouse) == ["One", "Two", "Game"]
    warehouse.execute("alter table demo_raw.movies drop column plot cascade")
    assert EVERYTHING in built()


@pytest.mark.parametrize(
    "statement",
    [
        "drop view demo_marts.titles cascade",
        "drop table demo_marts.searches cascade",
        "drop schema demo_reports cascade",
        "drop function demo_functions.decode_html_entities cascade",
    ],
)
def test_what_was_dropped_is_built_again(
    built: Callable[..., str], warehouse: Warehouse, statement: str
) -> None:
    relations = "select oid::regclass::text from pg_class where relkind in ('r', 'v') order by 1"
    before = warehouse.values(relations)
    warehouse.execute(statement)

    assert EVERYTHING in built()

    assert warehouse.values(relations) == before
    assert SKIPPED in built()


def test_a_changed_model_is_built(
    built: Callable[..., str], warehouse: Warehouse, project: Path
) -> None:
    model = project / "transform/models/marts/summaries/year_summary.sql"
    text = model.read_text(encoding="utf-8")
    model.write_text(text.replace("count(*) as movies", "count(*) + 40 as movies"))
    warehouse.load({"tt0000003": {"Title": "Three", "Year": "2010"}})

    assert EVERYTHING in built()

    assert warehouse.values("select movies from demo_marts.year_summary") == [41]


def test_after_a_failed_or_partial_run_everything_is_built(
    built: Callable[..., str], warehouse: Warehouse
) -> None:
    warehouse.execute("alter table demo_marts.movies add constraint c check (title <> 'Three')")
    warehouse.load({"tt0000003": {"Title": "Three"}})
    built(returncode=1)
    warehouse.execute("alter table demo_marts.movies drop constraint c")

    assert EVERYTHING in built()
    assert SKIPPED in built()

    built("--select", "titles")
    assert EVERYTHING in built()
