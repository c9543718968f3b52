"""When something is missing: one line that says what to do, and an exit code that is not 0."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import alert
import pytest
import yaml

from tests.faults.conftest import needs_root, small_disk
from tests.pipeline.conftest import CHECKOUT, PIPELINE, Project

STATE_ID = "demo:tap-omdb-to-target-postgres"


def lines_with(text: str, output: str) -> list[str]:
    return [line for line in output.splitlines() if text in line]


@pytest.mark.parametrize(
    ("environment", "command", "remedy"),
    [
        ("demo", ("run", "dbt:run"), "start it with `make start`"),
        ("dev", ("--log-level=warning", "invoke", "exports:marts"), "start it with `make start`"),
        ("prod", ("--log-level=warning", *PIPELINE), "check PGHOST and PGPORT in .env or your"),
    ],
)
def test_postgres_is_down(
    idle_project: Project, environment: str, command: tuple[str, ...], remedy: str
) -> None:
    port = idle_project.ports["EMBEDDED_POSTGRES_PORT"]
    finished = idle_project.meltano(
        *command, environment=environment, PGHOST="127.0.0.1", PGPORT=port
    )
    assert finished.returncode != 0
    (line,) = lines_with("Postgres", finished.stdout)
    assert f"Postgres does not accept connections at 127.0.0.1:{port}: {remedy}" in line
    assert "{" not in line
    assert "Traceback" not in finished.stdout
    assert not lines_with("dbt: ", finished.stdout)


def test_whatever_needs_postgres_is_started_by_require_postgres() -> None:
    plugins = yaml.safe_load((CHECKOUT / "meltano.yml").read_text())["plugins"]
    commands = {
        f"{utility['name']}:{name}": command["executable"]
        for utility in plugins["utilities"]
        if utility["name"] in {"dbt", "dashboard", "exports"}
        for name, command in utility["commands"].items()
    }
    # It reports itself that there is no server; parsing needs none.
    assert commands.pop("dbt:health") == commands.pop("dbt:parse") == "python"
    assert set(commands.values()) == {"require-postgres"}


def test_the_key_is_wrong(project: Project) -> None:
    project.emulator.reset()
    finished = project.meltano(
        *("--log-level=debug", *PIPELINE),
        environment="dev",
        TAP_OMDB_API_URL=project.emulator.url,
        TAP_OMDB_API_KEY="1badc0de",
        TAP_OMDB_LOGLEVEL="DEBUG",
    )
    assert finished.returncode != 0
    (line,) = lines_with('OMDb reports "Invalid API key!"', finished.stdout)
    assert "TAP_OMDB_API_KEY" in line
    assert "1badc0de" not in finished.stdout
    assert project.emulator.stats()["unauthorized"]["invalid_key"] > 0


@pytest.mark.parametrize("text", ["file is not a database", "Unterminated string"])
def test_what_meltano_keeps_is_damaged(idle_project: Project, text: str) -> None:
    path = idle_project.root / ".meltano/meltano.db"
    if text == "file is not a database":
        path.write_bytes(b"damaged" * 1000)
    else:
        state = '{"singer_state": {"bookmarks": {}}}'
        stored = idle_project.meltano("state", "set", "--force", STATE_ID, state)
        assert stored.returncode == 0, stored.stdout
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("update state set completed_state = '{\"singer_st'")
    assert_cause(text, idle_project.meltano(*PIPELINE))
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


@needs_root
@pytest.mark.parametrize(("free", "text"), [(0, "disk I/O error"), (32, "disk is full")])
def test_the_disk_of_what_meltano_keeps_is_full(
    idle_project: Project, tmp_path: Path, free: int, text: str
) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        uri = f"sqlite:///{disk / 'meltano.db'}"
        created = idle_project.meltano("state", "list", MELTANO_DATABASE_URI=uri)
        assert created.returncode == 0, created.stdout
        (disk / "other").write_bytes(bytes(shutil.disk_usage(disk).free - free * 1024))
        assert_cause(text, idle_project.meltano(*PIPELINE, MELTANO_DATABASE_URI=uri))


def assert_cause(text: str, failed: subprocess.CompletedProcess[str]) -> None:
    assert failed.returncode != 0
    (cause,) = alert.cause(failed.stdout.splitlines())
    assert text in cause
    assert cause.endswith(alert.REMEDIES[text])
    assert not lines_with("Postgres", failed.stdout), "nothing has been started"
