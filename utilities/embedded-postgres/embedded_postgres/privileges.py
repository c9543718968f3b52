"""PostgreSQL refuses to run as root: find an unprivileged account and run commands as it."""

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
    """An unprivileged account of this machine."""

    name: str
    uid: int
    gid: int


def account_for(data: Path) -> Account | None:
    """The account to run the server as, or None for the account that we are.

    Only root changes to another one: to the owner of the data where there is data, else to the
    first of `postgres` and `nobody` that exists. No account is ever created.

    Args:
        data: PostgreSQL's data folder; it need not exist.

    Raises:
        EmbeddedPostgresError: The data belongs to another account, or none is there to change to.
    """
    owner = _owner(data)
    if os.geteuid() != 0:
        if owner is not None and owner.uid != os.geteuid():
            problem = f"The data in {data} belongs to user {owner.name}"
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
    problem = "PostgreSQL does not run as root and there is no user 'postgres' or 'nobody' here"
    raise EmbeddedPostgresError(problem, "run this as a normal user.")


def run(
    command: Sequence[str | Path],
    *,
    account: Account | None,
    cwd: str | Path,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as the account; stdout holds what it said, errors included.

    The caller's libpq and locale variables are left out, so that only our settings count.

    Raises:
        OSError: The command cannot be executed by that account.
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
    """Whether the account can reach and run the program (asked for its version)."""
    try:
        return run([program, "--version"], account=account, cwd="/").returncode == 0
    except OSError:
        return False


def can_enter(folder: Path, account: Account | None) -> bool:
    """Whether the account can reach what lies in the folder.

    Raises:
        EmbeddedPostgresError: Root may not change to that account, as in some containers.
    """
    try:
        return run(["test", "-x", folder], account=account, cwd="/").returncode == 0
    except OSError as error:
        who = account.name if account else "this user"
        problem = f"PostgreSQL does not run as root, and as user {who} nothing runs here"
        problem = f"{problem} ({error.strerror})"
        raise EmbeddedPostgresError(problem, "run this as a normal user.") from error


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of a file or folder that we have just made."""
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
