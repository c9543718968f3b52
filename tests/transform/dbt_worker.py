"""Runs dbt commands in one process, which saves several seconds of start-up for each.

Reads one JSON list of arguments per line from stdin. Writes one JSON object per line to stdout:
whether the command succeeded, and the status and message of each node. dbt's output goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys

from dbt.cli.main import dbtRunner


def main() -> None:
    """Run commands until stdin ends."""
    results = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        outcome = dbtRunner().invoke(json.loads(line))
        nodes = {
            node.node.name: [str(node.status), node.message]
            for node in getattr(outcome.result, "results", [])
        }
        result = {"success": outcome.success, "error": str(outcome.exception), "nodes": nodes}
        results.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
