"""What happens to the machine: full disks, few files, other locales, a lost state."""

from __future__ import annotations

import os
import resource
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.faults.conftest import CHECKOUT, Pipeline, needs_root, small_disk


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
