"""Runs of the pipeline are recorded, and problems are reported."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.transform.conftest import Row, Warehouse

RUNS = "select * from demo_marts.dbt_runs order by started_at"
REJECTS = ("not_found", "not_found", "year_mismatch")


@pytest.fixture
def healthy(warehouse: Warehouse) -> Warehouse:
    """A warehouse after a sync, a build and the tests."""
    load_sync(warehouse)
    warehouse.load(
        {"tt0000001": {"Genre": "Drama", "Runtime": "34S min"}, "tt0000002": {"Type": "game"}},
        matched_by="imdb_id",
    )
    search = {"search_id": "x|-|-", "search_term": "x", "total_results": 8, "hits": 6}
    warehouse.load_rows("searches", search)
    now = datetime.now(timezone.utc)
    warehouse.load_rows(
        "rejects",
        *(
            {"reject_id": str(number), "reason": reason, "rejected_at": now.isoformat()}
            for number, reason in enumerate(REJECTS)
        ),
        {"reject_id": "old", "reason": "no_data", "rejected_at": "2026-01-01T00:00:00Z"},
    )
    warehouse.build()
    assert warehouse.dbt("test", "--select", "movies").success
    return warehouse


def load_sync(warehouse: Warehouse, *, ago: timedelta = timedelta(), **values: object) -> None:
    """Load the row of a sync that has just ended, or ended some time ago."""
    ended_at = datetime.now(timezone.utc) - ago
    row = {
        "sync_id": ended_at.isoformat(),
        "started_at": (ended_at - timedelta(seconds=30)).isoformat(),
        "ended_at": ended_at.isoformat(),
        "outcome": "complete",
        "requests": 30,
        "requests_left_today": 970,
        "records": {"movies": 1, "games": 1},
        "pending_titles": 2500,
        "pending_searches": 3,
        "known_titles": 2,
    }
    warehouse.load_rows("syncs", {**row, **values})


def health(warehouse: Warehouse) -> Row:
    """The only row of pipeline_health."""
    (row,) = warehouse.rows("select * from demo_marts.pipeline_health")
    assert row["is_healthy"] == (row["problems"] == [])
    return row


def test_each_invocation_of_dbt_is_recorded(warehouse: Warehouse) -> None:
    warehouse.load({"tt0000001": {"Rated": "XYZ", "Runtime": "34S min"}})
    warehouse.build()
    warehouse.execute("insert into demo_marts.movies (imdb_id, loaded_at) values ('lost', now())")
    warehouse.dbt("test", "--select", "movies,test_name:has_same_keys", "assert_no_data_issues")
    warehouse.dbt("docs", "generate")
    warehouse.build("--full-refresh", "--select", "dbt_runs")

    built, tested, refreshed = warehouse.rows(RUNS)

    assert (built["command"], built["is_successful"], built["tests"]) == ("build", True, 0)
    assert built["nodes"].keys() == {"success", "no-op"}
    assert built["nodes"]["success"] > 40
    assert 0 < built["duration_seconds"] < 120
    age = datetime.now(timezone.utc) - built["started_at"].replace(tzinfo=timezone.utc)
    assert timedelta() < age < timedelta(minutes=5)
    assert (tested["command"], tested["is_successful"]) == ("test", False)
    assert tested["nodes"] == {"fail": 1, "warn": 1}
    assert (tested["tests"], tested["tests_failed"], tested["tests_warned"]) == (2, 1, 1)
    assert [name[:20] for name in tested["failed_nodes"]] == ["has_same_keys_movies"]
    assert refreshed["is_successful"]


def test_a_failed_build_is_recorded_and_reported(healthy: Warehouse) -> None:
    healthy.execute("drop table demo_raw.movies cascade")
    healthy.execute("create table demo_raw.movies (imdb_id text, year jsonb[])")
    assert not healthy.dbt("run", "--select", "stg_omdb__movies", "stg_omdb__series").success

    *_, failed = healthy.rows(RUNS)
    assert not failed["is_successful"]
    assert (failed["command"], failed["nodes"]) == ("run", {"error": 1, "success": 1})
    assert health(healthy)["problems"] == ["The last run of dbt failed: stg_omdb__movies."]


def test_a_run_that_cannot_be_recorded_does_not_fail(warehouse: Warehouse) -> None:
    warehouse.build("--select", "dbt_runs")
    warehouse.execute(
        "alter table demo_marts.dbt_runs add constraint broken check (false) not valid"
    )

    warehouse.build("--select", "dbt_runs")

    assert warehouse.values("select count(*) from demo_marts.dbt_runs") == [1]


def test_a_warehouse_without_a_sync_is_not_healthy(warehouse: Warehouse) -> None:
    warehouse.build()

    row = health(warehouse)

    assert row["problems"] == ["No sync has been recorded."]
    assert row["last_sync_ended_at"] is None
    assert row["rejects_last_7_days"] == {}
    assert row["table_rows"]["movies"] == 0


def test_health_of_a_pipeline_that_works(healthy: Warehouse) -> None:
    load_sync(healthy, outcome="budget_exhausted", requests=70, requests_left_today=900)

    row = health(healthy)

    assert row["problems"] == []
    expected = {
        "last_sync_outcome": "budget_exhausted",
        "requests_today": 100,
        "requests_left_today": 900,
        "requests_per_day": 1000,
        "pending_titles": 2500,
        "pending_searches": 3,
        "days_to_fetch_pending": 2.5,
        "known_titles": 2,
        "rejects_last_7_days": {"not_found": 2, "year_mismatch": 1},
        "unparsed_values": 1,
        "percent_seen": 75,
        "last_dbt_run_is_successful": True,
        "last_tests_failed": 0,
    }
    assert {name: row[name] for name in expected} == expected
    assert row["hours_since_last_sync"] < 1
    assert row["hours_since_newest_data"] < 1
    assert row["table_rows"]["movies"] == 1
    assert row["table_rows"]["rejects"] == 4
    assert row["table_rows"].keys() >= healthy.tables("demo_marts").keys()


def test_what_is_wrong_is_reported_in_words(healthy: Warehouse) -> None:
    healthy.execute("delete from demo_raw.syncs")
    load_sync(healthy, ago=timedelta(days=4), outcome="failed", message="Invalid API key!")
    healthy.execute("update demo_marts.dbt_runs set started_at = started_at - interval '9 days'")
    healthy.execute("insert into demo_marts.movies (imdb_id, loaded_at) values ('lost', now())")
    assert not healthy.dbt("test", "--select", "movies,test_name:has_same_keys").success
    healthy.execute("update demo_marts.dbt_runs set started_at = started_at - interval '5 days'")

    row = health(healthy)

    assert row["problems"][:3] == [
        "The last sync ended 96.0 hours ago.",
        "The last sync failed: Invalid API key!",
        "dbt has not run since the last sync.",
    ]
    assert row["problems"][3].startswith("The last run of the tests failed: has_same_keys_movies_")
    assert len(row["problems"]) == 4
    assert (row["requests_today"], row["requests_left_today"]) == (0, 1000)


def test_a_sync_that_failed_is_reported_before_dbt_runs_again(healthy: Warehouse) -> None:
    load_sync(healthy, outcome="failed", message=None, requests_left_today=None)

    row = health(healthy)

    assert row["problems"] == ["The last sync failed: no message."]
    assert row["requests_left_today"] is None
