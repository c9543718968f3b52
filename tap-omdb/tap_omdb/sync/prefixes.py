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
    """
    terms, shares = _ranking()
    if coverage == 0:
        return ()
    return terms[: bisect_left(shares, coverage) + 1]


def narrower_searches(key: SearchKey) -> list[SearchKey]:
    """Split a search that OMDb rejects or truncates into narrower ones.

    Args:
        key: A search; only one whose term ends in `*` can be split.

    Returns:
        A search for the term without its `*`, for the word itself, then one for the term with each
        letter and digit that may follow, most frequent first. Together they find what `key` finds,
        except words that continue with a letter outside a-z. Empty for a whole word.
    """
    if not key.term.endswith(WILDCARD):
        return []
    stem = key.term.removesuffix(WILDCARD)
    terms = (stem, *(f"{stem}{character}{WILDCARD}" for character in _NEXT_CHARACTERS))
    return [replace(key, term=term) for term in terms]


@cache
def _ranking() -> tuple[tuple[str, ...], tuple[float, ...]]:
    text = (files("tap_omdb.sync") / "prefixes.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    terms = tuple(row["prefix"] + WILDCARD for row in rows)
    return terms, tuple(float(row["share"]) for row in rows)
