"""The port to listen on, and whether it is available."""

from __future__ import annotations

import errno
import os
import secrets
import socket

PREFERRED_PORT = 15500
PORT_VARIABLE = "OMDB_EMULATOR_PORT"
# Below the ports that systems assign to outgoing connections, which could conflict.
_RANDOM_PORTS = range(20000, 32000)


class PortError(RuntimeError):
    """A port is not available; the message is one line with the remedy."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address; port 0 takes a free one.

    Raises:
        OSError: if the address is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def is_free(host: str, port: int) -> bool:
    """Whether no other program listens on a port.

    Raises:
        PortError: if listening there is not possible for another reason.
    """
    try:
        bind(host, port).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        msg = f"cannot listen on {host}:{port}: {error.strerror}"
        raise PortError(msg) from None
    return True


def free_port(host: str) -> int:
    """Return a free port that systems do not assign to outgoing connections.

    Raises:
        PortError: if the host is not an address of this machine.
    """
    while not is_free(host, port := secrets.choice(_RANDOM_PORTS)):
        pass
    return port


def port_of_environment() -> int | None:
    """Return the port in OMDB_EMULATOR_PORT, None if it is not set.

    Raises:
        PortError: if it is not a port number.
    """
    text = os.environ.get(PORT_VARIABLE, "").strip()
    if not text:
        return None
    if not text.isdigit() or not 0 < int(text) < 65536:  # noqa: PLR2004
        msg = f"{PORT_VARIABLE} must be a port number, not {text!r}"
        raise PortError(msg)
    return int(text)
