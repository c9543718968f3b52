# /// script
# requires-python = ">=3.10"
# dependencies = [
#   "diskcache==5.6.3", "omdb-emulator", "psutil", "requests-cache==1.3.3", "tap-omdb",
# ]
#
# [tool.uv.sources]
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# tap-omdb = { path = "../tap-omdb", editable = true }
# ///
"""What caching a response on disk costs: the tap's own cache beside two libraries.

What is timed is the overhead for each request: looking up its response, which is not there, and
storing it. Runs take turns, as in pipeline.py, each in a new directory.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import requests
from diskcache import Cache
from measuring import API_KEY, Cost, load, machine
from omdb_emulator.catalogue.generator import GeneratedTitles
from omdb_emulator.catalogue.titles import to_json
from requests.adapters import HTTPAdapter
from requests_cache import BaseCache, FileCache, SQLiteCache
from tap_omdb.omdb.queries import Query
from tap_omdb.omdb.responses import RawResponse
from tap_omdb.state.response_cache import ResponseCache
from urllib3 import HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    Store = Callable[["Received"], None]
    Cacher = Callable[[Path], AbstractContextManager[Store]]

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Received:
    """A response that has just been received, and the query that it answers."""

    query: Query
    body: bytes
    response: requests.Response


def responses(count: int) -> list[Received]:
    """Return responses such as OMDb's, as `requests` returns them."""
    adapter, made = HTTPAdapter(), []
    for line in GeneratedTitles(count).lines():
        query, body = Query((("i", line["imdbID"]), ("plot", "short"))), to_json(line)
        url = f"https://www.omdbapi.com/?{query}&apikey={API_KEY}"
        headers = {"Content-Type": JSON_TYPE}
        raw = HTTPResponse(BytesIO(body), headers, status=200, preload_content=False)
        response = adapter.build_response(requests.Request("GET", url).prepare(), raw)
        made.append(Received(query, response.content, response))
    return made


@contextmanager
def tap_cache(directory: Path) -> Iterator[Store]:
    """Cache as the tap does."""
    cache = ResponseCache(directory)
    cache.load(lambda _query, _fetched_at: True, datetime.now(timezone.utc))

    def store(received: Received) -> None:
        if cache.pop(received.query) is None:
            stored = RawResponse(datetime.now(timezone.utc), 200, JSON_TYPE, received.body)
            cache.add(received.query, stored)

    yield store
    cache.close()


@contextmanager
def disk_cache(directory: Path) -> Iterator[Store]:
    """Cache the same in diskcache: SQLite, and a separate file for what is large."""
    with Cache(str(directory)) as cache:

        def store(received: Received) -> None:
            if str(received.query) not in cache:
                stored = (datetime.now(timezone.utc), 200, JSON_TYPE, received.body)
                cache[str(received.query)] = stored

        yield store


@contextmanager
def requests_cache(make: Callable[[Path], BaseCache], directory: Path) -> Iterator[Store]:
    """Cache whole responses in requests-cache."""
    cache = make(directory / "cache")

    def store(received: Received) -> None:
        key = cache.create_key(received.response.request)
        if cache.get_response(key) is None:
            cache.save_response(received.response, key)

    yield store
    cache.close()


CACHERS: dict[str, Cacher] = {
    "tap-omdb": tap_cache,
    "diskcache": disk_cache,
    "requests-cache, SQLite without waiting for the disk": partial(
        requests_cache, partial(SQLiteCache, fast_save=True, wal=True)
    ),
    "requests-cache, files": partial(requests_cache, FileCache),
    "requests-cache, SQLite": partial(requests_cache, SQLiteCache),
}
"""The first is the measure of the others."""


def measure(cacher: Cacher, received_all: Sequence[Received]) -> Cost:
    """Cache responses in a new directory."""
    with TemporaryDirectory() as directory:
        started, cpu_started = time.perf_counter(), time.process_time()
        with cacher(Path(directory)) as store:
            for received in received_all:
                store(received)
        return Cost(time.perf_counter() - started, time.process_time() - cpu_started, 0)


def main() -> None:
    """Let all run in turn, and print a table of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--responses", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    met = responses(args.responses)
    busy = load()
    results: dict[str, list[Cost]] = defaultdict(list)
    for _ in range(args.rounds):
        for name, cacher in CACHERS.items():
            results[name].append(measure(cacher, met))
    size = sum(len(received.body) for received in met) / len(met)
    print(
        f"{args.responses:,} responses of {size:.0f} bytes, median of {args.rounds}, load {busy}; "
        f"{machine('tap-omdb', 'diskcache', 'requests-cache')}\n"
    )
    print("| | ratio | µs a response | CPU µs a response |\n|:--|--:|--:|--:|")
    first = next(iter(results.values()))
    for name, costs in results.items():
        # Of the same round, as in pipeline.py.
        ratio = median(
            mine.seconds / theirs.seconds for mine, theirs in zip(costs, first, strict=True)
        )
        micros = median(1e6 * cost.seconds / args.responses for cost in costs)
        cpu_micros = median(1e6 * cost.cpu_seconds / args.responses for cost in costs)
        print(f"| {name} | {ratio:.1f} | {micros:,.0f} | {cpu_micros:,.0f} |")


if __name__ == "__main__":
    main()
