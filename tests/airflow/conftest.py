"""Airflow on copies of the project, with their own servers.

Airflow is the checkout's, in `.airflow/venv`; `make test-airflow` installs it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_program
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


@pytest.fixture(scope="session")
def dags(airflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The DAGs, imported from a folder with nothing else in it: neither Meltano nor settings."""
    root = tmp_path_factory.mktemp("dags") / "project"
    copy_project(root, kept=("orchestrate", "meltano.yml"))
    (root / ".venv").unlink()
    described = run_program(
        *(airflow_python, CHECKOUT / "tests/airflow/describe_dags.py", root / "orchestrate/dags"),
        env={
            "PATH": os.defpath,
            "AIRFLOW_HOME": str(tmp_path_factory.mktemp("home")),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        },
    )
    assert described.returncode == 0, described.stderr
    found: dict[str, dict[str, Any]] = json.loads(described.stdout.splitlines()[-1])
    assert (found["errors"], found["warnings"]) == ({}, {})
    return found["dags"]
