# ruff: noqa: T201  # what it prints is its purpose
"""Print how many titles a key brings in and keeps fresh, as the tables of docs/operations.md.

`.venv/bin/python scripts/cost_table.py [REQUESTS_PER_DAY ...]`; needs `make .venv/.dev`. The
intervals are the tap's own defaults.
"""

from __future__ import annotations

import math
import sys
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING

from tap_omdb.config.settings import Refresh
from tap_omdb.tap import TapOMDb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FREE = TapOMDb.config_jsonschema["properties"]["daily_requests"]["default"]
PATRON = 100_000
"""The smallest quota of OMDb's patrons."""
LIBRARIES = (2_000, 20_000, 100_000, 1_000_000)
"""Titles to bring in: a watchlist, a decade's films, a large catalogue, nearly all of OMDb."""

TODAY = date(2026, 7, 1)
MIXES = {
    "this year's only": range(TODAY.year, TODAY.year + 1),
    "the three years before": range(TODAY.year - Refresh.RECENT_YEARS, TODAY.year),
    "older only": range(TODAY.year - 50, TODAY.year - Refresh.RECENT_YEARS),
    "as many of each of the last 20 years": range(TODAY.year - 19, TODAY.year + 1),
}
"""The years of the titles, each with as many titles as the others."""


def main(quotas: Sequence[int]) -> None:
    """Print both tables."""
    rows = [
        [f"{titles:,}", *(_days(math.ceil(titles / quota)) for quota in quotas)]
        for titles in LIBRARIES
    ]
    print(_table(["titles to bring in", *map(_heading, quotas)], rows))
    print()
    rows = [
        [name, *(f"{titles_kept_fresh(quota, years, Refresh()):,}" for quota in quotas)]
        for name, years in MIXES.items()
    ]
    print(_table(["titles kept fresh", *map(_heading, quotas)], rows))


def titles_kept_fresh(quota: int, years: Iterable[int], refresh: Refresh) -> int:
    """Return how many titles can be fetched again as often as `refresh` demands.

    Args:
        quota: Requests per day.
        years: The titles' years, each with as many titles as the others.
        refresh: After how many days a title is due.
    """
    intervals = [refresh.days(year, TODAY) for year in years]
    requests = [Fraction(1, days) if days else Fraction() for days in intervals]
    per_title = sum(requests) / len(requests)  # a day, on average
    return int(quota / per_title)


def _days(days: int) -> str:
    return f"{days:,} day{'s' * (days != 1)}"


def _heading(quota: int) -> str:
    return f"{quota:,} requests per day"


def _table(heading: list[str], rows: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(heading) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heading, rule, *rows])


if __name__ == "__main__":
    main([*map(int, sys.argv[1:])] or [FREE, PATRON])
