"""Unprivileged accounts, and running commands as one: PostgreSQL does not run as root."""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from embedded_postgres.errors import EmbeddedPostgresError

_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """An unprivileged account on this machine."""

    uid: int
    gid: int

    def __str__(self) -> str:
        """The name of the user, or the id if it has none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


def account_for(pgdata: Path) -> Account | None:
    """The account to run the server as, or None for the current one.

    Only root switches to another one: to the owner of the data if there is any, else to the first
    of `postgres` and `nobody` that exists. No account is created.

    Args:
        pgdata: PostgreSQL's data directory; it need not exist.

    Raises:
        EmbeddedPostgresError: The data belongs to another account, or no account exists.
    """
    if pgdata.exists():
        status = pgdata.stat()
        owner = Account(status.st_uid, status.st_gid)
        if os.geteuid() != 0 and owner.uid != os.geteuid():
            problem = f"The data in {pgdata} belongs to user {owner}"
            raise EmbeddedPostgresError(problem, f"run this as {owner} or as root.")
        if os.geteuid() == 0 and owner.uid != 0:
            return owner
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    problem = "PostgreSQL does not run as root, and neither a user 'postgres' nor 'nobody' exists"
    raise EmbeddedPostgresError(problem, "run this as a normal user.")


def run(
    command: Sequence[str | Path], account: Account | None, cwd: str | Path, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as an account; stdout contains stderr.

    The caller's libpq and locale variables are not passed on.

    Raises:
        OSError: The account cannot execute the command.
    """
    left_out = ("PG", "LC_", "LANG")
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(left_out)}
    return subprocess.run(  # noqa: S603  # our own commands
        command,
        check=False,
        cwd=cwd,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**inherited, "LC_ALL": "C"},
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def can_enter(directory: Path, account: Account | None) -> bool:
    """Whether the account can access the contents of a directory."""
    return can_run(["test", "-x", directory], account)


def can_run(command: Sequence[str | Path], account: Account | None) -> bool:
    """Whether the account can access a program, and it succeeds.

    Raises:
        EmbeddedPostgresError: Root cannot switch to that account, as in some containers.
    """
    try:
        return run(command, account, cwd="/").returncode == 0
    except OSError as error:
        if error.errno != errno.EPERM:
            return False
        problem = f"PostgreSQL does not run as root, which cannot run commands as user {account}"
        raise EmbeddedPostgresError(problem, "run this as a normal user.") from error


def chown(path: Path, account: Account | None) -> None:
    """Make an account the owner of a new file or directory; None changes nothing."""
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
