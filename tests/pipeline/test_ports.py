"""Where the ports come from, and what happens when they are taken."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project


def test_ports_in_use_are_replaced_permanently(idle_project: Project) -> None:
    ports = idle_project.ports
    with (
        socket.create_server(("127.0.0.1", int(ports["EMBEDDED_POSTGRES_PORT"]))),
        socket.create_server(("127.0.0.1", int(ports["OMDB_EMULATOR_PORT"]))),
    ):
        idle_project.make("start")
        others = idle_project.ports
        assert not set(others.values()) & set(ports.values())
    assert idle_project.rows("select 1 as answer") == [{"answer": 1}]
    shown = idle_project.meltano("invoke", "tap-omdb", "--test")
    assert shown.returncode == 0, shown.stdout
    assert idle_project.emulator.stats()["requests"] > 0
    assert idle_project.make("stop").count("stopped") == 2


def test_an_env_file_without_ports_gets_the_default_ones(idle_project: Project) -> None:
    env_file = idle_project.root / ".env"
    env_file.write_text("TAP_OMDB_API_KEY='1a2b3c4d' # mine", encoding="utf-8")
    env_file.chmod(0o600)
    idle_project.make("env")
    assert env_file.read_text().splitlines() == [
        "TAP_OMDB_API_KEY='1a2b3c4d' # mine",
        "EMBEDDED_POSTGRES_PORT=15432",
        "OMDB_EMULATOR_PORT=15500",
    ]
    assert env_file.stat().st_mode & 0o777 == 0o600
    env_file.unlink()
    idle_project.make("env")
    assert env_file.read_text() == (idle_project.root / ".env.example").read_text()
    assert env_file.stat().st_mode & 0o777 == 0o600
