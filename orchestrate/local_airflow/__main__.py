# ruff: noqa: T201  # what it prints is its purpose
"""`.airflow/venv/bin/python -m local_airflow start|stop|status`, in `orchestrate/`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from local_airflow.errors import LocalAirflowError
from local_airflow.installation import Installation
from local_airflow.settings import Layout

ROOT = Path(__file__).resolve().parents[2]
_NOT_RUNNING = 3  # as for `pg_ctl status` and init scripts


def main() -> int:
    """Run a command; errors are one line on stderr, with exit code 1."""
    parser = argparse.ArgumentParser(prog="local_airflow", description="Airflow on this machine.")
    parser.add_argument("command", choices=["start", "stop", "status"])
    parser.add_argument("--executor", choices=["local", "celery"], default="local")
    parser.add_argument("--workers", type=int, choices=range(1, 17), default=2, metavar="1..16")
    given = parser.parse_args()
    installation = Installation(Layout(ROOT, ROOT / ".airflow"))
    try:
        if given.command == "start":
            print(installation.start(given.executor, given.workers, os.environ))
        elif given.command == "stop":
            print("Airflow has stopped." if installation.stop() else "Airflow is not running.")
        elif described := installation.status():
            print(described)
        else:
            print("Airflow is stopped.")
            return _NOT_RUNNING
    except LocalAirflowError as error:
        print(f"local_airflow: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
