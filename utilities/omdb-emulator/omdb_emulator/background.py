"""An emulator in the background: its home folder, its port, starting and stopping it.

The server holds a lock on ``<home>/emulator.lock`` as long as it lives and writes its process id
there. A lock that is free therefore means that nothing runs, whatever the file says, and a process
id under a held lock is the server's own, since what an earlier one left is wiped before a server
starts: no process that is not ours can ever be stopped.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TextIO

from dotenv import dotenv_values, set_key

from omdb_emulator.client import Control, ControlError
from omdb_emulator.ports import (
    PORT_VARIABLE,
    PREFERRED_PORT,
    PortError,
    free_port,
    is_free,
    port_of_environment,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_STOP_SECONDS = 10
_LOCK_SECONDS = 2
_POLL_SECONDS = 0.02


class BackgroundError(RuntimeError):
    """What stands in the way, and the remedy, in one line."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that lives: its process, its URL and the arguments it was started with."""

    pid: int
    url: str
    arguments: list[str]


class Home:
    """The folder where a background emulator keeps its lock, port and log."""

    def __init__(self, folder: Path) -> None:
        """Look at a folder; it need not exist yet."""
        self.folder = folder
        self.log = folder / "emulator.log"
        self._lock = folder / "emulator.lock"
        self._starting = folder / "starting.lock"
        self._port = folder / "port"

    def running(self) -> Running | None:
        """Return the server that lives, None if there is none."""
        try:
            with self._lock.open(encoding="utf-8") as lock:
                if _try_lock(lock, shared=True):
                    return None
                text = lock.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BackgroundError(_cannot_use(self.folder, error)) from None
        try:
            return Running(**json.loads(text))
        except (ValueError, TypeError):
            # It holds the lock but has not written yet: it is starting.
            return None

    @contextlib.contextmanager
    def serving(self, url: str, arguments: Sequence[str]) -> Iterator[None]:
        """Be the running server for the time of a ``with`` block.

        Raises:
            BackgroundError: if another one is, or the folder cannot be written.
        """
        self._make()
        with _opened(self._lock, self.folder) as lock:
            # Whoever looks whether a server runs holds the lock too, but for an instant.
            deadline = time.monotonic() + _LOCK_SECONDS
            while not (locked := _try_lock(lock)) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS / 10)
            if not locked:
                msg = f"an emulator already runs for {self.folder}; stop it first"
                raise BackgroundError(msg)
            lock.truncate(0)
            lock.write(json.dumps(asdict(Running(os.getpid(), url, list(arguments)))))
            lock.flush()
            yield

    def start(
        self,
        arguments: Sequence[str],
        *,
        host: str,
        port: int | None,
        env_file: Path | None,
        wait_seconds: float,
    ) -> tuple[Running, bool]:
        """Start a server in the background, unless one runs, and wait until it answers.

        Args:
            arguments: the arguments of ``serve`` but for host, port and home.
            host: the address to listen on.
            port: the port wanted; None for the kept or the preferred one.
            env_file: the file that is told the port; None for no file.
            wait_seconds: how long to wait for the first answer.

        Returns:
            The running server, and whether it was started now.

        Raises:
            BackgroundError: if it does not start; the message says what to do.
            PortError: if the port cannot be had; likewise.
        """
        self._make()
        with self._alone():
            running = self.running()
            is_new = running is None
            if running is None:
                with _opened(self._lock, self.folder) as lock:
                    lock.truncate(0)
                port = self._choose_port(host, port)
                command = [*arguments, "--host", host, "--port", str(port)]
                running = self._spawn(command, wait_seconds)
            else:
                _wait_for_answer(running, wait_seconds)
            self._tell_port(int(running.url.rstrip("/").rpartition(":")[2]), env_file)
        return running, is_new

    def stop(self) -> bool:
        """End the server; return whether one ran.

        Raises:
            BackgroundError: if it does not end.
        """
        if not self.folder.exists():
            return False
        with self._alone():
            running = self.running()
            return running is not None and _end(running, self)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no one else starts or stops a server here."""
        with _opened(self._starting, self.folder) as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            yield

    def _make(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BackgroundError(_cannot_use(self.folder, error)) from None

    def _choose_port(self, host: str, wanted: int | None) -> int:
        if wanted is not None:
            if wanted and not is_free(host, wanted):
                msg = f"port {wanted} is taken by another program; choose another with --port"
                raise PortError(msg)
            return wanted or free_port(host)
        kept = self._kept_port()
        for port in dict.fromkeys(p for p in (port_of_environment(), kept) if p):
            if is_free(host, port):
                return port
        if kept:
            msg = (
                f"port {kept}, kept for good in {self._port}, is taken by another program; "
                "stop that, or delete the file to let another port be chosen"
            )
            raise PortError(msg)
        return PREFERRED_PORT if is_free(host, PREFERRED_PORT) else free_port(host)

    def _kept_port(self) -> int | None:
        try:
            return int(self._port.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    def _tell_port(self, port: int, env_file: Path | None) -> None:
        """Keep the port, and write it where others look, if they would look elsewhere."""
        if self._kept_port() != port:
            self._port.write_text(f"{port}\n", encoding="utf-8")
        if env_file is None:
            return
        told = dotenv_values(env_file).get(PORT_VARIABLE) if env_file.exists() else None
        if str(port) == (told or str(port_of_environment() or PREFERRED_PORT)):
            return
        try:
            set_key(env_file, PORT_VARIABLE, str(port), quote_mode="never")
        except OSError as error:
            msg = f"cannot write {PORT_VARIABLE} to {env_file}: {error.strerror}"
            raise BackgroundError(msg) from None

    def _spawn(self, arguments: Sequence[str], wait_seconds: float) -> Running:
        command = [sys.executable, "-m", "omdb_emulator", "serve", *arguments]
        command += ["--home", str(self.folder.resolve())]
        with _opened(self.log, self.folder) as log:
            log.truncate(0)
            process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + wait_seconds
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise BackgroundError(self._last_words())
            running = self.running()
            if running is not None:
                _wait_for_answer(running, deadline - time.monotonic())
                # It is meant to outlive us: Popen must not complain about that.
                process.returncode = 0
                return running
            time.sleep(_POLL_SECONDS)
        process.terminate()
        process.wait()
        msg = f"the emulator did not answer within {wait_seconds:g} s; see {self.log}"
        raise BackgroundError(msg)

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = lines[-1].removeprefix("omdb-emulator: ") if lines else "no word of why"
        return f"the emulator did not start: {said} (log: {self.log})"


def _end(running: Running, home: Home) -> bool:
    """Signal a server until it is gone; True, since it was there."""
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(running.pid, wanted)
        except ProcessLookupError:
            return True
        except PermissionError:
            msg = f"process {running.pid} belongs to another user; stop it as that user"
            raise BackgroundError(msg) from None
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            if home.running() is None:
                return True
            time.sleep(_POLL_SECONDS)
    msg = f"process {running.pid} does not end"
    raise BackgroundError(msg)


def _wait_for_answer(running: Running, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not _answers(running):
        if time.monotonic() > deadline:
            msg = f"process {running.pid} does not answer at {running.url}; stop it first"
            raise BackgroundError(msg)
        time.sleep(_POLL_SECONDS)


def _answers(running: Running) -> bool:
    try:
        Control(running.url, timeout=5).health()
    except (OSError, ControlError, http.client.HTTPException):
        return False
    return True


def _opened(path: Path, folder: Path) -> TextIO:
    try:
        # Not truncated: the file may be locked by a server that lives.
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise BackgroundError(_cannot_use(folder, error)) from None


def _cannot_use(folder: Path, error: OSError) -> str:
    return f"cannot use the folder {folder}: {error.strerror}; choose another with --home"


def _try_lock(file: TextIO, *, shared: bool = False) -> bool:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def describe(running: Running) -> dict[str, Any]:
    """Return what the running server says of itself.

    Raises:
        BackgroundError: if it does not answer.
    """
    try:
        return Control(running.url, timeout=5).health()
    except (OSError, ControlError, http.client.HTTPException):
        msg = f"process {running.pid} lives but does not answer at {running.url}; stop it first"
        raise BackgroundError(msg) from None
