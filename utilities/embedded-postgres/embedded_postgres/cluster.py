"""Make a database cluster and speak to it while no server runs."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.home import DATABASE, USER
from embedded_postgres.ports import HOST
from embedded_postgres.privileges import give, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from embedded_postgres.privileges import Account

_SETTINGS = """
# Added by embedded-postgres at the first start; edit as you like.
# (Address, port and sockets are given at each start.)
timezone = 'UTC'
log_timezone = 'UTC'
shared_buffers = 128MB
work_mem = 16MB
maintenance_work_mem = 128MB
log_checkpoints = off
"""
# For tests: as fast as can be, and worthless after a power cut.
_VOLATILE_SETTINGS = """
fsync = off
full_page_writes = off
"""
_LOCALES = ("C.UTF-8", "C")
_TAIL_LINES = 12


@dataclass(frozen=True)
class Cluster:
    """The data and log of one server, and who may touch them.

    Attributes:
        folder: Holds `data` and `log`; the account can enter it.
        bindir: PostgreSQL's programs, in reach of the account.
        account: Whom the data belongs to; None for the account that we are.
    """

    folder: Path
    bindir: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "log"

    def create(self, password: str, *, durable: bool) -> None:
        """Make the data: the user, its password and its database; whole or not at all.

        Args:
            password: For the one user, who is the superuser.
            durable: Whether data must survive a power cut.

        Raises:
            EmbeddedPostgresError: `initdb` failed.
        """
        new = self.folder / "data.new"
        said: str | None = None
        for locale in _LOCALES:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=0o700)
            give(new, self.account)
            said = self._initdb(new, password, locale, durable=durable)
            if said is None or "invalid locale" not in said:
                break
        if said is not None:
            shutil.rmtree(new, ignore_errors=True)
            problem = f"PostgreSQL cannot make its data in {self.folder}"
            raise _failure(problem, said)
        with (new / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_SETTINGS if durable else _SETTINGS + _VOLATILE_SETTINGS)
        self._single_user(f"CREATE DATABASE {DATABASE}", new)
        new.rename(self.data)

    def set_password(self, password: str) -> None:
        """Give the user a new password; no server may run."""
        self._single_user(f"ALTER ROLE {USER} PASSWORD '{password}'", self.data)

    def start(self, port: int) -> None:
        """Start the server and wait until it answers; it outlives this process.

        Raises:
            EmbeddedPostgresError: It does not start; the message ends with its log.
        """
        if not self.log.exists():
            self.log.touch(mode=0o600)
            give(self.log, self.account)
        before = self.log.stat().st_size
        # No Unix socket: the path of one is limited to 107 bytes.
        options = f"-c listen_addresses={HOST} -c port={port} -c unix_socket_directories="
        # Names without folders: pg_ctl hands them to a shell.
        done = self._run(
            ["pg_ctl", "start", "-w", "-t", "120", "-D", "data", "-l", "log", "-o", options]
        )
        if done is not None:
            with self.log.open("rb") as file:
                file.seek(before)
                said = file.read().decode(errors="replace")
            problem = f"PostgreSQL does not start on port {port}"
            raise _failure(problem, said or done)

    def stop(self) -> None:
        """Stop the server: sessions end, what they committed is on disk.

        Raises:
            EmbeddedPostgresError: It does not stop within a minute.
        """
        said = self._run(["pg_ctl", "stop", "-w", "-t", "60", "-m", "fast", "-D", "data"])
        if said is not None:
            problem = "PostgreSQL does not stop"
            raise _failure(problem, said)

    def _initdb(self, new: Path, password: str, locale: str, *, durable: bool) -> str | None:
        # In a file, since a command's arguments are there for all to see.
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix=".password-") as file:
            file.write(password)
            file.flush()
            give(self.folder / file.name, self.account)
            return self._run(
                [
                    "initdb",
                    f"--pgdata={new.name}",
                    f"--username={USER}",
                    f"--pwfile={file.name}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    f"--locale={locale}",
                    *([] if durable else ["--no-sync"]),
                ]
            )

    def _single_user(self, sql: str, data: Path) -> None:
        said = self._run(
            ["postgres", "--single", "-j", "-c", "exit_on_error=on", "-D", data.name, "postgres"],
            stdin=f"{sql};\n\n",
        )
        if said is not None:
            problem = f"PostgreSQL cannot change its data in {self.folder}"
            raise _failure(problem, said)

    def _run(self, command: Sequence[str], stdin: str = "") -> str | None:
        """Run one of PostgreSQL's programs in the folder; what it said if it failed."""
        program, *arguments = command
        done = run(
            [self.bindir / program, *arguments],
            account=self.account,
            cwd=self.folder,
            stdin=stdin,
        )
        return done.stdout if done.returncode else None


def _failure(problem: str, said: str) -> EmbeddedPostgresError:
    lines = said.strip().splitlines()[-_TAIL_LINES:]
    return EmbeddedPostgresError(problem, "\n  ".join(["remove the cause that it names.", *lines]))
