# /// script
# requires-python = ">=3.10"
# dependencies = ["diskcache==5.6.3", "omdb-emulator", "psutil", "tap-omdb"]
#
# [tool.uv.sources]
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# tap-omdb = { path = "../tap-omdb", editable = true }
# ///
"""What it costs to count a request and to keep its response on disk.

The tap's SQLite file, beside the least that files can do (a byte for each request, a file of
responses for each process) and beside a library. Processes share a directory, as shards do.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import repeat
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from diskcache import Cache
from measuring import API_KEY, Cost, load, machine
from omdb_emulator.catalogue.generator import GeneratedTitles
from omdb_emulator.catalogue.titles import to_json
from tap_omdb.config.settings import Settings
from tap_omdb.omdb.queries import Query
from tap_omdb.omdb.responses import RawResponse
from tap_omdb.state.budget import Budget
from tap_omdb.state.cache_file import CacheFile
from tap_omdb.state.response_cache import ResponseCache

if TYPE_CHECKING:
    from collections.abc import Callable

    Way = Callable[[Path, "list[Received]"], None]


@dataclass(frozen=True, slots=True)
class Received:
    """A response that has just been received, and the query that it answers."""

    query: Query
    raw: RawResponse


def responses(count: int) -> list[Received]:
    """Return responses such as OMDb's."""
    now = datetime.now(timezone.utc)
    return [
        Received(
            Query((("i", line["imdbID"]), ("plot", "short"))),
            RawResponse(now, 200, "application/json; charset=utf-8", to_json(line)),
        )
        for line in GeneratedTitles(count).lines()
    ]


def tap(directory: Path, received_all: list[Received]) -> None:
    """Do what the tap does."""
    file = CacheFile(directory)
    limits = Settings(api_key=API_KEY, daily_requests=100_000_000)
    budget = Budget(limits, {}, "run", file)
    cache = ResponseCache(file)
    for received in received_all:
        budget.spend()
        cache.add(received.query, received.raw)
    cache.close()


def files(directory: Path, received_all: list[Received]) -> None:
    """Append a byte, and a line; wait for the disk once a second."""
    synced = 0.0
    with (directory / f"{os.getpid()}.jsonl").open("ab", buffering=0) as lines:
        for received in received_all:
            with (directory / "requests").open("ab", buffering=0) as requests:
                requests.write(b".")
                requests.tell()
            raw = received.raw
            fields = (str(received.query), str(raw.fetched_at), raw.status, raw.content_type)
            lines.write(json.dumps([*fields, raw.body.decode()]).encode() + b"\n")
            if time.monotonic() - synced > 1:
                os.fsync(lines.fileno())
                synced = time.monotonic()


def diskcache(directory: Path, received_all: list[Received]) -> None:
    """Do the same with diskcache: SQLite, and a separate file for what is large."""
    with Cache(str(directory)) as cache:
        for received in received_all:
            cache.incr("requests", default=0)
            raw = received.raw
            cache[str(received.query)] = (raw.fetched_at, raw.status, raw.content_type, raw.body)


WAYS: dict[str, Way] = {"tap-omdb": tap, "files": files, "diskcache": diskcache}
"""The first is the measure of the others."""


def cpu_seconds(way: str, directory: Path, received_all: list[Received]) -> float:
    """Count and store in one process; return the seconds of CPU that it takes."""
    started = time.process_time()
    WAYS[way](directory, received_all)
    return time.process_time() - started


def measure(way: str, processes: int, received_all: list[Received]) -> Cost:
    """Count and store in several processes that share a new directory."""
    with TemporaryDirectory() as directory, multiprocessing.Pool(processes) as pool:
        pool.map(abs, range(processes))
        started = time.perf_counter()
        work = repeat((way, Path(directory), received_all), processes)
        cpu = pool.starmap(cpu_seconds, work, chunksize=1)
        return Cost(time.perf_counter() - started, sum(cpu), 0)


def main() -> None:
    """Let all run in turn, and print a table of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--responses", type=int, default=2000, help="of each process")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 4])
    args = parser.parse_args()
    received_all = responses(args.responses)
    busy = load()
    results: dict[tuple[str, int], list[Cost]] = defaultdict(list)
    for _ in range(args.rounds):
        for processes in args.processes:
            for way in WAYS:
                results[way, processes].append(measure(way, processes, received_all))
    size = sum(len(received.raw.body) for received in received_all) / len(received_all)
    print(
        f"{args.responses:,} responses of {size:.0f} bytes for each process, median of "
        f"{args.rounds}, load {busy}; {machine('tap-omdb', 'diskcache')}\n"
    )
    print("| | processes | µs a response | CPU µs a response |\n|:--|--:|--:|--:|")
    for (way, processes), costs in results.items():
        count = processes * args.responses
        micros = median(1e6 * cost.seconds / count for cost in costs)
        cpu_micros = median(1e6 * cost.cpu_seconds / count for cost in costs)
        print(f"| {way} | {processes} | {micros:,.0f} | {cpu_micros:,.0f} |")


if __name__ == "__main__":
    main()
