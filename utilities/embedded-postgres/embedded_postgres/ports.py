"""Which port the server listens on: the preferred one, or another that is then kept for good."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass

import psutil

from embedded_postgres.errors import EmbeddedPostgresError

HOST = "127.0.0.1"
DEFAULT_PORT = 15432
VARIABLE = "EMBEDDED_POSTGRES_PORT"
_NEIGHBOURS = 50
_LAST = 65535
# Below those that systems lend to outgoing connections, which would now and then be in the way.
_ANY = range(20000, 32000)


@dataclass(frozen=True)
class Kept:
    """The port in use since the first start, and the one that was asked for then."""

    port: int
    preferred: int


def choose(asked: int | None, kept: Kept | None) -> Kept:
    """The port for the next start.

    At the first start a taken port gives way to a free one near it. Later the port stays, unless
    another one is asked for; asking again for the one that was taken at first gets it if it has
    become free.

    Args:
        asked: The port that was asked for; 0 is any free one, None leaves the choice to us.
        kept: What was chosen before; None at the first start.

    Raises:
        EmbeddedPostgresError: The port that must be used is taken.
    """
    if kept is None:
        preferred = DEFAULT_PORT if asked is None else asked
        return Kept(_first_free(preferred), preferred)
    if asked and asked != kept.port:
        if is_free(asked):
            return Kept(asked, asked)
        if asked != kept.preferred:
            raise _taken(asked)
    if not is_free(kept.port):
        raise _taken(kept.port)
    return kept


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As PostgreSQL does: connections of a server that has ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            return True  # a privileged port: PostgreSQL's own error says it better
        except OSError:
            return False
    return True


def holder(port: int) -> str | None:
    """Who has the port, such as "python3 (pid 4711)"; None where that cannot be known."""
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
        for port in range(preferred, min(preferred + _NEIGHBOURS, _LAST) + 1):
            if is_free(port):
                return port
    while not is_free(port := secrets.choice(_ANY)):
        pass
    return port


def _taken(port: int) -> EmbeddedPostgresError:
    who = holder(port) or "another program"
    problem = f"Port {port} of this Postgres is taken by {who}"
    remedy = f"stop that, or set {VARIABLE} to a free port, and start again."
    return EmbeddedPostgresError(problem, remedy)
