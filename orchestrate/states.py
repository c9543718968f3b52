# ruff: noqa: T201  # what it prints is its purpose
"""What a backfill does with Meltano's states: `.venv/bin/python orchestrate/states.py COMMAND`.

plan           print the variables of each shard, as JSON
seed SUFFIX    let the shard with this --state-id-suffix know what the main state knows
merge          merge the states of all shards into the main state, and clear them

What is in a state, only the tap knows: its command `tap-omdb-backfill` gets them.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml
from dotenv import dotenv_values
from meltano.cli.cli import cli
from meltano.cli.utils import CliError
from meltano.core.error import Error

ROOT = Path(__file__).resolve().parent.parent
PIPE = "tap-omdb-to-target-postgres"
BACKFILL = ROOT / ".meltano/extractors/tap-omdb/venv/bin/tap-omdb-backfill"

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


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
            try:
                cli.main([*options, *arguments], prog_name="meltano", standalone_mode=False)
            except SystemExit as ended:  # so ends `invoke`, also if it succeeds
                if ended.code:
                    raise
        return printed.getvalue()

    def backfill(self, *arguments: str) -> str:
        """Pass the main state to a command of the tap and return what that prints.

        Raises:
            CalledProcessError: It failed, and has said why on stderr.
        """
        state = json.loads(self.meltano("state", "get", self.main) or "{}")
        return subprocess.run(  # noqa: S603 - the tap's own command
            [BACKFILL, *arguments],
            input=json.dumps(state.get("singer_state") or {}),
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        ).stdout.strip()

    def plan(self) -> str:
        """Return the variables of each shard, as the tap's settings and the main state say."""
        with _file(self.meltano("invoke", "--dump=config", "tap-omdb")) as config:
            return self.backfill("plan", f"--config={config}")

    def seed(self, suffix: str) -> None:
        """Merge what the main state knows into the state of a shard."""
        known: dict[str, Any] = json.loads(self.backfill("seed"))
        if known:
            with _file(json.dumps({"singer_state": known})) as file:
                self.meltano("state", "merge", "--input-file", file, f"{self.main}:{suffix}")

    def merge(self) -> None:
        """Merge the states of all shards into the main state, and clear each once it is merged."""
        listed = self.meltano("state", "list", "--pattern", f"{self.main}:backfill-*")
        for shard in sorted(listed.split()):
            self.meltano("state", "merge", "--from-state-id", shard, self.main)
            self.meltano("state", "clear", "--force", shard)
            print(f"{shard} is merged into {self.main}.")
        print(self.backfill("pending"))


@contextlib.contextmanager
def _file(text: str) -> Iterator[str]:
    """Write a text to a temporary file that only its owner can read, and give its name."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".json") as file:
        file.write(text)
        file.flush()
        yield file.name


def main(arguments: Sequence[str]) -> int:
    """Run a command."""
    parser = argparse.ArgumentParser(prog="states", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("plan")
    commands.add_parser("seed").add_argument("suffix")
    commands.add_parser("merge")
    given = parser.parse_args(arguments)
    os.chdir(ROOT)
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    variables = {**dotenv_values(ROOT / ".env"), **os.environ}
    states = States(variables.get("MELTANO_ENVIRONMENT") or project["default_environment"])
    try:
        if given.command == "plan":
            print(states.plan())
        elif given.command == "seed":
            states.seed(given.suffix)
        else:
            states.merge()
    except subprocess.CalledProcessError as error:
        return error.returncode
    except (click.ClickException, CliError, Error) as error:
        print(f"states: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
