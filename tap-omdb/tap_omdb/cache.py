"""Keeps replies on disk until a state that covers them has come back.

A loader confirms what it has stored only now and then, so whatever dies before that would cost
its requests again. Each run therefore appends every reply that it has paid for to a file of its
own; the next run finds there what its state does not cover, and deletes the files that it covers
whole, an hour after their last reply. Such a file is marked by an empty `.covered` beside it, so
that a run that starts over, without a state, asks anew. Runs at the same time can share a folder.
One line a reply, its bytes escaped so that a line stays a line:

    2026-11-22T10:00:00+00:00<TAB>200<TAB>-<TAB>i=tt1375666&plot=short<TAB>{"Title":"Inception",…

A line cut by a power failure is passed over.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_omdb.queries import Query

logger = logging.getLogger(__name__)

KEEP = timedelta(days=30)
"""How long replies of a run whose state never came back are kept."""

_IN_USE = timedelta(hours=1)
"""A file that was written to within this time may be that of another run, which goes on."""

_SYNC_SECONDS = 1.0
_ESCAPES = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}
_UNESCAPES = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A reply as it came.

    Attributes:
        fetched_at: When it came (UTC).
        status: The HTTP status.
        content_type: The Content-Type header, which may name a charset.
        body: The bytes of the body.
    """

    fetched_at: datetime
    status: int
    content_type: str
    body: bytes


class ReplyCache:
    """The replies of earlier runs that no state covers, and those of this run."""

    def __init__(self, folder: Path | None) -> None:
        """Use a folder; without one nothing is kept."""
        self._folder = folder / "replies" if folder else None
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._synced = 0.0
        self._found: dict[str, tuple[Path, int]] = {}

    def __len__(self) -> int:
        """Return how many replies of earlier runs may still be used."""
        return len(self._found)

    def load(
        self,
        is_covered: Callable[[str, datetime], bool],
        now: datetime,
        *,
        starts_over: bool = False,
    ) -> None:
        """Find what earlier runs left, and delete what is no longer needed.

        Args:
            is_covered: Tells of a query (in words) and the time of its reply whether the state
                already has what that reply said.
            now: The current time (UTC).
            starts_over: There is no state: what one has covered before is not wanted again.
        """
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._folder.glob("*.tsv"), key=_modified):
            age = now.timestamp() - _modified(path)
            mark = path.with_suffix(".covered")
            was_covered = starts_over and mark.exists()
            if was_covered or self._index(path, is_covered) == 0:
                mark.touch()
                is_over = age > _IN_USE.total_seconds()
            else:
                is_over = age > KEEP.total_seconds()
            if is_over:
                path.unlink(missing_ok=True)
                mark.unlink(missing_ok=True)
        if self._found:
            logger.info(
                "%d replies of an earlier run are on disk and not yet in the state: they are used "
                "where they are needed, and cost no request",
                len(self._found),
            )

    def find(self, query: Query) -> StoredReply | None:
        """Return the reply of an earlier run to a query, once."""
        place = self._found.pop(str(query), None)
        if place is None:
            return None
        path, offset = place
        try:
            with path.open("rb") as file:
                file.seek(offset)
                line = _parse(file.readline())
        except FileNotFoundError:  # another run deleted it
            return None
        return line[1] if line else None

    def add(self, query: Query, reply: StoredReply) -> None:
        """Keep a reply: at once from a crash, after about a second from a power failure."""
        if self._folder is None:
            return
        fields = (
            reply.fetched_at.isoformat().encode(),
            str(reply.status).encode(),
            _escape(reply.content_type.encode("latin-1", "replace")).replace(b"\t", b" ") or b"-",
            _escape(str(query).encode()).replace(b"\t", b" "),
            _escape(reply.body),
        )
        line = b"\t".join(fields) + b"\n"
        with self._lock:
            if self._file is None:
                self._file = (self._folder / f"{uuid.uuid4().hex}.tsv").open("ab", buffering=0)
            self._file.write(line)
            if time.monotonic() - self._synced > _SYNC_SECONDS:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()

    def close(self) -> None:
        """End this run's file."""
        with self._lock:
            if self._file is not None:
                os.fsync(self._file.fileno())
                self._file.close()
                self._file = None

    def _index(self, path: Path, is_covered: Callable[[str, datetime], bool]) -> int:
        """Note where the uncovered replies of a file are; return how many there are."""
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


def _parse(raw: bytes) -> tuple[str, StoredReply] | None:
    parts = raw.split(b"\t", 4)
    if not raw.endswith(b"\n") or len(parts) != 5:  # noqa: PLR2004 - the five fields of a line
        return None
    try:
        reply = StoredReply(
            fetched_at=datetime.fromisoformat(parts[0].decode()),
            status=int(parts[1]),
            content_type="" if parts[2] == b"-" else _unescape(parts[2]).decode("latin-1"),
            body=_unescape(parts[4][:-1]),
        )
        return _unescape(parts[3]).decode(), reply
    except ValueError:
        return None


def _escape(data: bytes) -> bytes:
    return re.sub(rb"[\\\n\r]", lambda match: _ESCAPES[match[0]], data)


def _unescape(data: bytes) -> bytes:
    return re.sub(rb"\\[\\nr]", lambda match: _UNESCAPES[match[0]], data)
