"""What `make` offers beside the demo and the tests, and the ports of the servers."""

from __future__ import annotations

import csv
import json
import shlex
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
import yaml

from tests.pipeline.conftest import CHECKOUT, Project


@pytest.fixture(autouse=True)
def as_before(idle_project: Project) -> Iterator[None]:
    """Stops the servers, and restores `.env`."""
    env_file = idle_project.root / ".env"
    before = env_file.read_text()
    yield
    idle_project.make("stop")
    env_file.write_text(before)


@pytest.mark.place
def test_ports_in_use_are_replaced_permanently(idle_project: Project) -> None:
    ports = idle_project.ports
    with (
        socket.create_server(("127.0.0.1", int(ports["EMBEDDED_POSTGRES_PORT"]))),
        socket.create_server(("127.0.0.1", int(ports["OMDB_EMULATOR_PORT"]))),
    ):
        idle_project.make("start")
        others = idle_project.ports
        assert not set(others.values()) & set(ports.values())
    assert idle_project.rows("select 1 as answer") == [{"answer": 1}]
    shown = idle_project.meltano("invoke", "tap-omdb", "--test")
    assert shown.returncode == 0, shown.stdout
    assert idle_project.emulator.stats()["requests"] > 0

    assert idle_project.make("status").count(" run") == 2
    assert idle_project.make("stop").count("stopped") == 2
    assert "is stopped" in idle_project.make("status")


def test_psql_starts_postgres_and_prints_nothing_else(idle_project: Project) -> None:
    shown = idle_project.try_make("psql", "ARGS=-At", stdin="select 6 * 7")
    assert (shown.returncode, shown.stdout) == (0, "42\n"), shown.stderr
    for sql in ("select '^tt1$', $$a 'b'$$, $1$`id`$1$, $(id), \\$HOME", 'select "#", 100 % 7'):
        shown = idle_project.try_make("psql", f"ARGS=-Ate -c {shlex.quote(sql)}")
        assert shown.stdout.startswith(f"{sql}\n")
    shown = idle_project.try_make("psql", """ARGS=-Atc "select '^tt1$' ~ 't$', $$b$$" """)
    assert (shown.stdout, shown.stderr) == ("f|b\n", "")
    shown = idle_project.try_make("psql", """ARGS=-c 'selct'""")
    assert shown.returncode != 0
    assert "syntax error" in shown.stderr


def test_the_utilities_take_the_arguments_of_their_commands(idle_project: Project) -> None:
    for utility in yaml.safe_load((CHECKOUT / "meltano.yml").read_text())["plugins"]["utilities"]:
        if utility["name"] in {"postgres", "omdb-emulator"}:
            for name, command in utility["commands"].items():
                if name != "psql":  # it passes all on
                    arguments = shlex.split(command["args"])
                    idle_project.utility(utility["executable"], *arguments, "--help")


def test_a_list_comes_back_with_facts(idle_project: Project) -> None:
    path = idle_project.root.parent / "my list.csv"
    path.write_text("Film;Year;imdb_id\nInception;2010;\nNo Film;1999;\n;;tt0468569\n")

    shown = idle_project.make("enrich", f"LIST={path}", "TAP_OMDB_API_KEY=")

    assert "the emulator is asked" in shown
    assert f"{path}: 2 found (0 to check), 0 pending, 1 not found" in shown
    # Two names with their years, one of them then without, and an id: no searches, no refresh.
    assert idle_project.emulator.stats()["requests"] == 4
    with path.with_name("my list.enriched.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [*csv.DictReader(file, delimiter=";")]
    assert [
        [row[name] for name in ("Film", "Year", "imdb_id", "omdb_imdb_id", "outcome", "title")]
        for row in rows
    ] == [
        ["Inception", "2010", "", "tt1375666", "found", "Inception"],
        ["No Film", "1999", "", "", "not_found", ""],
        ["", "", "tt0468569", "tt0468569", "found", "The Dark Knight"],
    ]

    assert "marts with" in idle_project.make("export")
    assert (idle_project.root / "export/movies.parquet").is_file()
    refused = idle_project.try_make("enrich")
    assert refused.returncode != 0
    assert "make enrich LIST=watchlist.csv" in refused.stderr


def test_reset_deletes_demo_and_dev_but_not_prod(idle_project: Project) -> None:
    idle_project.make("start")
    demo, prod = (f"{name}:tap-omdb-to-target-postgres" for name in ("demo", "prod"))
    state = json.dumps({"singer_state": {"bookmarks": {}}})
    stored = idle_project.meltano("state", "set", "--force", demo, state)
    assert stored.returncode == 0, stored.stdout
    database = idle_project.root / ".meltano/meltano.db"
    with closing(sqlite3.connect(database)) as file, file:
        file.execute(
            "insert or replace into state"
            " select ?, partial_state, completed_state, updated_at from state where state_id = ?",
            (prod, demo),
        )
    cache = idle_project.root / ".meltano/cache/tap-omdb"
    for name in ("demo", "dev", "prod"):
        (cache / name).mkdir(parents=True, exist_ok=True)

    shown = idle_project.make("reset")

    assert "Postgres and its data are deleted." in shown
    assert demo in shown
    assert not (idle_project.root / ".postgres").exists()
    assert [path.name for path in cache.iterdir()] == ["prod"]
    with closing(sqlite3.connect(database)) as file:
        assert file.execute("select state_id from state").fetchall() == [(prod,)]


def test_an_env_file_without_ports_gets_the_default_ones(idle_project: Project) -> None:
    env_file = idle_project.root / ".env"
    env_file.write_text("TAP_OMDB_API_KEY='1a2b3c4d' # mine", encoding="utf-8")
    env_file.chmod(0o600)
    idle_project.make("env")
    assert env_file.read_text().splitlines() == [
        "TAP_OMDB_API_KEY='1a2b3c4d' # mine",
        "EMBEDDED_POSTGRES_PORT=15432",
        "OMDB_EMULATOR_PORT=15500",
    ]
    assert env_file.stat().st_mode & 0o777 == 0o600
    env_file.unlink()
    idle_project.make("env")
    assert env_file.read_text() == (idle_project.root / ".env.example").read_text()
    assert env_file.stat().st_mode & 0o777 == 0o600
