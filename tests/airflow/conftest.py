"""Airflow on copies of the project, with their own servers.

Airflow is the checkout's, in `.airflow/venv`; `make test-airflow` installs it.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from local_airflow import metadata, secrets_file
from local_airflow.settings import Layout, environment

from tests.operations.conftest import receiver
from tests.pipeline.conftest import CHECKOUT, Project, copy_project, running_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_airflow.settings import Server

__all__ = ["receiver"]

AIRFLOW = CHECKOUT / ".airflow/venv"
SMALL = {
    "TAP_OMDB_YEARS": "[]",
    "TAP_OMDB_TITLES_FILE": "",
    "TAP_OMDB_IMDB_IDS": "tt0435761,tt1375666",
    "TAP_OMDB_TYPES": "movie",
}
"""What the daily run fetches in these tests, at a request each."""
SMALL_REQUESTS = 2


@dataclass(frozen=True)
class Deployment:
    """A copy of the project with its servers, and Airflow's variables for it."""

    project: Project
    server: Server
    env: dict[str, str]

    def airflow(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run Airflow's command line to its end; stdout and stderr come together as `stdout`."""
        return subprocess.run(
            [AIRFLOW / "bin/airflow", *arguments],
            cwd=self.project.root,
            env={**self.env, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="session")
def airflow_python() -> Path:
    """Airflow's Python."""
    python = AIRFLOW / "bin/python"
    assert python.exists(), f"{python} is missing: run `make test-airflow`"
    return python


@pytest.fixture(scope="session")
def deployment(
    tmp_path_factory: pytest.TempPathFactory,
    airflow_python: Path,  # noqa: ARG001 - it must be there
) -> Iterator[Deployment]:
    """A deployment without running processes of Airflow."""
    with running_project(tmp_path_factory.mktemp("airflow") / "a próject") as project:
        yield deploy(project)


def deploy(project: Project) -> Deployment:
    """Prepare Airflow for a project whose servers run."""
    layout = Layout(project.root, project.root / ".airflow")
    layout.home.mkdir()
    secrets = secrets_file.load_or_create(layout.home / "secrets.json")
    server = metadata.find_server(project.root)
    metadata.create_database(server)
    home = project.root.parent / "home"
    home.mkdir(exist_ok=True)
    given = {"PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8", **SMALL}
    env = environment(layout, secrets, server, executor="local", port=1, workers=1, given=given)
    deployment = Deployment(project, server, env)
    migrated = deployment.airflow("db", "migrate")
    assert migrated.returncode == 0, migrated.stdout
    return deployment


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
    copy_project(root, kept=("orchestrate",))
    (root / ".venv").unlink()
    result = describe_dags(airflow_python, root, tmp_path_factory.mktemp("home"))
    assert result["errors"] == {}
    assert result["warnings"] == {}
    found: dict[str, Any] = result["dags"]
    return found
