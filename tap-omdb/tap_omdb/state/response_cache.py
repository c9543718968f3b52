"""Keeps responses on disk until a state that covers them has been stored.

A loader confirms only now and then what it has stored, so a run killed in between would have to
send its requests again. Each run therefore stores every response in the file of the cache. The
next run reuses what its state does not cover. The responses of a run that a state covers completely
are deleted an hour after the last of them; until then, the run is noted as covered, so that one
that starts over, without a state, requests everything anew.
"""

from __future__ import annotations

import logging
import sqlite3
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from tap_omdb.omdb.queries import Query
from tap_omdb.omdb.responses import RawResponse
from tap_omdb.state.cache_file import CacheFile

logger = logging.getLogger(__name__)

KEEP = timedelta(days=30)
"""How long the responses of a run are kept whose state was never stored."""

_IN_USE = timedelta(hours=1)
"""A run with a response as recent as this may still be going, or be repeated after a crash."""


class ResponseCache:
    """The responses of earlier runs that no state covers, and those of this run."""

    def __init__(self, file: CacheFile | None) -> None:
        """Use a file; without one, nothing is cached."""
        self._file = file
        self._run = uuid.uuid4().hex
        self._found: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many responses of earlier runs may still be reused."""
        return len(self._found)

    def load(
        self,
        is_covered: Callable[[str, datetime], bool],
        now: datetime,
        *,
        starts_over: bool = False,
    ) -> None:
        """Index the responses of earlier runs, and delete those that are no longer needed.

        Args:
            is_covered: Returns, for a query string and the time of its response, whether the
                state covers that response.
            now: The current time (UTC).
            starts_over: Whether there is no state; responses that an earlier one covered are then
                not reused.
        """
        if self._file is None:
            return
        try:
            covered_before = self._file.query("select run from covered_runs") if starts_over else []
            latest: dict[str, datetime] = {}
            uncovered: set[str] = set()
            sql = "select id, run, query, fetched_at from responses order by fetched_at, id"
            for number, run, query, text in self._file.rows(sql):
                fetched_at = latest[run] = datetime.fromisoformat(text)
                if (run,) not in covered_before and not is_covered(query, fetched_at):
                    self._found[query] = number
                    uncovered.add(run)
            for run, fetched_at in latest.items():
                if run not in uncovered:
                    self._file.execute("insert or ignore into covered_runs values (?)", run)
                if now - fetched_at > (KEEP if run in uncovered else _IN_USE):
                    self._file.execute("delete from responses where run = ?", run)
                    self._file.execute("delete from covered_runs where run = ?", run)
        except sqlite3.Error as error:
            logger.warning("The cached responses cannot be read (%s)", error)
        if self._found:
            logger.info(
                "Found %d cached responses of an earlier run that the state does not cover; they "
                "are reused where needed, without a request",
                len(self._found),
            )

    def pop(self, query: Query) -> RawResponse | None:
        """Return the response of an earlier run to a query, once."""
        number = self._found.pop(str(query), None)
        if self._file is None or number is None:
            return None
        sql = "select fetched_at, status, content_type, body from responses where id = ?"
        for fetched_at, status, content_type, body in self._file.query(sql, number):
            return RawResponse(datetime.fromisoformat(fetched_at), status, content_type, body)
        return None  # another run has deleted it

    def add(self, query: Query, response: RawResponse) -> None:
        """Store a response: safe from a crash at once, from a power failure after about 1 s.

        Raises:
            sqlite3.Error: The file cannot be written to.
        """
        if self._file:
            self._file.execute(
                "insert into responses (run, query, fetched_at, status, content_type, body)"
                " values (?, ?, ?, ?, ?, ?)",
                self._run,
                str(query),
                response.fetched_at.isoformat(),
                response.status,
                response.content_type,
                response.body,
            )

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
