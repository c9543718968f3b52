"""Starting and stopping an emulator in the background."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from dotenv import dotenv_values, set_key

from omdb_emulator.client import Control, ControlError
from omdb_emulator.server.data_directory import BackgroundError
from omdb_emulator.server.ports import (
    PORT_VARIABLE,
    PREFERRED_PORT,
    PortError,
    free_port,
    is_free,
    port_of_environment,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from omdb_emulator.server.data_directory import DataDirectory, RunningServer

_STOP_SECONDS = 10
_POLL_SECONDS = 0.02


def start(  # noqa: PLR0913
    directory: DataDirectory,
    arguments: Sequence[str],
    *,
    host: str,
    port: int | None,
    env_file: Path | None,
    wait_seconds: float,
) -> tuple[RunningServer, bool]:
    """Start a server unless one runs, and wait until it responds.

    Args:
        directory: its data directory.
        arguments: the arguments of ``serve`` except host, port and data directory.
        host: the address to listen on.
        port: the port; 0 is any free one; None the one of earlier starts, else the preferred one.
        env_file: the file to record the port in; None for no file.
        wait_seconds: how long to wait for the first response.

    Returns:
        The running server, and whether this call started it.

    Raises:
        BackgroundError: if it does not start.
        PortError: if the port is not available.
    """
    directory.create()
    with directory.exclusive():
        running = directory.running()
        is_new = running is None
        if running is None:
            directory.clear_server()
            port = _choose_port(directory, host, port)
            command = [*arguments, "--host", host, "--port", str(port)]
            running = _spawn(directory, command, wait_seconds)
        else:
            _wait_for_response(running, wait_seconds)
        directory.save_port(running.port)
        if env_file is not None:
            _record_port(env_file, running.port)
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
        _terminate(running, directory)
        return True


def health(running: RunningServer) -> dict[str, Any]:
    """Return what the health endpoint of a running server reports.

    Raises:
        BackgroundError: if it does not respond.
    """
    try:
        return Control(running.url, timeout=5).health()
    except (OSError, ControlError, http.client.HTTPException):
        msg = f"process {running.pid} runs but does not respond at {running.url}; stop it first"
        raise BackgroundError(msg) from None


def _choose_port(directory: DataDirectory, host: str, requested: int | None) -> int:
    if requested is not None:
        if requested and not is_free(host, requested):
            msg = f"port {requested} is in use by another program; choose another with --port"
            raise PortError(msg)
        return requested or free_port(host)
    saved = directory.port
    for port in dict.fromkeys(p for p in (port_of_environment(), saved) if p):
        if is_free(host, port):
            return port
    if saved:
        msg = (
            f"port {saved}, saved in {directory.port_file}, is in use by another program; "
            "stop that program, or delete the file to use another port"
        )
        raise PortError(msg)
    return PREFERRED_PORT if is_free(host, PREFERRED_PORT) else free_port(host)


def _record_port(env_file: Path, port: int) -> None:
    """Write the port to an env file, unless its readers use this port already."""
    recorded = dotenv_values(env_file).get(PORT_VARIABLE) if env_file.exists() else None
    if str(port) == (recorded or str(port_of_environment() or PREFERRED_PORT)):
        return
    try:
        set_key(env_file, PORT_VARIABLE, str(port), quote_mode="never")
    except OSError as error:
        msg = f"cannot write {PORT_VARIABLE} to {env_file}: {error.strerror}"
        raise BackgroundError(msg) from None


def _spawn(
    directory: DataDirectory, arguments: Sequence[str], wait_seconds: float
) -> RunningServer:
    command = [sys.executable, "-m", "omdb_emulator", "serve", *arguments]
    command += ["--data-dir", str(directory.path.resolve())]
    with directory.open(directory.log) as log:
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
            raise BackgroundError(_startup_error(directory.log))
        running = directory.running()
        if running is not None:
            _wait_for_response(running, deadline - time.monotonic())
            # It outlives this process, and Popen would warn about that.
            process.returncode = 0
            return running
        time.sleep(_POLL_SECONDS)
    process.terminate()
    process.wait()
    msg = f"the emulator did not respond within {wait_seconds:g} s; see {directory.log}"
    raise BackgroundError(msg)


def _startup_error(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    reason = lines[-1].removeprefix("omdb-emulator: ") if lines else "for an unknown reason"
    return f"the emulator did not start: {reason} (log: {log})"


def _terminate(running: RunningServer, directory: DataDirectory) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(running.pid, number)
        except ProcessLookupError:
            return
        except PermissionError:
            msg = f"process {running.pid} belongs to another user; stop it as that user"
            raise BackgroundError(msg) from None
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            if directory.running() is None:
                return
            time.sleep(_POLL_SECONDS)
    msg = f"process {running.pid} does not stop"
    raise BackgroundError(msg)


def _wait_for_response(running: RunningServer, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not _responds(running) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    health(running)


def _responds(running: RunningServer) -> bool:
    try:
        health(running)
    except BackgroundError:
        return False
    return True
