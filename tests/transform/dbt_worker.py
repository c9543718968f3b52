"""Runs dbt commands one after another in one process, which saves its start-up of some seconds.

Reads a JSON list of arguments a line from stdin; writes a JSON object a line to stdout: whether
the command succeeded, and the status and message of each node. What dbt prints goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys

from dbt.cli.main import dbtRunner


def main() -> None:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        outcome = dbtRunner().invoke(json.loads(line))
        nodes = {
            node.node.name: [str(node.status), node.message]
            for node in getattr(outcome.result, "results", [])
        }
        answer = {"success": outcome.success, "error": str(outcome.exception), "nodes": nodes}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
