"""Keeps responses on disk until a state that covers them has been stored.

A loader confirms only now and then what it has stored, so a run killed in between would have to
send its requests again. Each run therefore appends every response to a file of its own.
The next run reuses what its state does not cover, and deletes files that the state covers
completely, an hour after their last response. Such a file is marked by an empty `.covered` beside
it, so that a run that starts over, without a state, requests everything anew. Concurrent runs can
share a directory. The format is one line for each response, with its bytes escaped so that a line
stays a line:

    2026-11-22T10:00:00+00:00<TAB>200<TAB>-<TAB>i=tt1375666&plot=short<TAB>{"Title":"Inception",…

A line that is cut short by a power failure is skipped.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import uuid
from contextlib import suppress
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING

from tap_omdb.omdb.responses import RawResponse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_omdb.omdb.queries import Query

logger = logging.getLogger(__name__)

KEEP = timedelta(days=30)
"""How long the responses of a run are kept whose state was never stored."""

_IN_USE = timedelta(hours=1)
"""A file that was written to within this time may belong to another run that is still going."""

_SYNC_SECONDS = 1.0
_ESCAPES = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}
_UNESCAPES = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}


class ResponseCache:
    """The responses of earlier runs that no state covers, and those of this run."""

    def __init__(self, directory: Path | None) -> None:
        """Use a directory; without one, nothing is cached."""
        self._directory = directory / "responses" if directory else None
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._synced = 0.0
        self._found: dict[str, tuple[Path, int]] = {}

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
        if self._directory is None:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._directory.glob("*.tsv"), key=_modified):
            age = now.timestamp() - _modified(path)
            mark = path.with_suffix(".covered")
            was_covered = starts_over and mark.exists()
            if was_covered or self._index(path, is_covered) == 0:
                mark.touch()
                is_expired = age > _IN_USE.total_seconds()
            else:
                is_expired = age > KEEP.total_seconds()
            if is_expired:
                path.unlink(missing_ok=True)
                mark.unlink(missing_ok=True)
        if self._found:
            logger.info(
                "Found %d cached responses of an earlier run that the state does not cover; they "
                "are reused where needed, without a request",
                len(self._found),
            )

    def pop(self, query: Query) -> RawResponse | None:
        """Return the response of an earlier run to a query, once."""
        position = self._found.pop(str(query), None)
        if position is None:
            return None
        path, offset = position
        try:
            with path.open("rb") as file:
                file.seek(offset)
                line = _parse(file.readline())
        except FileNotFoundError:  # another run deleted it
            return None
        return line[1] if line else None

    def add(self, query: Query, response: RawResponse) -> None:
        """Store a response: safe from a crash at once, from a power failure after about 1 s."""
        if self._directory is None:
            return
        fields = (
            response.fetched_at.isoformat().encode(),
            str(response.status).encode(),
            _escape(response.content_type.encode("latin-1", "replace")).replace(b"\t", b" ")
            or b"-",
            _escape(str(query).encode()).replace(b"\t", b" "),
            _escape(response.body),
        )
        line = b"\t".join(fields) + b"\n"
        with self._lock:
            if self._file is None:
                self._file = (self._directory / f"{uuid.uuid4().hex}.tsv").open("ab", buffering=0)
            self._file.write(line)
            if time.monotonic() - self._synced > _SYNC_SECONDS:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()

    def close(self) -> None:
        """Close this run's file."""
        with self._lock:
            if self._file is not None:
                os.fsync(self._file.fileno())
                self._file.close()
                self._file = None

    def _index(self, path: Path, is_covered: Callable[[str, datetime], bool]) -> int:
        """Index the uncovered responses of a file, and return how many there are."""
        uncovered = 0
        with suppress(FileNotFoundError), path.open("rb") as file:  # another run may delete it
            offset = 0
            for raw in file:
                line = _parse(raw)
                if line and not is_covered(line[0], line[1].fetched_at):
                    self._found[line[0]] = (path, offset)
                    uncovered += 1
                offset += len(raw)
        return uncovered


def _modified(path: Path) -> float:
    """Return when a file was last written to (s since 1970); 0 if another run deleted it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0


def _parse(raw: bytes) -> tuple[str, RawResponse] | None:
    parts = raw.split(b"\t", 4)
    if not raw.endswith(b"\n") or len(parts) != 5:  # noqa: PLR2004 - the five fields of a line
        return None
    try:
        response = RawResponse(
            fetched_at=datetime.fromisoformat(parts[0].decode()),
            status=int(parts[1]),
            content_type="" if parts[2] == b"-" else _unescape(parts[2]).decode("latin-1"),
            body=_unescape(parts[4][:-1]),
        )
        return _unescape(parts[3]).decode(), response
    except ValueError:
        return None


def _escape(data: bytes) -> bytes:
    return re.sub(rb"[\\\n\r]", lambda match: _ESCAPES[match[0]], data)


def _unescape(data: bytes) -> bytes:
    return re.sub(rb"\\[\\nr]", lambda match: _UNESCAPES[match[0]], data)
