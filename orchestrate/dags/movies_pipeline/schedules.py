"""What `schedules.json` says, and the tasks that follow from it. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

TESTS = "dbt:test"
REPORT = "dashboard:build"
AFTER_EACH_JOB = (TESTS, REPORT)
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
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pipeline:
    """What the DAGs need to know of meltano.yml.

    Attributes:
        default_environment: Meltano's environment where no variable names another.
        schedules: The schedules.
        commands: All commands of utilities, such as "dbt:test".
    """

    default_environment: str
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
        return cls(content["default_environment"], schedules, commands)

    def after_load(self) -> tuple[str, ...]:
        """Return the steps that turn loaded data into tested marts and a report."""
        return tuple(step for step in ("dbt:run", *AFTER_EACH_JOB) if step in self.commands)


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
