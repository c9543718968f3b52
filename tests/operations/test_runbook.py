"""docs/operations.md: its procedures work, and its cron lines, tables and problems are true."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.conftest import run_program
from tests.operations.conftest import CHECKOUT, PROGRAMS, Deployment, Receiver
from tests.pipeline.conftest import Project

STATE_ID = "prod:tap-omdb-to-target-postgres"
REMOVED = "tt1375666"
KEPT = "tt0435761"
NAME = "Tim Allen"


def postgres(deployment: Deployment, program: str, *arguments: str, **variables: str) -> None:
    """Run one of PostgreSQL's programs as the administrator."""
    subprocess.run(
        [PROGRAMS / program, *arguments],
        cwd=deployment.project.root,
        env={"PATH": os.defpath, **deployment.server.server.environment, **variables},
        check=True,
        timeout=60,
    )


def psql(deployment: Deployment, *arguments: str) -> None:
    postgres(deployment, "psql", "--no-psqlrc", "--quiet", *arguments)


def state(deployment: Deployment, *arguments: str) -> str:
    finished = deployment.project.meltano(
        "--log-level=warning", "state", *arguments, environment="prod"
    )
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


def contents(deployment: Deployment) -> dict[str, Any]:
    """The rows of each table, as text."""
    execute = deployment.server.execute
    names = execute(
        "omdb_transformer",
        "select format('%I.%I', schemaname, tablename) from pg_tables"
        " where schemaname like 'omdb\\_%'",
    )
    return {
        name: execute("omdb_transformer", f"select t::text from {name} as t order by 1")  # noqa: S608
        for (name,) in names
    }


def places_of(deployment: Deployment, text: str) -> list[str]:
    """The tables that contain a text."""
    return [name for name, rows in contents(deployment).items() if text in str(rows)]


def back_up(deployment: Deployment) -> None:
    """The state first: one that is newer than the data would leave titles out."""
    saved = state(deployment, "get", STATE_ID)
    (deployment.project.root / "state.json").write_text(saved)
    arguments = ("--format=custom", "--schema=omdb_*", "--file=omdb.dump")
    postgres(deployment, "pg_dump", *arguments)


def restore(deployment: Deployment) -> None:
    psql(deployment, "--file=scripts/roles.sql")
    postgres(deployment, "pg_restore", "--clean", "--if-exists", "--dbname=omdb", "omdb.dump")
    state(deployment, "set", "--force", "--input-file", "state.json", STATE_ID)


@pytest.fixture
def restored(deployment: Deployment) -> Iterator[None]:
    """Restores after the test the data that was there before it."""
    admin = deployment.server.server.environment | {"PGDATABASE": "postgres"}
    postgres(deployment, "createdb", "--template=omdb", "before", **admin)
    yield
    postgres(deployment, "dropdb", "--force", "omdb", **admin)
    rename = "--command=alter database before rename to omdb"
    postgres(deployment, "psql", "--no-psqlrc", "--quiet", rename, **admin)


def test_a_backup_restores_everything(deployment: Deployment) -> None:
    before = contents(deployment)
    back_up(deployment)
    for role in ("omdb_transformer", "omdb_loader", "omdb_reader"):
        # This also takes what roles.sql has granted, the connection included.
        psql(deployment, f"--command=drop owned by {role}")
    psql(deployment, "--command=grant connect on database omdb to omdb_transformer")
    state(deployment, "clear", "--force", STATE_ID)
    assert contents(deployment) == {}

    restore(deployment)

    assert contents(deployment) == before
    assert deployment.sync() == 0
    assert deployment.script("health.py").returncode == 0


@pytest.mark.usefixtures("restored")
def test_a_removed_title_and_a_removed_name_stay_out(deployment: Deployment) -> None:
    assert len(places_of(deployment, REMOVED)) > 5
    assert len(places_of(deployment, NAME)) == 6
    project = deployment.project.root / "meltano.yml"
    original = project.read_text()
    configured = yaml.safe_load(original)
    (tap,) = configured["plugins"]["extractors"]
    tap["config"]["stream_maps"] = {
        "movies": {
            "__filter__": f'imdb_id not in ["{REMOVED}"]',
            "actors": f"', '.join([n for n in (actors or '').split(', ') if n != '{NAME}'])",
            "plot": f"(plot or '').replace('{NAME}', '[removed]') or None",
        }
    }

    project.write_text(yaml.safe_dump(configured))
    psql(deployment, f"--set=title={REMOVED}", "--file=scripts/remove.sql")
    psql(deployment, f"--set=person={NAME}", "--file=scripts/remove.sql")
    deployment.dbt("run", "--full-refresh")
    assert places_of(deployment, REMOVED) == []
    assert places_of(deployment, NAME) == []

    deployment.server.execute("omdb_loader", "delete from omdb_raw.movies")
    deployment.sync("--full-refresh")
    assert places_of(deployment, REMOVED) == []
    assert places_of(deployment, NAME) == []
    assert "omdb_raw.movies" in places_of(deployment, KEPT)
    project.write_text(original)


# Its cron lines, tables and problems say what is true

TEXT = (CHECKOUT / "docs/operations.md").read_text()
MODEL = CHECKOUT / "transform/models/marts/operations/pipeline_health.sql"


def crontab() -> list[str]:
    """The commands of the lines in the crontab."""
    (block,) = re.findall(r"```crontab\n(.*?)```", TEXT, re.DOTALL)
    return [line.split(maxsplit=5)[5] for line in block.splitlines() if line.strip()]


@pytest.mark.place
@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "Postgres does not accept connections"), (1, "health: Postgres cannot be queried")],
)
def test_a_cron_line_alerts(
    idle_project: Project, receiver: Receiver, number: int, text: str
) -> None:
    command = crontab()[number].replace('"/srv/movies"', shlex.quote(str(idle_project.root)))
    assert "/srv" not in command
    done = run_program(
        *("/bin/sh", "-c", command),
        env={
            "PATH": os.defpath,
            "MELTANO_AUTO_INSTALL": "false",
            "ALERT_WEBHOOK_URL": receiver.url,
            "TAP_OMDB_API_KEY": "1badc0de",
            "PGHOST": "127.0.0.1",
            "PGPORT": "1",
        },
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (request,) = receiver.received
    assert text in request["body"]["text"]


def test_every_problem_is_explained() -> None:
    sql = MODEL.read_text()
    checks = sql[sql.index("array_remove") : sql.index("as problems")]
    problems = re.findall(r"'((?:No|On|The|dbt) [^']+)'", checks)
    assert len(problems) == 10
    for problem in problems:
        assert f"| {re.split('%s|: ', problem)[0].strip()}" in TEXT, problem


@pytest.mark.parametrize(
    "name", [".env", ".pgpass", "ca.pem", "state.json", "omdb.dump", "daily.log", "health.log"]
)
def test_what_the_runbook_writes_is_not_committed(name: str) -> None:
    assert name in TEXT
    subprocess.run(["git", "check-ignore", "--quiet", name], cwd=CHECKOUT, check=True)  # noqa: S607


def test_every_test_of_the_faults_exists() -> None:
    named = re.findall(r"`(tests/[\w/.]+)::(\w+)`", TEXT)
    assert len(named) > 20
    for path, name in named:
        assert f"def {name}(" in (CHECKOUT / path).read_text(), name


def test_every_link_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    }
    for target in re.findall(r"\]\((?!http)([^)]+)\)", TEXT):
        path, _, anchor = target.partition("#")
        assert not anchor or path or anchor in headings, target
        if path and not path.startswith("../orchestrate"):
            assert (CHECKOUT / "docs" / path).exists(), target
