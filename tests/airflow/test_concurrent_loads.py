from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from movies_pipeline.backfill import shards

if TYPE_CHECKING:
    from tests.airflow.conftest import Deployment

YEAR = 1995


def test_shards_of_one_checkout_load_the_same_titles_at_the_same_time(
    deployment: Deployment, dags: dict[str, Any]
) -> None:
    project = deployment.project
    project.emulator.reset()
    command = dags["movies_backfill"]["tasks"]["shard"]["command"]
    (shard,) = shards([YEAR], ["movie"], 500)
    started = [
        subprocess.Popen(
            ["bash", "-c", command],  # noqa: S607
            cwd=project.root,
            env={
                "PATH": os.defpath,
                "HOME": str(project.root.parent / "home"),
                **shard,
                "STATE_ID_SUFFIX": suffix,
                # A schema of its own, so that both create it, and its tables.
                "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "concurrent",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for suffix in ("first", "second")
    ]
    for process in started:
        with process:
            output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    (counted,) = project.rows(
        "select count(*) as rows, count(distinct imdb_id) as titles from concurrent.movies"
    )
    assert counted["rows"] == counted["titles"] > 10
