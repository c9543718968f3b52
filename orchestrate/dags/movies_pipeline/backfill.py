"""The shards of a backfill. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import date

FIRST_YEAR, LAST_YEAR = 1870, 2100
MOST_YEARS = 200
TYPES = ("movie", "series", "episode", "game")
YEARS_PATTERN = r"^\s*\d{4}(-\d{4})?([,\s]+\d{4}(-\d{4})?)*\s*$"
_RANGE = re.compile(r"(\d{4})(?:-(\d{4}))?")

NAMED_NOTHING = {
    "TAP_OMDB_IMDB_IDS": "[]",
    "TAP_OMDB_TITLES": "[]",
    "TAP_OMDB_TITLES_FILE": "",
    "TAP_OMDB_SEARCH_TERMS": "[]",
}
"""Titles that the settings name would be requested by every shard; the daily run has them."""
REFRESH_NOTHING = {
    "TAP_OMDB_REFRESH": json.dumps(dict.fromkeys(("this_year", "recent", "older"), "never")),
}
"""Known titles are refreshed by the daily run."""
SEARCH_NOTHING = {"TAP_OMDB_YEARS": "2000", "TAP_OMDB_COVERAGE": "0"}
"""The tap requires a source; this one needs no search."""


class BackfillError(ValueError):
    """A parameter of the backfill is invalid; the message says which, and what is valid."""


def parse_years(text: str) -> tuple[int, ...]:
    """Return the years in a text such as "2010, 2012-2015", without duplicates, ascending.

    Raises:
        BackfillError: The text is something else, or names too many years.
    """
    years: set[int] = set()
    for part in filter(None, re.split(r"[,\s]+", text)):
        match = _RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not FIRST_YEAR <= first <= last <= LAST_YEAR:
            message = f'years: "{part}" is neither a year nor a range such as 2012-2015'
            raise BackfillError(message)
        years.update(range(first, last + 1))
    if not 0 < len(years) <= MOST_YEARS:
        message = f"years: {len(years)} years are given; give 1 to {MOST_YEARS}"
        raise BackfillError(message)
    return tuple(sorted(years))


def split_evenly(total: int, parts: int) -> tuple[int, ...]:
    """Split a number into parts that differ by 1 at most; the larger ones come first."""
    return tuple(total // parts + (part < total % parts) for part in range(parts))


def shards(years: Collection[int], types: Iterable[str], requests: int) -> list[dict[str, str]]:
    """Return the variables of each shard, one a year.

    Args:
        years: The years.
        types: The types of titles to search for.
        requests: How many requests all shards may send together.

    Returns:
        Variables for `meltano run`; `STATE_ID_SUFFIX` is the shard's own. A year whose share is
        nothing is left out: it is for the next backfill.

    Raises:
        BackfillError: A type is unknown, or no request is left.
    """
    types = tuple(types)
    unknown = sorted({*types} - {*TYPES})
    if unknown or not types:
        given = ", ".join(unknown) or "none"
        message = f"types: {given} given; choose from {', '.join(TYPES)}"
        raise BackfillError(message)
    return [
        {
            **NAMED_NOTHING,
            **REFRESH_NOTHING,
            "STATE_ID_SUFFIX": f"backfill-{year}",
            "TAP_OMDB_YEARS": str(year),
            "TAP_OMDB_TYPES": ",".join(types),
            "TAP_OMDB_MAX_REQUESTS": str(share),
        }
        for year, share in zip(years, split_evenly(requests, len(years)), strict=True)
        if share
    ]


def seed(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state that a shard begins with: what is known, and no work of others.

    Titles that were found or failed earlier would otherwise be requested by every shard.

    Args:
        state: The main state, as `meltano state get` prints it.
    """
    sync_state = state.get("singer_state", {}).get("bookmarks", {}).get("sync_state", {})
    known = {key: value for key, value in sync_state.items() if key not in {"pending", "failures"}}
    return {"singer_state": {"bookmarks": {"sync_state": known}}} if known else {}


def describe_pending(state: Mapping[str, Any]) -> str:
    """Return what a state lists as found and not fetched, or as read in part, in one line."""
    sync_state = state.get("singer_state", {}).get("bookmarks", {}).get("sync_state", {})
    titles = {
        (kind, token)
        for kind, runs in sync_state.get("pending", {}).items()
        for tokens in runs.values()
        for token in tokens.split()
    }
    searches = sync_state.get("search_progress", {})
    if not titles and not searches:
        return "Nothing is pending."
    return (
        f"{len(titles):,} titles and seasons and {len(searches):,} unfinished searches are pending:"
        " another backfill of these years continues."
    )


def count_requests(state: Mapping[str, Any], today: date) -> int:
    """Return how many requests a state counts for a day (UTC), with whichever key."""
    sync_state = state.get("singer_state", {}).get("bookmarks", {}).get("sync_state", {})
    return sum(
        count
        for key, runs in sync_state.get("requests", {}).items()
        if key.startswith(f"{today}/")
        for count in runs.values()
    )
