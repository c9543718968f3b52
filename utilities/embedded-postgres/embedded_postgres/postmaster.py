"""Look at the server's process: is it there, is it ours, has a crash left parts of it behind."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from embedded_postgres.errors import EmbeddedPostgresError

if TYPE_CHECKING:
    from pathlib import Path

_PORT_LINE, _STATE_LINE = 3, 7
_PATIENCE_S = 60.0
_ORPHANS_PATIENCE_S = 5.0
_POLL_S = 0.05


@dataclass(frozen=True)
class Postmaster:
    """A running server, as its `postmaster.pid` describes it.

    Attributes:
        pid: The process.
        port: The port it listens on; None while it has not said so yet.
        state: "starting", "ready" or "stopping"; empty while it has not said so yet.
    """

    pid: int
    port: int | None
    state: str


def find(data: Path) -> Postmaster | None:
    """The running server of the data folder, if there is one.

    After a crash the file names a process that is gone, or one that got the number since: only
    a PostgreSQL process that works in this very folder counts.
    """
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid = int(lines[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    if not _works_in(pid, data):
        return None
    port = lines[_PORT_LINE].strip() if len(lines) > _PORT_LINE else ""
    state = lines[_STATE_LINE].strip() if len(lines) > _STATE_LINE else ""
    return Postmaster(pid, int(port) if port.isdecimal() else None, state)


def settled(data: Path) -> Postmaster | None:
    """As `find`, once the server has finished starting (recovery included) or stopping.

    Raises:
        EmbeddedPostgresError: It does neither within a minute.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while (found := find(data)) is not None and found.state != "ready":
        if time.monotonic() > deadline:
            problem = f"Postgres (pid {found.pid}) is still {found.state or 'starting'}"
            remedy = f"wait and try again; {data.with_name('log')} says what it does."
            raise EmbeddedPostgresError(problem, remedy)
        time.sleep(_POLL_S)
    return found


def clear_remains(data: Path) -> None:
    """Make way for a start after a crash; there must be no running server.

    PostgreSQL clears its own remains but for two: server processes that outlive the postmaster
    in a long query, and a `postmaster.pid` whose number belongs to another process by now.
    """
    pidfile = data / "postmaster.pid"
    if not pidfile.exists():
        return
    orphans = [process for process in psutil.process_iter() if _works_in(process.pid, data)]
    # SIGQUIT is what a postmaster sends to its children when one of them has crashed.
    for kind in (signal.SIGQUIT, signal.SIGKILL):
        for process in orphans:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(kind)
        deadline = time.monotonic() + _ORPHANS_PATIENCE_S
        while orphans and time.monotonic() < deadline:
            orphans = [process for process in orphans if _works_in(process.pid, data)]
            time.sleep(_POLL_S)
    # With no process left in the folder, the file protects nothing.
    pidfile.unlink()


def _works_in(pid: int, data: Path) -> bool:
    """Whether the process is PostgreSQL with this data folder, where all its processes work."""
    try:
        process = psutil.Process(pid)
        return process.name() in {"postgres", "postmaster"} and process.cwd() == str(data.resolve())
    except (psutil.Error, OSError):
        return False
