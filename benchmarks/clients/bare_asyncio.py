# /// script
# requires-python = ">=3.10"
# dependencies = ["aiohttp==3.14.5"]
# ///
"""The least that a client can do: ask for each id, read the JSON, write it as a line.

No types, no retries, no state: what the machine and the library allow. aiohttp takes about half
the processor time of httpx.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import IO

import aiohttp


async def fetch_all(url: str, ids: list[str], out: IO[str], in_flight: int) -> None:
    """Write each title's response as a line, in the order received."""
    waiting = iter(ids)
    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def work() -> None:
            for imdb_id in waiting:
                params = {"i": imdb_id, "plot": "short", "apikey": "00000000"}
                async with session.get(url, params=params) as response:
                    title = json.loads(await response.read(), strict=False)
                out.write(f"{json.dumps(title, ensure_ascii=False)}\n")

        await asyncio.gather(*(work() for _ in range(in_flight)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("ids", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--in-flight", type=int, default=16)
    args = parser.parse_args()
    with args.out.open("w", encoding="utf-8") as file:
        asyncio.run(fetch_all(args.url, args.ids.read_text().split(), file, args.in_flight))
