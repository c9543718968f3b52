# /// script
# requires-python = ">=3.10"
# dependencies = ["aiohttp", "omdb-emulator", "psutil", "uvloop"]
#
# [tool.uv.sources]
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# ///
"""Measure how many requests per second of its CPU time the emulator serves, by kind of request.

It is one process with one thread: this is its throughput if it has a core to itself, and the client
is fast enough.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import time
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp
import psutil
import uvloop
from measuring import API_KEY, IN_FLIGHT, emulator, load, machine
from omdb_emulator.catalogue.generator import GeneratedTitles
from omdb_emulator.catalogue.loader import CATALOGUE
from omdb_emulator.catalogue.titles import json_lines
from omdb_emulator.client import Control
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Sequence

SAMPLE = 5000
"""The number of titles to request."""


async def send(url: str, queries: Sequence[str], count: int) -> None:
    """Send this number of requests, each query equally often."""
    waiting = islice(cycle(queries), count)
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector, raise_for_status=True) as session:

        async def work() -> None:
            for query in waiting:
                target = URL(f"{url}?{query}&apikey={API_KEY}", encoded=True)
                async with session.get(target) as response:
                    await response.read()

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


def queries_for(lines: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Return queries for titles, by their name in the table."""
    positions = {(line["seriesID"], line["Season"]) for line in lines if "seriesID" in line}
    seasons = [
        {"i": series, "Season": season} for series, season in sorted(positions) if season != "N/A"
    ]
    queries = {
        "details, `i=`": [{"i": line["imdbID"]} for line in lines],
        "details, `t=` and `y=`": [{"t": line["Title"], "y": line["Year"][:4]} for line in lines],
        "first page, `s=` a word": [{"s": longest_word(line)} for line in lines],
        "first page, `s=` a prefix and `y=`": [
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


def measure(titles: int, requests: int) -> dict[str, str]:
    """Serve this number of generated titles, or the catalogue; return a column of the table."""
    started = time.perf_counter()
    with emulator(titles) as url:
        seconds = time.perf_counter() - started
        server = psutil.Process(Control(url).health()["pid"])
        megabytes = server.memory_info().rss / 1e6
        column = {"request": f"{titles:,} generated titles" if titles else "built-in catalogue"}
        for kind, queries in queries_for(sample(titles)).items():
            before = sum(server.cpu_times()[:2])
            uvloop.run(send(url, queries, requests))
            column[kind] = f"{requests / (sum(server.cpu_times()[:2]) - before):,.0f}"
        return {**column, "to start, and memory then": f"{seconds:.1f} s, {megabytes:.0f} MB"}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--titles", type=int, nargs="*", default=[0, 1_000_000], help="to generate")
    parser.add_argument("--requests", type=int, default=5000, help="of each kind")
    args = parser.parse_args()
    versions = machine("omdb-emulator", "aiohttp", "uvloop")
    print(f"{args.requests:,} requests of each kind, load {load()}; {versions}\n")
    columns = [measure(titles, args.requests) for titles in args.titles]
    head, *rows = ((name, *(column[name] for column in columns)) for name in columns[0])
    for row in (head, (":--", *["--:"] * len(columns)), *rows):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
