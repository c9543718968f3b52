from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import local_airflow
import psutil
import pytest

from tests.pipeline.conftest import CHECKOUT

POSTGRES = "postgresql://omdb:p%40ss@127.0.0.1:15432/omdb"


def variables(executor: str = "local", workers: int = 2, **given: str) -> dict[str, str]:
    return local_airflow.environment(given, executor, workers, POSTGRES)


def test_it_listens_on_loopback_alone_and_tells_tasks_where() -> None:
    env = variables()
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["AIRFLOW__API__BASE_URL"] == f"http://127.0.0.1:{env['AIRFLOW__API__PORT']}"
    config = configparser.RawConfigParser()
    config.read(CHECKOUT / "orchestrate/supervisord.conf")
    for name in ("scheduler", "worker"):  # their log servers listen on all addresses
        assert "--skip-serve-logs" in config[f"program:{name}"]["command"]


def test_metadata_is_in_a_database_of_its_own_on_the_embedded_postgres() -> None:
    env = variables()
    server = "omdb:p%40ss@127.0.0.1:15432/airflow"
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith(f"postgresql+psycopg2://{server}?")
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"].startswith(
        f"postgresql+asyncpg://{server}?"
    )


def test_variables_of_the_caller_win_except_for_another_postgres() -> None:
    env = variables(AIRFLOW__CORE__PARALLELISM="9", PGHOST="192.0.2.1", PGSSLMODE="require", A="1")
    assert env["AIRFLOW__CORE__PARALLELISM"] == "9"
    assert env["A"] == "1"
    assert {name for name in env if name.startswith("PG")} == set()
    assert env["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"


@pytest.mark.parametrize(
    ("host", "reached"), [("0.0.0.0", "127.0.0.1"), ("192.0.2.1", "192.0.2.1")]  # noqa: S104
)  # fmt: skip
def test_tasks_reach_the_api_server_where_the_caller_puts_it(host: str, reached: str) -> None:
    env = variables(AIRFLOW__API__PORT="8080", AIRFLOW__API__HOST=host)
    assert env["AIRFLOW__API__BASE_URL"] == f"http://{reached}:8080"
    assert (env["AIRFLOW__API__HOST"], env["AIRFLOW__API__PORT"]) == (host, "8080")


def test_parallelism_follows_the_workers() -> None:
    assert variables()["AIRFLOW__CORE__PARALLELISM"] == "2"
    assert variables("celery", workers=3)["AIRFLOW__CORE__PARALLELISM"] == "6"


FAKE_AIRFLOW = """#!/bin/sh
case "$1" in
  db | pools) ;;
  api-server) echo "no room for it"; exit 1 ;;
  *) exec sleep 60 ;;
esac
"""
FAKE_POSTGRES = "#!/bin/sh\necho postgresql://omdb@127.0.0.1:1/omdb\n"


def test_a_component_that_cannot_start_is_named_and_nothing_runs_then(
    tmp_path: Path, airflow_python: Path
) -> None:
    root = tmp_path / "a próject"
    shutil.copytree(CHECKOUT / "orchestrate", root / "orchestrate")
    programs = root / ".airflow/venv/bin"
    for path, text in (
        (programs / "airflow", FAKE_AIRFLOW),
        (root / local_airflow.POSTGRES.relative_to(CHECKOUT), FAKE_POSTGRES),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(text)
        path.chmod(0o700)
    (programs / "supervisord").symlink_to(airflow_python.with_name("supervisord"))
    started = subprocess.run(
        [airflow_python, root / "orchestrate/local_airflow.py", "start"],
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode == 1
    log = root / ".airflow/logs/api-server.log"
    expected = f"local_airflow: api-server has failed; the end of {log}:\nno room for it\n"
    assert started.stderr == expected
    assert local_airflow.find(root / ".airflow") == []


ORPHAN = """
import os, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(sleep, start_new_session=True)
print(child.pid)
"""
WITHOUT_VARIABLES_AND_DEAF = """
import os, subprocess, sys, time
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", deaf], env={}, start_new_session=True)
time.sleep(1)
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("code", [ORPHAN, WITHOUT_VARIABLES_AND_DEAF])
def test_every_descendant_is_found_and_ended(tmp_path: Path, code: str) -> None:
    env = {local_airflow.MARK: str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout
        number = int(started.stdout.readline())
        assert number in {process.pid for process in local_airflow.find(tmp_path)}
        assert local_airflow.stop(tmp_path, seconds=0.5)
    assert not psutil.pid_exists(number) or psutil.Process(number).status() == "zombie"
    assert local_airflow.find(tmp_path) == []
    assert not local_airflow.stop(tmp_path, seconds=0.5)


def test_processes_of_others_are_left_alone(tmp_path: Path) -> None:
    env = {local_airflow.MARK: str(tmp_path / "another"), "AIRFLOW_HOME": str(tmp_path)}
    with subprocess.Popen(["sleep", "60"], env=env) as other:  # noqa: S607
        assert not local_airflow.stop(tmp_path, seconds=0.5)
        assert other.poll() is None
        other.kill()
