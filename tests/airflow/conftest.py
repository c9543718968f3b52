"""Airflow on copies of the project, with their own servers.

Airflow is the checkout's, in `.airflow/venv`; `make test-airflow` installs it.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.operations.conftest import receiver
from tests.pipeline.conftest import CHECKOUT, copy_project, project

__all__ = ["project", "receiver"]

AIRFLOW = CHECKOUT / ".airflow/venv"


@pytest.fixture(scope="session")
def airflow_python() -> Path:
    """Airflow's Python."""
    python = AIRFLOW / "bin/python"
    assert python.exists(), f"{python} is missing: run `make test-airflow`"
    return python


def describe_dags(python: Path, root: Path, home: Path) -> dict[str, Any]:
    """Import the DAGs of a folder in Airflow's environment."""
    described = subprocess.run(
        [python, CHECKOUT / "tests/airflow/describe_dags.py", root / "orchestrate/dags"],
        env={
            "PATH": os.defpath,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert described.returncode == 0, described.stderr
    result: dict[str, Any] = json.loads(described.stdout.splitlines()[-1])
    return result


@pytest.fixture(scope="session")
def dags(airflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The DAGs, imported from a folder with nothing else in it: neither Meltano nor settings."""
    root = tmp_path_factory.mktemp("dags") / "project"
    copy_project(root, kept=("orchestrate", "meltano.yml"))
    (root / ".venv").unlink()
    result = describe_dags(airflow_python, root, tmp_path_factory.mktemp("home"))
    assert result["errors"] == {}
    assert result["warnings"] == {}
    found: dict[str, Any] = result["dags"]
    return found
