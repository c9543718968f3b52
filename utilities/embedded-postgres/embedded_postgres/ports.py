"""The port of the server: the preferred one, or a free one that is kept and recorded."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil
from dotenv import dotenv_values, set_key

from embedded_postgres.errors import EmbeddedPostgresError

HOST = "127.0.0.1"
DEFAULT_PORT = 15432
PORT_VARIABLE = "EMBEDDED_POSTGRES_PORT"
_NEIGHBOURS = 50
_MAX_PORT = 65535
# Below the ports that systems assign to outgoing connections, which could conflict.
_RANDOM_PORTS = range(20000, 32000)


@dataclass(frozen=True)
class PortChoice:
    """The port that the server listens on, and the requested port when it was chosen."""

    port: int
    preferred_port: int


def choose(requested: int | None, previous: PortChoice | None) -> PortChoice:
    """Choose the port for the next start.

    At the first start, a free port near the preferred one replaces it if it is taken. Afterwards
    the port stays the same unless another one is requested. If the request is for the port that was
    taken at first, it is used as soon as it is free.

    Args:
        requested: The requested port; 0 is any free one, None the previous or the default one.
        previous: The choice at the last start; None at the first one.

    Raises:
        EmbeddedPostgresError: The port is taken.
    """
    if previous is None:
        preferred = DEFAULT_PORT if requested is None else requested
        return PortChoice(_first_free(preferred), preferred)
    if requested and requested != previous.port:
        if is_free(requested):
            return PortChoice(requested, requested)
        if requested != previous.preferred_port:
            raise _taken(requested)
    if not is_free(previous.port):
        raise _taken(previous.port)
    return previous


def is_free(port: int) -> bool:
    """Whether a server can listen on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As PostgreSQL does: remaining connections of a stopped server do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            return True  # a privileged port: PostgreSQL's own error message is clearer
        except OSError:
            return False
    return True


def record(path: Path, port: int) -> bool:
    """Set the port in a `.env` file for other programs, unless it is there or is the default.

    Args:
        path: The file; created only if the port has to be recorded.
        port: The port that the server listens on.

    Returns:
        Whether the file was changed.
    """
    recorded = dotenv_values(path, interpolate=False).get(PORT_VARIABLE) if path.exists() else None
    if (recorded or str(DEFAULT_PORT)) == str(port):
        return False
    # Resolved, since set_key would replace a symlink by a file.
    set_key(path.resolve(), PORT_VARIABLE, str(port), quote_mode="never")
    return True


def _first_free(preferred: int) -> int:
    if preferred:
        for port in range(preferred, min(preferred + _NEIGHBOURS, _MAX_PORT) + 1):
            if is_free(port):
                return port
    while not is_free(port := secrets.choice(_RANDOM_PORTS)):
        pass
    return port


def _taken(port: int) -> EmbeddedPostgresError:
    problem = f"Port {port} of this Postgres is in use by {_process_using(port)}"
    remedy = f"stop that process, or set {PORT_VARIABLE} to a free port, and start again."
    return EmbeddedPostgresError(problem, remedy)


def _process_using(port: int) -> str:
    """The process that uses a port, such as "python3 (pid 4711)", as far as it is known."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return "another program"
