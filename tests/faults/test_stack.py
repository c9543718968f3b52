"""What happens to Postgres, to the machine and to OMDb's responses in the middle of a run."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections import Counter
from datetime import datetime, time, timedelta, timezone
from pathlib import Path

import pytest

from tests.faults.conftest import CHECKOUT, CONCURRENCY, IDS, Pipeline, needs_root, small_disk


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


# The machine: full disks, few files, other locales, a lost state


@needs_root
@pytest.mark.parametrize("free", [16, 160], ids=["before the run", "during the run"])
def test_the_disk_of_the_cache_is_full(pipeline: Pipeline, tmp_path: Path, free: int) -> None:
    with small_disk(tmp_path / "disk", "512k") as disk:
        pipeline.config["cache_dir"] = str(disk / "cache")
        (disk / "other").write_bytes(bytes((512 - free) * 1024))
        assert not pipeline.run()
        (line,) = (line for line in pipeline.log.splitlines() if "free some space" in line)
        assert "cache_dir" in line
        assert "Traceback" not in pipeline.log
        assert (pipeline.spent() > 0) == (free > 16)
        (disk / "other").unlink()
        pipeline.config["cache_dir"] = str(tmp_path / "cache")
        pipeline.check()


def test_few_files_may_be_open(pipeline: Pipeline) -> None:
    pipeline.before = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    pipeline.config["concurrency"] = 16
    assert pipeline.run(), pipeline.log
    assert pipeline.loaded() == pipeline.ids
    assert pipeline.spent() == len(pipeline.ids)


def test_another_time_zone_locale_and_umask(pipeline: Pipeline, tmp_path: Path) -> None:
    if sys.version_info < (3, 13) and not str(CHECKOUT).isascii():
        pytest.skip("before Python 3.13, LC_ALL=C cannot import from a path beyond ASCII")
    pipeline.environment = {"TZ": "Asia/Kathmandu", "LANG": "C", "LC_ALL": "C", "PGTZ": "UTC"}
    pipeline.before = lambda: os.umask(0o077)
    pipeline.omdb.update_title(pipeline.ids[0], Title="Amélie 아가씨")
    assert pipeline.run(), pipeline.log
    with pipeline.connect() as connection:
        query = "select title, fetched_at from raw.movies order by imdb_id"
        (title, fetched_at), *_ = connection.execute(query).fetchall()
    assert title == "Amélie 아가씨"
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    assert timedelta() <= now - fetched_at < timedelta(minutes=2)
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert files
    assert {path.stat().st_mode & 0o077 for path in files} == {0}


def test_the_state_is_lost(pipeline: Pipeline) -> None:
    assert pipeline.run(), pipeline.log
    pipeline.state = None
    assert pipeline.run(), pipeline.log
    assert pipeline.loaded() == pipeline.ids
    assert pipeline.spent() <= 2 * len(pipeline.ids)


def test_the_state_is_of_a_newer_version(pipeline: Pipeline) -> None:
    pipeline.state = {"bookmarks": {"sync_state": {"version": 99}}}
    assert not pipeline.run()
    assert "Traceback" not in pipeline.log
    (line,) = (line for line in pipeline.log.splitlines() if "version 99" in line)
    assert "upgrade tap-omdb" in line
    assert pipeline.spent() == 0


# OMDb's responses, and the days of its quota

EFFECTS = {IDS[30]: "dripping_body", IDS[31]: "truncated", IDS[32]: "cut_body"}
SHIFT_CLOCK = """
import os
import time_machine
time_machine.travel(float(os.environ["CLOCK"]), tick=True).start()
"""


def test_a_body_does_not_end(pipeline: Pipeline) -> None:
    for imdb_id, effect in EFFECTS.items():
        settings = {"seconds": 0.5} if effect == "dripping_body" else {}
        pipeline.omdb.fault(effect, {"i": imdb_id}, **settings)
    pipeline.config |= {"timeout": 1, "max_retry_time": 3}
    assert run_with_fault(pipeline), pipeline.log
    with pipeline.connect() as connection:
        rejected = connection.execute("select imdb_id, reason from raw.rejects").fetchall()
    assert sorted(rejected) == [(imdb_id, "http_error") for imdb_id in EFFECTS]
    assert pipeline.loaded() == [imdb_id for imdb_id in IDS if imdb_id not in EFFECTS]
    requested = Counter(request["query"]["i"] for request in pipeline.omdb.requests())
    assert all(requested[imdb_id] > 1 for imdb_id in EFFECTS)
    spent = pipeline.spent()

    pipeline.environment = clock_at(pipeline, timedelta(days=1))
    assert pipeline.run(), pipeline.log
    assert pipeline.loaded() == IDS
    assert pipeline.spent() == spent + len(EFFECTS)


def test_omdb_is_slow(pipeline: Pipeline) -> None:
    pipeline.omdb.fault("dripping_body", {"i": IDS[30]}, seconds=0.002)
    pipeline.config |= {"timeout": 1}
    assert run_with_fault(pipeline), pipeline.log
    assert pipeline.loaded() == IDS
    assert pipeline.spent() == len(IDS)


def test_the_clock_is_set_back_over_midnight_and_forth_again(pipeline: Pipeline) -> None:
    quota = 40
    pipeline.config |= {"daily_requests": quota}
    today = datetime.now(timezone.utc).date()
    midnight = datetime.combine(today, time(), timezone.utc) + timedelta(days=1)
    loaded = []
    for moment in (
        midnight + timedelta(minutes=1),
        midnight - timedelta(minutes=10),
        midnight + timedelta(minutes=2),
    ):
        pipeline.environment = clock_at(pipeline, moment - datetime.now(timezone.utc))
        assert pipeline.run(), pipeline.log
        loaded.append(pipeline.count())
    assert loaded == [quota, len(IDS), len(IDS)]
    assert pipeline.loaded() == IDS
    assert pipeline.spent() == len(IDS)


def run_with_fault(pipeline: Pipeline) -> bool:
    """Run from start to end with the fault, which `finish` removes."""
    processes = pipeline.start()
    processes.tap.wait(60)
    return pipeline.finish(processes)


def clock_at(pipeline: Pipeline, shift: timedelta) -> dict[str, str]:
    """Return variables that set the clock of both processes."""
    folder: Path = pipeline.directory / "clock"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(SHIFT_CLOCK)
    now = datetime.now(timezone.utc) + shift
    return {"PYTHONPATH": str(folder), "CLOCK": str(now.timestamp())}
