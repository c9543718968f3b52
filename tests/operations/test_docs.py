"""docs/operations.md says what is true: its cron lines, tables and problems."""

from __future__ import annotations

import os
import re
import shlex
import subprocess

import pytest

from tests.operations.conftest import CHECKOUT, Receiver
from tests.pipeline.conftest import Project

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
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={
            "PATH": os.defpath,
            "MELTANO_AUTO_INSTALL": "false",
            "ALERT_WEBHOOK_URL": receiver.url,
            "TAP_OMDB_API_KEY": "1badc0de",
            "PGHOST": "127.0.0.1",
            "PGPORT": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
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
