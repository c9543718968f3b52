"""What `make` offers beside the demo and the tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project

pytestmark = pytest.mark.usefixtures("stopped_at_last")


@pytest.fixture(scope="module")
def stopped_at_last(idle_project: Project) -> object:
    yield
    idle_project.make("stop")


def test_psql_starts_postgres_and_prints_nothing_else(idle_project: Project) -> None:
    shown = idle_project.try_make("psql", "ARGS=-At", stdin="select 6 * 7")
    assert (shown.returncode, shown.stdout) == (0, "42\n"), shown.stderr
    shown = idle_project.try_make("psql", """ARGS=-Atc 'select 1'""")
    assert (shown.stdout, shown.stderr) == ("1\n", "")


def test_psql_fails_as_psql_does(idle_project: Project) -> None:
    shown = idle_project.try_make("psql", """ARGS=-c 'selct'""")
    assert shown.returncode != 0
    assert "syntax error" in shown.stderr


def test_status_lists_running_services(idle_project: Project) -> None:
    idle_project.make("start")
    assert idle_project.make("status").count(" run") == 2
    idle_project.make("stop")
    assert "is stopped" in idle_project.make("status")


def test_reset_deletes_demo_and_dev_but_not_prod(idle_project: Project) -> None:
    idle_project.make("start")
    state = json.dumps({"singer_state": {"bookmarks": {}}})
    states = {f"{name}:tap-omdb-to-target-postgres" for name in ("demo", "dev", "prod")}
    for state_id in states:
        assert idle_project.meltano("state", "set", "--force", state_id, state).returncode == 0
    cache = idle_project.root / ".meltano/cache/tap-omdb"
    for name in ("demo", "dev", "prod"):
        (cache / name).mkdir(parents=True)

    shown = idle_project.make("reset")

    assert "Postgres and its data are deleted." in shown
    assert "demo:tap-omdb-to-target-postgres" in shown
    assert not (idle_project.root / ".postgres").exists()
    assert [path.name for path in cache.iterdir()] == ["prod"]
    left = idle_project.meltano("state", "list").stdout
    assert [state_id for state_id in sorted(states) if state_id in left] == [
        "prod:tap-omdb-to-target-postgres"
    ]
