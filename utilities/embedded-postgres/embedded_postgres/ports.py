"""The port of the server: the preferred one, or a free one that is kept."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass

import psutil

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
    """The port in use, and the preferred port when it was chosen."""

    port: int
    preferred: int


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
        if requested != previous.preferred:
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


def process_using(port: int) -> str | None:
    """The process that uses a port, such as "python3 (pid 4711)"; None if it is not known."""
    try:
        connections = psutil.net_connections(kind="tcp")
        pid = next(
            c.pid for c in connections if c.laddr and c.laddr.port == port and c.pid is not None
        )
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except (psutil.Error, StopIteration):
        return None


def _first_free(preferred: int) -> int:
    if preferred:
        for port in range(preferred, min(preferred + _NEIGHBOURS, _MAX_PORT) + 1):
            if is_free(port):
                return port
    while not is_free(port := secrets.choice(_RANDOM_PORTS)):
        pass
    return port


def _taken(port: int) -> EmbeddedPostgresError:
    process = process_using(port) or "another program"
    problem = f"Port {port} of this Postgres is in use by {process}"
    remedy = f"stop that process, or set {PORT_VARIABLE} to a free port, and start again."
    return EmbeddedPostgresError(problem, remedy)
