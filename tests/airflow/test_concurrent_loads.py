"""Shards that load at the same time.

If two loaders create a schema at the same moment, one of them fails: PostgreSQL reports a duplicate
key. So the first task of a backfill creates it, and all tables.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from movies_pipeline.backfill import NAMED_NOTHING, REFRESH_NOTHING, SEARCH_NOTHING, shards

if TYPE_CHECKING:
    from tests.airflow.conftest import Deployment

SCHEMA = "concurrent"
YEAR = 2013
FEW = 10


def start(deployment: Deployment, command: str, **variables: str) -> subprocess.Popen[str]:
    """Start a task's command as Airflow does, but with a schema of its own."""
    return subprocess.Popen(
        ["bash", "-c", command],  # noqa: S607
        cwd=deployment.project.root,
        env={
            "PATH": os.defpath,
            "HOME": str(deployment.project.root.parent / "home"),
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": SCHEMA,
            **variables,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    with process:
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output


def test_shards_of_one_checkout_load_the_same_titles_at_the_same_time(
    deployment: Deployment, dags: dict[str, Any]
) -> None:
    project = deployment.project
    tasks = dags["movies_backfill"]["tasks"]
    project.emulator.reset()
    before = {**NAMED_NOTHING, **REFRESH_NOTHING, **SEARCH_NOTHING, "TAP_OMDB_TYPES": "movie"}
    finish(start(deployment, tasks["fetch_pending"]["command"], **before))
    created = project.rows(f"select from pg_tables where schemaname = '{SCHEMA}'")
    assert len(created) > 1
    assert project.emulator.stats()["requests"] == 0

    (shard,) = shards([YEAR], ["movie"], 500)
    command = tasks["shard"]["command"]
    started = [
        start(deployment, command, **{**shard, "STATE_ID_SUFFIX": suffix})
        for suffix in ("first", "second")
    ]
    for process in started:
        finish(process)
    (counted,) = project.rows(
        f"select count(*) as rows, count(distinct imdb_id) as titles from {SCHEMA}.movies"  # noqa: S608
    )
    assert counted["rows"] == counted["titles"] > FEW
