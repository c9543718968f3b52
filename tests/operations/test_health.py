"""What is to be seen of a deployment: its health, and its log as JSON."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.operations.conftest import Deployment, needs_tls
from tests.pipeline.conftest import Project
from tests.transform.conftest import PARSED

HEALTH = ("--log-level=error", "invoke", "dbt:health")


@pytest.fixture
def failed_sync(deployment: Deployment) -> Iterator[str]:
    """The message of a failed sync, as of an outage of OMDb."""
    execute = deployment.server.execute
    execute(
        "omdb_loader",
        "insert into omdb_raw.syncs (sync_id, started_at, ended_at, outcome, message, records)"
        " select 'z', max(ended_at), max(ended_at) + interval '1 s', 'failed', 'OMDb is down', '{}'"
        " from omdb_raw.syncs",
    )
    yield "The last sync failed: OMDb is down"
    execute("omdb_loader", "delete from omdb_raw.syncs where sync_id = 'z'")


def test_a_healthy_pipeline(deployment: Deployment) -> None:
    shown = deployment.script("health.py")
    assert shown.returncode == 0, shown.stdout
    first, _, *facts = shown.stdout.splitlines()
    assert first == "Healthy."
    expected = {
        "Last sync outcome": "complete",
        "Requests left today": r"99\d|1,000",
        "Requests per day": "1,000",
        "Pending titles": "0",
        "Rejects last 7 days": "none",
        "Last dbt run is successful": "yes",
    }
    reported = {fact[:28].strip(): fact[28:] for fact in facts}
    for label, value in expected.items():
        assert re.fullmatch(value, reported[label]), (label, reported[label])
    assert "movies 2," in shown.stdout


def test_a_failed_sync(deployment: Deployment, failed_sync: str) -> None:
    shown = deployment.script("health.py", "--json")
    health: dict[str, Any] = json.loads(shown.stdout)
    assert shown.returncode == 1
    assert health["is_healthy"] is False
    assert health["problems"] == [failed_sync]
    assert health["table_rows"]["movies"] == 2

    shown = deployment.script("health.py")
    assert shown.returncode == 1
    assert shown.stdout.splitlines()[0] == f"PROBLEM: {failed_sync}"


def test_a_disk_that_is_nearly_full(deployment: Deployment) -> None:
    shown = deployment.script("health.py", "--min-free=1e9")
    assert shown.returncode == 1
    assert re.match(r"PROBLEM: The disk of /.* is nearly full: [\d.]+ GB are left\.", shown.stdout)


def test_an_environment_without_a_run(project: Project) -> None:
    shown = project.try_make("health", "ENVIRONMENT=dev", "ARGS=--json")
    assert shown.returncode != 0
    assert json.loads(shown.stdout) == {
        "is_healthy": None,
        "problems": [
            (
                "There is no view dev_marts.pipeline_health: run the pipeline once; if it has run, "
                "its log says why dbt could not make the view"
            )
        ],
    }


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("PGPORT", "1", "Postgres cannot be queried (connection to server"),
        ("PGPASSWORD", "wrong secret", 'password authentication failed for user "omdb_reader"'),
        ("OMDB_SCHEMA", 'o"x', 'There is no view o"x_marts.pipeline_health'),
        ("OMDB_SCHEMA", "", "OMDB_SCHEMA is not set"),
        ("PGUSER", "omdb_loader", "permission denied for schema omdb_marts: connect as a role"),
        *(
            pytest.param(*problem, marks=needs_tls)
            for problem in (
                ("PGSSLMODE", "disable", "no encryption"),
                ("PGSSLROOTCERT", "{folder}/other-ca.pem", "certificate verify failed"),
                ("PGHOST", "db.example.com", "does not match host name"),
            )
        ),
    ],
)
def test_the_health_is_unknown(
    deployment: Deployment, variable: str, value: str, problem: str
) -> None:
    value = value.replace("{folder}", str(deployment.server.folder))
    shown = deployment.script("health.py", **{variable: value})
    assert shown.returncode == 2
    (line,) = shown.stdout.splitlines()
    assert line.startswith("health: ")
    assert problem in line
    assert "secret" not in line
    assert not shown.stderr


def test_the_server_is_stopped(idle_project: Project) -> None:
    shown = idle_project.meltano(*HEALTH)
    assert shown.returncode == 2
    (line,) = shown.stdout.splitlines()
    assert line.endswith("start it with `make start`")


PLUGINS = {"tap-omdb", "target-postgres", "dbt"}


@contextmanager
def read_only(root: Path) -> Iterator[bool]:
    """Make a checkout read-only but for `.meltano`, if this user and this machine can."""
    command = (
        'mount --bind "$0" "$0" && mount --bind "$0/.meltano" "$0/.meltano"'
        ' && mount -o remount,ro,bind "$0"'
    )
    is_root = os.geteuid() == 0
    yield is_root and subprocess.run(["sh", "-c", command, root], check=False).returncode == 0  # noqa: S607
    if is_root:
        subprocess.run(["umount", "--recursive", "--lazy", root], check=False)  # noqa: S607


def test_a_read_only_checkout_and_its_log_as_json(deployment: Deployment) -> None:
    root = deployment.project.root
    folder = root / ".meltano/dbt"
    (folder / "target").mkdir(parents=True)
    shutil.copy(root / PARSED, folder / "target")
    with read_only(root) as is_read_only:
        finished = deployment.project.meltano(
            *("--log-format=json", "run", "tap-omdb", "target-postgres", "dbt:freshness"),
            environment="prod",
            TAP_OMDB_LOGLEVEL="INFO",
            TARGET_POSTGRES_LOGLEVEL="INFO",
            DBT_TARGET_PATH=str(folder / "target"),
            DBT_LOG_PATH=str(folder / "logs"),
            **deployment.variables,
        )
        if is_read_only:
            with pytest.raises(OSError, match="Read-only"):
                (root / "file").touch()
    assert finished.returncode == 0, finished.stdout
    assert (folder / "target/sources.json").exists()
    lines: list[dict[str, Any]] = [json.loads(line) for line in finished.stdout.splitlines()]
    for line in lines:
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() is not None
        assert line["level"] in {"debug", "info", "warning", "error"}
        assert isinstance(line["event"], str)
    assert {line.get("name") for line in lines} >= PLUGINS
    assert len({line["run_id"] for line in lines if line.get("name") in PLUGINS}) == 1
    (result,) = (line for line in lines if line.get("block_type") == "InvokerCommand")
    assert result["success"] is True
    metrics = {(r["string_id"], r["metric_info"]["metric"]) for r in lines if "metric_info" in r}
    assert {("tap-omdb", "http_request_count"), ("tap-omdb", "record_count")} <= metrics
    assert ("target-postgres", "record_count") in metrics
