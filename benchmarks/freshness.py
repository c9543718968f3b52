# /// script
# requires-python = ">=3.10"
# dependencies = ["matplotlib==3.10.8", "omdb-emulator", "tap-omdb", "time-machine"]
#
# [tool.uv.sources]
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# tap-omdb = { path = "../tap-omdb", editable = true }
# ///
"""How far the warehouse is from the truth, day by day, with 1,000 requests per day.

The tap itself runs once for each simulated day against the emulator, whose ratings change every
day, a lot for new titles and little for old ones. Compared are refreshes by age alone, refreshes by
IMDb's ratings (`ratings_file`), and the best that any order could do: to fetch the titles whose
stored votes are furthest from the truth. Only counts are measured, no times.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from omdb_emulator.testing import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEY = "00000000"
FIRST_DAY = date(2024, 6, 1)
"""The emulator's generated titles end in 2024: from here on, the newest are new."""

NOON = time(12)
FILES = ("--config", "config.json", "--state", "state.json")
TAP = """
import sys, time_machine
from tap_omdb.tap import TapOMDb
with time_machine.travel(sys.argv.pop(1), tick=False):
    TapOMDb.cli()
"""

STRATEGIES = {
    "by age": None,
    "by IMDb's ratings, a third of the day": 0.334,
    "by IMDb's ratings, half of the day (default)": 0.5,
}

Ratings = dict[str, tuple[float, int]]
"""Rating and votes by IMDb id."""

NOTHING = (0.0, 0)
"""What the warehouse has of a title that was not fetched."""


@dataclass
class Course:
    """The course of one strategy.

    Attributes:
        name: As in the table.
        votes: The share of all votes by which the warehouse is wrong, for each day.
        rating: The mean error of the ratings in points, for each day.
        requests: The requests spent, for each day.
    """

    name: str
    votes: list[float] = field(default_factory=list)
    rating: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)

    def add(self, warehouse: Mapping[str, tuple[float, int]], truth: Ratings, spent: int) -> None:
        """Compare the warehouse with the truth at the end of a day."""
        wrong = sum(abs(warehouse.get(i, NOTHING)[1] - votes) for i, (_, votes) in truth.items())
        self.votes.append(wrong / sum(votes for _, votes in truth.values()))
        points = sum(abs(warehouse.get(i, NOTHING)[0] - rating) for i, (rating, _) in truth.items())
        self.rating.append(points / len(truth))
        self.requests.append(spent)


def read_ratings(path: Path) -> Ratings:
    """Read a file of IMDb's ratings."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = csv.reader(file, delimiter="\t")
        next(rows)
        return {imdb_id: (float(rating), int(votes)) for imdb_id, rating, votes in rows}


def sync(
    config: Mapping[str, Any], state: Mapping[str, Any], now: datetime, directory: Path
) -> tuple[dict[str, Any], Ratings, int]:
    """Run the tap once at a given time; return its state, the ratings it emitted, its requests."""
    for name, value in (("config", config), ("state", state)):
        (directory / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    # In a process of its own, because the emulator has a clock of its own.
    done = subprocess.run(
        [sys.executable, "-c", TAP, now.isoformat(), *FILES],
        cwd=directory,
        env={**os.environ, "TAP_OMDB_LOGLEVEL": "ERROR"},
        check=True,
        capture_output=True,
        text=True,
    )
    fetched: Ratings = {}
    result: dict[str, Any] = {}
    spent = 0
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message["type"] == "STATE":
            result = message["value"]
        elif message["type"] == "RECORD" and message["stream"] == "syncs":
            spent = message["record"]["requests"]
        elif message["type"] == "RECORD":
            record = message["record"]
            fetched[record["imdb_id"]] = (record["imdb_rating"] or 0, record["imdb_votes"] or 0)
    return result, fetched, spent


def truths(omdb: Emulator, days: int, directory: Path) -> Iterator[Ratings]:
    """Yield the true ratings of the first day and of each of the days after it."""
    for day in range(days + 1):
        omdb.set_date(FIRST_DAY + timedelta(days=day))
        omdb.write_imdb_files(directory)
        yield read_ratings(directory / "title.ratings.tsv.gz")


def simulate(
    course: Course, args: argparse.Namespace, directory: Path, daily_share: float | None
) -> None:
    """Let the tap run daily, without IMDb's rating file if there is no `daily_share`."""
    with Emulator(
        generated=args.titles,
        keys={KEY: None},
        ratings_change_from=FIRST_DAY.isoformat(),
        ratings_lag_days=args.lag,
    ) as omdb:
        config: dict[str, Any] = {"api_key": KEY, "api_url": omdb.url, "daily_requests": 10**6}
        config["types"] = ["movie", "series", "game"]
        if daily_share is not None:
            config["ratings_file"] = str(directory / "title.ratings.tsv.gz")
            config["refresh"] = {"daily_share": daily_share}
        state: dict[str, Any] = {}
        warehouse: Ratings = {}
        now = datetime.combine(FIRST_DAY, NOON, timezone.utc)
        for day, truth in enumerate(truths(omdb, args.days, directory)):
            config["imdb_ids"] = sorted(truth)
            state, fetched, spent = sync(config, state, now + timedelta(days=day), directory)
            warehouse |= fetched
            if day:
                course.add(warehouse, truth, spent)
            config["daily_requests"] = args.requests


def best_possible(course: Course, args: argparse.Namespace, directory: Path) -> None:
    """Fetch each day the titles whose stored votes are furthest from the truth, without any lag."""
    with Emulator(
        generated=args.titles, keys={KEY: None}, ratings_change_from=FIRST_DAY.isoformat()
    ) as omdb:
        days = truths(omdb, args.days, directory)
        warehouse = next(days)
        for truth in days:
            wrong = {i: abs(warehouse[i][1] - votes) for i, (_, votes) in truth.items()}
            changed = sorted((i for i in wrong if wrong[i]), key=wrong.__getitem__, reverse=True)
            chosen = changed[: args.requests]
            warehouse |= {i: truth[i] for i in chosen}
            course.add(warehouse, truth, len(chosen))


def plot(courses: list[Course], path: Path) -> None:
    """Draw the error of the votes and of the ratings."""
    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - once the backend is chosen

    mpl.rcParams |= {"svg.hashsalt": "freshness", "svg.fonttype": "none"}
    mpl.rcParams |= {"font.size": 9, "axes.spines.top": False}
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    colours = ("#0072b2", "#d55e00", "#009e73", "#000000")  # distinguishable by colour-blind people
    for course, colour, style in zip(courses, colours, ("-", "--", "-.", ":"), strict=True):
        days = range(1, len(course.votes) + 1)
        left.plot(
            days, [100 * error for error in course.votes], style, color=colour, label=course.name
        )
        right.plot(days, course.rating, style, color=colour, label=course.name)
    left.set(xlabel="day", ylabel="votes missing (% of all)", ylim=(0, None))
    right.set(xlabel="day", ylabel="error of the rating (points)", ylim=(0, None))
    left.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def table(courses: list[Course]) -> str:
    """Return the means over all days as Markdown, and the ratio to the first course."""
    lines = [
        "| | votes missing | ratio | error of the rating | ratio | requests per day |",
        "|:--|--:|--:|--:|--:|--:|",
    ]
    votes, rating = (sum(courses[0].votes), sum(courses[0].rating))
    for course in courses:
        days = len(course.votes)
        lines.append(
            f"| {course.name} | {100 * sum(course.votes) / days:.3f}% "
            f"| {sum(course.votes) / votes:.2f} | {sum(course.rating) / days:.4f} "
            f"| {sum(course.rating) / rating:.2f} | {sum(course.requests) / days:,.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Simulate all strategies, print the table and draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--titles", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--lag", type=int, default=0, help="days that OMDb lags behind IMDb")
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    courses = []
    with TemporaryDirectory() as directory:
        for name, daily_share in STRATEGIES.items():
            courses.append(Course(name))
            simulate(courses[-1], args, Path(directory), daily_share)
        courses.append(Course("best possible"))
        best_possible(courses[-1], args, Path(directory))
    print(f"{args.titles:,} titles, {args.days} days, OMDb lags by {args.lag} days\n")
    print(table(courses))
    if args.plot:
        plot(courses, args.plot)


if __name__ == "__main__":
    main()
