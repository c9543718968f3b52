"""Write `schedules.json`, from which the DAGs are made, so that parsing them needs no Meltano.

With `--check`, only report whether it is up to date.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(__file__).with_name("schedules.json")


def main(*, check: bool) -> int:
    """Update the file, or return 1 if it is out of date."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    content = render(project, list_schedules())
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == content:
        return 0
    if check:
        print(f"{TARGET.relative_to(ROOT)} is out of date: run make docs", file=sys.stderr)  # noqa: T201
        return 1
    TARGET.write_text(content, encoding="utf-8")
    return 0


def list_schedules() -> dict[str, Any]:
    """Return what Meltano knows of the schedules and their jobs."""
    program = str(Path(sys.executable).with_name("meltano"))
    listed = subprocess.run(  # noqa: S603 - our own command
        [program, "--log-level=error", "schedule", "list", "--format=json"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    schedules: dict[str, Any] = json.loads(listed.stdout)["schedules"]
    return schedules


def render(project: dict[str, Any], schedules: dict[str, Any]) -> str:
    """Return the content of the file.

    Args:
        project: The content of meltano.yml.
        schedules: The schedules by kind, as Meltano lists them.
    """
    commands = sorted(
        f"{utility['name']}:{command}"
        for utility in project["plugins"]["utilities"]
        for command in utility.get("commands", ())
    )
    content = {
        "default_environment": project["default_environment"],
        "schedules": schedules["job"],
        "commands": commands,
    }
    return f"{json.dumps(content, indent=2)}\n"


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
