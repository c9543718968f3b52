"""Write dbt's page of all tables: `meltano invoke dbt:docs`, transform/target/static_index.html.

dbt's page cuts descriptions after one line of a narrow column, and its overview is one text of the
project. So descriptions are wrapped, and the overview gets the questions of docs/model.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PLACE = "<!-- questions -->"
STYLE = """<style>
td[style*="ellipsis"] { white-space: normal !important; max-width: none !important; }
</style></head>"""


def main() -> int:
    """Run dbt, and return its exit code."""
    dbt = Path(__file__).with_name("dbt_command.py")
    exit_code = subprocess.call([sys.executable, dbt, "docs", "generate", "--static"])  # noqa: S603
    if exit_code == 0:
        target = Path(os.environ.get("DBT_TARGET_PATH", PROJECT / "transform/target"))
        page = target / "static_index.html"
        model = (PROJECT / "docs/model.md").read_text(encoding="utf-8")
        page.write_text(complete(page.read_text(encoding="utf-8"), model), encoding="utf-8")
    return exit_code


def complete(page: str, model: str) -> str:
    """Complete dbt's page: whole descriptions, and the data model's questions in its overview.

    Args:
        page: The page, in which all texts are JSON.
        model: docs/model.md.

    Raises:
        ValueError: The page or the model is not as expected.
    """
    heading = "## Questions"
    start = model.index(heading)
    questions = model[start : model.index("\n## ", start + len(heading))]
    if PLACE not in page or "</head>" not in page:
        message = f"dbt's page has no {PLACE}, or no head"
        raise ValueError(message)
    return page.replace("</head>", STYLE, 1).replace(PLACE, json.dumps(questions)[1:-1])


if __name__ == "__main__":
    sys.exit(main())
