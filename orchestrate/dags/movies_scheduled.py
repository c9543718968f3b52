"""A DAG for each schedule of meltano.yml: `movies_daily` runs the schedule `daily`."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import DAG, chain
from movies_pipeline import load_project, schedules
from movies_pipeline.operators import meltano_run

for schedule in schedules(load_project()):
    with DAG(
        dag_id=f"movies_{schedule.name}",
        description="Extract, load, transform and test what is due today",
        schedule=schedule.interval,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_runs=1,
        tags=["movies"],
        is_paused_upon_creation=True,
    ):
        chain(*(meltano_run(step, schedule.env) for step in schedule.steps))
