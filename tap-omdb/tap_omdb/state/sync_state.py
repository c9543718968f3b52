"""The sync state: what was fetched and when, and what is pending, as one JSON object.

It is readable JSON (see `dated_index` for how a million titles fit in it):

    {"version": 2,
     "titles": {"2026-11-22": {"movie 2026 search": {"k3v9": "1375666 0816692"},
                               "movie older imdb_id": {"k3v9": "0111161"},
                               "not_found older imdb_id": {"k3v9": "9999999"},
                               "not_selected series title": {"k3v9": "0944947"}}},
     "seasons": {"2026-11-22": {"season 2026": {"k3v9": "0944947/1 0944947/2"}}},
     "lookups": {"2026-11-22": {"found": {"k3v9": "Zm9vYmFyMQ"}}},
     "searches": {"2026-11-22": {"2010 movie": {"mar*": 88}}},
     "search_progress": {"the*|2010|movie": {"k3v9": {"since": "2026-11-22", ...}}},
     "pending": {"movie": {"k3v9": "1375666 0816692"}, "season": {"k3v9": "0944947/3"}},
     "failures": {"tt0000001": {"k3v9": {"day": "2026-11-22", "attempts": 1,
                                         "matched_by": "search"}}},
     "merged_ids": {"4440394": "2250912"},
     "lists": {"watchlist.csv": "Zm9vYmFy"},
     "requests": {"2026-11-22/7d": {"k3v9": 412}}}

"k3v9" identifies a run. States of several runs can be merged as `meltano state merge` does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl

from tap_omdb.config.settings import Refresh, Title
from tap_omdb.omdb.queries import SearchKey
from tap_omdb.state import StateError
from tap_omdb.state.lookups import LookupIndex
from tap_omdb.state.searches import SearchIndex
from tap_omdb.state.seasons import SeasonIndex
from tap_omdb.state.titles import TitleIndex

BOOKMARK = "sync_state"
"""The key of the state among the bookmarks; no stream has that name."""
VERSION = 2
PARTS = (
    *("titles", "seasons", "lookups", "searches", "search_progress"),
    *("pending", "failures", "merged_ids", "lists", "requests"),
)
"""In the order in which they are written."""


class SyncState:
    """What one run passes on to the next; each part is an index of its own."""

    def __init__(self, refresh: Refresh, run: str, state: Mapping[str, Any] | None = None) -> None:
        """Read a state, or start empty.

        Args:
            refresh: When known titles, seasons and searches are due again.
            run: Identifies this run among all that write to the same state.
            state: What `dump` returned in an earlier run.

        Raises:
            StateError: The state is of another version, or was not written by this tap.
        """
        self.titles = TitleIndex(refresh, run)
        self.seasons = SeasonIndex(refresh, run)
        self.lookups = LookupIndex(refresh, run)
        self.searches = SearchIndex(refresh, run)
        self._indexes = (self.titles, self.seasons, self.lookups, self.searches)
        self.lists: dict[str, str] = {}
        """A digest of each list whose rows have been emitted, by the list's name."""
        self.requests: dict[str, dict[str, int]] = {}
        """Requests sent, by day and key, then by run; see `budget`."""
        if state:
            self._load(state)

    def dump(self) -> dict[str, Any]:
        """Return everything as JSON-serialisable data; cheap when little has changed."""
        state: dict[str, Any] = {"version": VERSION, **{part: {} for part in PARTS}}
        for index in self._indexes:
            for part, content in index.dump().items():
                state[part] |= content
        state["lists"] = dict(self.lists)
        state["requests"] = {key: dict(counts) for key, counts in self.requests.items()}
        return state

    def covers(self, query: str, fetched_at: datetime) -> bool:
        """Return whether the state includes the response to a query.

        Args:
            query: The query string.
            fetched_at: When the response was received (UTC).
        """
        params = dict(parse_qsl(query))
        year = int(params["y"]) if "y" in params else None
        last: date | None = None
        if "Season" in params:
            last = self.seasons.last_requested(params["i"], int(params["Season"]))
        elif "i" in params:
            last = self.titles.last_requested(params["i"])
        elif "t" in params:
            last = self.lookups.last_requested(Title(params["t"], year, params.get("type")))
        elif "s" in params:
            key = SearchKey(params["s"], year, params.get("type"))
            if progress := self.searches.in_progress.get(key):
                return int(params["page"]) < progress.next_page
            last = self.searches.last_finished(key)
        return last is not None and last >= fetched_at.date()

    def _load(self, state: Mapping[str, Any]) -> None:
        if (version := state.get("version")) != VERSION:
            message = (
                f"the state is of version {version!r}, but this tap reads version {VERSION}: "
                "upgrade tap-omdb, or start over without a state (meltano run --full-refresh)"
            )
            raise StateError(message)
        try:
            for index in self._indexes:
                index.load(state)
            self.lists = dict(state.get("lists", {}))
            self.requests = {
                key: {run: int(count) for run, count in counts.items()}
                for key, counts in state.get("requests", {}).items()
            }
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            message = (
                f"the state cannot be read ({type(error).__name__}: {error}): fix it with meltano "
                "state edit, or start over without a state (meltano run --full-refresh)"
            )
            raise StateError(message) from error


def seed(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state without pending and failed requests, which another run will make.

    A shard of a backfill begins with it: otherwise each would request the same titles.

    Args:
        state: What `dump` returned.
    """
    return {part: value for part, value in state.items() if part not in {"pending", "failures"}}
