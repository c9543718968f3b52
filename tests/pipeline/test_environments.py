"""`dev` and `prod` lead where they should, with the emulator standing in for OMDb."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project


@pytest.mark.parametrize(("environment", "schema"), [("dev", "dev"), ("prod", "omdb")])
def test_the_whole_pipeline_runs(project: Project, environment: str, schema: str) -> None:
    password = (project.root / ".postgres/pgpass").read_text().rsplit(":", 1)[1].strip()
    postgres = {
        "PGHOST": "127.0.0.1",
        "PGPORT": project.ports["EMBEDDED_POSTGRES_PORT"],
        "PGUSER": "omdb",
        "PGPASSWORD": password,
        "PGDATABASE": "omdb",
        "PGSSLMODE": "prefer",
    }
    finished = project.meltano(
        *("run", "tap-omdb", "target-postgres", "dbt:run"),
        environment=environment,
        TAP_OMDB_API_URL=project.emulator.url,
        TAP_OMDB_API_KEY="00001000",
        TAP_OMDB_YEARS="[]",
        TAP_OMDB_IMDB_IDS='["tt1375666", "tt0435761"]',
        **(postgres if environment == "prod" else {}),
    )
    assert finished.returncode == 0, finished.stdout
    assert password not in finished.stdout
    assert project.rows(f"select title, year from {schema}_marts.movies order by title") == [  # noqa: S608
        {"title": "Inception", "year": 2010},
        {"title": "Toy Story 3", "year": 2010},
    ]


def test_schemas_are_side_by_side(project: Project) -> None:
    rows = project.rows(
        "select split_part(nspname, '_', 1) as schema from pg_namespace"
        " where nspname like '%\\_raw' order by 1"
    )
    assert rows == [{"schema": "dev"}, {"schema": "omdb"}]
