"""What a run says: nothing that nobody asked for, and more on request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project

ONE_TITLE = {"TAP_OMDB_YEARS": "[]", "TAP_OMDB_IMDB_IDS": "tt1375666"}
METRICS = {"TAP_OMDB_LOGLEVEL": "INFO", "TARGET_POSTGRES_LOGLEVEL": "INFO"}


@pytest.fixture(autouse=True)
def with_the_example_of_an_env_file(project: Project) -> None:
    """Have the settings of `.env.example`, but for the ports."""
    ports = (project.root / ".env").read_text()
    example = (project.root / ".env.example").read_text().splitlines()
    lines = [line for line in example if "=" in line and not line.startswith("#")]
    extra = [line for line in lines if line.split("=")[0] not in project.ports]
    (project.root / ".env").write_text(ports + "".join(f"{line}\n" for line in extra))


def test_log_is_quiet_by_default(project: Project) -> None:
    output = project.run(**ONE_TITLE)
    assert "requests spent" in output
    assert "Completed successfully" in output
    for noise in ("METRIC", "DeprecationWarning", "Inserting with SQL"):
        assert noise not in output


def test_metrics_on_request(project: Project) -> None:
    arguments = ("--log-format=json", "run", "--full-refresh", "tap-omdb", "target-postgres")
    finished = project.meltano(*arguments, **ONE_TITLE, **METRICS)
    records = [json.loads(line) for line in finished.stdout.splitlines() if line.startswith("{")]
    metrics = {(r["string_id"], r["metric_info"]["metric"]) for r in records if "metric_info" in r}
    assert {("tap-omdb", "http_request_count"), ("tap-omdb", "record_count")} <= metrics
    assert ("target-postgres", "record_count") in metrics
