# /// script
# requires-python = ">=3.10"
# dependencies = ["diskcache==5.6.3", "omdb-emulator", "requests-cache==1.3.3", "tap-omdb"]
#
# [tool.uv.sources]
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# tap-omdb = { path = "../tap-omdb", editable = true }
# ///
"""What it costs a request to keep its reply on disk: the tap's own way beside two libraries.

Timed is what each request adds: to look for its reply, which is not there, and to keep it. Runs
take turns, as in tap_speed.py, each in a new folder.
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
from tap_omdb.state.response_cache import ResponseCache, RawResponse
from tap_omdb.omdb.queries import Query, TitleTask
from urllib3 import HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    Meet = Callable[["Reply"], None]
    Keeper = Callable[[Path], AbstractContextManager[Meet]]

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    """What OMDb has just said, and to what question."""

    query: Query
    body: bytes
    response: requests.Response


def replies(count: int) -> list[Reply]:
    """Return replies such as OMDb's, as `requests` hands them over."""
    adapter, made = HTTPAdapter(), []
    for line in GeneratedTitles(count).lines():
        query, body = TitleTask(line["imdbID"], "titles_file").query("short"), to_json(line)
        url = f"https://www.omdbapi.com/?{query}&apikey={API_KEY}"
        headers = {"Content-Type": JSON_TYPE}
        raw = HTTPResponse(BytesIO(body), headers, status=200, preload_content=False)
        response = adapter.build_response(requests.Request("GET", url).prepare(), raw)
        made.append(Reply(query, response.content, response))
    return made


@contextmanager
def spool(folder: Path) -> Iterator[Meet]:
    """Keep as the tap does."""
    cache = ResponseCache(folder)
    cache.load(lambda _query, _fetched_at: True, datetime.now(timezone.utc))

    def meet(reply: Reply) -> None:
        if cache.find(reply.query) is None:
            stored = RawResponse(datetime.now(timezone.utc), 200, JSON_TYPE, reply.body)
            cache.add(reply.query, stored)

    yield meet
    cache.close()


@contextmanager
def disk_cache(folder: Path) -> Iterator[Meet]:
    """Keep the same in diskcache: SQLite, and a file of its own for what is large."""
    with Cache(str(folder)) as cache:

        def meet(reply: Reply) -> None:
            if str(reply.query) not in cache:
                stored = (datetime.now(timezone.utc), 200, JSON_TYPE, reply.body)
                cache[str(reply.query)] = stored

        yield meet


@contextmanager
def requests_cache(make: Callable[[Path], BaseCache], folder: Path) -> Iterator[Meet]:
    """Keep whole responses in requests-cache."""
    cache = make(folder / "cache")

    def meet(reply: Reply) -> None:
        key = cache.create_key(reply.response.request)
        if cache.get_response(key) is None:
            cache.save_response(reply.response, key)

    yield meet
    cache.close()


KEEPERS: dict[str, Keeper] = {
    "tap-omdb": spool,
    "diskcache": disk_cache,
    "requests-cache, SQLite without waiting for the disk": partial(
        requests_cache, partial(SQLiteCache, fast_save=True, wal=True)
    ),
    "requests-cache, files": partial(requests_cache, FileCache),
    "requests-cache, SQLite": partial(requests_cache, SQLiteCache),
}
"""The first is the measure of the others."""


def measure(keeper: Keeper, met: Sequence[Reply]) -> Cost:
    """Keep replies in a new folder."""
    with TemporaryDirectory() as folder:
        started, cpu_started = time.perf_counter(), time.process_time()
        with keeper(Path(folder)) as meet:
            for reply in met:
                meet(reply)
        return Cost(time.perf_counter() - started, time.process_time() - cpu_started, 0)


def main() -> None:
    """Let all run in turn, and print a table of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replies", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    met = replies(args.replies)
    busy = load()
    results: dict[str, list[Cost]] = defaultdict(list)
    for _ in range(args.rounds):
        for name, keeper in KEEPERS.items():
            results[name].append(measure(keeper, met))
    size = sum(len(reply.body) for reply in met) / len(met)
    print(
        f"{args.replies:,} replies of {size:.0f} bytes, median of {args.rounds}, load {busy}; "
        f"{machine('tap-omdb', 'diskcache', 'requests-cache')}\n"
    )
    print("| | ratio | µs a reply | CPU µs a reply |\n|:--|--:|--:|--:|")
    first = next(iter(results.values()))
    for name, costs in results.items():
        # Of the same round, as in tap_speed.py.
        ratio = median(
            mine.seconds / theirs.seconds for mine, theirs in zip(costs, first, strict=True)
        )
        micros = median(1e6 * cost.seconds / args.replies for cost in costs)
        cpu_micros = median(1e6 * cost.cpu_seconds / args.replies for cost in costs)
        print(f"| {name} | {ratio:.1f} | {micros:,.0f} | {cpu_micros:,.0f} |")


if __name__ == "__main__":
    main()
