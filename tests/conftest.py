"""What holds for all tests."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, settings

# How fast examples are made and run depends on what else the machine does.
settings.register_profile(
    "explore", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# A change must not fail for what it did not touch: `--hypothesis-profile=explore` looks further.
settings.register_profile("default", parent=settings.get_profile("explore"), derandomize=True)
settings.load_profile("default")

# Folders whose tests share what takes long to install or build, and files whose tests do.
_GROUPED_FOLDERS = ("airflow", "faults", "operations", "pipeline")
_GROUPED_FILES = ("analyze", "transform")

_DAY = 86_400
_LONGEST_TEST = 120


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in its own hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker run all tests of a group, if there are several workers."""
    for item in items:
        folder = item.path.parent.name
        if folder in _GROUPED_FOLDERS:
            item.add_marker(pytest.mark.xdist_group(folder))
        elif folder in _GROUPED_FILES:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(autouse=True)
def _one_day() -> None:
    """Begin no test so late that the day (UTC) may end while it runs: states tell days apart."""
    left = _DAY - time.time() % _DAY
    if left < _LONGEST_TEST:
        time.sleep(left)
