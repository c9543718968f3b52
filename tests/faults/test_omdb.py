"""What happens to OMDb's responses, and to the days of its quota."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, time, timedelta, timezone
from pathlib import Path

from tests.faults.conftest import IDS, Pipeline

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
    pipeline.omdb.fault("slow_body", {"i": IDS[30]}, seconds=1.5)
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
