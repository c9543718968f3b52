"""Schema changes of the tap, loaded by the real loader, and their effect on the marts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.transform.conftest import Warehouse

TRANSFORM = Path(__file__).resolve().parents[2] / "transform"
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
def built(newest: Warehouse, _before: str) -> Warehouse:
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
        ({**BASE, "imdb_votes": INTEGER}, {"title": "B", "imdb_votes": 5}, ("B", None, 5)),
        ({**BASE, "mood": TEXT}, {"title": "B", "mood": "good"}, ("B", None, None)),
        # One that is dropped keeps its old values; a renamed one counts as dropped and new.
        ({"imdb_id": BASE["imdb_id"], "title": TEXT}, {"title": "B"}, ("B", None, None)),
        (
            {"imdb_id": BASE["imdb_id"], "name": TEXT, "metascore": INTEGER},
            {"name": "B", "metascore": 80},
            (None, 80, None),
        ),
    ],
)
def test_a_field_is_added_or_dropped(
    built: Warehouse,
    fields: dict[str, Any],
    values: dict[str, object],
    expected: tuple[object, ...],
) -> None:
    _sync(built, fields, imdb_id="tt0000002", **values)

    assert _movies(built) == [("Before", 70, None), expected]
    for name, value in values.items():
        query = f"select {name} from demo_raw.movies where imdb_id = 'tt0000002'"  # noqa: S608
        assert built.values(query) == [value]


def test_a_new_field_reaches_the_mart_once_declared(built: Warehouse, tmp_path: Path) -> None:
    fields = {**BASE, "mood": TEXT}
    _sync(built, fields, imdb_id="tt0000002", title="After", mood="good")
    project = tmp_path / "transform"
    shutil.copytree(TRANSFORM, project, ignore=shutil.ignore_patterns("target", "logs"))
    for path, line, addition in (
        (
            "models/staging/omdb/_omdb__sources.yml",
            "          - name: title\n",
            "          - name: mood\n            data_type: text\n",
        ),
        ("models/staging/omdb/stg_omdb__titles.sql", "    imdb_id,\n", "    mood,\n"),
        (
            "models/intermediate/int_titles.sql",
            "        changed.imdb_id,\n",
            "        changed.mood,\n",
        ),
        ("models/marts/movies.sql", "        imdb_id,\n", "        mood,\n"),
        (
            "models/marts/movies.yml",
            "      - name: title\n",
            "      - name: mood\n        data_type: text\n        description: Mood.\n",
        ),
    ):
        file = project / path
        text = file.read_text()
        assert line in text
        file.write_text(text.replace(line, addition + line, 1))

    elsewhere = ("--project-dir", str(project), "--target-path", str(tmp_path / "target"))
    built.build("--select", "+movies", *elsewhere)
    query = "select mood from demo_marts.movies order by imdb_id"
    assert built.values(query) == [None, "good"]


def test_a_widened_field_fails_to_load_until_the_column_is_widened(built: Warehouse) -> None:
    widened = [
        built.schema_message("movies", {**BASE, "metascore": {"type": ["number", "null"]}}),
        built.record_message("movies", {"imdb_id": "tt0000002", "metascore": 80.4}),
    ]
    assert not built.try_to_load(widened).success
    assert _movies(built) == [("Before", 70, None)]

    # As described in docs/model.md; the next build restores the view.
    built.execute("drop view demo_staging.stg_omdb__titles cascade")
    built.execute("alter table demo_raw.movies alter column metascore type numeric")
    built.load_messages(widened)

    assert _movies(built) == [("Before", 70, None), (None, 80, None)]


def test_an_incompatible_type_fails_to_load_with_the_name_of_the_column(built: Warehouse) -> None:
    fields = {**BASE, "metascore": TEXT}
    failed = built.try_to_load([built.schema_message("movies", fields)])

    assert not failed.success
    assert "Could not convert column 'demo_raw.movies.metascore'" in failed.error


def test_a_recreated_raw_table_keeps_built_titles(built: Warehouse) -> None:
    built.execute("drop table demo_raw.movies cascade")
    assert _movies(built) == [("Before", 70, None)]
    _sync(built, BASE, imdb_id="tt0000002", title="After")
    assert _movies(built) == [("Before", 70, None), ("After", None, None)]
    kept = built.dbt("test", "--select", "movies,test_name:has_same_keys")
    assert len(kept.named("fail")) == 1

    built.build("--full-refresh", "--select", "+movies")
    assert built.values("select title from demo_marts.movies") == ["After"]
