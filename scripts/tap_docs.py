"""Write the tap's settings into its README and its Meltano Hub definition.

With `--check`, only report whether both are up to date. Either way, report where the settings in
meltano.yml differ from the tap's; those are written by hand, for their shorter descriptions.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
TAP = ROOT / "tap-omdb"
BLOCK = re.compile(r"(<!-- settings: .*? -->\n)(.*?)(<!-- /settings -->)", re.DOTALL)
HUB_HEADER = """\
# Definition for Meltano Hub, made by `make docs` from `tap-omdb --about`. At publication, `repo`
# and `variant` are set to where the tap is published.
"""
SDK_PREFIXES = ("faker_", "flattening_", "stream_map")
"""Prefixes of the settings that every tap has; meltano.yml leaves them out."""
COMPARED = ("name", "label", "kind", "sensitive")


def main(*, check: bool) -> int:
    """Update both files, or return 1 if one is out of date; also 1 if meltano.yml differs."""
    readme = TAP / "README.md"
    text = readme.read_text(encoding="utf-8")
    expected = {
        readme: BLOCK.sub(lambda match: f"{match[1]}\n{settings_table()}\n\n{match[3]}", text),
        TAP / "hub.yml": HUB_HEADER + yaml.safe_dump(hub_definition(), sort_keys=False, width=100),
    }
    differences = drift()
    for text in differences:
        print(f"meltano.yml: {text}", file=sys.stderr)  # noqa: T201
    status = 1 if differences else 0
    for path, content in expected.items():
        if path.exists() and path.read_text(encoding="utf-8") == content:
            continue
        if check:
            print(f"{path.relative_to(ROOT)} is out of date: run make docs", file=sys.stderr)  # noqa: T201
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
    described = {
        "name": name,
        "label": schema.get("title", name.replace("_", " ").capitalize()),
        "description": schema.get("description", ""),
        "kind": kind(schema.get("type", [])),
    }
    if "default" in schema:
        described["value"] = schema["default"]
    if schema.get("secret"):
        described["sensitive"] = True
    return described


def kind(types: str | list[str]) -> str:
    """Return a setting's kind: a string, unless Meltano itself must know the type.

    If a variable is not of its kind, Meltano 4.4 ends with a traceback that does not name the
    setting; the tap converts text itself. Meltano merges an object from its parts.
    """
    return next((kind for kind in ("object", "boolean") if kind in types), "string")


def drift() -> list[str]:
    """Return where meltano.yml's settings differ from the tap's; one message per difference."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    (tap,) = (p for p in project["plugins"]["extractors"] if p["name"] == "tap-omdb")
    given = {item["name"]: item for item in tap["settings"]}
    expected = {
        item["name"]: item
        for item in hub_definition()["settings"]
        if not item["name"].startswith(SDK_PREFIXES)
    }
    found = [f"{name} is not among tap-omdb's settings" for name in expected if name not in given]
    found += [f"tap-omdb has no setting {name}" for name in given if name not in expected]
    for name in given.keys() & expected.keys():
        found += [
            f"{key} of {name} is {given[name].get(key)}, but {expected[name].get(key)} in the tap"
            for key in COMPARED
            if given[name].get(key) != expected[name].get(key)
        ]
    return sorted(found)


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
