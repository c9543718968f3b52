# /// script
# requires-python = ">=3.10"
# dependencies = ["omdb-emulator", "tap-omdb"]
#
# [tool.uv.sources]
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# tap-omdb = { path = "../tap-omdb", editable = true }
# ///
"""The tap beside a bare client, sequential requests and dlt: the same titles, the same server.

Runs take turns (A B C A B C ...), so that a busy moment of the machine meets all alike; told are
the medians of all rounds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from measuring import Cost, emulator, load, machine, run, run_tap, write_ids

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENTS = Path(__file__).parent / "clients"
UV = os.environ.get("UV", "uv")


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to fetch the titles.

    Attributes:
        name: As in the table.
        titles: How many it fetches.
        fetch: Fetches them once.
    """

    name: str
    titles: int
    fetch: Callable[[], Cost]


def client(script: str, url: str, ids: Path, *options: str) -> Cost:
    """Run one of the scripts in clients/, in an environment of its own."""
    path = CLIENTS / script
    subprocess.run([UV, "sync", "--quiet", "--script", path], check=True)
    python = subprocess.check_output([UV, "python", "find", "--script", path], text=True).strip()
    out = ids.with_suffix(f".{path.stem}")
    return run([python, str(path), url, str(ids), str(out), *options])


def contestants(url: str, folder: Path, args: argparse.Namespace) -> list[Contestant]:
    """Return those that run; the first is the measure of the others."""
    ids = write_ids(folder / "ids.txt", args.titles)
    few = min(args.titles, args.sequential_titles)
    few_ids = write_ids(folder / "few.txt", few)
    options = ("--in-flight", str(args.in_flight))
    fetches: dict[str, Callable[[], Cost]] = {
        "bare asyncio client": lambda: client("bare_asyncio.py", url, ids, *options),
        "tap-omdb": lambda: run_tap(url, ids, args.in_flight),
        "tap-omdb, responses cached": lambda: run_tap(url, ids, args.in_flight, folder / "cache"),
    }
    if args.dlt:
        fetches["dlt rest_api"] = lambda: client("dlt_rest_api.py", url, ids, *options)
    found = [Contestant(name, args.titles, fetch) for name, fetch in fetches.items()]
    fetch = lambda: client("sequential.py", url, few_ids)  # noqa: E731
    return [*found, Contestant(f"sequential requests ({few:,}, extrapolated)", few, fetch)]


def table(results: dict[Contestant, list[Cost]], titles: int) -> str:
    """Return the medians as Markdown.

    A ratio is to the first contestant's time in the same round, so that it holds when the machine
    grows busier from round to round.
    """
    lines = [
        "| | ratio | seconds | ms a title | CPU seconds | peak MB |",
        "|:--|--:|--:|--:|--:|--:|",
    ]
    bare = next(iter(results.values()))
    for contestant, costs in results.items():
        scale = titles / contestant.titles
        seconds = median(cost.seconds for cost in costs) * scale
        cpu_seconds = median(cost.cpu_seconds for cost in costs) * scale
        peak_mb = median(cost.peak_mb for cost in costs)
        rounds = zip(costs, bare, strict=True)
        ratio = median(mine.seconds * scale / theirs.seconds for mine, theirs in rounds)
        lines.append(
            f"| {contestant.name} | {ratio:.2f} | {seconds:.1f} "
            f"| {1000 * seconds / titles:.2f} | {cpu_seconds:.1f} | {peak_mb:,.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Let all run in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--titles", type=int, default=20_000)
    parser.add_argument("--sequential-titles", type=int, default=1000)
    parser.add_argument("--latency-ms", type=int, default=20, help="of the server")
    parser.add_argument("--in-flight", type=int, default=16, help="requests at once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dlt", action="store_true", help="dlt too")
    args = parser.parse_args()
    results: dict[Contestant, list[Cost]] = defaultdict(list)
    with TemporaryDirectory() as folder, emulator(args.titles, args.latency_ms) as url:
        field = contestants(url, Path(folder), args)
        for number in range(1, args.rounds + 1):
            for contestant in field:
                busy = load()
                cost = contestant.fetch()
                results[contestant].append(cost)
                print(f"{number}/{args.rounds} {contestant.name}: {cost} (load {busy})", flush=True)
    print(
        f"\n{args.titles:,} titles, {args.latency_ms} ms latency, {args.in_flight} in flight, "
        f"median of {args.rounds}; {machine('tap-omdb', 'singer-sdk')}\n"
    )
    print(table(results, args.titles))


if __name__ == "__main__":
    main()
