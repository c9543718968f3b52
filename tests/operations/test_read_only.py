"""A checkout that cannot be written to, but for `.meltano`."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.operations.conftest import variables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operations.conftest import Deployment


@pytest.fixture
def read_only(deployment: Deployment) -> Iterator[Path]:
    """The deployment's checkout."""
    root = deployment.project.root
    if os.geteuid() != 0:
        pytest.skip("only root can make a directory read-only for itself")
    for options in (
        ("--bind", root, root),
        ("--bind", root / ".meltano", root / ".meltano"),
        ("-o", "remount,ro,bind", root),
    ):
        if subprocess.run(["mount", *options], check=False).returncode != 0:  # noqa: S607
            pytest.skip("this container cannot mount a file system")
    yield root
    subprocess.run(["umount", "--recursive", "--lazy", root], check=True)  # noqa: S607


def test_a_read_only_checkout(deployment: Deployment, read_only: Path) -> None:
    with pytest.raises(OSError, match="Read-only"):
        (read_only / "file").touch()
    finished = deployment.project.meltano(
        *("run", "tap-omdb", "target-postgres", "dbt:freshness"),
        environment="prod",
        **variables(deployment),
        DBT_TARGET_PATH=str(read_only / ".meltano/dbt/target"),
        DBT_LOG_PATH=str(read_only / ".meltano/dbt/logs"),
    )
    assert finished.returncode == 0, finished.stdout
    assert (read_only / ".meltano/dbt/target/sources.json").exists()
