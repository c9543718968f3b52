"""State in a bucket and in a database, shared by machines, and the commands that change it.

Another machine is simulated by deleting what a run leaves on its own: `.meltano/meltano.db` and the
tap's cache.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator

import boto3
import psycopg
import pytest
from moto.server import ThreadedMotoServer

from tests.pipeline.conftest import Project

EXTRACT_AND_LOAD = ("tap-omdb", "target-postgres")
ENVIRONMENT = "dev"
STATE_ID = f"{ENVIRONMENT}:tap-omdb-to-target-postgres"
IDS = ("tt0435761", "tt1375666")
Variables = dict[str, str]


@pytest.fixture
def postgres_backend(project: Project) -> Iterator[Variables]:
    """A database of Meltano's own on the project's server."""
    password = (project.root / ".postgres/pgpass").read_text().rsplit(":", 1)[1].strip()
    server = f"127.0.0.1:{project.ports['EMBEDDED_POSTGRES_PORT']}"
    with psycopg.connect(f"postgresql://omdb:{password}@{server}/omdb", autocommit=True) as admin:
        admin.execute("create role meltano login password 'db-secret'")
        admin.execute("create database meltano owner meltano")
        yield {
            "MELTANO_DATABASE_URI": f"postgresql+psycopg://meltano@{server}/meltano",
            "PGPASSWORD": "db-secret",
            "PGSSLMODE": "prefer",
        }
        admin.execute("drop database meltano with (force)")
        admin.execute("drop role meltano")


@pytest.fixture
def s3_backend() -> Iterator[Variables]:
    """A bucket on a local server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    credentials = {
        "AWS_ACCESS_KEY_ID": "an-id",
        "AWS_SECRET_ACCESS_KEY": "s3-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }
    with pytest.MonkeyPatch.context() as environment:
        for name, value in credentials.items():
            environment.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="movies-state")
        client.close()
    yield {**credentials, "MELTANO_STATE_BACKEND_URI": "s3://movies-state/prod"}
    server.stop()


def settings(project: Project, *ids: str) -> Variables:
    """The tap's settings, with the emulator standing in for OMDb."""
    return {
        "TAP_OMDB_API_URL": project.emulator.url,
        "TAP_OMDB_API_KEY": "00001000",
        "TAP_OMDB_YEARS": "[]",
        "TAP_OMDB_IMDB_IDS": ",".join(ids),
    }


def sync(project: Project, suffix: str, ids: tuple[str, ...], backend: Variables) -> int:
    """Extract and load titles, and return the number of requests."""
    project.emulator.reset()
    finished = project.meltano(
        *("run", f"--state-id-suffix={suffix}", *EXTRACT_AND_LOAD),
        environment=ENVIRONMENT,
        **settings(project, *ids),
        **backend,
    )
    assert finished.returncode == 0, finished.stdout
    assert "secret" not in finished.stdout
    return int(project.emulator.stats()["requests"])


def move_to_another_machine(project: Project) -> None:
    for path in (project.root / ".meltano").glob("meltano.db*"):
        path.unlink()
    shutil.rmtree(project.root / ".meltano/cache", ignore_errors=True)


def state(project: Project, backend: Variables, *arguments: str) -> None:
    """Run `meltano state`."""
    finished = project.meltano("state", *arguments, environment=ENVIRONMENT, **backend)
    assert finished.returncode == 0, finished.stdout


def test_another_machine_continues_where_the_first_stopped(
    project: Project, s3_backend: Variables
) -> None:
    assert sync(project, "bucket", IDS, s3_backend) == len(IDS)
    original, copied = f"{STATE_ID}:bucket", f"{STATE_ID}:copy"
    state(project, s3_backend, "copy", "--force", original, copied)
    state(project, s3_backend, "clear", "--force", original)
    move_to_another_machine(project)
    assert sync(project, "copy", IDS, s3_backend) == 0


def test_two_machines_never_run_at_once_and_share_their_work(
    project: Project, postgres_backend: Variables
) -> None:
    # The first machine gets no response and is killed: the second has to wait for it.
    project.emulator.reset()
    project.emulator.fault("hang")
    run = ("run", "--state-id-suffix=shared", *EXTRACT_AND_LOAD)
    variables = {**settings(project, "tt0185906"), **postgres_backend}
    with project.start_meltano(*run, environment=ENVIRONMENT, **variables) as first:
        while project.emulator.stats()["in_flight"] == 0:
            assert first.poll() is None, first.stdout and first.stdout.read()
            time.sleep(0.1)
        refused = project.meltano(*run, environment=ENVIRONMENT, **variables)
        os.killpg(first.pid, signal.SIGKILL)
        project.emulator.clear_faults()
    assert refused.returncode != 0
    (line,) = [line for line in refused.stdout.splitlines() if "already running" in line]
    assert f"Another '{STATE_ID}:shared' pipeline" in line
    assert "--force" in line
    assert "Wait until" in line

    assert sync(project, "work", IDS, postgres_backend) == len(IDS)
    move_to_another_machine(project)
    assert sync(project, "work", IDS, postgres_backend) == 0
