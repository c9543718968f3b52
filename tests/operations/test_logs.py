"""`meltano --log-format=json`, in a checkout that cannot be written to but for `.meltano`."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operations.conftest import Deployment

PLUGINS = {"tap-omdb", "target-postgres", "dbt"}


@contextmanager
def read_only(root: Path) -> Iterator[bool]:
    """Make a checkout read-only but for `.meltano`, if this user and this machine can."""
    command = (
        'mount --bind "$0" "$0" && mount --bind "$0/.meltano" "$0/.meltano"'
        ' && mount -o remount,ro,bind "$0"'
    )
    is_root = os.geteuid() == 0
    yield is_root and subprocess.run(["sh", "-c", command, root], check=False).returncode == 0  # noqa: S607
    if is_root:
        subprocess.run(["umount", "--recursive", "--lazy", root], check=False)  # noqa: S607


@pytest.fixture(scope="module")
def run(deployment: Deployment) -> subprocess.CompletedProcess[str]:
    """A run in a checkout that is read-only, if possible."""
    folder = deployment.project.root / ".meltano/dbt"
    with read_only(deployment.project.root) as is_read_only:
        finished = deployment.project.meltano(
            *("--log-format=json", "run", "tap-omdb", "target-postgres", "dbt:freshness"),
            environment="prod",
            TAP_OMDB_LOGLEVEL="INFO",
            TARGET_POSTGRES_LOGLEVEL="INFO",
            DBT_TARGET_PATH=str(folder / "target"),
            DBT_LOG_PATH=str(folder / "logs"),
            **deployment.variables,
        )
        if is_read_only:
            with pytest.raises(OSError, match="Read-only"):
                (deployment.project.root / "file").touch()
            (folder / "read_only").touch()
    assert finished.returncode == 0, finished.stdout
    return finished


def parse(output: str) -> list[dict[str, Any]]:
    """Parse every line, and check what all have in common."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    for line in lines:
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() is not None
        assert line["level"] in {"debug", "info", "warning", "error"}
        assert isinstance(line["event"], str)
    return lines


@pytest.mark.usefixtures("run")
def test_a_read_only_checkout(deployment: Deployment) -> None:
    folder = deployment.project.root / ".meltano/dbt"
    if not (folder / "read_only").exists():
        pytest.skip("only root can make a directory read-only for itself, where it can mount")
    assert (folder / "target/sources.json").exists()


def test_a_run_is_json_line_by_line(run: subprocess.CompletedProcess[str]) -> None:
    lines = parse(run.stdout)
    assert {line.get("name") for line in lines} >= PLUGINS
    assert len({line["run_id"] for line in lines if line.get("name") in PLUGINS}) == 1
    (result,) = (line for line in lines if line.get("block_type") == "InvokerCommand")
    assert result["success"] is True
    metrics = {(r["string_id"], r["metric_info"]["metric"]) for r in lines if "metric_info" in r}
    assert {("tap-omdb", "http_request_count"), ("tap-omdb", "record_count")} <= metrics
    assert ("target-postgres", "record_count") in metrics


def test_an_error_is_json_too(deployment: Deployment) -> None:
    failed = deployment.project.meltano(
        *("--log-format=json", "run", "--state-id-suffix=fails", "tap-omdb", "target-postgres"),
        environment="prod",
        **deployment.variables,
        PGOPTIONS="-c default_transaction_read_only=on",
    )
    assert failed.returncode != 0
    errors = [line for line in parse(failed.stdout) if line["level"] == "error"]
    (loader,) = (line for line in errors if line.get("name") == "target-postgres")
    assert "Postgres is read-only" in loader["event"]
    (result,) = (line for line in errors if "exit_codes" in line)
    assert result["success"] is False
