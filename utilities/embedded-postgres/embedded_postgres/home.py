"""What a server's home folder keeps: the port, where the data is, and the password."""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from embedded_postgres.ports import HOST, Kept

USER = "omdb"
DATABASE = "omdb"


@dataclass(frozen=True)
class State:
    """What was decided at the first start, kept in `state.json`.

    Attributes:
        port: The port that the server listens on.
        preferred_port: The port that was asked for when `port` was chosen.
        folder: Where the data is if not in the home, as for root in a folder closed to others.
    """

    port: int
    preferred_port: int
    folder: str | None = None

    @property
    def kept(self) -> Kept:
        """The ports in the form that choosing the next one needs."""
        return Kept(self.port, self.preferred_port)


class Home:
    """The folder of one server."""

    def __init__(self, path: str | Path) -> None:
        """Touch nothing yet.

        Args:
            path: The folder; it need not exist.
        """
        self.path = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100  # no symlinks
        self.lock = self.path / "lock"
        self.pgpass = self.path / "pgpass"
        self._state = self.path / "state.json"

    @property
    def state(self) -> State | None:
        """What was decided at the first start; None before it."""
        try:
            return State(**json.loads(self._state.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def save_state(self, state: State) -> None:
        """Keep what was decided."""
        _replace(self._state, json.dumps(asdict(state), indent=2) + "\n")

    @property
    def folder(self) -> Path:
        """The folder that holds `data` and `log`: the home itself unless it had to be another."""
        state = self.state
        return Path(state.folder) if state and state.folder else self.path

    @property
    def password(self) -> str | None:
        """The password of the server's user; None if there is no password file."""
        try:
            found = re.search(rf":{USER}:(\S+)$", self.pgpass.read_text("utf-8"), re.MULTILINE)
        except FileNotFoundError:
            return None
        return found.group(1) if found else None

    def save_password(self, password: str, port: int) -> None:
        """Write libpq's password file; as libpq demands, only its owner can read it."""
        # Local programs say "localhost" as often as the address, and libpq compares text.
        lines = (f"{host}:{port}:*:{USER}:{password}\n" for host in (HOST, "localhost"))
        _replace(self.pgpass, "".join(lines))


def _replace(path: Path, text: str) -> None:
    """Write a file of mode 600 whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  # a descriptor
        file.write(text)
    if os.geteuid() == 0:  # called once with sudo, it must not lock the owner out
        owner = path.parent.stat()
        os.chown(temporary, owner.st_uid, owner.st_gid)
    os.replace(temporary, path)  # noqa: PTH105
