# /// script
# requires-python = ">=3.11"
# dependencies = ["embedded-postgres", "omdb-emulator", "psutil", "psycopg[binary]", "tap-omdb"]
#
# [tool.uv.sources]
# embedded-postgres = { path = "../utilities/embedded-postgres", editable = true }
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# tap-omdb = { path = "../tap-omdb", editable = true }
# ///
"""Whether the pipeline has become slower since `baseline.json`; run before a release.

Compared are CPU seconds of whole runs as a ratio to those of a bare client on the same machine,
each the least of all rounds: seconds by the clock depend on what else the machine does, and CPU
seconds on which machine it is.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import CHANGES, FIRST, NOTHING, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline import Results

BASELINE = Path(__file__).with_name("baseline.json")
NAMES = ("copy", "pipe", "meltano", "dbt")
TITLES = 6_000
TOLERANCE = 1.3
"""Ratios of the same code differ by up to a fifth, those of the shortest runs most."""


def ratios(results: Results) -> Iterator[tuple[str, float]]:
    """Yield the ratio of each contestant's runs to the first run of the bare client."""
    limit, *names = results
    base = min(costs[FIRST].cpu_seconds for costs in results[limit])
    for name in names:
        for run in (FIRST, NOTHING, CHANGES):
            least = min(costs[run].cpu_seconds for costs in results[name])
            yield f"{name}, {run}", round(least / base, 2)


def main() -> int:
    """Compare with the baseline, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--update", action="store_true", help="make this the baseline")
    args = parser.parse_args()
    now = dict(ratios(compare(NAMES, TITLES, latency_ms=0, in_flight=16, rounds=args.rounds)))
    if args.update:
        BASELINE.write_text(json.dumps(now, indent=2) + "\n")
    before = json.loads(BASELINE.read_text())
    slower = [name for name in now if now[name] > TOLERANCE * before[name]]
    for name, ratio in now.items():
        note = "SLOWER" if name in slower else ""
        print(f"{name:28} {before[name]:6.2f} {ratio:6.2f} {note}".rstrip())
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
