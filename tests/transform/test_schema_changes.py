"""Schema changes of the tap and of the marts, and what they do to the data and to other objects."""

# ruff: noqa: S608 - the SQL is the tests' own
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.transform.conftest import Warehouse
from tests.transform.test_build import MARTS, VIEWS

TEXT = {"type": ["string", "null"]}
INTEGER = {"type": ["integer", "null"]}
BASE = {"imdb_id": {"type": "string"}, "title": TEXT, "metascore": INTEGER}


@pytest.fixture(scope="module")
def _before(newest: Warehouse, shared: Path) -> str:
    def make() -> None:
        _sync(newest, BASE, imdb_id="tt0000001", title="Before", metascore=70)
        newest.build("--select", "+movies")

    return newest.keep("before", shared, make)


@pytest.fixture
def old(newest: Warehouse, _before: str) -> Warehouse:
    """A warehouse built when the tap had the fields of `BASE`."""
    newest.reset(_before)
    return newest


def _sync(warehouse: Warehouse, fields: dict[str, Any], **values: object) -> None:
    warehouse.load_messages(
        [
            warehouse.schema_message("movies", fields),
            warehouse.record_message("movies", values),
        ]
    )


def _movies(warehouse: Warehouse) -> list[tuple[object, ...]]:
    warehouse.build("--select", "+movies")
    query = "select title, metascore, imdb_votes from demo_marts.movies order by imdb_id"
    return [tuple(row.values()) for row in warehouse.rows(query)]


@pytest.mark.parametrize(
    ("fields", "values", "expected"),
    [
        # One that the models know is filled from then on, and another is kept in the raw table.
        (
            {**BASE, "imdb_votes": INTEGER, "mood": TEXT},
            {"title": "B", "imdb_votes": 5, "mood": "good"},
            ("B", None, 5),
        ),
        # One that is dropped keeps its old values; a renamed one counts as dropped and new.
        ({"imdb_id": BASE["imdb_id"], "name": TEXT}, {"name": "B"}, (None, None, None)),
    ],
)
def test_a_field_is_added_or_dropped(
    old: Warehouse,
    fields: dict[str, Any],
    values: dict[str, object],
    expected: tuple[object, ...],
) -> None:
    _sync(old, fields, imdb_id="tt0000002", **values)

    assert _movies(old) == [("Before", 70, None), expected]
    for name, value in values.items():
        query = f"select {name} from demo_raw.movies where imdb_id = 'tt0000002'"
        assert old.values(query) == [value]


def test_a_new_field_reaches_the_marts_once_declared(old: Warehouse) -> None:
    # As if the models had it only since the last build.
    for table in ("demo_intermediate.int_titles", "demo_marts.movies"):
        old.execute(f"alter table {table} drop column imdb_votes cascade")
    _sync(old, {**BASE, "imdb_votes": INTEGER}, imdb_id="tt0000002", title="After", imdb_votes=5)
    assert _movies(old) == [("Before", 70, None), ("After", None, 5)]


def test_a_widened_field_fails_to_load_until_the_column_is_widened(old: Warehouse) -> None:
    widened = [
        old.schema_message("movies", {**BASE, "metascore": {"type": ["number", "null"]}}),
        old.record_message("movies", {"imdb_id": "tt0000002", "metascore": 80.4}),
    ]
    assert not old.try_to_load(widened).success
    assert _movies(old) == [("Before", 70, None)]

    # As described in docs/model.md; the next build restores the view.
    old.execute("drop view demo_staging.stg_omdb__titles cascade")
    old.execute("alter table demo_raw.movies alter column metascore type numeric")
    old.load_messages(widened)

    assert _movies(old) == [("Before", 70, None), (None, 80, None)]


def test_an_incompatible_type_fails_to_load_with_the_name_of_the_column(old: Warehouse) -> None:
    fields = {**BASE, "metascore": TEXT}
    failed = old.try_to_load([old.schema_message("movies", fields)])

    assert not failed.success
    assert "Could not convert column 'demo_raw.movies.metascore'" in failed.error


def test_a_recreated_raw_table_keeps_built_titles(old: Warehouse) -> None:
    old.execute("drop table demo_raw.movies cascade")
    assert _movies(old) == [("Before", 70, None)]
    _sync(old, BASE, imdb_id="tt0000002", title="After")
    assert _movies(old) == [("Before", 70, None), ("After", None, None)]
    kept = old.dbt("test", "--select", "movies,test_name:has_same_keys")
    assert len(kept.named("fail")) == 1

    old.build("--full-refresh", "--select", "+movies")
    assert old.values("select title from demo_marts.movies") == ["After"]


# Views and grants of other people on the marts survive builds, or the run says which do not

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
