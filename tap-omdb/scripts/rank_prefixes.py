#!/usr/bin/env python3
"""Ranks the search prefixes that find the most titles for the fewest requests.

OMDb cannot list a year, but `s=lov*&y=2010` finds the titles with a word that starts
with "lov". This script reads titles and orders all prefixes of their words by greedy
cover: the next prefix is always the one with the most titles not yet found per request. A
request gives a page of ten, so a prefix with many hits costs many. How many hits a
prefix has depends on the year: counts are scaled to a year of `--year-size` titles.

The shares are measured on titles that had no part in the ranking (`--folds`): on its own
titles a ranking looks better than it is.

    .venv/bin/python tap-omdb/scripts/rank_prefixes.py \
      --output tap-omdb/tap_omdb/sync/prefixes.csv title.basics.tsv.gz

Files are in any layout that `titles_file` of the tap reads: IMDb's title.basics.tsv.gz,
MovieLens' movies.csv, OMDb's responses as JSON lines, any CSV with title and year. The same files
in the same order give the same ranking. The curve is printed as Markdown.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from array import array
from collections import Counter, defaultdict
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tap_omdb.config.titles_file import TitleEntry, open_titles_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE = 10
# What ceil(hits / 10) exceeds hits / 10 by, on average: the last page is not full.
PART_OF_A_PAGE = 0.45
WORD = re.compile(r"[^\W_]+")
MARKS = (25, 50, 100, 200, 300, 400, 600, 800, 1000, 1500, 2000)
SIZES = (1_000, 5_000, 20_000)
REJECTED = frozenset({"the"})
"""Prefixes that OMDb does not accept."""


class Corpus:
    """Titles as numbers, and for each prefix the numbers of those that it finds."""

    def __init__(self, length: int) -> None:
        """Starts an empty corpus of prefixes of `length` letters."""
        self.size = 0
        self.unreachable = 0
        self.found_by: dict[str, array[int]] = defaultdict(lambda: array("L"))
        self.next_characters: Counter[str] = Counter()
        self._length = length
        self._seen: set[int] = set()

    def add(self, title: str, year: int | None) -> None:
        """Adds a title, unless one with the same words and year is there already."""
        words = set(WORD.findall(title.lower()))
        identity = hash((frozenset(words), year))
        if not words or identity in self._seen:
            return
        self._seen.add(identity)
        prefixes = {word[: self._length] for word in words if len(word) >= self._length}
        for prefix in prefixes - REJECTED:
            self.found_by[prefix].append(self.size)
        self.next_characters.update(
            word[self._length] for word in words if len(word) > self._length
        )
        self.unreachable += not prefixes
        self.size += 1


class Step(NamedTuple):
    """A prefix in its place, with what it and those before it find and cost."""

    prefix: str
    share: float
    requests: float


def requests_for(hits: float) -> float:
    """Gives the requests that a prefix costs: its pages, or one to learn that it has none."""
    return max(1.0, hits / PAGE + PART_OF_A_PAGE)


def rank(found_by: dict[str, array[int]], size: int, year_size: int) -> list[str]:
    """Orders prefixes by greedy cover: titles not yet found, per request.

    Args:
        found_by: For each prefix the numbers of the titles that it finds.
        size: How many titles there are.
        year_size: How many of them a search is about to meet in a year.
    """
    costs = {p: requests_for(len(titles) * year_size / size) for p, titles in found_by.items()}
    covered: set[int] = set()
    # What a prefix adds can only shrink, so a stale gain is a bound: look at the best only.
    heap = [(-len(titles) / costs[prefix], prefix) for prefix, titles in found_by.items()]
    heapify(heap)
    ranking: list[str] = []
    while heap:
        _, prefix = heappop(heap)
        new = [title for title in found_by[prefix] if title not in covered]
        if not new:
            continue
        entry = (-len(new) / costs[prefix], prefix)
        if heap and entry > heap[0]:
            heappush(heap, entry)
            continue
        covered.update(new)
        ranking.append(prefix)
    return ranking


def measure(
    ranking: Iterable[str], found_by: dict[str, array[int]], size: int, year_size: int
) -> list[Step]:
    """Follows a ranking through titles: the share found and requests spent at each step."""
    covered: set[int] = set()
    requests = 0.0
    steps: list[Step] = []
    for prefix in ranking:
        titles = found_by.get(prefix, ())
        covered.update(titles)
        requests += requests_for(len(titles) * year_size / size)
        steps.append(Step(prefix, len(covered) / size, requests))
    return steps


def held_out_shares(corpus: Corpus, year_size: int, folds: int, count: int) -> list[float]:
    """Gives the share found by the first 1, 2, ... `count` prefixes of titles not ranked on."""
    totals = [0.0] * count
    for fold in range(folds):
        train, test = {}, {}
        for prefix, titles in corpus.found_by.items():
            train[prefix] = array("L", (t for t in titles if t % folds != fold))
            test[prefix] = array("L", (t for t in titles if t % folds == fold))
        tested = len(range(fold, corpus.size, folds))
        ranking = rank(train, corpus.size - tested, year_size)
        shares = [step.share for step in measure(ranking, test, tested, year_size)]
        for index in range(count):
            totals[index] += shares[min(index, len(shares) - 1)]
    return [total / folds for total in totals]


def read(path: Path) -> Iterator[tuple[str, int | None]]:
    """Reads the titles and years of the movies, series and games in a file."""
    [file] = open_titles_files([path])
    for row in file.rows(types=("movie", "series", "game")):
        if isinstance(row, TitleEntry) and row.title and row.type != "episode":
            yield row.title, row.year


def curve(corpus: Corpus, ranking: list[str], shares: list[float]) -> str:
    """Gives the curve as a Markdown table: a row for every mark, a column for every size."""
    curves = [measure(ranking, corpus.found_by, corpus.size, size) for size in SIZES]
    lines = [
        "| prefixes | found |" + "".join(f" requests, year of {size} |" for size in SIZES),
        "|---:|---:|" + "---:|" * len(SIZES),
    ]
    for mark in [*(mark for mark in MARKS if mark < len(ranking)), len(ranking)]:
        requests = "".join(f" {curve[mark - 1].requests:.0f} |" for curve in curves)
        lines.append(f"| {mark} | {shares[mark - 1]:.1%} |{requests}")
    return "\n".join(lines)


def write(output: Path, ranking: list[Step], shares: list[float]) -> None:
    """Writes the ranking: prefix, cumulative held-out share, cumulative requests."""
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["prefix", "share", "requests"])
        for step, share in zip(ranking, shares, strict=True):
            writer.writerow([step.prefix, f"{share:.5f}", f"{step.requests:.0f}"])


def main(arguments: list[str] | None = None) -> int:
    """Ranks, measures, writes and prints; see the module's text."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="titles to rank on")
    parser.add_argument("--output", type=Path, help="the CSV file to write")
    parser.add_argument("--length", type=int, default=3, help="letters in a prefix (default: 3)")
    parser.add_argument(
        "--year-size", type=int, default=5_000, help="titles in a year (default: 5000)"
    )
    parser.add_argument(
        "--folds", type=int, default=5, help="parts held out in turn to measure on (default: 5)"
    )
    options = parser.parse_args(arguments)
    corpus = Corpus(options.length)
    for path in options.files:
        for title, year in read(path):
            corpus.add(title, year)
    if corpus.size < options.folds:
        parser.error(f"{corpus.size} titles are fewer than the {options.folds} folds")
    ranking = rank(corpus.found_by, corpus.size, options.year_size)
    shares = held_out_shares(corpus, options.year_size, options.folds, len(ranking))
    if options.output:
        steps = measure(ranking, corpus.found_by, corpus.size, options.year_size)
        write(options.output, steps, shares)
    common = sorted(corpus.next_characters, key=lambda c: (-corpus.next_characters[c], c))
    sys.stdout.write(
        f"{corpus.size} titles, {corpus.unreachable} without a word that is long enough\n"
        f"{curve(corpus, ranking, shares)}\n"
        f"Next characters, most frequent first: {''.join(c for c in common if c.isascii())}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
