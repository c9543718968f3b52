"""Which searches find most of a year, best first, and how to split a search into narrower ones.

OMDb cannot list a year, but its search accepts a trailing `*`. The ranking in `prefixes.csv` is
made by `scripts/rank_prefixes.py`.
"""

from __future__ import annotations

import csv
from bisect import bisect_left
from dataclasses import replace
from functools import cache
from importlib.resources import files

from tap_omdb.omdb.queries import SearchKey

WILDCARD = "*"
# How often each follows the third letter of a word in the titles of the ranking.
_NEXT_CHARACTERS = "etanirlsdoghckmupybvfzwjxq0195823746"


def ranked_prefixes(coverage: float) -> tuple[str, ...]:
    """Return the search terms that are expected to find a share of a year's titles.

    Args:
        coverage: The share, from 0 to 1. Beyond what the ranking reaches, all of it is returned.

    Returns:
        Terms such as "man*", best first.

    Raises:
        ValueError: `coverage` is not from 0 to 1.
    """
    if not 0 <= coverage <= 1:
        message = f"coverage is a share from 0 to 1, not {coverage}"
        raise ValueError(message)
    terms, shares = _ranking()
    if coverage == 0:
        return ()
    return terms[: bisect_left(shares, coverage) + 1]


def narrower(term: str) -> tuple[str, ...]:
    """Split a search that OMDb rejects or truncates into narrower ones.

    Args:
        term: A search term; only one that ends in `*` can be split.

    Returns:
        The term without its `*`, for the word itself, then the term with each letter and digit
        that may follow, most frequent first. Together they find what `term` finds, except words
        that continue with a letter outside a-z. Empty for a whole word.
    """
    if not term.endswith(WILDCARD):
        return ()
    stem = term.removesuffix(WILDCARD)
    return (stem, *(f"{stem}{character}{WILDCARD}" for character in _NEXT_CHARACTERS))


def narrower_searches(key: SearchKey) -> list[SearchKey]:
    """Return the searches that a search can be split into; empty if it is not a prefix."""
    return [replace(key, term=term) for term in narrower(key.term)]


@cache
def _ranking() -> tuple[tuple[str, ...], tuple[float, ...]]:
    text = (files("tap_omdb.sync") / "prefixes.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    terms = tuple(row["prefix"] + WILDCARD for row in rows)
    return terms, tuple(float(row["share"]) for row in rows)
