"""Views and grants of other people on the marts survive builds, or the run says which do not."""

# ruff: noqa: S608 - the SQL is the tests' own
from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.transform.conftest import Warehouse
from tests.transform.test_build import MARTS, VIEWS

WARNING = "is dropped and created again, and with it goes what is not of this project: "


@pytest.fixture
def used(built: Warehouse) -> Iterator[Warehouse]:
    """A built warehouse with a view of somebody on each mart, which a role may read."""
    built.execute("create schema bi; drop role if exists analyst; create role analyst")
    for mart in MARTS | VIEWS:
        built.execute(f"create view bi.{mart} as select * from demo_marts.{mart}")
        built.execute(f"grant select on demo_marts.{mart} to analyst")
    yield built
    built.execute("drop owned by analyst")


def left(warehouse: Warehouse) -> set[str]:
    """The names of the views that are left."""
    return set(warehouse.values("select viewname from pg_views where schemaname = 'bi'"))


def readable(warehouse: Warehouse) -> set[str]:
    """The names of the marts that the role may read."""
    query = "select table_name from information_schema.role_table_grants where grantee = 'analyst'"
    return set(warehouse.values(query))


def test_views_and_grants_survive_a_build_of_everything(used: Warehouse) -> None:
    used.load({"tt0000001": {"Title": "One"}, "tt0000003": {"Title": "Three"}})
    used.load_rows("rejects", {"reject_id": "new", "reason": "no_data"})

    outcome = used.build()

    assert WARNING not in outcome.log
    assert left(used) == readable(used) == MARTS | VIEWS
    assert used.values("select title from bi.titles where kind = 'movie' order by 1") == [
        "One",
        "Three",
    ]
    assert "new" in used.values("select reject_id from bi.rejects")


def test_the_run_says_which_views_are_dropped_with_one_whose_columns_change(
    used: Warehouse,
) -> None:
    used.execute("alter view demo_marts.year_summary rename column movies to films")
    used.execute("create view bi.indirect as select * from bi.year_summary")

    outcome = used.build()

    dropped = "view bi.indirect, view bi.year_summary"
    assert outcome.log.count(WARNING) == 1
    assert f"demo_marts.year_summary {WARNING}{dropped}." in outcome.log
    assert left(used) == MARTS | VIEWS - {"year_summary"}
    assert readable(used) == MARTS | VIEWS - {"year_summary"}


def test_a_view_to_which_a_column_is_added_is_replaced_in_place(used: Warehouse) -> None:
    used.execute("drop view demo_marts.year_summary cascade")
    columns = "1::bigint as year, 2::bigint as movies"
    used.execute(f"create view demo_marts.year_summary as select {columns}")
    used.execute("create view bi.year_summary as select * from demo_marts.year_summary")

    outcome = used.build("--select", "year_summary")

    assert WARNING not in outcome.log
    assert left(used) == MARTS | VIEWS


def test_the_run_says_which_views_are_dropped_with_a_rebuilt_table(used: Warehouse) -> None:
    outcome = used.build("--full-refresh", "--select", "genres")

    names = ("genre_summary", "genres")
    dropped = ", ".join(f"view bi.{name}" for name in names)
    assert f"demo_marts.genres {WARNING}{dropped}." in outcome.log
    keys = (
        "select conname from pg_constraint where contype = 'p'"
        " and connamespace = 'demo_marts'::regnamespace"
    )
    keyed = MARTS - {"data_issues"}
    assert set(used.values(keys)) == {f"{mart}_pkey" for mart in keyed}
