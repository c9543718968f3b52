"""Create, start, stop and change a database cluster with PostgreSQL's own programs."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedded_postgres.data_directory import DATABASE, USER
from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.ports import HOST
from embedded_postgres.privileges import chown, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from embedded_postgres.privileges import Account

_SETTINGS = """
# Added by embedded-postgres at the first start; you can edit it.
# (Address, port and sockets are set at each start.)
timezone = 'UTC'
log_timezone = 'UTC'
shared_buffers = 128MB
work_mem = 16MB
maintenance_work_mem = 128MB
log_checkpoints = off
"""
# For tests: faster, but the data is lost in a power cut.
_VOLATILE_SETTINGS = """
fsync = off
full_page_writes = off
"""
_LOCALES = ("C.UTF-8", "C")
_TAIL_LINES = 12


@dataclass(frozen=True)
class Cluster:
    """A database cluster, its log and its owner.

    Attributes:
        location: The directory of `data` and `log`; the account can enter it.
        bindir: The directory of PostgreSQL's programs; the account can run them.
        account: The owner of the data; None for the current account.
    """

    location: Path
    bindir: Path
    account: Account | None

    @property
    def pgdata(self) -> Path:
        """PostgreSQL's data directory."""
        return self.location / "data"

    @property
    def log(self) -> Path:
        """The log of the server."""
        return self.location / "log"

    def create(self, password: str, *, durable: bool) -> None:
        """Create the cluster with its user and database, completely or not at all.

        Args:
            password: The password of the only user, who is the superuser.
            durable: Whether the data survives a power cut.

        Raises:
            EmbeddedPostgresError: `initdb` failed.
        """
        new = self.location / "data.new"
        error: str | None = None
        for locale in _LOCALES:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=0o700)
            chown(new, self.account)
            error = self._initdb(new, password, locale, durable=durable)
            if error is None or "invalid locale" not in error:
                break
        if error is not None:
            shutil.rmtree(new, ignore_errors=True)
            problem = f"PostgreSQL cannot create its data in {self.location}"
            raise _failure(problem, error)
        with (new / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_SETTINGS if durable else _SETTINGS + _VOLATILE_SETTINGS)
        self._single_user(f"CREATE DATABASE {DATABASE}", new)
        new.rename(self.pgdata)

    def set_password(self, password: str) -> None:
        """Change the password of the user; no server may be running."""
        self._single_user(f"ALTER ROLE {USER} PASSWORD '{password}'", self.pgdata)

    def start(self, port: int) -> None:
        """Start the server and wait until it accepts connections; it outlives this process.

        Raises:
            EmbeddedPostgresError: It does not start; the message ends with its log.
        """
        if not self.log.exists():
            self.log.touch(mode=0o600)
            chown(self.log, self.account)
        before = self.log.stat().st_size
        # No Unix socket, since its path is limited to 107 bytes.
        options = f"-c listen_addresses={HOST} -c port={port} -c unix_socket_directories="
        # Relative paths, since pg_ctl passes them to a shell.
        error = self._run(
            ["pg_ctl", "start", "-w", "-t", "120", "-D", "data", "-l", "log", "-o", options]
        )
        if error is not None:
            with self.log.open("rb") as file:
                file.seek(before)
                log = file.read().decode(errors="replace")
            problem = f"PostgreSQL does not start on port {port}"
            raise _failure(problem, log or error)

    def stop(self) -> None:
        """Stop the server: it ends all sessions and writes everything to disk.

        Raises:
            EmbeddedPostgresError: It does not stop within a minute.
        """
        error = self._run(["pg_ctl", "stop", "-w", "-t", "60", "-m", "fast", "-D", "data"])
        if error is not None:
            problem = "PostgreSQL does not stop"
            raise _failure(problem, error)

    def _initdb(self, new: Path, password: str, locale: str, *, durable: bool) -> str | None:
        # In a file, since all users can see the arguments of a command.
        with tempfile.NamedTemporaryFile("w", dir=self.location, prefix=".password-") as file:
            file.write(password)
            file.flush()
            chown(self.location / file.name, self.account)
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
        error = self._run(
            ["postgres", "--single", "-j", "-c", "exit_on_error=on", "-D", data.name, "postgres"],
            stdin=f"{sql};\n\n",
        )
        if error is not None:
            problem = f"PostgreSQL cannot change its data in {self.location}"
            raise _failure(problem, error)

    def _run(self, command: Sequence[str], stdin: str = "") -> str | None:
        """Run one of PostgreSQL's programs; returns its output if it failed, else None."""
        program, *arguments = command
        done = run(
            [self.bindir / program, *arguments],
            account=self.account,
            cwd=self.location,
            stdin=stdin,
        )
        return done.stdout if done.returncode else None


def _failure(problem: str, output: str) -> EmbeddedPostgresError:
    lines = output.strip().splitlines()[-_TAIL_LINES:]
    return EmbeddedPostgresError(
        problem, "\n  ".join(["fix the cause shown in its output:", *lines])
    )
