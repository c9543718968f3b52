"""The commands of a backfill's tasks, in the order of the DAG, with the variables that it gives."""

from __future__ import annotations

import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jinja2 import Template

from tests.conftest import run_program
from tests.pipeline.conftest import Project

KEY = "00000000"
QUOTA = 20
"""Less than a year takes."""
DAILY_REQUESTS = 100_000
KNOWN = "tt0443272"
"""A movie of 2012."""
PLAN = ".venv/bin/python orchestrate/states.py plan"


def variables_of(task: dict[str, Any], years: str) -> dict[str, str]:
    """What the DAG gives to a task, as Airflow renders it."""
    params = {"years": years, "types": ["movie"], "requests": 0}
    return {name: Template(text).render(params=params) for name, text in task["env"].items()}


def run(project: Project, command: str, variables: dict[str, str], returncode: int = 0) -> str:
    """Run a command as an operator does, and return what it prints."""
    env = {"PATH": os.defpath, "HOME": str(project.root.parent), "LANG": "C.UTF-8", **variables}
    done = run_program("bash", "-c", command, cwd=project.root, env=env)
    assert done.returncode == returncode, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_spent_quota_ends_all_shards_normally_and_the_next_run_continues(
    project: Project, dags: dict[str, Any]
) -> None:
    tasks = dags["movies_backfill"]["tasks"]
    command = {name: task["command"] for name, task in tasks.items()}
    years = variables_of(tasks["plan_shards"], "2011-2012")
    emulator = project.emulator
    emulator.reset()
    emulator.set_key(KEY, QUOTA)
    known = {**variables_of(tasks["fetch_pending"], ""), "TAP_OMDB_IMDB_IDS": KNOWN}
    run(project, command["fetch_pending"], known)

    shards = json.loads(run(project, PLAN, years))
    left = DAILY_REQUESTS - emulator.stats()["requests"]
    assert sum(int(shard["TAP_OMDB_MAX_REQUESTS"]) for shard in shards) == left
    with ThreadPoolExecutor() as pool:
        printed = [*pool.map(lambda shard: run(project, command["shard"], years | shard), shards)]
    assert len(printed) == 2
    assert all('OMDb reports "Request limit reached!"' in text for text in printed)
    merged = run(project, command["merge_states"], {})
    assert "unfinished searches are pending: another backfill of these years continues" in merged

    def answered() -> Counter[str]:
        """Count the requests that had a response, without those that the quota refused."""
        sent = (request for request in emulator.requests() if request["status"] != 401)
        return Counter(json.dumps(request["query"], sort_keys=True) for request in sent)

    assert answered().total() == QUOTA
    emulator.set_key(KEY, None)
    run(project, command["fetch_pending"], years)  # the same command, with the years
    assert "Nothing is pending." in run(project, command["merge_states"], {})
    requests = answered()
    assert {*requests.values()} == {1}, "a request was sent twice"
    details = {json.loads(query)["i"] for query in requests if "i" in json.loads(query)}
    rows = project.rows("select imdb_id, year from demo_raw.movies")
    rejected = [row["imdb_id"] for row in project.rows("select imdb_id from demo_raw.rejects")]
    assert {row["year"] for row in rows} == {2011, 2012}
    assert len(rows) > QUOTA
    assert sorted([*(row["imdb_id"] for row in rows), *rejected]) == sorted(details)


def test_years_that_are_none_are_named_by_the_tap(project: Project, dags: dict[str, Any]) -> None:
    years = variables_of(dags["movies_backfill"]["tasks"]["plan_shards"], "2012, 2015-2010")
    assert run(project, PLAN, years, returncode=2) == (
        'Error: years: "2015-2010" ends before it begins; put the earlier year first\n'
    )
