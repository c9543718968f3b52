"""The data directory of a server: its port, its password and the location of its cluster."""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import socket
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from dotenv import dotenv_values, set_key

from embedded_postgres.programs import Account, EmbeddedPostgresError, can_enter

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
DEFAULT_PORT = 15432
PORT_VARIABLE = "EMBEDDED_POSTGRES_PORT"
USER = "omdb"
DATABASE = "omdb"
FALLBACK_ROOT = Path("/var/lib/embedded-postgres")
# PostgreSQL's programs pass their own path to a shell, between double quotes.
_SHELL_CHARACTERS = set('"$`\\')
_NEIGHBOURS = 50
_MAX_PORT = 65535
# Below the ports that systems assign to outgoing connections, which could conflict.
_RANDOM_PORTS = range(20000, 32000)


@dataclass(frozen=True)
class PortChoice:
    """The port that the server listens on, and the requested port when it was chosen."""

    port: int
    preferred_port: int


@dataclass(frozen=True)
class State(PortChoice):
    """What was chosen at the first start; stored in `state.json`.

    Attributes:
        location: The directory of `data` and `log`, if that is not the data directory, which is so
            if root uses a directory that the account of the server cannot use.
    """

    location: str | None = None


class DataDirectory:
    """The data directory of one server."""

    def __init__(self, path: str | Path) -> None:
        """Use this directory; nothing is created yet.

        Args:
            path: The directory; it need not exist.
        """
        self.path = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100  # no symlinks
        self.lock = self.path / "lock"
        self.pgpass = self.path / "pgpass"
        self._state = self.path / "state.json"

    @property
    def state(self) -> State | None:
        """What was chosen at the first start; None before it."""
        try:
            return State(**json.loads(self._state.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    @property
    def location(self) -> Path:
        """The directory of `data` and `log`: usually the data directory itself."""
        state = self.state
        return Path(state.location) if state and state.location else self.path

    @property
    def pgdata(self) -> Path:
        """PostgreSQL's data directory."""
        return self.location / "data"

    @property
    def password(self) -> str | None:
        """The password of the server's user; None if there is no password file."""
        try:
            found = re.search(rf":{USER}:(\S+)$", self.pgpass.read_text("utf-8"), re.MULTILINE)
        except FileNotFoundError:
            return None
        return found.group(1) if found else None

    def save(self, choice: PortChoice, location: Path, password: str) -> None:
        """Store what was chosen, and the password in libpq's password file.

        Both can be read by their owner only, which libpq requires.
        """
        # Local programs use "localhost" as often as the address, and libpq compares strings.
        lines = (f"{host}:{choice.port}:*:{USER}:{password}\n" for host in (HOST, "localhost"))
        _replace(self.pgpass, "".join(lines))
        other = None if location == self.path else str(location)
        state = State(choice.port, choice.preferred_port, other)
        _replace(self._state, json.dumps(asdict(state), indent=2) + "\n")

    def choose_location(self, account: Account | None) -> Path:
        """Choose the directory of `data` and `log` at a first start; created if missing.

        Args:
            account: The account that root runs the server as; None for the current one.

        Returns:
            The data directory, which exists; or, if the account cannot use it, a directory in
            `/var/lib` with a name derived from it.
        """
        path = self.path
        if account is None or (can_enter(path, account) and not _SHELL_CHARACTERS & set(str(path))):
            return path
        FALLBACK_ROOT.mkdir(parents=True, exist_ok=True)
        # The readable part helps to find the project. It is a new directory, since the data of a
        # data directory that was moved or deleted is neither used nor removed.
        readable = re.sub(r"[^\w.-]+", "-", path.parent.name).strip("-.")[:40] or "data"
        location = Path(tempfile.mkdtemp(prefix=f"{readable}-", dir=FALLBACK_ROOT))
        for directory in (FALLBACK_ROOT, location):
            directory.chmod(0o755)  # whatever the umask: the account must be able to enter
        message = "User %s, as whom root runs PostgreSQL, cannot use %s: the data is in %s."
        logger.info(message, account, path, location)
        return location


def choose_port(requested: int | None, previous: PortChoice | None) -> PortChoice:
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
        if _is_free(requested):
            return PortChoice(requested, requested)
        if requested != previous.preferred_port:
            raise _taken(requested)
    if not _is_free(previous.port):
        raise _taken(previous.port)
    return previous


def _is_free(port: int) -> bool:
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


def record_port(path: Path, port: int) -> bool:
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
            if _is_free(port):
                return port
    while not _is_free(port := secrets.choice(_RANDOM_PORTS)):
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


def _replace(path: Path, text: str) -> None:
    """Write a file with mode 600, completely or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  # a descriptor
        file.write(text)
    if os.geteuid() == 0:  # after one call with sudo, the owner must still have access
        owner = path.parent.stat()
        os.chown(temporary, owner.st_uid, owner.st_gid)
    os.replace(temporary, path)  # noqa: PTH105
