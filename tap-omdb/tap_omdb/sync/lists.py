"""The lists in `titles_file`: which have changed, and which were probably misread."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from tap_omdb.config.settings import Settings
from tap_omdb.config.titles_file import InvalidRow, TitleEntry
from tap_omdb.omdb.records import Record
from tap_omdb.state.lookups import FOUND, NOT_FOUND, NOT_FOUND_WITH_YEAR
from tap_omdb.state.sync_state import SyncState
from tap_omdb.sync.ranking import VoteRanking
from tap_omdb.sync.rows import LEFT_OUT, Answer, list_entry_row, lookup_row
from tap_omdb.sync.tasks import TitleTask

_BLOCK = 65_536
FIRST_LOOKUPS = 20
"""If so many lookups of a list find nothing, and none anything, the list was probably misread."""


class ListResults:
    """What is known of the lists of a run, by their names."""

    def __init__(self) -> None:
        """Start without lists."""
        self.usable: set[str] = set()
        """Those with a row that identifies a title."""
        self.found: set[str] = set()
        """Those with a title that was found, or that has an id."""
        self._looked_up: Counter[str] = Counter()
        self._not_found: Counter[str] = Counter()

    def start_lookup(self, name: str) -> None:
        """Count a lookup of a list."""
        self._looked_up[name] += 1

    def end_lookup(self, name: str, outcome: str | None) -> None:
        """Count the outcome of a lookup; one that failed tells nothing."""
        if outcome == FOUND:
            self.found.add(name)
        elif outcome == NOT_FOUND:
            self._not_found[name] += 1
        elif outcome != NOT_FOUND_WITH_YEAR:
            self._looked_up[name] -= 1

    def must_wait(self, name: str) -> bool:
        """Return whether further lookups have to wait for the outcomes of the first."""
        return name not in self.found and self._looked_up[name] >= FIRST_LOOKUPS

    def is_skipped(self, name: str) -> bool:
        """Return whether the first lookups all found nothing."""
        return name not in self.found and self._not_found[name] >= FIRST_LOOKUPS


def changed_lists(
    settings: Settings, state: SyncState, ranking: VoteRanking, now: datetime
) -> Iterator[Record]:
    """Yield all rows of the lists that have changed, and record each list after its last row.

    Args:
        settings: The tap's settings.
        state: The sync state.
        ranking: Which titles are left out.
        now: When the run started (UTC).

    Raises:
        TitlesFileError: The rest of a list cannot be read.
    """
    lists = [file for file in settings.titles_file if not file.is_catalogue]
    # A list that is named again later is emitted again.
    for name in state.lists.keys() - {file.name for file in lists}:
        del state.lists[name]
    for file in lists:
        digest = _digest(file.path, settings.min_votes)
        if state.lists.get(file.name) == digest:
            continue
        position = 0
        for position, row in enumerate(file.rows(), start=1):
            yield list_entry_row(row, position, now)
            if isinstance(row, TitleEntry) and row.imdb_id:
                reason = _why_left_out(row.imdb_id, settings, state, ranking)
                if reason is not None:
                    task = TitleTask(row.imdb_id, "titles_file", row.line)
                    yield lookup_row(task, Answer(LEFT_OUT, row.imdb_id, message=reason), now)
        if not position:
            yield list_entry_row(InvalidRow(0, "", "the list has no rows", file.name), 0, now)
        state.lists[file.name] = digest


def _why_left_out(
    imdb_id: str, settings: Settings, state: SyncState, ranking: VoteRanking
) -> str | None:
    if not ranking.includes(imdb_id):
        return f"it has fewer than {settings.min_votes:,} votes"
    is_not_selected = state.titles.is_not_selected(imdb_id)
    return "the stream of its type is not selected" if is_not_selected else None


def _digest(path: Path, min_votes: int) -> str:
    """Return 8 characters that change with the file, and with what is made of it."""
    digest = hashlib.blake2b(digest_size=6)
    digest.update(f"{version('tap-omdb')} {min_votes} ".encode())
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError:
        return ""  # reading its rows reports it
    return base64.urlsafe_b64encode(digest.digest()).decode()
