from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from local_airflow import processes, secrets_file
from local_airflow.errors import LocalAirflowError
from local_airflow.settings import (
    Layout,
    Server,
    broker_config,
    broker_url,
    components,
    environment,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_airflow.settings import Executor

LAYOUT = Layout(Path("/srv/movies"), Path("/srv/movies/.airflow"))
SERVER = Server("127.0.0.1", 15432, "omdb", "p@ss/word")
SECRETS = secrets_file.Secrets("fernet", "jwt", "api", "admin-password", "broker-password")


def variables(executor: Executor = "local", workers: int = 2, **given: str) -> dict[str, str]:
    broker = broker_url(6379, SECRETS.broker_password) if executor == "celery" else None
    return environment(
        LAYOUT,
        SECRETS,
        SERVER,
        executor=executor,
        port=15580,
        workers=workers,
        given=given,
        broker=broker,
    )


def test_it_listens_on_loopback_alone_and_tells_tasks_where() -> None:
    env = variables()
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:15580"
    assert env["AIRFLOW__API__PORT"] == "15580"
    assert "bind 127.0.0.1\n" in broker_config(6379, "secret", Path("/tmp"))  # noqa: S108
    for executor in ("local", "celery"):
        for name, arguments in components(executor, 2, LAYOUT.home).items():
            if name.startswith(("scheduler", "worker")):  # their log servers listen on all
                assert "--skip-serve-logs" in arguments


def test_passwords_in_urls_are_encoded() -> None:
    url = variables()["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert url.startswith("postgresql+psycopg2://omdb:p%40ss%2Fword@127.0.0.1:15432/airflow?")


def test_nothing_is_reported_and_no_examples_are_loaded() -> None:
    env = variables()
    assert env["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"
    assert env["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"


def test_variables_of_the_caller_win_except_for_another_postgres() -> None:
    env = variables(AIRFLOW__CORE__PARALLELISM="9", PGHOST="192.0.2.1", PGSSLMODE="require", A="1")
    assert env["AIRFLOW__CORE__PARALLELISM"] == "9"
    assert env["A"] == "1"
    assert {name for name in env if name.startswith("PG")} == set()


def test_with_celery_only_variables_and_the_workers_are_added() -> None:
    local, celery = variables(), variables("celery", workers=3)
    different = {name for name in celery if local.get(name) != celery[name]}
    assert different == {
        "AIRFLOW__CELERY__BROKER_URL",
        "AIRFLOW__CORE__EXECUTOR",
        "AIRFLOW__CORE__PARALLELISM",
    }
    added = {*components("celery", 3, LAYOUT.home)} - {*components("local", 3, LAYOUT.home)}
    assert added == {"worker-1", "worker-2", "worker-3"}


def test_secrets_are_made_once_and_readable_by_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    previous = os.umask(0)
    try:
        made = secrets_file.load_or_create(path)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secrets_file.load_or_create(path) == made
    assert len({*vars(made).values()}) == 5
    assert secrets_file.load_or_create(tmp_path / "others.json") != made


def test_secrets_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    for text in ("", "{}", '["x"]'):
        path.write_text(text)
        with pytest.raises(LocalAirflowError, match=f"{path} cannot be read: delete it"):
            secrets_file.load_or_create(path)


def start(home: Path, code: str) -> int:
    """Start a Python program, and wait for the number that it prints."""
    log = home / "logs/program.log"
    process = processes.start(
        [sys.executable, "-u", "-c", code], home=home, env={}, log=log, cwd=home
    )
    wait_for(lambda: log.read_text().strip().isdigit())
    process.returncode = 0  # it is ended by its number
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    return int(log.read_text())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


ORPHAN = """
import os, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(sleep, start_new_session=True)
print(child.pid)
"""
WITHOUT_VARIABLES = """
import os, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(sleep, env={})
print(child.pid)
"""
WITHOUT_BOTH = """
import os, subprocess, sys, time
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
sleep = [sys.executable, "-c", deaf]
child = subprocess.Popen(sleep, env={}, start_new_session=True)
time.sleep(1)
print(child.pid)
time.sleep(600)
"""
DEAF = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid())
time.sleep(600)
"""


@pytest.mark.parametrize("code", [ORPHAN, WITHOUT_VARIABLES, WITHOUT_BOTH, DEAF])
def test_every_descendant_is_found_and_ended(tmp_path: Path, code: str) -> None:
    number = start(tmp_path, code)
    assert number in {process.pid for process in processes.find(tmp_path)}
    assert processes.stop(tmp_path, seconds=0.5) >= 1
    assert not psutil.pid_exists(number) or psutil.Process(number).status() == "zombie"
    assert processes.find(tmp_path) == []
    assert processes.stop(tmp_path, seconds=0.5) == 0


def test_a_number_that_belongs_to_another_process_by_now_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)  # noqa: S607 - a stranger
    try:
        started = psutil.Process(other.pid).create_time()
        (tmp_path / "processes.json").write_text(json.dumps({other.pid: started}))
        assert [process.pid for process in processes.find(tmp_path)] == [other.pid]
        (tmp_path / "processes.json").write_text(json.dumps({other.pid: 1.0}))
        assert processes.find(tmp_path) == []
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("number", [0, 1, -1])
def test_the_session_of_the_system_itself_is_never_taken_for_ours(
    tmp_path: Path, number: int
) -> None:
    (tmp_path / "processes.json").write_text(json.dumps({number: 1.0}))
    assert processes.find(tmp_path) == []
