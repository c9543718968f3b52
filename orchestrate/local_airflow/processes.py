"""Start processes in the background, find them again, and end them with all their descendants.

Each is the leader of a session, recorded in a file. Descendants may leave the session and lose
their parent, but keep a variable; on the other hand, programs that change their title (Airflow,
Celery, Valkey) overwrite their variables. So both are looked at.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from local_airflow.errors import LocalAirflowError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MARK = "MOVIES_AIRFLOW"
"""The variable that descendants keep; its value is the directory of Airflow's data."""

_RECORD = "processes.json"
_KILL_SECONDS = 10
_TAIL_LINES = 12


def find(home: Path) -> list[psutil.Process]:
    """Return all running processes that were started with a directory, and their descendants."""
    leaders = _leaders(home)
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and (
                os.getsid(process.pid) in leaders or process.environ().get(MARK) == str(home)
            ):
                found[process.pid] = process
    for process in [*found.values()]:
        with suppress(psutil.Error):
            found.update({child.pid: child for child in process.children(recursive=True)})
    return [process for process in found.values() if _is_running(process)]


def start(
    command: Sequence[str | Path],
    *,
    home: Path,
    env: Mapping[str, str],
    log: Path,
    cwd: Path,
) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one, and record it; its output goes to a new log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command,
            cwd=cwd,
            env={**env, MARK: str(home)},
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    leaders = {**_leaders(home), process.pid: psutil.Process(process.pid).create_time()}
    (home / _RECORD).write_text(json.dumps(leaders), encoding="utf-8")
    return process


def stop(home: Path, seconds: float) -> int:
    """End all processes that were started with a directory.

    They are asked to end, and after a while killed.

    Args:
        home: The directory.
        seconds: How long they have to end by themselves.

    Returns:
        How many there were.

    Raises:
        LocalAirflowError: One does not end.
    """
    found = find(home)
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(found, timeout=seconds)
    deadline = time.monotonic() + _KILL_SECONDS
    # Some of the first ones may have lost what they were found by: their parent.
    while remaining := {*filter(_is_running, found), *find(home)}:
        if time.monotonic() > deadline:
            numbers = ", ".join(str(process.pid) for process in remaining)
            message = f"these processes do not end: {numbers}; end them by hand"
            raise LocalAirflowError(message)
        for process in remaining:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(remaining, timeout=1)
    (home / _RECORD).unlink(missing_ok=True)
    return len(found)


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:])


def _leaders(home: Path) -> dict[int, float]:
    """Return the recorded session leaders with their start (Unix time).

    One whose number now belongs to a later process is left out. As long as a member of a session
    runs, the system gives the number of its leader to no other process.
    """
    try:
        recorded = json.loads((home / _RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    leaders = {}
    for number, created in recorded.items():
        # Processes of the system have no session (0), also those of a container's host.
        if int(number) <= 1:
            continue
        try:
            is_same = psutil.Process(int(number)).create_time() == created
        except psutil.NoSuchProcess:
            is_same = True
        if is_same:
            leaders[int(number)] = float(created)
    return leaders


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
