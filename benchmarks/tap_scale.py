# /// script
# requires-python = ">=3.10"
# dependencies = ["omdb-emulator", "tap-omdb"]
#
# [tool.uv.sources]
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# tap-omdb = { path = "../tap-omdb", editable = true }
# ///
"""Many titles: what they take to fetch, and what a start takes when a million are known."""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from datetime import datetime, timedelta, timezone
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from measuring import emulator, load, machine, messages, run_tap, settings, write_ids
from omdb_emulator.catalogue.generator import GeneratedTitles
from tap_omdb.config.settings import Refresh
from tap_omdb.state.known_rating import KnownRating
from tap_omdb.state.sync_state import SyncState
from tap_omdb.state.titles import FetchedLabel
from tap_omdb.state.versions import BOOKMARK
from tap_omdb.tap import TapOMDb

DAYS = 100
"""Days over which the known titles were fetched; all are fresh."""
STATES = 20


def grow(counts: list[int], directory: Path) -> None:
    """Fetch ever more titles, with and without a response cache."""
    print("| titles | cached | peak MB | CPU ms a title | seconds | load |")
    print("|--:|:--|--:|--:|--:|--:|")
    for titles in counts:
        ids = write_ids(directory / "ids.txt", titles)
        for cache in (None, directory / "cache"):
            busy = load()
            with emulator(titles) as url:
                cost = run_tap(url, ids, cache=cache)
            print(
                f"| {titles:,} | {'yes' if cache else 'no'} | {cost.peak_mb:.0f} "
                f"| {1000 * cost.cpu_seconds / titles:.2f} | {cost.seconds:.0f} | {busy} |",
                flush=True,
            )
    print()


def start(known: int, directory: Path) -> None:
    """Start with so many known titles, all of them in the list and none due."""
    state_file = directory / "state.json"
    # In another process: what this one has held counts as the memory of those that it starts.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(write_state, known, state_file).result()
    ids = write_ids(directory / "ids.txt", known)
    with emulator(1) as url:
        cost = run_tap(url, ids, state=state_file)
    with messages(ids).open("rb") as lines:
        states = sum(line.startswith(b'{"type":"STATE"') for line in lines)
    size = state_file.stat().st_size
    print(f"A run with {known:,} known and fresh titles: {cost}")
    print(
        f"Its state: {size / 1e6:.1f} MB, {size / known:.1f} bytes a title, emitted {states} times"
    )
    state = json.loads(state_file.read_text())
    print(f"One more title and one STATE message: {_state_ms(state, ids):.1f} ms")


def write_state(known: int, path: Path) -> None:
    """Write the state of an earlier run that has fetched this many titles."""
    sync_state = SyncState(Refresh(), "benchmark")
    today = datetime.now(timezone.utc).date()
    generated = GeneratedTitles(known)
    for row in range(known):
        day = today - timedelta(days=row % DAYS)
        sync_state.titles.mark_fetched(
            generated.id_of(row), FetchedLabel("movie", 1990, "search"), day, KnownRating(70, row)
        )
    state = {"bookmarks": {BOOKMARK: sync_state.dump()}}
    path.write_text(json.dumps(state, separators=(",", ":")))


def _state_ms(state: dict[str, Any], ids: Path) -> float:
    """Return the median time that the tap and the SDK take for a state, in milliseconds."""
    tap = TapOMDb(config=settings("http://127.0.0.1/", ids), state=state)
    today = datetime.now(timezone.utc).date()
    times = []
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        for number in range(STATES):
            started = time.perf_counter()
            tap.sync_run.state.titles.mark_fetched(
                f"tt{90_000_000 + number}", FetchedLabel("movie", 1990), today
            )
            tap.sync_run.save()
            tap.state_writer.write_state(tap.state)
            times.append(1000 * (time.perf_counter() - started))
    return median(times)


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--titles", type=int, nargs="*", default=[20_000, 100_000, 500_000])
    parser.add_argument("--known", type=int, default=1_000_000)
    args = parser.parse_args()
    print(f"{machine('tap-omdb', 'singer-sdk')}\n")
    with TemporaryDirectory() as directory:
        grow(args.titles, Path(directory))
        start(args.known, Path(directory))


if __name__ == "__main__":
    main()
