# /// script
# requires-python = ">=3.10"
# dependencies = ["aiohttp==3.14.5", "psycopg[binary]==3.3.6"]
# ///
"""The practical limit: concurrent requests with the leanest client, then one COPY.

No types, no retries, no state, no upsert.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import aiohttp
import psycopg


async def fetch_all(url: str, ids: list[str], in_flight: int) -> list[tuple[str, str]]:
    """Return each title's id and its response."""
    waiting = iter(ids)
    rows: list[tuple[str, str]] = []
    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def work() -> None:
            for imdb_id in waiting:
                params = {"i": imdb_id, "plot": "short", "apikey": "00000000"}
                async with session.get(url, params=params) as response:
                    title = json.loads(await response.read(), strict=False)
                rows.append((imdb_id, json.dumps(title, ensure_ascii=False)))

        await asyncio.gather(*(work() for _ in range(in_flight)))
    return rows


if __name__ == "__main__":
    emulator, file_of_ids, at_once = sys.argv[1:]
    titles = asyncio.run(fetch_all(emulator, Path(file_of_ids).read_text().split(), int(at_once)))
    with psycopg.connect() as connection, connection.cursor() as cursor:
        cursor.execute("truncate bench.titles")
        with cursor.copy("copy bench.titles from stdin") as copy:
            for row in titles:
                copy.write_row(row)
