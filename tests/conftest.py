"""What holds for all tests."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How fast examples are made and run depends on what else the machine does.
settings.register_profile(
    "explore", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# A change must not fail for what it did not touch: `--hypothesis-profile=explore` looks further.
settings.register_profile("default", parent=settings.get_profile("explore"), derandomize=True)
settings.load_profile("default")

# Each worker takes the next file when it has done one, so those that take longest come first.
_SLOWEST = (
    *("test_distributed.py", "airflow", "transform", "operations", "pipeline", "faults"),
    *("postgres", "analyze"),
)

_DAY = 86_400
_LONGEST_TEST = 120


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by their file or folder, the slowest first."""
    rank = {name: number for number, name in enumerate(_SLOWEST)}

    def key(item: pytest.Item) -> int:
        return min(rank.get(name, len(rank)) for name in (item.path.name, item.path.parent.name))

    items.sort(key=key)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:  # noqa: ANN401
    """With --dist=loadfile, give one worker all files that share the deployment."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 - the tap's tests do without

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # it has no types
        def _split_scope(self, nodeid: str) -> str:
            folder, _, _ = nodeid.partition("/test_")
            return folder if folder == "tests/operations" else str(super()._split_scope(nodeid))

    return Scheduling(config, log)


def run_program(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401
    """Run a program to its end.

    Args:
        command: The program and its arguments.
        options: As `subprocess.run` takes them; by default, the output is kept as text, and the
            only variable is PATH.
    """
    ours = {"capture_output": True, "text": True, "timeout": 600, "env": {"PATH": os.defpath}}
    return subprocess.run(command, check=False, **{**ours, **options})


@pytest.fixture(autouse=True)
def _one_day() -> None:
    """Begin no test so late that the day (UTC) may end while it runs: states tell days apart."""
    left = _DAY - time.time() % _DAY
    if left < _LONGEST_TEST:
        time.sleep(left)
