"""Runs dbt and the loader in one process, which saves the seconds of their start for each run.

dbt is that of `scripts/dbt_any_server.py`, for which what has been parsed stays valid.

Reads one JSON list per line from stdin: the program, and its arguments. Writes one JSON object per
line to stdout: whether it succeeded, and the status and message of each of dbt's nodes. What the
programs print goes to stderr.
"""

import json
import os
import sys
from typing import Any

import dbt_any_server  # noqa: F401  # it changes dbt
from dbt.cli.main import dbtRunner
from target_postgres.target import TargetPostgres


def dbt(arguments: list[str]) -> dict[str, Any]:
    """Run a command of dbt."""
    outcome = dbtRunner().invoke(arguments)
    nodes = {
        node.node.name: [str(node.status), node.message]
        for node in getattr(outcome.result, "results", [])
    }
    return {"success": outcome.success, "error": str(outcome.exception), "nodes": nodes}


def load(arguments: list[str]) -> dict[str, Any]:
    """Run the loader in sessions whose time zone is UTC."""
    os.environ["PGTZ"] = "UTC"
    try:
        TargetPostgres.cli(arguments, standalone_mode=False)
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return {"success": False, "error": str(error)}
    finally:
        del os.environ["PGTZ"]
    return {"success": True, "error": ""}


def main() -> None:
    """Run programs until stdin ends."""
    results = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        program, *arguments = json.loads(line)
        run = {"dbt": dbt, "target-postgres": load}[program]
        results.write(json.dumps(run(arguments)) + "\n")


if __name__ == "__main__":
    main()
