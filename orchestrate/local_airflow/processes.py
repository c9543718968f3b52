"""Start processes in the background, find them again, and end them with all their descendants."""

from __future__ import annotations

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
"""This variable is passed on to descendants, so that none is missed, wherever its parent is."""

_KILL_SECONDS = 10
_TAIL_LINES = 12


def find(mark: str) -> list[psutil.Process]:
    """Return all running processes that were started with a mark, and their descendants."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            is_ended = process.status() == psutil.STATUS_ZOMBIE
            if not is_ended and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def start(
    command: Sequence[str | Path],
    *,
    mark: str,
    env: Mapping[str, str],
    log: Path,
    cwd: Path,
) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one; its output goes to a new log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - our own commands
            command,
            cwd=cwd,
            env={**env, MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def stop(mark: str, seconds: float) -> int:
    """End all processes with a mark.

    They are asked to end, and after a while killed.

    Args:
        mark: Their mark.
        seconds: How long they have to end by themselves.

    Returns:
        How many there were.

    Raises:
        LocalAirflowError: One does not end.
    """
    found = find(mark)
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(found, timeout=seconds)
    deadline = time.monotonic() + _KILL_SECONDS
    while remaining := find(mark):
        if time.monotonic() > deadline:
            numbers = ", ".join(str(process.pid) for process in remaining)
            message = f"these processes do not end: {numbers}; end them by hand"
            raise LocalAirflowError(message)
        for process in remaining:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(remaining, timeout=1)
    return len(found)


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:])
