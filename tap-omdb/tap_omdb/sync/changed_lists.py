"""Emits the rows of each list in `titles_file` that has changed since it was last emitted."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from tap_omdb.config.settings import Settings
from tap_omdb.config.titles_file import TitleEntry, TitlesFile
from tap_omdb.state.sync_state import SyncState
from tap_omdb.sync.ranking import VoteRanking
from tap_omdb.sync.rows import LEFT_OUT, Answer, Row, emptied_list_row, list_entry_row, lookup_row
from tap_omdb.sync.tasks import TitleTask

_BLOCK = 65_536


class ChangedLists:
    """The lists that have changed, or that were never emitted."""

    def __init__(
        self, settings: Settings, state: SyncState, ranking: VoteRanking, now: datetime
    ) -> None:
        """Read nothing yet.

        Args:
            settings: The tap's settings.
            state: The sync state.
            ranking: Which titles are left out.
            now: When the run started (UTC).
        """
        self._settings = settings
        self._state = state
        self._ranking = ranking
        self._now = now

    def rows(self) -> Iterator[Row]:
        """Yield all rows of the changed lists, and record each list after its last row.

        Raises:
            TitlesFileError: The rest of a list cannot be read.
        """
        lists = [file for file in self._settings.titles_file if not file.is_catalogue]
        # A list that is named again later is emitted again.
        for name in self._state.lists.keys() - {file.name for file in lists}:
            del self._state.lists[name]
        for file in lists:
            digest = self._digest(file.path)
            if self._state.lists.get(file.name) != digest:
                yield from self._rows_of(file)
                self._state.lists[file.name] = digest

    def _rows_of(self, file: TitlesFile) -> Iterator[Row]:
        position = 0
        for position, row in enumerate(file.rows(), start=1):
            yield list_entry_row(row, position, self._now)
            if isinstance(row, TitleEntry) and row.imdb_id:
                yield from self._left_out(row.imdb_id, row.line)
        if not position:
            yield emptied_list_row(file.name, self._now)

    def _left_out(self, imdb_id: str, line: int) -> Iterator[Row]:
        if not self._ranking.includes(imdb_id):
            message = f"it has fewer than {self._settings.min_votes:,} votes"
        elif self._state.titles.is_not_selected(imdb_id):
            message = "the stream of its type is not selected"
        else:
            return
        task = TitleTask(imdb_id, "titles_file", line)
        yield lookup_row(task, Answer(LEFT_OUT, imdb_id, message=message), self._now)

    def _digest(self, path: Path) -> str:
        """Return 8 characters that change with the file, and with what is made of it."""
        digest = hashlib.blake2b(digest_size=6)
        digest.update(f"{version('tap-omdb')} {self._settings.min_votes} ".encode())
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        except OSError:
            return ""  # reading its rows reports it
        return base64.urlsafe_b64encode(digest.digest()).decode()
