# ruff: noqa: T201  # what it prints is the log of the run
"""Run dbt with a short log: `python scripts/dbt_command.py COMMAND [OPTIONS]`.

It shows how far dbt has come, its warnings, and what failed in full; all else is in dbt's log file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, cast

PROJECT = Path(__file__).resolve().parents[1] / "transform"
DBT = (sys.executable, str(Path(__file__).with_name("dbt_any_server.py")))
INTERVAL_S = 10.0


class Progress:
    """Counts the nodes that are done."""

    def __init__(self) -> None:
        """Start the clock."""
        self._started = time.monotonic()
        self._shown = self._started
        self._done = 0
        self._counted = "done"
        self.failed: list[str] = []

    def count(self, data: dict[str, Any], *, has_failed: bool) -> None:
        """Count a node, and show it: at once on a terminal, otherwise every few seconds."""
        self._done += 1
        self._counted = f"{self._done} of {_total(data)}"
        if has_failed:
            self.failed.append(data["node_info"]["node_name"])
        if sys.stdout.isatty():
            say(f"dbt: {self._counted}", end="")
        elif time.monotonic() - self._shown >= INTERVAL_S:
            self._shown = time.monotonic()
            say(f"dbt: {self._counted}")

    def summarise(self, log: Path) -> None:
        """Show the last count, the time it took, and where the rest is."""
        seconds = time.monotonic() - self._started
        say(f"dbt: {self._counted} in {seconds:.0f} s; its log: {log}")


def run(*arguments: str) -> int:
    """Run dbt, and return its exit code."""
    progress = Progress()
    command = (*DBT, *arguments, "--log-format=json", "--no-use-colors")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dbt:  # noqa: S603
        for line in cast("IO[str]", dbt.stdout):
            if line.startswith("{"):
                event = json.loads(line)
                show(event["info"], event["data"], progress)
            else:  # not by dbt itself
                print(line, end="", flush=True)
    progress.summarise(Path(os.environ.get("DBT_LOG_PATH") or PROJECT / "logs") / "dbt.log")
    if dbt.returncode:
        names = ", ".join(progress.failed) or f"exit code {dbt.returncode}"
        say(f"dbt {arguments[0]} failed: {names}")
    return dbt.returncode


def show(info: dict[str, Any], data: dict[str, Any], progress: Progress) -> None:
    """Show an event of dbt, if it is worth it."""
    if _total(data):  # of a node, a test or a hook
        if "Start" not in info["name"] and "Hook" not in info["name"]:
            progress.count(data, has_failed=info["level"] == "error")
    elif info["level"] in ("warn", "error"):
        say(info["msg"].strip("\n"))


def say(text: str, end: str = "\n") -> None:
    """Print a text, on a terminal in the place of the count."""
    print(f"\r{text}" if sys.stdout.isatty() else text, end=end, flush=True)


def _total(data: dict[str, Any]) -> int | None:
    return data.get("total") or data.get("num_models")


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
