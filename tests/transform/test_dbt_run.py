"""`dbt:run` starts dbt if there may be something to build."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import run_program
from tests.transform.conftest import CHECKOUT, Warehouse, copy_parsed

Run = Callable[..., str]

SKIPPED = "dbt is not started"
# Starting the real one takes seconds, and `test_a_title_is_built` does.
DBT = """
import os, psycopg, sys
if "KILLED" not in os.environ:
    with psycopg.connect("") as connection:
        connection.execute(
            "insert into demo_marts.dbt_runs select gen_random_uuid(), 'build',"
            " now() at time zone 'utc', 1, true, '{}', 0, 0, 0, '{}'"
        )
print("dbt", *sys.argv[1:])
sys.exit("FAILED" in os.environ)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of script and dbt project, so that tests can change it."""
    for folder in ("scripts", "transform"):
        ignored = shutil.ignore_patterns("target", "logs")
        shutil.copytree(CHECKOUT / folder, tmp_path / folder, ignore=ignored)
    copy_parsed(tmp_path / "transform/target")
    return tmp_path


@pytest.fixture
def run(built: Warehouse, project: Path) -> Run:
    """Runs `dbt:run` as Meltano does, and returns what it prints; everything has been built."""

    dbt = project / "scripts/dbt_any_server.py"
    real = dbt.read_text()

    def run_(*arguments: str, returncode: int = 0, starts: str = DBT, **environment: str) -> str:
        dbt.write_text(starts or real)
        finished = run_program(
            sys.executable,
            project / "scripts/dbt_run.py",
            *arguments,
            env={
                **{name: value for name, value in os.environ.items() if name[:2] != "PG"},
                **built.server.environment,
                "PATH": str(Path(sys.executable).parent),
                "MELTANO_ENVIRONMENT": "demo",
                "OMDB_SCHEMA": "demo",
                "DBT_PROJECT_DIR": str(project / "transform"),
                "DBT_PROFILES_DIR": str(project / "transform"),
                "DBT_USE_COLORS": "false",
                **environment,
            },
        )
        assert finished.returncode == returncode, finished.stdout + finished.stderr
        return finished.stdout + finished.stderr

    assert SKIPPED not in run_()
    return run_


def test_dbt_is_not_started_if_nothing_is_new(run: Run, built: Warehouse) -> None:
    assert SKIPPED in run()
    built.load_rows("syncs", {"sync_id": "1"})  # each sync writes one
    assert SKIPPED in run()
    assert SKIPPED not in run("--force")
    assert SKIPPED in run()


@pytest.mark.parametrize(
    "change",
    [
        # A reject, a title that is loaded again, one that another loader commits late, a lost one.
        "insert into demo_raw.rejects (reject_id, _sdc_batched_at) values ('new', now())",
        "update demo_raw.movies set _sdc_batched_at = _sdc_batched_at + interval '1 day'",
        "insert into demo_raw.movies (imdb_id, _sdc_batched_at) values ('tt9', '2020-01-01')",
        "delete from demo_raw.movies",
        "alter table demo_raw.syncs add column mood text",
        "create table demo_raw.episodes (imdb_id text, _sdc_batched_at timestamp)",
        "drop view demo_marts.titles cascade",
        "drop function demo_functions.decode_html_entities cascade",
    ],
)
def test_dbt_is_started_after_a_change_in_the_database(
    run: Run, built: Warehouse, change: str
) -> None:
    is_row = not change.startswith(("alter", "create", "drop"))
    built.execute(change)
    assert ("new_data" in run(KILLED="1", FAILED="1", returncode=1)) == is_row
    assert SKIPPED not in run(FAILED="1", returncode=1)
    assert "new_data" not in run()
    assert SKIPPED in run()


def test_dbt_is_started_after_a_change_of_the_project_or_a_partial_run(
    run: Run, project: Path
) -> None:
    model = project / "transform/models/marts/summaries/year_summary.sql"
    model.write_text(model.read_text(encoding="utf-8") + "-- changed\n")
    assert SKIPPED not in run()
    assert SKIPPED not in run(MELTANO_ENVIRONMENT="prod")
    assert SKIPPED not in run()
    assert "--select titles" in run("--select", "titles")
    assert SKIPPED not in run()
    assert SKIPPED in run()


def test_a_title_is_built(run: Run, built: Warehouse, project: Path) -> None:
    built.load({"tt0000003": {"Title": "Three"}})

    shown = run(starts="").splitlines()
    assert re.fullmatch(r"dbt: (\d+) of \1 in \d+ s; its log: .*dbt\.log", shown[-1])
    assert len(shown) <= 3
    assert built.values("select title from demo_marts.titles order by imdb_id")[-1] == "Three"
    assert SKIPPED in run(starts="")

    # What has been parsed stays valid for another server.
    run_program(
        *(sys.executable, project / "scripts/dbt_any_server.py", "parse"),
        cwd=project / "transform",
        env={**os.environ, "MELTANO_ENVIRONMENT": "demo", "PGPORT": "1"},
    )
    parsed = json.loads((project / "transform/target/perf_info.json").read_text())
    assert parsed["path_count"] > 200
    assert parsed["parsed_path_count"] == 0


@pytest.mark.parametrize(
    "statement", ["rename column imdb_votes to votes", "drop column imdb_votes cascade"]
)
def test_a_raw_column_that_is_lost_is_not_built(run: Run, built: Warehouse, statement: str) -> None:
    built.execute(f"alter table demo_raw.movies {statement}")
    for _ in range(2):
        built.load({"tt0000004": {"Title": "Four"}})  # the loader adds the column again
        assert "renamed since the last build: demo_raw.movies.imdb_votes." in run(returncode=1)
    (problems,) = built.values("select problems from demo_marts.pipeline_health")
    assert problems == ["The last run of dbt failed: demo_raw.movies.imdb_votes."]
    if "rename" in statement:
        built.execute("alter table demo_raw.movies drop column imdb_votes")
        built.execute("alter table demo_raw.movies rename column votes to imdb_votes")
        assert SKIPPED not in run()
    else:
        assert SKIPPED not in run("--force")
    assert SKIPPED in run()


def test_what_failed_is_shown_and_recorded(run: Run, project: Path, built: Warehouse) -> None:
    run("--force", KILLED="1", FAILED="1", returncode=1)
    problem = "select problems[1] from demo_marts.pipeline_health"
    assert built.values(problem) == ["The last run of dbt failed: killed, or not started."]
    model = project / "transform/models/marts/games.sql"
    text = model.read_text(encoding="utf-8")
    model.write_text(text.replace("select * from games", "select nonsense, games.* from games"))
    shown = run("--select", "games", starts="", returncode=1)
    assert 'column "nonsense" does not exist' in shown
    assert "dbt build failed: games" in shown
    assert "START" not in shown
    assert built.values(problem) == ["The last run of dbt failed: games."]
