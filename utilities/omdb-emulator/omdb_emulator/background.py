"""An emulator in the background: starting and stopping it, and its data directory.

The server holds a lock on ``emulator.lock`` as long as it runs, and writes its process id and URL
there. If nothing holds the lock, no server runs, whatever the file contains; this way no other
process is ever stopped.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from dotenv import dotenv_values, set_key

from omdb_emulator.client import Control, ControlError

PREFERRED_PORT = 15500
PORT_VARIABLE = "OMDB_EMULATOR_PORT"
# Below the ports that systems assign to outgoing connections, which could conflict.
_RANDOM_PORTS = range(20000, 32000)
_BACKLOG = 4096
_START_SECONDS = 60
_STOP_SECONDS = 10
_POLL_SECONDS = 0.02


class BackgroundError(RuntimeError):
    """An error in one line, with its remedy."""


class PortInUseError(BackgroundError):
    """Another program listens on the port."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises:
        PortInUseError: if another program listens there.
        BackgroundError: if listening there is not possible for another reason.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            msg = f"port {port} is in use by another program; choose another with --port"
            raise PortInUseError(msg) from None
        reason = os.strerror(error.errno) if error.errno else error
        msg = f"cannot listen on {host}:{port}: {reason}"
        raise BackgroundError(msg) from None


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

    def health(self) -> dict[str, Any]:
        """Return what the health endpoint reports.

        Raises:
            BackgroundError: if it does not respond in time.
        """
        try:
            return Control(self.url, timeout=10).health()
        except (OSError, ControlError, http.client.HTTPException):
            msg = f"process {self.pid} runs but does not respond at {self.url}; stop it first"
            raise BackgroundError(msg) from None


class DataDirectory:
    """The directory with the lock, the last port and the log of a server in the background."""

    def __init__(self, path: Path) -> None:
        """Use this directory, which need not exist yet."""
        self.path = path
        self.log = path / "emulator.log"
        self._lock = path / "emulator.lock"

    def last(self) -> RunningServer | None:
        """Return the server that was started last, whether or not it still runs."""
        try:
            return RunningServer(**json.loads(self._lock.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
            return None

    def running(self) -> RunningServer | None:
        """Return the running server, None if there is none."""
        try:
            lock = self._lock.open(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        with lock:
            return None if _try_lock(lock, fcntl.LOCK_SH) else self.last()

    @contextlib.contextmanager
    def serving(self, url: str, arguments: Sequence[str]) -> Iterator[None]:
        """Register this process as the running server during a ``with`` block.

        Raises:
            BackgroundError: if another server runs, or the directory cannot be written to.
        """
        with self._open(self._lock) as lock:
            # Whoever checks for a running server also holds the lock, for a moment.
            deadline = time.monotonic() + 2
            while not _try_lock(lock, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    msg = f"an emulator already runs with the data directory {self.path}"
                    raise BackgroundError(msg)
                time.sleep(_POLL_SECONDS)
            lock.truncate(0)
            json.dump(asdict(RunningServer(os.getpid(), url, list(arguments))), lock)
            lock.flush()
            yield

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Wait until no other process starts or stops a server here, and keep it so.

        Raises:
            BackgroundError: if the directory cannot be used.
        """
        with self._open(self.path / "starting.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def spawn(self, arguments: Sequence[str]) -> RunningServer:
        """Start a server with these arguments of ``serve``, and wait until it responds.

        Raises:
            BackgroundError: if it does not.
        """
        command = [sys.executable, "-m", "omdb_emulator", "serve", *arguments]
        command += ["--data-dir", str(self.path.resolve())]
        with self.log.open("w", encoding="utf-8") as log:
            process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                reason = lines[-1].removeprefix("Error: ") if lines else "for an unknown reason"
                msg = f"the emulator did not start: {reason} (log: {self.log})"
                raise BackgroundError(msg)
            running = self.running()
            if running is not None and running.pid == process.pid:
                running.health()
                # It outlives this process, and Popen would warn about that.
                process.returncode = 0
                return running
            time.sleep(_POLL_SECONDS)
        process.terminate()
        process.wait()
        msg = f"the emulator did not respond within {_START_SECONDS} s; see {self.log}"
        raise BackgroundError(msg)

    def _open(self, path: Path) -> TextIO:
        """Open a file for appending, since a running server may hold a lock on it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return path.open("a+", encoding="utf-8")
        except OSError as error:
            msg = (
                f"cannot use the data directory {self.path}: {error.strerror}; "
                "choose another with --data-dir"
            )
            raise BackgroundError(msg) from None


def start(
    directory: DataDirectory,
    arguments: Sequence[str],
    host: str,
    port: int | None,
    env_file: Path | None,
) -> tuple[RunningServer, bool]:
    """Start a server unless one runs, and wait until it responds.

    Args:
        directory: its data directory.
        arguments: the arguments of ``serve`` except host, port and data directory.
        host: the address to listen on.
        port: the port; 0 is any free one; None is the one in the environment, in the env file or
            of the last start, else the preferred one.
        env_file: the file to record the port in, if it is not the one chosen there; None for none.

    Returns:
        The running server, and whether this call started it.

    Raises:
        BackgroundError: if it does not start, or the port is not available.
    """
    chosen = chosen_port(env_file)
    with directory.exclusive():
        running = directory.running()
        is_new = running is None
        if running is None:
            port = _free_port(directory, host, port, chosen)
            command = [*arguments, "--host", host, "--port", str(port)]
            running = directory.spawn(command)
        else:
            running.health()
        if env_file is not None and running.port != (chosen or PREFERRED_PORT):
            try:
                set_key(env_file.resolve(), PORT_VARIABLE, str(running.port), quote_mode="never")
            except OSError as error:
                msg = f"cannot write {PORT_VARIABLE} to {env_file}: {error.strerror}"
                raise BackgroundError(msg) from None
    return running, is_new


def stop(directory: DataDirectory) -> bool:
    """Stop the server; return whether one was running.

    Raises:
        BackgroundError: if it does not stop.
    """
    if not directory.path.exists():
        return False
    with directory.exclusive():
        running = directory.running()
        if running is None:
            return False
        try:
            os.kill(running.pid, signal.SIGTERM)
        except ProcessLookupError:
            return True
        except PermissionError:
            msg = f"process {running.pid} belongs to another user; stop it as that user"
            raise BackgroundError(msg) from None
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            if directory.running() is None:
                return True
            time.sleep(_POLL_SECONDS)
    msg = f"process {running.pid} does not stop; end it with: kill -9 {running.pid}"
    raise BackgroundError(msg)


def chosen_port(env_file: Path | None = None) -> int | None:
    """Return the port in the environment, else in the env file, None without one.

    Raises:
        BackgroundError: if it is not a port number.
    """
    in_file = dotenv_values(env_file).get(PORT_VARIABLE) if env_file else None
    text = (os.environ.get(PORT_VARIABLE) or in_file or "").strip()
    if not text:
        return None
    if not text.isdigit() or not 0 < int(text) < 65536:  # noqa: PLR2004
        msg = f"{PORT_VARIABLE} must be a port number, not {text!r}"
        raise BackgroundError(msg)
    return int(text)


def _free_port(
    directory: DataDirectory, host: str, requested: int | None, chosen: int | None
) -> int:
    if requested:
        listen(host, requested).close()
        return requested
    last = directory.last()
    if requested is None:
        for known in (chosen, last.port if last else PREFERRED_PORT):
            if known and _is_free(host, known):
                return known
        if last:
            msg = (
                f"port {last.port}, saved in {directory.path}, is in use by another program; "
                "stop that program, or choose another port with --port"
            )
            raise PortInUseError(msg)
    while not _is_free(host, port := secrets.choice(_RANDOM_PORTS)):
        pass
    return port


def _is_free(host: str, port: int) -> bool:
    try:
        listen(host, port).close()
    except PortInUseError:
        return False
    return True


def _try_lock(file: TextIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
