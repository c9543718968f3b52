"""What the DAGs need to know of the project: where it is, and the schedules of meltano.yml."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[3]
"""The checkout that this file is in, so that each worker uses its own."""
PYTHON = ROOT / ".venv/bin/python"

TESTS = "dbt:test"
AFTER_EACH_JOB = (TESTS, "dashboard:build")
"""Commands that follow a scheduled job where meltano.yml has them and the job does not."""


@dataclass(frozen=True)
class Schedule:
    """A schedule of meltano.yml.

    Attributes:
        name: Its name.
        cron: When it is due (UTC).
        steps: The arguments of one `meltano run` each, in their order.
        env: Variables for all of them.
    """

    name: str
    cron: str
    steps: tuple[str, ...]
    env: dict[str, str]


@dataclass(frozen=True)
class Pipeline:
    """What `schedules.json` says.

    Attributes:
        schedules: The schedules.
        commands: All commands of utilities, such as "dbt:test".
    """

    schedules: tuple[Schedule, ...]
    commands: frozenset[str]

    @classmethod
    def from_json(cls, text: str) -> Pipeline:
        """Read the content of `schedules.json`."""
        content = json.loads(text)
        commands = frozenset(content["commands"])
        schedules = tuple(
            Schedule(
                item["name"],
                item["cron_interval"],
                _with_checks(steps(item["job"]["tasks"]), commands),
                item["env"],
            )
            for item in content["schedules"]
        )
        return cls(schedules, commands)

    def after_load(self) -> tuple[str, ...]:
        """Return the steps that turn loaded data into tested marts and a report."""
        return tuple(step for step in ("dbt:run", *AFTER_EACH_JOB) if step in self.commands)


def load_pipeline() -> Pipeline:
    """Read `schedules.json`."""
    return Pipeline.from_json((ROOT / "orchestrate/schedules.json").read_text(encoding="utf-8"))


def steps(tasks: Iterable[str]) -> tuple[str, ...]:
    """Split a job's tasks where a run can be resumed: between plugins that are no pipe.

    Args:
        tasks: Such as ["tap-omdb target-postgres dbt:run"].

    Returns:
        Such as ("tap-omdb target-postgres", "dbt:run"): an extractor stays with its loader.
    """
    found: list[list[str]] = []
    for task in tasks:
        pipe: list[str] = []
        for block in task.split():
            if ":" in block:
                pipe = []
                found.append([block])
            elif pipe and not block.startswith("tap-"):
                pipe.append(block)
            else:
                pipe = [block]
                found.append(pipe)
    return tuple(" ".join(blocks) for blocks in found)


def task_id(step: str) -> str:
    """Return a step's task id, such as "tap_omdb_target_postgres"."""
    return re.sub(r"\W+", "_", step)


def _with_checks(job: tuple[str, ...], commands: frozenset[str]) -> tuple[str, ...]:
    return (*job, *(step for step in AFTER_EACH_JOB if step in commands and step not in job))
