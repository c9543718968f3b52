"""The server's main process: whether it runs, and what a crash of it left behind."""

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
_SETTLE_TIMEOUT_S = 60.0
_ORPHAN_TIMEOUT_S = 5.0
_POLL_S = 0.05


@dataclass(frozen=True)
class Postmaster:
    """A running server, as described by its `postmaster.pid`.

    Attributes:
        pid: The id of the process.
        port: The port it listens on; None until it has written that.
        state: "starting", "ready" or "stopping"; empty until it has written that.
    """

    pid: int
    port: int | None
    state: str


def find(pgdata: Path) -> Postmaster | None:
    """The running server of a data directory, if there is one.

    After a crash, the process id in `postmaster.pid` may belong to no process, or to another one.
    Only a PostgreSQL process in this data directory counts.
    """
    try:
        lines = (pgdata / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid = int(lines[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    if not _belongs_to(pid, pgdata):
        return None
    port = lines[_PORT_LINE].strip() if len(lines) > _PORT_LINE else ""
    state = lines[_STATE_LINE].strip() if len(lines) > _STATE_LINE else ""
    return Postmaster(pid, int(port) if port.isdecimal() else None, state)


def wait_until_settled(pgdata: Path) -> Postmaster | None:
    """Like `find`, after the server has finished starting (and recovering) or stopping.

    Raises:
        EmbeddedPostgresError: It has not finished within a minute.
    """
    deadline = time.monotonic() + _SETTLE_TIMEOUT_S
    while (found := find(pgdata)) is not None and found.state != "ready":
        if time.monotonic() > deadline:
            problem = f"Postgres (pid {found.pid}) is still {found.state or 'starting'}"
            remedy = f"wait and try again; {pgdata.with_name('log')} shows what it does."
            raise EmbeddedPostgresError(problem, remedy)
        time.sleep(_POLL_S)
    return found


def clean_up_after_crash(pgdata: Path) -> None:
    """Remove what would prevent a start after a crash; no server may be running.

    PostgreSQL cleans up after itself, with two exceptions: server processes that outlive the
    postmaster in a long query, and a `postmaster.pid` whose process id another process has now.
    """
    pidfile = pgdata / "postmaster.pid"
    if not pidfile.exists():
        return
    orphans = [process for process in psutil.process_iter() if _belongs_to(process.pid, pgdata)]
    # As a postmaster does when one of its child processes has crashed.
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for process in orphans:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        deadline = time.monotonic() + _ORPHAN_TIMEOUT_S
        while orphans and time.monotonic() < deadline:
            orphans = [process for process in orphans if _belongs_to(process.pid, pgdata)]
            time.sleep(_POLL_S)
    # Without any process of this data directory, the file has no purpose.
    pidfile.unlink()


def _belongs_to(pid: int, pgdata: Path) -> bool:
    """Whether a process is PostgreSQL with this data directory, which is its working directory."""
    try:
        process = psutil.Process(pid)
        is_postgres = process.name() in {"postgres", "postmaster"}
        return is_postgres and process.cwd() == str(pgdata.resolve())
    except (psutil.Error, OSError):
        return False
