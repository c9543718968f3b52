"""Ports of this machine: which one is wanted, and whether it can be had."""

from __future__ import annotations

import errno
import os
import secrets
import socket

PREFERRED_PORT = 15500
PORT_VARIABLE = "OMDB_EMULATOR_PORT"
# Below those that systems lend to outgoing connections, which would now and then be in the way.
_ANY = range(20000, 32000)


class PortError(RuntimeError):
    """A port cannot be had; the message is one line with the remedy."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address; port 0 takes a free one.

    Raises:
        OSError: if the address cannot be had.
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
    """Tell whether nothing else listens on a port.

    Raises:
        PortError: if it could not be listened on anyway.
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
    """Return a port that nothing listens on, and that no outgoing connection is ever given.

    Raises:
        PortError: if the host is none of this machine's.
    """
    while not is_free(host, port := secrets.choice(_ANY)):
        pass
    return port


def port_of_environment() -> int | None:
    """Return the port that OMDB_EMULATOR_PORT names, None if it is not set.

    Raises:
        PortError: if it is no port number.
    """
    text = os.environ.get(PORT_VARIABLE, "").strip()
    if not text:
        return None
    if not text.isdigit() or not 0 < int(text) < 65536:  # noqa: PLR2004
        msg = f"{PORT_VARIABLE} must be a port number, not {text!r}"
        raise PortError(msg)
    return int(text)
