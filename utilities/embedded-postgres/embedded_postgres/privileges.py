"""Unprivileged accounts, and running commands as one: PostgreSQL does not run as root."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedded_postgres.errors import EmbeddedPostgresError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """An unprivileged account on this machine."""

    name: str
    uid: int
    gid: int


def account_for(pgdata: Path) -> Account | None:
    """The account to run the server as, or None for the current one.

    Only root switches to another one: to the owner of the data if there is any, else to the first
    of `postgres` and `nobody` that exists. No account is created.

    Args:
        pgdata: PostgreSQL's data directory; it need not exist.

    Raises:
        EmbeddedPostgresError: The data belongs to another account, or no account exists.
    """
    owner = _owner(pgdata)
    if os.geteuid() != 0:
        if owner is not None and owner.uid != os.geteuid():
            problem = f"The data in {pgdata} belongs to user {owner.name}"
            raise EmbeddedPostgresError(problem, f"run this as {owner.name} or as root.")
        return None
    if owner is not None and owner.uid != 0:
        return owner
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    problem = "PostgreSQL does not run as root, and neither a user 'postgres' nor 'nobody' exists"
    raise EmbeddedPostgresError(problem, "run this as a normal user.")


def run(
    command: Sequence[str | Path],
    *,
    account: Account | None,
    cwd: str | Path,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as an account; stdout contains stderr.

    The caller's libpq and locale variables are not passed on.

    Raises:
        OSError: The account cannot execute the command.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_", "LANG"))
    }
    return subprocess.run(  # noqa: S603  # our own commands
        command,
        check=False,
        cwd=cwd,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**environment, "LC_ALL": "C"},
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def can_execute(program: Path, account: Account | None) -> bool:
    """Whether the account can access and run the program."""
    try:
        return run([program, "--version"], account=account, cwd="/").returncode == 0
    except OSError:
        return False


def can_enter(directory: Path, account: Account | None) -> bool:
    """Whether the account can access the contents of a directory.

    Raises:
        EmbeddedPostgresError: Root cannot switch to that account, as in some containers.
    """
    try:
        return run(["test", "-x", directory], account=account, cwd="/").returncode == 0
    except OSError as error:
        who = account.name if account else "this user"
        problem = f"PostgreSQL does not run as root, and no command can be run as user {who}"
        problem = f"{problem} ({error.strerror})"
        raise EmbeddedPostgresError(problem, "run this as a normal user.") from error


def chown(path: Path, account: Account | None) -> None:
    """Make an account the owner of a new file or directory; None changes nothing."""
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _owner(path: Path) -> Account | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    try:
        name = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        name = str(status.st_uid)
    return Account(name, status.st_uid, status.st_gid)
