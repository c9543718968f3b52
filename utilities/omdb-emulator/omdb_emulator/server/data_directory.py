"""The data directory of an emulator in the background: its lock, port and log.

The server holds a lock on ``emulator.lock`` as long as it runs, and writes its process id there. If
nothing holds the lock, no server runs, whatever the file contains. If something does, the process
id in the file is the server's own, since each start truncates the file first. This way no other
process is ever stopped.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_LOCK_SECONDS = 2
_POLL_SECONDS = 0.002


class BackgroundError(RuntimeError):
    """An error in one line, with its remedy."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A running server: its process, its URL and the arguments it was started with."""

    pid: int
    url: str
    arguments: list[str]

    @property
    def port(self) -> int:
        """The port in the URL."""
        return int(self.url.rstrip("/").rpartition(":")[2])


class DataDirectory:
    """Reads and writes the files of one data directory."""

    def __init__(self, path: Path) -> None:
        """Use this directory, which need not exist yet."""
        self.path = path
        self.log = path / "emulator.log"
        self.port_file = path / "port"
        self._server_lock = path / "emulator.lock"
        self._start_lock = path / "starting.lock"

    def create(self) -> None:
        """Make the directory if it is missing.

        Raises:
            BackgroundError: if that is not possible.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from None

    def running(self) -> RunningServer | None:
        """Return the running server, None if there is none."""
        try:
            with self._server_lock.open(encoding="utf-8") as lock:
                if _try_lock(lock, shared=True):
                    return None
                text = lock.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from None
        try:
            return RunningServer(**json.loads(text))
        except (ValueError, TypeError):
            # It is starting: it holds the lock but has not written to the file yet.
            return None

    @contextlib.contextmanager
    def serving(self, url: str, arguments: Sequence[str]) -> Iterator[None]:
        """Register this process as the running server during a ``with`` block.

        Raises:
            BackgroundError: if another server runs, or the directory cannot be written to.
        """
        self.create()
        with self.open(self._server_lock) as lock:
            # Whoever checks for a running server also holds the lock, for a moment.
            deadline = time.monotonic() + _LOCK_SECONDS
            while not (locked := _try_lock(lock)) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            if not locked:
                msg = f"an emulator already runs with the data directory {self.path}; stop it first"
                raise BackgroundError(msg)
            lock.truncate(0)
            lock.write(json.dumps(asdict(RunningServer(os.getpid(), url, list(arguments)))))
            lock.flush()
            yield

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Wait until no other process starts or stops a server here, and keep it so."""
        with self.open(self._start_lock) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def clear_server(self) -> None:
        """Discard what a server that no longer runs has written; for use before a start."""
        with self.open(self._server_lock) as lock:
            lock.truncate(0)

    @property
    def port(self) -> int | None:
        """The port of the last start, None before the first one."""
        try:
            return int(self.port_file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    def save_port(self, port: int) -> None:
        """Save the port for later starts."""
        if self.port != port:
            self.port_file.write_text(f"{port}\n", encoding="utf-8")

    def open(self, path: Path) -> TextIO:
        """Open a file of the directory for appending.

        Raises:
            BackgroundError: if that is not possible.
        """
        try:
            # Not truncated: a running server may hold a lock on it.
            return path.open("a+", encoding="utf-8")
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> BackgroundError:
        return BackgroundError(
            f"cannot use the data directory {self.path}: {error.strerror}; "
            "choose another with --data-dir"
        )


def _try_lock(file: TextIO, *, shared: bool = False) -> bool:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
