"""Airflow on this machine, and what compose.yaml says of it, checked by Airflow itself."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import local_airflow
import psutil
import pytest
import yaml

from tests.conftest import run_program
from tests.pipeline.conftest import CHECKOUT

PREFIX = "AIRFLOW__"
POSTGRES = "postgresql://omdb:p%40ss@127.0.0.1:15432/omdb"


LOOPBACK = "127.0.0.1"


@pytest.mark.parametrize(
    ("executor", "given", "expected"),
    [
        # Tasks reach the API server where the caller puts it; by default it is on loopback alone.
        ("local", {}, {"API__HOST": LOOPBACK, "CORE__PARALLELISM": "2"}),
        *(
            ("local", {"API__HOST": host, "API__PORT": "8080"}, {"API__BASE_URL": f"http://{url}"})
            for host, url in (
                ("0.0.0.0", f"{LOOPBACK}:8080"),  # noqa: S104
                ("192.0.2.1", "192.0.2.1:8080"),
            )
        ),
        # Its variables win; parallelism follows the workers.
        ("celery", {"API__PORT": "1"}, {"API__PORT": "1", "CORE__PARALLELISM": "6"}),
    ],
)
def test_variables_of_the_caller_win_except_for_another_postgres(
    executor: str, given: dict[str, str], expected: dict[str, str]
) -> None:
    of_caller = {**{f"{PREFIX}{k}": v for k, v in given.items()}, "PGHOST": "192.0.2.1", "A": "1"}
    env = local_airflow.environment(of_caller, executor, 3, POSTGRES)
    assert {name: env[f"{PREFIX}{name}"] for name in expected} == expected
    assert env["A"] == "1"
    assert {name for name in env if name.startswith("PG")} == set()
    # The metadata is in a database of its own on the embedded Postgres.
    server = "omdb:p%40ss@127.0.0.1:15432/airflow"
    for name, driver in (("SQL_ALCHEMY_CONN", "psycopg2"), ("SQL_ALCHEMY_CONN_ASYNC", "asyncpg")):
        uri = env[f"AIRFLOW__DATABASE__{name}"]
        assert uri.startswith(f"postgresql+{driver}://{server}?")


def test_log_servers_which_listen_on_all_addresses_are_not_started() -> None:
    config = configparser.RawConfigParser()
    config.read(CHECKOUT / "orchestrate/supervisord.conf")
    for name in ("scheduler", "worker"):
        assert "--skip-serve-logs" in config[f"program:{name}"]["command"]


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
    started = run_program(airflow_python, root / "orchestrate/local_airflow.py", "start")
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
def test_every_descendant_and_no_other_process_is_ended(tmp_path: Path, code: str) -> None:
    env = {local_airflow.MARK: str(tmp_path)}
    of_another = {local_airflow.MARK: str(tmp_path / "another"), "AIRFLOW_HOME": str(tmp_path)}
    with (
        subprocess.Popen(["sleep", "60"], env=of_another) as other,  # noqa: S607
        subprocess.Popen(
            [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True
        ) as started,
    ):
        assert started.stdout
        number = int(started.stdout.readline())
        assert number in {process.pid for process in local_airflow.find(tmp_path)}
        assert local_airflow.stop(tmp_path, seconds=0.5)
        assert other.poll() is None
        other.kill()
    assert not psutil.pid_exists(number) or psutil.Process(number).status() == "zombie"
    assert local_airflow.find(tmp_path) == []
    assert not local_airflow.stop(tmp_path, seconds=0.5)


CHECK = """
import json, sys
from airflow.cli.cli_parser import get_parser
from airflow.configuration import conf
options, commands = json.load(sys.stdin)
for arguments in commands:
    get_parser().parse_args(arguments)
found = {"__".join(o): conf.has_option(*o) and conf.get(*o) for o in options}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of the profile that run Airflow."""
    text = (CHECKOUT / "compose.yaml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)["services"]
    return {name: one for name, one in found.items() if one.get("image") == "movies-airflow"}


def test_airflow_has_all_options_and_commands(
    services: dict[str, Any], airflow_python: Path, tmp_path: Path
) -> None:
    env = {
        name: value
        for service in services.values()
        for name, value in service["environment"].items()
        if name.startswith(PREFIX)
    }
    names = {name: name.removeprefix(PREFIX).lower() for name in env}
    commands = [one["command"] for one in services.values() if "entrypoint" not in one]
    assert (len(env) >= 5, len(commands)) == (True, 4)
    checked = run_program(
        *(airflow_python, "-W", "ignore", "-c", CHECK),
        env={"PATH": os.defpath, "AIRFLOW_HOME": str(tmp_path), **env},
        input=json.dumps([[name.split("__") for name in names.values()], commands]),
    )
    assert checked.returncode == 0, checked.stderr
    found = json.loads(checked.stdout.splitlines()[-1])
    assert found == {names[name]: value for name, value in env.items()}


def test_all_of_it_is_in_a_profile_and_listens_on_loopback_alone(services: dict[str, Any]) -> None:
    text = (CHECKOUT / "compose.yaml").read_text(encoding="utf-8")
    for name, service in yaml.safe_load(text)["services"].items():
        assert (service.get("profiles") == ["airflow"]) == (name not in {"postgres", "pipeline"})
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert services["airflow-worker"]["deploy"]["replicas"] == 2


def test_without_one_of_the_keys_it_does_not_start(services: dict[str, Any]) -> None:
    init = services["airflow-init"]
    checks = init["command"][0].replace("$$", "$").partition(".airflow/venv")[0]
    keys = {
        "VALKEY_PASSWORD",
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__API__SECRET_KEY",
        "AIRFLOW__API_AUTH__JWT_SECRET",
    }
    for missing in (None, *sorted(keys)):
        env = {"PATH": os.defpath, **dict.fromkeys(keys - {missing}, "given")}
        finished = run_program(*init["entrypoint"], checks, env=env)
        assert (finished.returncode == 0) == (missing is None)
        assert missing is None or f"{missing}: set it in .env" in finished.stderr
