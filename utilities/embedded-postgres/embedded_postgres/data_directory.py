"""The data directory of a server: its port, its password and the location of its cluster."""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from embedded_postgres.ports import HOST, PortChoice

USER = "omdb"
DATABASE = "omdb"


@dataclass(frozen=True)
class State:
    """What was chosen at the first start; stored in `state.json`.

    Attributes:
        port: The port that the server listens on.
        preferred_port: The requested port when `port` was chosen.
        location: The directory of `data` and `log`, if that is not the data directory, which is so
            if root uses a directory that others cannot enter.
    """

    port: int
    preferred_port: int
    location: str | None = None

    @property
    def port_choice(self) -> PortChoice:
        """The ports as an argument for choosing the next one."""
        return PortChoice(self.port, self.preferred_port)


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
            values = json.loads(self._state.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return State(values["port"], values["preferred_port"], values.get("location"))

    def save_state(self, state: State) -> None:
        """Store what was chosen."""
        _replace(self._state, json.dumps(asdict(state), indent=2) + "\n")

    @property
    def location(self) -> Path:
        """The directory of `data` and `log`: usually the data directory itself."""
        state = self.state
        return Path(state.location) if state and state.location else self.path

    @property
    def password(self) -> str | None:
        """The password of the server's user; None if there is no password file."""
        try:
            found = re.search(rf":{USER}:(\S+)$", self.pgpass.read_text("utf-8"), re.MULTILINE)
        except FileNotFoundError:
            return None
        return found.group(1) if found else None

    def save_password(self, password: str, port: int) -> None:
        """Write libpq's password file; as libpq requires, only its owner can read it."""
        # Local programs use "localhost" as often as the address, and libpq compares strings.
        lines = (f"{host}:{port}:*:{USER}:{password}\n" for host in (HOST, "localhost"))
        _replace(self.pgpass, "".join(lines))


def _replace(path: Path, text: str) -> None:
    """Write a file with mode 600, completely or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  # a descriptor
        file.write(text)
    if os.geteuid() == 0:  # after one call with sudo, the owner must still have access
        owner = path.parent.stat()
        os.chown(temporary, owner.st_uid, owner.st_gid)
    os.replace(temporary, path)  # noqa: PTH105
