"""The commands of a backfill's tasks, in the order of the DAG, with the variables that it gives."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from typing import Any

from jinja2 import Template

from tests.pipeline.conftest import Project

KEY = "00000000"
QUOTA = 20
"""Less than a year takes."""
DAILY_REQUESTS = 100_000


class Backfill:
    """A backfill of one copy of the project."""

    def __init__(self, project: Project, dags: dict[str, Any], years: str) -> None:
        self._project = project
        self._tasks = dags["movies_backfill"]["tasks"]
        self._params = {"years": years, "types": ["movie"], "requests": 0}

    def variables(self, task: str) -> dict[str, str]:
        """What the DAG gives to a task, as Airflow renders it."""
        env = self._tasks[task]["env"]
        return {name: Template(text).render(params=self._params) for name, text in env.items()}

    def start(self, command: str, variables: dict[str, str]) -> subprocess.Popen[str]:
        """Start a command as an operator does."""
        root = self._project.root
        env = {"PATH": os.defpath, "HOME": str(root.parent), "LANG": "C.UTF-8"}
        return subprocess.Popen(
            ["bash", "-c", command],  # noqa: S607
            cwd=root,
            env={**env, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def plan(self) -> list[dict[str, str]]:
        """Return the variables of each shard."""
        variables = self.variables("plan_shards")
        printed = finish(self.start(".venv/bin/python orchestrate/states.py plan", variables))
        return [{**variables, **shard} for shard in json.loads(printed)]

    def run(self) -> tuple[list[str], str]:
        """Run all shards at once; return what they print, and what the merge of their states does.

        What is pending is fetched before, which also creates the tables: if two loaders create a
        schema at the same moment, one of them fails, since PostgreSQL reports a duplicate key.
        """
        command = self._tasks["fetch_pending"]["command"]
        finish(self.start(command, self.variables("fetch_pending")))
        left = DAILY_REQUESTS - self._project.emulator.stats()["requests"]
        shards = self.plan()
        assert sum(int(shard["TAP_OMDB_MAX_REQUESTS"]) for shard in shards) == left
        shard, merge = (self._tasks[name]["command"] for name in ("shard", "merge_states"))
        started = [self.start(shard, variables) for variables in shards]
        return [finish(process) for process in started], finish(self.start(merge, {}))


def finish(process: subprocess.Popen[str], returncode: int = 0) -> str:
    with process:
        output, _ = process.communicate(timeout=300)
    assert process.returncode == returncode, output
    return output


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
    backfill = Backfill(project, dags, "2011-2012")
    emulator = project.emulator
    emulator.reset()
    emulator.set_key(KEY, QUOTA)
    printed, merged = backfill.run()
    assert len(printed) == 2
    assert all('OMDb reports "Request limit reached!"' in text for text in printed)
    assert "unfinished searches are pending: another backfill of these years continues" in merged
    assert answered(project).total() == QUOTA

    emulator.set_key(KEY, None)
    printed, merged = backfill.run()
    assert "Ended early" not in "".join(printed)
    assert "Nothing is pending." in merged
    requests = answered(project)
    assert {*requests.values()} == {1}, "a request was sent twice"
    details = {json.loads(query)["i"] for query in requests if "i" in json.loads(query)}
    rows = project.rows("select imdb_id, year from demo_raw.movies")
    rejected = [row["imdb_id"] for row in project.rows("select imdb_id from demo_raw.rejects")]
    assert {row["year"] for row in rows} == {2011, 2012}
    assert len(rows) > QUOTA
    assert sorted([*(row["imdb_id"] for row in rows), *rejected]) == sorted(details)


def test_years_that_are_none_are_named_by_the_tap(project: Project, dags: dict[str, Any]) -> None:
    backfill = Backfill(project, dags, "2012, 2015-2010")
    plan = ".venv/bin/python orchestrate/states.py plan"
    printed = finish(backfill.start(plan, backfill.variables("plan_shards")), returncode=2)
    assert printed == (
        'Error: years: "2015-2010" ends before it begins; put the earlier year first\n'
    )
