"""A whole run, to the letter: all that it emits and all that it logs.

Renew the committed files with `UPDATE_GOLDEN=1 pytest tests/tap/test_golden.py`, and read the
difference before it is committed: each line of it is a change that users see.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from omdb_emulator.testing import Emulator

from tests.tap.conftest import KEY

GOLDEN = Path(__file__).with_name("golden")
CONFIG = {
    "api_key": KEY,
    "imdb_ids": [
        "tt1375666",  # a movie
        "tt1475582",  # a series: OMDb has the first of its four seasons
        "tt5691474",  # a game
        "tt99000004",  # a movie with odd values
        "tt99000098",  # a movie of which not all values parse, with a key that is not OMDb's
        "4440394",  # merged into another, and in need of its "tt"
        "tt0000404",  # none
    ],
    "search_terms": ["toy"],
    "types": ["movie", "series", "episode", "game"],
}
RUN_ID = re.compile(r"\b6a2fe940[0-9a-f]{4}\b")
"""The frozen time in hexadecimal, and a random part."""
FROZEN = """
import sys, time_machine
from tap_omdb.tap import TapOMDb
with time_machine.travel("2026-06-15T12:00:00+00:00", tick=False):
    TapOMDb.cli(sys.argv[1:])
"""


@pytest.fixture
def omdb() -> Iterator[Emulator]:
    lines = (GOLDEN / "titles.jsonl").read_text(encoding="utf-8").splitlines()
    with Emulator(map(json.loads, lines), keys={KEY: None}) as emulator:
        yield emulator


@pytest.mark.parametrize("is_shuffled", [False, True], ids=["at once", "out of order"])
def test_a_run_is_as_it_was(is_shuffled: bool, omdb: Emulator, tmp_path: Path) -> None:
    if is_shuffled:
        # What comes late must not change the order of what is emitted.
        omdb.fault("delay", seconds=0.05, probability=0.5, seed=7)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**CONFIG, "api_url": omdb.url}))
    done = subprocess.run(
        [sys.executable, "-c", FROZEN, "--config", path],
        capture_output=True,
        text=True,
        check=True,
    )
    log, output = _normalise(done.stderr), RUN_ID.sub("RUN", done.stdout)
    if os.environ.get("UPDATE_GOLDEN") and not is_shuffled:
        (GOLDEN / "singer.jsonl").write_text(output, encoding="utf-8")
        (GOLDEN / "log.txt").write_text(log, encoding="utf-8")
    assert output.splitlines() == _committed("singer.jsonl")
    assert log.splitlines() == _committed("log.txt")
    assert KEY not in done.stdout + done.stderr


def _committed(name: str) -> list[str]:
    return (GOLDEN / name).read_text(encoding="utf-8").splitlines()


def _normalise(log: str) -> str:
    """Remove from a log what differs between runs, and the SDK's version."""
    log = re.sub(r"^2026-06-15 \d\d:00:00,000 \| ", "", log, flags=re.MULTILINE)
    log = re.sub(r'"pid":\d+', '"pid":0', log)
    return re.sub(r"Meltano SDK v[\d.]+", "Meltano SDK", log)
