# ruff: noqa: T201  # what it prints is its purpose
"""What a backfill does with Meltano's states: `.venv/bin/python orchestrate/states.py COMMAND`.

left           print how many requests are left today
seed SUFFIX    let the shard with this --state-id-suffix know what the main state knows
merge          merge the states of all shards into the main state, and clear them
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from dotenv import dotenv_values
from meltano.cli.cli import cli
from meltano.cli.utils import CliError
from meltano.core.error import Error

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "orchestrate/dags"))

from movies_pipeline.backfill import count_requests, describe_pending, seed  # noqa: E402
from movies_pipeline.project import load_pipeline  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

PIPE = "tap-omdb-to-target-postgres"
SHARDS = "backfill-*"


class States:
    """The states of one environment."""

    def __init__(self, environment: str) -> None:
        """Address the states of an environment."""
        self.environment = environment
        self.main = f"{environment}:{PIPE}"

    def meltano(self, *arguments: str) -> str:
        """Run a command of Meltano in this process and return what it prints.

        To start Meltano takes several seconds, and merging takes two commands a shard.

        Raises:
            Exception: It failed; Meltano's own exceptions say why.
        """
        printed = io.StringIO()
        options = ["--log-level=warning", f"--environment={self.environment}"]
        with contextlib.redirect_stdout(printed):
            cli.main([*options, *arguments], prog_name="meltano", standalone_mode=False)
        return printed.getvalue()

    def get(self, state_id: str) -> dict[str, Any]:
        """Return a state; empty if there is none."""
        state: dict[str, Any] = json.loads(self.meltano("state", "get", state_id) or "{}")
        return state

    def shards(self) -> list[str]:
        """Return the ids of the shards that have a state."""
        pattern = f"{self.main}:{SHARDS}"
        return sorted(self.meltano("state", "list", "--pattern", pattern).split())

    def requests_left(self) -> int:
        """Return how many requests of today's quota the main state has not seen spent."""
        config = json.loads(self.meltano("config", "print", "tap-omdb", "--format=json"))
        quota = int(config.get("daily_requests") or DEFAULT_QUOTA)
        return max(
            0, quota - count_requests(self.get(self.main), datetime.now(timezone.utc).date())
        )

    def seed(self, suffix: str) -> None:
        """Merge what the main state knows into the state of a shard."""
        if not (known := seed(self.get(self.main))):
            return
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".json") as file:
            json.dump(known, file)
            file.flush()
            self.meltano("state", "merge", "--input-file", file.name, f"{self.main}:{suffix}")

    def merge(self) -> None:
        """Merge the states of all shards into the main state, and clear each once it is merged."""
        for shard in self.shards():
            self.meltano("state", "merge", "--from-state-id", shard, self.main)
            self.meltano("state", "clear", "--force", shard)
            print(f"{shard} is merged into {self.main}.")
        print(describe_pending(self.get(self.main)))


DEFAULT_QUOTA = 1000
"""The tap's default of daily_requests."""


def main(arguments: Sequence[str]) -> int:
    """Run a command."""
    parser = argparse.ArgumentParser(prog="states", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("left")
    commands.add_parser("seed").add_argument("suffix")
    commands.add_parser("merge")
    given = parser.parse_args(arguments)
    os.chdir(ROOT)
    variables = {**dotenv_values(ROOT / ".env"), **os.environ}
    states = States(variables.get("MELTANO_ENVIRONMENT") or load_pipeline().default_environment)
    try:
        if given.command == "left":
            print(states.requests_left())
        elif given.command == "seed":
            states.seed(given.suffix)
        else:
            states.merge()
    except click.ClickException as error:
        print(f"states: {error.format_message()}", file=sys.stderr)
        return 1
    except (CliError, Error) as error:
        print(f"states: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
