from __future__ import annotations

from typing import TYPE_CHECKING

from tests.airflow.conftest import SMALL_REQUESTS

if TYPE_CHECKING:
    from tests.airflow.conftest import Deployment


def test_a_daily_run_loads_transforms_tests_and_reports(deployment: Deployment) -> None:
    project = deployment.project
    project.emulator.reset()
    tested = deployment.airflow("dags", "test", "movies_daily")
    assert tested.returncode == 0, tested.stdout
    assert project.emulator.stats()["requests"] == SMALL_REQUESTS
    (counted,) = project.rows("select count(*) as movies from demo_marts.movies")
    assert counted["movies"] == SMALL_REQUESTS
    assert (project.root / "analyze/public/index.html").stat().st_size > 0
