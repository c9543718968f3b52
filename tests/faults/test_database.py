"""What happens to Postgres, and to the loader's connections, in the middle of a run."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.faults.conftest import CONCURRENCY, Pipeline, needs_root, small_disk


def test_postgres_is_restarted(pipeline: Pipeline) -> None:
    processes = pipeline.start_and_halt()
    pipeline.server.stop()
    pipeline.server.start()
    if not pipeline.finish(processes):
        assert "OperationalError" in pipeline.log
    pipeline.check()


def test_postgres_stays_down(pipeline: Pipeline) -> None:
    processes = pipeline.start_and_halt()
    pipeline.server.stop()
    assert not pipeline.finish(processes)
    assert "OperationalError" in pipeline.log
    pipeline.server.start()
    pipeline.check()


def test_the_loaders_sessions_are_terminated(pipeline: Pipeline) -> None:
    processes = pipeline.start_and_halt()
    pipeline.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where pid <> pg_backend_pid() and backend_type = 'client backend'"
    )
    if not pipeline.finish(processes):
        assert "OperationalError" in pipeline.log  # libpq words it in more than one way
    pipeline.check()


def test_the_connection_limit_is_reached(pipeline: Pipeline) -> None:
    pipeline.execute("create role limited login password 'x' connection limit 0")
    pipeline.execute("grant create on database omdb to limited")
    pipeline.environment = {"PGUSER": "limited", "PGPASSWORD": "x"}
    assert not pipeline.run()
    assert 'too many connections for role "limited"' in pipeline.log
    pipeline.execute("alter role limited connection limit 5")
    pipeline.check()
    pipeline.execute("drop owned by limited; drop role limited")


def test_a_table_is_locked_for_a_while(pipeline: Pipeline) -> None:
    processes = pipeline.start_and_halt()
    with pipeline.connect() as connection, connection.transaction():
        connection.execute("lock table raw.movies")
        pipeline.omdb.clear_faults()
        connection.execute("select pg_sleep(2)")
        assert processes.loader.poll() is None, "it does not wait"
    assert pipeline.finish(processes), pipeline.log
    assert pipeline.loaded() == pipeline.ids
    assert pipeline.spent() <= len(pipeline.ids) + CONCURRENCY


def test_the_loader_is_killed(pipeline: Pipeline) -> None:
    processes = pipeline.start_and_halt()
    processes.loader.send_signal(signal.SIGKILL)
    assert not pipeline.finish(processes)
    pipeline.check()


@needs_root
@pytest.mark.place
def test_the_disk_of_postgres_is_full(pipeline: Pipeline, tmp_path: Path) -> None:
    owner = pipeline.server.status().pgdata.stat().st_uid
    tmp_path.chmod(0o755)
    # Where the server's user can enter, unlike in pytest's directories.
    directory = pipeline.server.data_dir.parent / "small"
    with small_disk(directory, "1m", owner):
        pipeline.execute(f"create tablespace small location '{directory}'")
        pipeline.execute("create schema raw; alter role omdb set default_tablespace = small")
        (directory / "other").write_bytes(bytes(900_000))
        assert not pipeline.run()
        assert "No space left on device" in pipeline.log
        (directory / "other").unlink()
        pipeline.check()
        pipeline.execute("alter role omdb reset default_tablespace")
        pipeline.execute("drop schema raw cascade")
        pipeline.execute("drop tablespace small")
