"""A backfill on two machines, one of which dies.

Each machine is a copy of the project in a folder of its own. They share nothing but servers: the
first one's Postgres (data, state, Airflow's metadata), broker, API server and emulator.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from local_airflow import metadata, processes, secrets_file
from local_airflow.settings import Layout, broker_url, components, environment

from tests.airflow.conftest import AIRFLOW
from tests.pipeline.conftest import Project, copy_project, running_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from local_airflow.settings import Server

YEARS = "2011-2016"
NUMBER_OF_YEARS = 6
MANY = 100
ENOUGH = 10
"""Responses after which a shard is in the middle of its work."""
STATE_DATABASE = "meltano"
SETTINGS = {
    # The daily run has the same years, so that it would request what the backfill has missed.
    "TAP_OMDB_YEARS": YEARS,
    "TAP_OMDB_TYPES": "movie",
    "TAP_OMDB_TITLES_FILE": "",
    "TAP_OMDB_IMDB_IDS": "[]",
    "TAP_OMDB_REFRESH": "{}",
    # A dead worker is noticed soon, and tasks are retried soon.
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
}


pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="Valkey is installed on Linux with x86-64 only",
)


@dataclass(frozen=True)
class Api:
    """Airflow's REST API."""

    address: str
    token: str

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and return the response."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(  # noqa: S310
            f"{self.address}{path}", method=method, data=data, headers=headers
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
        return answer

    @classmethod
    def log_in(cls, home: Path) -> Api:
        """Log in with what the first start has made."""
        address = (home / "address").read_text().strip()
        password = json.loads((home / "passwords.json").read_text())["admin"]
        login = cls(address, "").call(
            "POST", "/auth/token", {"username": "admin", "password": password}
        )
        return cls(address, login["access_token"])

    def tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        """The task instances of a DAG run."""
        path = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances"
        found: list[dict[str, Any]] = self.call("GET", path)["task_instances"]
        return found

    def state(self, dag: str, run: str) -> str:
        """The state of a DAG run."""
        return str(self.call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}")["state"])


@dataclass(frozen=True)
class Cluster:
    """Two machines: one with all servers and a worker, and one with a worker alone."""

    first: Project
    second: Project
    api: Api
    env: dict[str, str]


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_project(tmp_path_factory.mktemp("first") / "a próject") as first:
        server = metadata.find_server(first.root)
        env = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(first.root.parent), **SETTINGS}
        env["MELTANO_DATABASE_URI"] = create_state_database(server)
        allow_shards(first, 4)
        with started_airflow(first, env):
            second = copy_project(tmp_path_factory.mktemp("second") / "anothér project")
            shutil.copy(first.root / ".env", second.root / ".env")
            (second.root / ".postgres").mkdir()
            shutil.copy(first.root / ".postgres/pgpass", second.root / ".postgres/pgpass")
            home = second.root / ".airflow"
            try:
                start_worker(first, second, server, env)
                yield Cluster(first, second, Api.log_in(first.root / ".airflow"), env)
            finally:
                processes.stop(home, seconds=1)


def create_state_database(server: Server) -> str:
    """Create a database for Meltano's state and return its URI."""
    with psycopg.connect(
        host=server.host, port=server.port, user=server.user, password=server.password,
        dbname="postgres", autocommit=True,
    ) as connection:  # fmt: skip
        connection.execute(f"create database {STATE_DATABASE}".encode())
    return server.url("psycopg", STATE_DATABASE, sslmode="disable")


def allow_shards(project: Project, slots: int) -> None:
    path = project.root / "orchestrate/pools.json"
    pools = json.loads(path.read_text())
    pools["movies_shards"]["slots"] = slots
    path.write_text(json.dumps(pools))


@contextmanager
def started_airflow(project: Project, env: dict[str, str]) -> Iterator[None]:
    """Airflow as `make airflow EXECUTOR=celery WORKERS=1` starts it."""
    program = [str(AIRFLOW / "bin/python"), "-m", "local_airflow"]
    cwd = project.root / "orchestrate"
    try:
        started = subprocess.run(
            [*program, "start", "--executor=celery", "--workers=1"],
            cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert started.returncode == 0, started.stderr
        assert started.stdout.startswith("http://127.0.0.1:")
        yield
    finally:
        stopped = subprocess.run(
            [*program, "stop"],
            cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert stopped.stdout == "Airflow has stopped.\n"
    assert processes.find(project.root / ".airflow") == []


def start_worker(first: Project, second: Project, server: Server, given: dict[str, str]) -> None:
    """Start a worker on the second machine, with the secrets of the first."""
    home = first.root / ".airflow"
    secrets = secrets_file.load_or_create(home / "secrets.json")
    config = (home / "valkey/valkey.conf").read_text()
    broker_port = int(config.split("port ")[1].split()[0])
    port = int((home / "address").read_text().strip().rsplit(":", 1)[1])
    layout = Layout(second.root, second.root / ".airflow")
    layout.home.mkdir()
    env = environment(
        layout,
        secrets,
        server,
        executor="celery",
        port=port,
        workers=1,
        given=given,
        broker=broker_url(broker_port, secrets.broker_password),
    )
    arguments = components("celery", 1, layout.home)["worker-1"]
    log = layout.logs / "worker.log"
    process = processes.start(
        [AIRFLOW / "bin/airflow", *arguments, "--celery-hostname=second@%h"],
        home=layout.home,
        env=env,
        log=log,
        cwd=second.root,
    )
    process.returncode = 0  # it is ended by its number
    wait_for(lambda: "second@" in log.read_text() and "ready." in log.read_text(), 120)


def wait_for(condition: Callable[[], Any], seconds: float) -> Any:  # noqa: ANN401
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return result


def cached_responses(project: Project) -> int:
    """Count the responses that a machine has received and not yet loaded."""
    total = 0
    for path in (project.root / ".meltano/cache/tap-omdb").rglob("*.db"):
        # Until the tap has made its tables, there is nothing to count.
        with closing(sqlite3.connect(path)) as file, suppress(sqlite3.OperationalError):
            total += file.execute("select count(*) from responses").fetchone()[0]
    return total


def query(request: dict[str, Any]) -> str:
    return json.dumps(request["query"], sort_keys=True)


def test_a_backfill_survives_the_death_of_a_machine(cluster: Cluster) -> None:
    first, second, api = cluster.first, cluster.second, cluster.api
    first.emulator.reset()
    first.emulator.set_latency(500)
    wait_for(lambda: api.call("GET", "/api/v2/dags")["total_entries"] == 2, 120)
    run = api.call(
        "POST",
        "/api/v2/dags/movies_backfill/dagRuns",
        {"logical_date": None, "conf": {"years": YEARS}},
    )["dag_run_id"]

    # The second machine is in the middle of a shard, and dies.
    wait_for(lambda: cached_responses(second) > ENOUGH, 240)
    for process in processes.find(second.root / ".airflow"):
        os.kill(process.pid, signal.SIGKILL)
    under_way = first.emulator.stats()["in_flight"] + cached_responses(second)
    assert under_way
    first.emulator.set_latency(0)
    # As if five minutes had passed, for which Meltano takes a dead run for a live one.
    with psycopg.connect(cluster.env["MELTANO_DATABASE_URI"].replace("+psycopg", "")) as database:
        database.execute(
            "update runs set last_heartbeat_at = last_heartbeat_at - interval '1 hour'"
        )

    wait_for(lambda: api.state("movies_backfill", run) in {"success", "failed"}, 600)
    tasks = api.tasks("movies_backfill", run)
    states = {(task["task_id"], task["map_index"]): task["state"] for task in tasks}
    assert {*states.values()} == {"success"}, states
    shards = [task for task in tasks if task["task_id"] == "shard"]
    assert len(shards) == NUMBER_OF_YEARS
    assert max(task["try_number"] for task in shards) > 1

    # Every title is there, exactly once, and hardly any was paid for twice.
    requests = first.emulator.requests()
    queries = Counter(map(query, requests))
    details = {r["query"]["i"] for r in requests if "i" in r["query"]}
    loaded = [row["imdb_id"] for row in first.rows("select imdb_id from demo_raw.movies")]
    assert len(loaded) == len({*loaded}) > MANY
    rejected = {row["imdb_id"] for row in first.rows("select imdb_id from demo_raw.rejects")}
    assert {*loaded} == details - rejected
    assert len(requests) <= len(queries) + under_way
    (marts,) = first.rows("select count(*) as movies from demo_marts.movies")
    assert marts["movies"] == len(loaded)

    # The states of the shards are in the main one, which the daily run has.
    listed = first.meltano("--log-level=error", "state", "list", **cluster.env)
    assert listed.stdout.split() == ["demo:tap-omdb-to-target-postgres"]
    shutil.rmtree(first.root / ".meltano/cache")
    first.emulator.reset()
    daily = first.meltano("run", "tap-omdb", "target-postgres", **cluster.env)
    assert daily.returncode == 0, daily.stdout
    assert first.emulator.stats()["requests"] == 0
