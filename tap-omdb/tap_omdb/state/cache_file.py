"""The file in `cache_dir`: requests counted by day and key, and responses not yet in a state.

It is an SQLite database in WAL mode: what was written outlives a process that is killed at once,
and a machine that loses its power after about a second. Any number of processes may share it, as
the shards of a backfill do; the directory must be on a disk of this machine, since SQLite's locks
do not work on network shares.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tap_omdb.state import StateError

NAME = "tap-omdb.db"

_SCHEMA = """
    begin immediate;
    create table if not exists requests (day_and_key text primary key, sent integer not null)
      without rowid;
    create table if not exists responses (id integer primary key, run text not null,
      query text not null, fetched_at text not null, status integer not null,
      content_type text not null, body blob not null);
    create table if not exists covered_runs (run text primary key) without rowid;
    commit;
"""
_BUSY_SECONDS = 30.0
"""How long to wait for other processes; each holds the file for some microseconds."""
_SYNC_SECONDS = 1.0


class CacheFile:
    """The connection to the file. Thread-safe."""

    def __init__(self, directory: Path) -> None:
        """Open the file, and create it if there is none.

        Raises:
            StateError: It cannot be created or used.
        """
        self._lock = threading.Lock()
        self._next_sync = 0.0
        path = directory / NAME
        remedy = "free some space, or choose another directory"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._connection = _connect(path)
        except (OSError, sqlite3.OperationalError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
        except sqlite3.DatabaseError as error:
            reason = str(error)
            remedy = "delete it; the responses in it are requested again"
        else:
            return
        message = f"cache_dir: {path} cannot be used ({reason}): {remedy}"
        raise StateError(message)

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query.

        Raises:
            sqlite3.Error: The file cannot be read.
        """
        return [*self.rows(sql, *values)]

    def rows(self, sql: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query; nothing else can be done with the file before the last.

        Raises:
            sqlite3.Error: The file cannot be read.
        """
        with self._lock:
            yield from self._connection.execute(sql, values)

    def execute(self, sql: str, *values: object) -> int:
        """Change rows, and return how many were changed.

        Raises:
            sqlite3.Error: The file cannot be written to.
        """
        with self._lock:
            connection = self._connection
            if time.monotonic() < self._next_sync:
                return connection.execute(sql, values).rowcount
            # Now and then, wait until this and all that was written before is on the disk.
            connection.execute("pragma synchronous = full")
            changed = connection.execute(sql, values).rowcount
            connection.execute("pragma synchronous = normal")
            self._next_sync = time.monotonic() + _SYNC_SECONDS
            return changed

    def close(self) -> None:
        """Close the connection; nothing can be read or written after that."""
        with self._lock:
            self._connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        # The file shrinks when responses are deleted.
        connection.execute("pragma auto_vacuum = full")
        _use_wal(connection)
        connection.execute("pragma synchronous = normal")
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            break
        except sqlite3.OperationalError as error:
            # Here, SQLite itself does not wait for others that open the same new file.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
