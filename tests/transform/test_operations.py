"""Runs of the pipeline are recorded, and problems are reported."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest

from tests.transform.conftest import RUN, SYNC, Row, Warehouse

DAY = timedelta(days=1)
RUNS = "select * from demo_marts.dbt_runs order by started_at"


def load_sync(warehouse: Warehouse, *, ago: timedelta = timedelta(), **values: object) -> None:
    """Load the row of a sync that has just ended, or ended some time ago."""
    ended_at = datetime.now(timezone.utc) - ago
    row = {
        **SYNC,
        "sync_id": ended_at.isoformat(),
        "started_at": (ended_at - timedelta(seconds=30)).isoformat(),
        "ended_at": ended_at.isoformat(),
    }
    warehouse.load_rows("syncs", {**row, **values})


def health(warehouse: Warehouse) -> Row:
    """The only row of pipeline_health."""
    (row,) = warehouse.rows("select * from demo_marts.pipeline_health")
    assert row["is_healthy"] == (row["problems"] == [])
    return row


def test_each_invocation_of_dbt_is_recorded(built: Warehouse) -> None:
    built.execute("insert into demo_marts.movies (imdb_id, loaded_at) values ('lost', now())")
    built.dbt("test", "--select", "movies,test_name:has_same_keys", "assert_no_data_issues")
    built.dbt("docs", "generate")
    built.build("--full-refresh", "--select", "dbt_runs")

    build, _, tested, refreshed = built.rows(RUNS)

    assert (build["command"], build["is_successful"], build["tests"]) == ("build", True, 0)
    assert build["nodes"].keys() == {"success", "no-op"}
    assert build["nodes"]["success"] > 40
    assert 0 < build["duration_seconds"] < 120
    age = datetime.now(timezone.utc) - refreshed["started_at"].replace(tzinfo=timezone.utc)
    assert timedelta() < age < timedelta(minutes=5)
    assert (tested["command"], tested["is_successful"]) == ("test", False)
    assert tested["nodes"] == {"fail": 1, "warn": 1}
    assert (tested["tests"], tested["tests_failed"], tested["tests_warned"]) == (2, 1, 1)
    assert [name[:20] for name in tested["failed_nodes"]] == ["has_same_keys_movies"]
    assert refreshed["is_successful"]


def test_a_failed_build_is_recorded_and_reported(built: Warehouse) -> None:
    built.execute("drop table demo_raw.movies cascade")
    built.execute("create table demo_raw.movies (imdb_id text, year jsonb[])")
    assert not built.dbt("run", "--select", "stg_omdb__titles", "stg_omdb__rejects").success

    *_, failed = built.rows(RUNS)
    assert not failed["is_successful"]
    assert (failed["command"], failed["nodes"]) == ("run", {"error": 1, "success": 1})
    built.dbt("test", "--select", "dbt_runs")
    assert health(built)["problems"] == ["The last run of dbt failed: stg_omdb__titles."]
    built.execute("drop table demo_marts.movies, demo_marts.searches cascade")
    assert not built.dbt(*RUN, "--full-refresh").success
    row = health(built)
    assert "stg_omdb__titles" in row["problems"][0]
    assert row["percent_seen"] == 75
    assert row["newest_data_at"] is None


def test_health_can_be_read_while_everything_is_rebuilt(built: Warehouse) -> None:
    with ThreadPoolExecutor(4) as pool:
        build = pool.submit(built.build, "--full-refresh")

        def look() -> list[bool]:
            healthy: list[bool] = []
            while not build.done():
                healthy.append(health(built)["is_healthy"])
            return healthy

        looks = [pool.submit(look) for _ in range(3)]
    build.result()
    healthy = [is_healthy for look in looks for is_healthy in look.result()]
    assert len(healthy) > 30
    assert all(healthy)


def test_a_run_that_cannot_be_recorded_does_not_fail(built: Warehouse) -> None:
    before = built.rows(RUNS)
    built.execute("alter table demo_marts.dbt_runs add constraint broken check (false) not valid")

    built.build("--select", "dbt_runs")

    assert built.rows(RUNS) == before


def test_health_of_a_pipeline_that_works(built: Warehouse) -> None:
    load_sync(built, outcome="budget_exhausted", requests=70, requests_left_today=900)

    row = health(built)

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
        "rejects_last_7_days": {"not_found": 1, "year_mismatch": 1},
        "unparsed_values": 1,
        "percent_seen": 75,
        "last_dbt_run_is_successful": True,
        "last_tests_failed": 0,
    }
    assert {name: row[name] for name in expected} == expected
    assert row["hours_since_last_sync"] < 1
    assert row["hours_since_newest_data"] < 1
    assert row["table_rows"]["movies"] == 1
    assert row["table_rows"]["rejects"] == 3
    assert row["table_rows"].keys() >= built.tables("demo_marts").keys()


def test_what_is_wrong_is_reported_in_words(built: Warehouse) -> None:
    built.execute("delete from demo_raw.syncs")
    load_sync(built, ago=timedelta(days=4), outcome="failed", message="Invalid API key!")
    built.execute("update demo_marts.dbt_runs set started_at = started_at - interval '9 days'")
    built.execute("insert into demo_marts.movies (imdb_id, loaded_at) values ('lost', now())")
    assert not built.dbt("test", "--select", "movies,test_name:has_same_keys").success
    built.execute("update demo_marts.dbt_runs set started_at = started_at - interval '5 days'")

    row = health(built)

    assert row["problems"][:3] == [
        "The last sync ended 96.0 hours ago.",
        "The last sync failed: Invalid API key!",
        "dbt has not run since the last sync.",
    ]
    assert row["problems"][3].startswith("The last run of the tests failed: has_same_keys_movies_")
    assert len(row["problems"]) == 4
    assert (row["requests_today"], row["requests_left_today"]) == (0, 1000)


@pytest.mark.parametrize(
    ("ago", "values", "problem"),
    [
        ([-DAY], {}, "The last sync ended in the future."),
        (
            [timedelta()],
            {"records": {"rejects": 300}, "rejects": 300},
            "The last sync rejected all that it requested: 300.",
        ),
        ([timedelta()], {"records": {"rejects": 9}, "rejects": 9}, None),
        ([timedelta()], {"outcome": "quota_reached", "records": {}}, None),
        (
            [DAY, timedelta()],
            {"outcome": "quota_reached", "records": {}},
            "On each of the last 2 days, no request was left for a title.",
        ),
        ([timedelta(hours=1)], {}, None),
        ([timedelta()], {"outcome": "failed"}, "The last sync failed: no message."),
        # dbt is killed each day: the newest sync is never old.
        ([2 * DAY, DAY / 2], {}, "dbt has not run since the last sync."),
    ],
)
def test_what_no_exit_code_tells(
    built: Warehouse, ago: list[timedelta], values: dict[str, object], problem: str | None
) -> None:
    built.execute("delete from demo_raw.syncs")
    built.execute("update demo_marts.dbt_runs set started_at = started_at - interval '9 days'")
    for each in ago:
        load_sync(built, ago=each, **values)
    assert health(built)["problems"] == [problem] * (problem is not None)


def test_the_requests_of_syncs_that_were_killed_count(built: Warehouse) -> None:
    load_sync(built, requests=20, daily_requests=100_000, requests_left_today=97_178)
    assert health(built)["requests_today"] == 2_822
    load_sync(built, outcome="quota_reached", requests=0, requests_left_today=0)
    assert health(built)["requests_today"] == 50
