# /// script
# requires-python = ">=3.10"
# dependencies = ["httptools", "omdb-emulator", "psutil", "uvloop"]
#
# [tool.uv.sources]
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# ///
"""How many requests a second the emulator answers on one core, by what is asked and served.

The server has one core to itself and the client the others, where the system lets a process choose
(Linux). Told beside the requests a second by the clock are those of a second of the server's
processor time: what it could answer with a client that is quick enough.
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
"""Titles that are asked about."""
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


class Speed(NamedTuple):
    """What the server did.

    Attributes:
        by_clock: Requests a second.
        by_cpu: Requests a second of the server's processor time.
        reply_bytes: A body's mean size.
    """

    by_clock: float
    by_cpu: float
    reply_bytes: float


class Connection(asyncio.Protocol):
    """Asks one question after the other.

    Attributes:
        body_bytes: Of all replies.
        is_over: Done when there is no question left.
    """

    def __init__(self, requests: Iterator[bytes]) -> None:
        """Take the questions from where all connections take theirs."""
        self._requests = requests
        self._parser = HttpResponseParser(self)
        self.body_bytes = 0
        self.is_over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail if this was too early."""
        if not self.is_over.done():
            self.is_over.set_exception(exc or ConnectionError("the server has hung up"))

    def on_body(self, body: bytes) -> None:
        """Count a part of a reply."""
        self.body_bytes += len(body)

    def on_message_complete(self) -> None:
        """Go on to the next question."""
        if self._parser.get_status_code() != 200:  # noqa: PLR2004 - OK
            self.is_over.set_exception(ValueError(f"status {self._parser.get_status_code()}"))
        else:
            self._ask()

    def _ask(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.is_over.set_result(None)
            self._transport.close()
        else:
            self._transport.write(request)


async def ask_all(url: str, requests: Iterator[bytes], in_flight: int) -> int:
    """Send all requests over so many connections; return the bytes of all bodies."""
    target = urlsplit(url)
    host, port = target.hostname or "", target.port or 80
    connect = asyncio.get_running_loop().create_connection
    made = [await connect(partial(Connection, requests), host, port) for _ in range(in_flight)]
    connections = [connection for _, connection in made]
    await asyncio.gather(*(connection.is_over for connection in connections))
    return sum(connection.body_bytes for connection in connections)


def measure(url: str, questions: Sequence[str], count: int, in_flight: int) -> Speed:
    """Ask so many questions, each of them as often as the others."""
    server = psutil.Process(Control(url).health()["pid"])
    ready = [
        f"GET /?{question}&apikey={API_KEY} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        for question in questions
    ]
    started, cpu_started = time.perf_counter(), sum(server.cpu_times()[:2])
    size = uvloop.run(ask_all(url, islice(cycle(ready), count), in_flight))
    seconds, cpu_seconds = time.perf_counter() - started, sum(server.cpu_times()[:2]) - cpu_started
    return Speed(count / seconds, count / cpu_seconds, size / count)


def share_cores(server: int) -> None:
    """Give a process the last core and this one the others, where that is possible."""
    if len(CORES) > 1:
        os.sched_setaffinity(server, CORES[-1:])
        os.sched_setaffinity(0, CORES[:-1])


def questions_about(lines: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Return what can be asked about titles, by its name in the table."""
    places = {(line["seriesID"], line["Season"]) for line in lines if "seriesID" in line}
    seasons = [
        {"i": series, "Season": season} for series, season in sorted(places) if season != "N/A"
    ]
    found = {
        "details, `i=`": [{"i": line["imdbID"]} for line in lines],
        "details, `t=` and `y=`": [{"t": line["Title"], "y": line["Year"][:4]} for line in lines],
        "a page, `s=` a word": [{"s": longest_word(line)} for line in lines],
        "a page, `s=` a prefix and `y=`": [
            {"s": f"{longest_word(line)[:3]}*", "y": line["Year"][:4]} for line in lines
        ],
        "a `Season`": seasons,
        "a `Season` with `detail=full`": [{**season, "detail": "full"} for season in seasons],
    }
    return {name: [urlencode(query, safe="*") for query in asked] for name, asked in found.items()}


def longest_word(line: dict[str, Any]) -> str:
    """Return the longest word of a title."""
    words: list[str] = re.findall(r"\w+", line["Title"])
    return max(words, key=len)


def sample(titles: int) -> list[dict[str, Any]]:
    """Return some of the titles that `emulator(titles)` serves, always the same ones."""
    if not titles:
        # OMDb refuses every question with a "<".
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
    print(f"{args.in_flight} in flight; {machine('omdb-emulator', 'uvicorn', 'uvloop')}\n")
    starts = []
    print("| titles | asked | requests a second | a CPU second | bytes a reply | load |")
    print("|:--|:--|--:|--:|--:|--:|")
    for titles in args.titles:
        name = f"{titles:,} generated" if titles else "catalogue"
        started = time.perf_counter()
        with emulator(titles) as url:
            seconds = time.perf_counter() - started
            server = psutil.Process(Control(url).health()["pid"])
            starts.append(f"{name}: {seconds:.1f} s, {server.memory_info().rss / 1e6:.0f} MB")
            share_cores(server.pid)
            for kind, questions in questions_about(sample(titles)).items():
                busy = load()
                speed = measure(url, questions, args.requests, args.in_flight)
                print(
                    f"| {name} | {kind} | {speed.by_clock:,.0f} | {speed.by_cpu:,.0f} "
                    f"| {speed.reply_bytes:,.0f} | {busy} |",
                    flush=True,
                )
    print("\nTo start, and in memory then:", "; ".join(starts))


if __name__ == "__main__":
    main()
