"""Write what the tap says of itself into its README and its Meltano Hub definition.

With `--check`, only tell whether both are up to date.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

TAP = Path(__file__).resolve().parent.parent / "tap-omdb"
BLOCK = re.compile(r"(<!-- settings: .*? -->\n)(.*?)(<!-- /settings -->)", re.DOTALL)
HUB_HEADER = """\
# Definition for Meltano Hub, made by `make docs` from `tap-omdb --about`. At publication, `repo`
# and `variant` are set to where the tap is published.
"""
KINDS = {"integer": "integer", "array": "array", "object": "object", "boolean": "boolean"}


def main(*, check: bool) -> int:
    """Bring both files up to date, or return 1 if one is not."""
    readme = TAP / "README.md"
    text = readme.read_text(encoding="utf-8")
    wanted = {
        readme: BLOCK.sub(lambda match: f"{match[1]}\n{settings_table()}\n\n{match[3]}", text),
        TAP / "hub.yml": HUB_HEADER + yaml.safe_dump(hub_definition(), sort_keys=False, width=100),
    }
    status = 0
    for path, content in wanted.items():
        if path.exists() and path.read_text(encoding="utf-8") == content:
            continue
        if check:
            print(f"{path.relative_to(TAP.parent)} is out of date: run make docs", file=sys.stderr)  # noqa: T201
            status = 1
        else:
            path.write_text(content, encoding="utf-8")
    return status


def about(style: str) -> str:
    """Return what `tap-omdb --about` prints."""
    command = [sys.executable, "-m", "tap_omdb", "--about", f"--format={style}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


def settings_table() -> str:
    """Return the settings as a Markdown table."""
    return about("markdown").partition("## Settings\n\n")[2].partition("\n\n")[0]


def hub_definition() -> dict[str, Any]:
    """Return the definition in Meltano Hub's format."""
    told = json.loads(about("json"))
    schema = told["settings"]
    return {
        "name": "tap-omdb",
        "namespace": "tap_omdb",
        "label": "OMDb",
        "variant": "",
        "description": told["description"],
        "domain_url": "https://www.omdbapi.com/",
        "repo": "",
        "pip_url": "tap-omdb",
        "executable": "tap-omdb",
        "maintenance_status": "active",
        "keywords": ["api", "meltano_sdk"],
        "capabilities": told["capabilities"],
        "settings_group_validation": [schema["required"]],
        "settings": [setting(name, item) for name, item in schema["properties"].items()],
    }


def setting(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return one setting in Meltano Hub's format."""
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    kind = next((KINDS[kind] for kind in types if kind in KINDS), "string")
    described = {
        "name": name,
        "label": schema.get("title", name.replace("_", " ").capitalize()),
        "description": schema.get("description", ""),
        "kind": "options" if "enum" in schema else kind,
    }
    if "enum" in schema:
        values = [value for value in schema["enum"] if value is not None]
        described["options"] = [{"label": value.capitalize(), "value": value} for value in values]
    if "default" in schema:
        described["value"] = schema["default"]
    if schema.get("secret"):
        described["sensitive"] = True
    return described


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
