"""Where the project is: the checkout that this file is in, so each worker uses its own."""

from __future__ import annotations

from pathlib import Path

from movies_pipeline.schedules import Pipeline

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv/bin/python"


def load_pipeline() -> Pipeline:
    """Read `schedules.json`."""
    return Pipeline.from_json((ROOT / "orchestrate/schedules.json").read_text(encoding="utf-8"))
