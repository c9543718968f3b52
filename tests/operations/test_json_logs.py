"""`meltano --log-format=json`: one schema for Meltano, tap, loader and dbt."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.operations.conftest import variables

if TYPE_CHECKING:
    from tests.operations.conftest import Deployment

PLUGINS = {"tap-omdb", "target-postgres", "dbt"}


def parse(output: str) -> list[dict[str, Any]]:
    """Parse every line, and check what all have in common."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    for line in lines:
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() is not None
        assert line["level"] in {"debug", "info", "warning", "error"}
        assert isinstance(line["event"], str)
    return lines


def test_a_run_is_json_line_by_line(deployment: Deployment) -> None:
    finished = deployment.project.meltano(
        *("--log-format=json", "run", "tap-omdb", "target-postgres", "dbt:freshness"),
        environment="prod",
        TARGET_POSTGRES_LOGLEVEL="INFO",
        **variables(deployment),
    )
    assert finished.returncode == 0, finished.stdout
    lines = parse(finished.stdout)
    assert {line.get("name") for line in lines} >= PLUGINS
    assert len({line["run_id"] for line in lines if line.get("name") in PLUGINS}) == 1
    (result,) = (line for line in lines if line.get("block_type") == "InvokerCommand")
    assert result["success"] is True


def test_an_error_is_json_too(deployment: Deployment) -> None:
    failed = deployment.project.meltano(
        *("--log-format=json", "run", "--state-id-suffix=fails", "tap-omdb", "target-postgres"),
        environment="prod",
        **variables(deployment),
        PGOPTIONS="-c default_transaction_read_only=on",
    )
    assert failed.returncode != 0
    errors = [line for line in parse(failed.stdout) if line["level"] == "error"]
    (loader,) = (line for line in errors if line.get("name") == "target-postgres")
    assert "read-only transaction" in loader["event"]
    (result,) = (line for line in errors if "exit_codes" in line)
    assert result["success"] is False
