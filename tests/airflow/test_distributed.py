"""A backfill on two machines, one of which dies, and then the daily run.

Each machine is a copy of the project in a folder of its own. They share nothing but servers: the
first one's Postgres (data, state, Airflow's metadata), broker, API server and emulator.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import local_airflow
import psutil
import pytest
import requests

from tests.airflow.conftest import AIRFLOW
from tests.pipeline.conftest import Project, copy_project, running_project
from tests.pipeline.conftest import _free_port as free_port

YEARS = "2011-2013"
NUMBER_OF_YEARS = 3
"""One more than the first machine takes at once."""
NEW = "tt0435761"
"""A title of another year."""
MANY = 100
CONCURRENCY = 8
"""The tap's default."""
ENOUGH = 10
"""Responses after which a shard is in the middle of its work."""
ENV_FILE = f"""
TAP_OMDB_YEARS={YEARS}
TAP_OMDB_TYPES=movie
TAP_OMDB_TITLES_FILE=
TAP_OMDB_REFRESH={{}}
"""
"""The daily run has the same years, so that it would request what the backfill has missed."""
SECRETS = {
    "AIRFLOW__CORE__FERNET_KEY": "bm90LXNlY3JldC1ub3Qtc2VjcmV0LW5vdC1zZWNyZXQ=",
    "AIRFLOW__API_AUTH__JWT_SECRET": "x" * 64,
}
SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",  # the DAGs do not change
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


class Api:
    """Airflow's REST API."""

    def __init__(self, address: str, password: str) -> None:
        self._address = address
        self._session = requests.Session()
        login = self.call("POST", "/auth/token", username="admin", password=password)
        self._session.headers["Authorization"] = f"Bearer {login['access_token']}"

    def call(self, method: str, path: str, **body: object) -> dict[str, Any]:
        """Send a request and return the response."""
        url = f"{self._address}{path}"
        response = self._session.request(method, url, json=body or None, timeout=30)
        response.raise_for_status()
        content: dict[str, Any] = response.json()
        return content

    def finish(self, dag: str) -> list[dict[str, Any]]:
        """Wait until the only run of a DAG has succeeded, and return its task instances."""
        runs = f"/api/v2/dags/{dag}/dagRuns"
        (run,) = wait_for(lambda: self.call("GET", runs)["dag_runs"], 60)
        run = f"{runs}/{run['dag_run_id']}"
        wait_for(lambda: self.call("GET", run)["state"] in {"success", "failed"}, 600, pause=1)
        tasks: list[dict[str, Any]] = self.call("GET", f"{run}/taskInstances")["task_instances"]
        states = {(task["task_id"], task["map_index"]): task["state"] for task in tasks}
        assert {*states.values()} == {"success"}, states
        return tasks


@dataclass(frozen=True)
class Cluster:
    """Two machines: one with all servers and a worker, and one with a worker alone."""

    first: Project
    second: Project
    api: Api
    passwords: tuple[str, ...]


@pytest.fixture
def cluster(
    tmp_path_factory: pytest.TempPathFactory,
    airflow_python: Path,  # noqa: ARG001 - it must be there
) -> Iterator[Cluster]:
    with running_project(tmp_path_factory.mktemp("first") / "a próject") as first:
        with first.connect() as connection:
            password = connection.info.password
        server = f"omdb:{password}@127.0.0.1:{first.ports['EMBEDDED_POSTGRES_PORT']}"
        state_uri = f"postgresql+psycopg://{server}/omdb?sslmode=disable"
        with (first.root / ".env").open("a") as file:
            file.write(f"{ENV_FILE}MELTANO_DATABASE_URI={state_uri}\n")
        pools = first.root / "orchestrate/pools.json"
        pools.write_text(pools.read_text().replace('"slots": 2', '"slots": 4'))
        second = copy_project(tmp_path_factory.mktemp("second") / "anothér project")
        for name in (".env", ".postgres/pgpass"):
            (second.root / name).parent.mkdir(exist_ok=True)
            shutil.copy(first.root / name, second.root / name)
        try:
            address = start_airflow(first)
            home = first.root / ".airflow"
            admin = json.loads((home / "passwords.json").read_text())["admin"]
            config = (home / "valkey/valkey.conf").read_text()
            broker = dict(line.split(maxsplit=1) for line in config.splitlines())
            login = broker["requirepass"].strip('"')
            start_worker(
                second,
                AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"{address}/execution/",
                AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"postgresql+psycopg2://{server}/airflow",
                AIRFLOW__CELERY__BROKER_URL=f"redis://:{login}@127.0.0.1:{broker['port']}/0",
            )
            yield Cluster(first, second, Api(address, admin), (admin, login, password))
        finally:
            local_airflow.stop(second.root / ".airflow", seconds=1)
            stopped = first.make("airflow-stop")
        assert stopped == "Airflow has stopped.\n"
        assert local_airflow.find(home) == []


def start_airflow(project: Project) -> str:
    """Start all but the second worker, and return the address."""
    (project.root / ".airflow").mkdir()
    (project.root / ".airflow/venv").symlink_to(AIRFLOW)
    port = free_port()
    variables = {**SETTINGS, **SECRETS, "AIRFLOW__API__PORT": str(port)}
    given = [f"{name}={value}" for name, value in variables.items()]
    start = ["--old-file=.airflow/.installed", "airflow", "EXECUTOR=celery", "WORKERS=1", *given]
    *_, started = project.try_make(*start).stdout.splitlines()
    assert started.startswith(f"http://127.0.0.1:{port} (user admin, password in ")
    assert project.try_make(*start).stdout.splitlines()[-1] == f"Already running: {started}"
    return started.split()[0]


def start_worker(project: Project, **variables: str) -> None:
    """Start a worker as orchestrate/README.md describes it."""
    home = project.root / ".airflow"
    home.mkdir()
    log = home / "worker.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                *(AIRFLOW / "bin/airflow", "celery", "worker", "--celery-hostname=second@%h"),
                *("--skip-serve-logs", "--concurrency=2"),
            ],
            cwd=project.root,
            env={
                "PATH": os.defpath,
                "HOME": str(project.root.parent),
                "LANG": "C.UTF-8",
                **SETTINGS,
                **SECRETS,
                **variables,
                "AIRFLOW_HOME": str(home),
                "AIRFLOW__CORE__DAGS_FOLDER": str(project.root / "orchestrate/dags"),
                "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                # By these the test finds all that it has started.
                local_airflow.MARK: str(home),
                "SPT_NOENV": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    process.returncode = 0  # it is ended by its number
    wait_for(lambda: "second@" in log.read_text() and "ready." in log.read_text(), 120)


def wait_for(condition: Callable[[], Any], seconds: float, pause: float = 0.2) -> Any:  # noqa: ANN401
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline
        time.sleep(pause)
    return result


def kill(project: Project, name: str = "") -> None:
    """Kill all processes of a machine whose command has a name."""
    for process in local_airflow.find(project.root / ".airflow"):
        with suppress(psutil.Error):  # it may end with another
            if name in " ".join(process.cmdline()):
                process.kill()


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


def assert_secrets_are_kept(cluster: Cluster) -> None:
    home = cluster.first.root / ".airflow"
    for name in ("passwords.json", "airflow.cfg", "valkey/valkey.conf"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    shown = [" ".join(process.cmdline()) for process in local_airflow.find(home)]
    shown += [path.read_text() for path in (home / "logs").rglob("*.log")]
    for secret in (*cluster.passwords, *SECRETS.values()):
        assert not any(secret in text for text in shown)


def test_a_backfill_survives_the_death_of_a_machine(cluster: Cluster) -> None:
    first, second, api = cluster.first, cluster.second, cluster.api
    first.emulator.reset()
    first.emulator.set_latency(500)
    wait_for(lambda: api.call("GET", "/api/v2/dags")["total_entries"] == 2, 120)
    runs = "/api/v2/dags/movies_backfill/dagRuns"
    api.call("POST", runs, logical_date=None, conf={"years": YEARS})

    # The second machine is in the middle of a shard, and dies.
    wait_for(lambda: cached_responses(second) > ENOUGH, 240)
    kill(second)
    # Sent and not answered, answered and not yet cached, or cached on that machine alone.
    under_way = first.emulator.stats()["in_flight"] + CONCURRENCY + cached_responses(second)
    first.emulator.set_latency(0)
    # As if five minutes had passed, for which Meltano takes a dead run for a live one.
    with first.connect() as connection:
        connection.execute(
            "update runs set last_heartbeat_at = last_heartbeat_at - interval '1 hour'"
        )
    # A component that dies is started again.
    kill(first, "dag-processor")

    tasks = api.finish("movies_backfill")
    shards = [task for task in tasks if task["task_id"] == "shard"]
    assert len(shards) == NUMBER_OF_YEARS
    assert max(task["try_number"] for task in shards) > 1

    # Every title is there, exactly once, and hardly any was paid for twice.
    sent = first.emulator.requests()
    queries = Counter(map(query, sent))
    details = {r["query"]["i"] for r in sent if "i" in r["query"]}
    loaded = [row["imdb_id"] for row in first.rows("select imdb_id from demo_raw.movies")]
    assert len(loaded) == len({*loaded}) > MANY
    rejected = {row["imdb_id"] for row in first.rows("select imdb_id from demo_raw.rejects")}
    assert {*loaded} == details - rejected
    assert len(sent) <= len(queries) + under_way
    (marts,) = first.rows("select count(*) as movies from demo_marts.movies")
    assert marts["movies"] == len(loaded)
    log = (first.root / ".airflow/logs/supervisord.log").read_text()
    assert re.search(r"exited: dag-processor .* not expected", log)
    assert log.count("spawned: 'dag-processor'") == 2
    health = api.call("GET", "/api/v2/monitor/health")
    assert health["dag_processor"]["status"] == "healthy"
    assert_secrets_are_kept(cluster)

    # The states of the shards are in the main one, which the daily run has.
    listed = first.meltano("--log-level=error", "state", "list")
    assert listed.stdout.split() == ["demo:tap-omdb-to-target-postgres"]
    shutil.rmtree(first.root / ".meltano/cache")
    page = first.root / "analyze/public/index.html"
    page.unlink()
    first.emulator.reset()
    with (first.root / ".env").open("a") as file:
        file.write(f"TAP_OMDB_IMDB_IDS={NEW}\n")
    # Today's run is due as soon as it may run.
    api.call("PATCH", "/api/v2/dags/movies_daily", is_paused=False)
    daily = {task["task_id"] for task in api.finish("movies_daily")}
    assert daily == {"tap_omdb_target_postgres", "dbt_run", "dbt_test", "dashboard_build"}
    assert [request["query"]["i"] for request in first.emulator.requests()] == [NEW]
    (marts,) = first.rows("select count(*) as movies from demo_marts.movies")
    assert marts["movies"] == len(loaded) + 1
    assert page.stat().st_size > 0
