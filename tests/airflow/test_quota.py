"""A backfill whose quota OMDb declares spent: its tasks' commands, in the order of the DAG."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from movies_pipeline.backfill import NAMED_NOTHING, REFRESH_NOTHING, SEARCH_NOTHING, shards

from tests.pipeline.conftest import Project, running_project

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "00000000"
YEARS = (2011, 2012)
QUOTA = 20
"""Less than the first year takes."""


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with running_project(tmp_path_factory.mktemp("quota") / "a próject") as project:
        yield project


def run_task(project: Project, task: dict[str, Any], env: dict[str, str]) -> str:
    """Run the command of a task as its operator does; return what it prints."""
    finished = subprocess.run(
        ["bash", "-c", task["command"]],  # noqa: S607
        cwd=project.root,
        env={"PATH": os.defpath, "HOME": str(project.root.parent), "LANG": "C.UTF-8", **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


def backfill(project: Project, tasks: dict[str, Any]) -> tuple[list[str], str]:
    """Return what the shards print, and what the merge of their states does."""
    env = {**NAMED_NOTHING, **REFRESH_NOTHING, **SEARCH_NOTHING, "TAP_OMDB_TYPES": "movie"}
    run_task(project, tasks["fetch_pending"], env)
    printed = [
        run_task(project, tasks["shard"], env) for env in shards(YEARS, ["movie"], requests=1000)
    ]
    return printed, run_task(project, tasks["merge_states"], {})


def answered(project: Project) -> Counter[str]:
    """Count the requests that had a response, without those that the quota refused."""
    return Counter(
        json.dumps(request["query"], sort_keys=True)
        for request in project.emulator.requests()
        if request["status"] != 401
    )


def test_a_spent_quota_ends_all_shards_normally_and_a_second_backfill_continues(
    project: Project, dags: dict[str, Any]
) -> None:
    tasks = dags["movies_backfill"]["tasks"]
    emulator = project.emulator
    emulator.reset()
    emulator.set_key(KEY, QUOTA)
    printed, merged = backfill(project, tasks)
    assert all('OMDb reports "Request limit reached!"' in text for text in printed)
    assert "unfinished searches are pending: another backfill of these years continues" in merged
    assert answered(project).total() == QUOTA

    emulator.set_key(KEY, None)
    printed, merged = backfill(project, tasks)
    assert "Ended early" not in "".join(printed)
    assert "Nothing is pending." in merged
    requests = answered(project)
    assert {*requests.values()} == {1}, "a request was sent twice"
    details = {json.loads(query)["i"] for query in requests if "i" in json.loads(query)}
    loaded = [row["imdb_id"] for row in project.rows("select imdb_id from demo_raw.movies")]
    rejected = [row["imdb_id"] for row in project.rows("select imdb_id from demo_raw.rejects")]
    assert len(loaded) > QUOTA
    assert sorted([*loaded, *rejected]) == sorted(details)
