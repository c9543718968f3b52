# /// script
# requires-python = ">=3.10"
# dependencies = ["httptools", "omdb-emulator", "psutil", "uvloop"]
#
# [tool.uv.sources]
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# ///
"""Measure how many requests a second the emulator serves on one core, by kind of request.

Where the system supports it (Linux), the server has one core to itself and the client the others.
Besides requests per second of wall-clock time, the table shows requests per second of the server's
CPU time: its throughput if the client were fast enough.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import time
from functools import partial
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlencode, urlsplit

import psutil
import uvloop
from httptools import HttpResponseParser
from measuring import API_KEY, emulator, load, machine
from omdb_emulator.catalogue.generator import GeneratedTitles
from omdb_emulator.catalogue.loader import CATALOGUE
from omdb_emulator.catalogue.titles import json_lines
from omdb_emulator.client import Control

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SAMPLE = 5000
"""The number of titles to request."""
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


class Speed(NamedTuple):
    """The measured throughput.

    Attributes:
        by_clock: Requests a second.
        by_cpu: Requests per second of the server's CPU time.
        response_bytes: The mean size of a body.
    """

    by_clock: float
    by_cpu: float
    response_bytes: float


class Connection(asyncio.Protocol):
    """Sends one request after the other.

    Attributes:
        body_bytes: The size of all response bodies.
        is_over: Done when no request is left.
    """

    def __init__(self, requests: Iterator[bytes]) -> None:
        """Take requests from an iterator that all connections share."""
        self._requests = requests
        self._parser = HttpResponseParser(self)
        self.body_bytes = 0
        self.is_over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Parse received data."""
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail if a response is missing."""
        if not self.is_over.done():
            self.is_over.set_exception(exc or ConnectionError("the server closed the connection"))

    def on_body(self, body: bytes) -> None:
        """Count a part of a body."""
        self.body_bytes += len(body)

    def on_message_complete(self) -> None:
        """Send the next request."""
        if self._parser.get_status_code() != 200:  # noqa: PLR2004 - OK
            self.is_over.set_exception(ValueError(f"status {self._parser.get_status_code()}"))
        else:
            self._send()

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.is_over.set_result(None)
            self._transport.close()
        else:
            self._transport.write(request)


async def send_all(url: str, requests: Iterator[bytes], in_flight: int) -> int:
    """Send all requests over this number of connections; return the size of all bodies."""
    target = urlsplit(url)
    host, port = target.hostname or "", target.port or 80
    connect = asyncio.get_running_loop().create_connection
    made = [await connect(partial(Connection, requests), host, port) for _ in range(in_flight)]
    connections = [connection for _, connection in made]
    await asyncio.gather(*(connection.is_over for connection in connections))
    return sum(connection.body_bytes for connection in connections)


def measure(url: str, queries: Sequence[str], count: int, in_flight: int) -> Speed:
    """Send this number of requests, each query equally often."""
    server = psutil.Process(Control(url).health()["pid"])
    ready = [
        f"GET /?{query}&apikey={API_KEY} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        for query in queries
    ]
    started, cpu_started = time.perf_counter(), sum(server.cpu_times()[:2])
    size = uvloop.run(send_all(url, islice(cycle(ready), count), in_flight))
    seconds, cpu_seconds = time.perf_counter() - started, sum(server.cpu_times()[:2]) - cpu_started
    return Speed(count / seconds, count / cpu_seconds, size / count)


def share_cores(server: int) -> None:
    """Give a process the last core, and this process the others, where that is possible."""
    if len(CORES) > 1:
        os.sched_setaffinity(server, CORES[-1:])
        os.sched_setaffinity(0, CORES[:-1])


def queries_for(lines: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Return queries for titles, by their name in the table."""
    positions = {(line["seriesID"], line["Season"]) for line in lines if "seriesID" in line}
    seasons = [
        {"i": series, "Season": season} for series, season in sorted(positions) if season != "N/A"
    ]
    queries = {
        "details, `i=`": [{"i": line["imdbID"]} for line in lines],
        "details, `t=` and `y=`": [{"t": line["Title"], "y": line["Year"][:4]} for line in lines],
        "a page, `s=` a word": [{"s": longest_word(line)} for line in lines],
        "a page, `s=` a prefix and `y=`": [
            {"s": f"{longest_word(line)[:3]}*", "y": line["Year"][:4]} for line in lines
        ],
        "a `Season`": seasons,
        "a `Season` with `detail=full`": [{**season, "detail": "full"} for season in seasons],
    }
    return {name: [urlencode(one, safe="*") for one in group] for name, group in queries.items()}


def longest_word(line: dict[str, Any]) -> str:
    """Return the longest word of a title."""
    words: list[str] = re.findall(r"\w+", line["Title"])
    return max(words, key=len)


def sample(titles: int) -> list[dict[str, Any]]:
    """Return a fixed sample of the titles that `emulator(titles)` serves."""
    if not titles:
        # OMDb rejects every query with a "<".
        return [line for _, line in json_lines(CATALOGUE) if "<" not in line.get("Title", "<")]
    picked = random.Random(0).sample(range(titles), min(titles, SAMPLE))  # noqa: S311 - no secret
    generated = GeneratedTitles(titles)
    return [generated.line(row) for row in picked]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--titles",
        type=int,
        nargs="*",
        default=[0, 1_000_000],
        help="generated titles to serve; 0 is the built-in catalogue",
    )
    parser.add_argument("--requests", type=int, default=50_000, help="of each kind")
    parser.add_argument("--in-flight", type=int, default=16, help="connections at once")
    args = parser.parse_args()
    print(f"{args.in_flight} in flight; {machine('omdb-emulator', 'aiohttp', 'uvloop')}\n")
    starts = []
    print("| titles | request | requests a second | per CPU second | bytes a response | load |")
    print("|:--|:--|--:|--:|--:|--:|")
    for titles in args.titles:
        name = f"{titles:,} generated" if titles else "catalogue"
        started = time.perf_counter()
        with emulator(titles) as url:
            seconds = time.perf_counter() - started
            server = psutil.Process(Control(url).health()["pid"])
            starts.append(f"{name}: {seconds:.1f} s, {server.memory_info().rss / 1e6:.0f} MB")
            share_cores(server.pid)
            for kind, queries in queries_for(sample(titles)).items():
                busy = load()
                speed = measure(url, queries, args.requests, args.in_flight)
                print(
                    f"| {name} | {kind} | {speed.by_clock:,.0f} | {speed.by_cpu:,.0f} "
                    f"| {speed.response_bytes:,.0f} | {busy} |",
                    flush=True,
                )
    print("\nTime to start, and memory after that:", "; ".join(starts))


if __name__ == "__main__":
    main()
