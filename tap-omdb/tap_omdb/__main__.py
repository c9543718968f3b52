"""Run the tap as `python -m tap_omdb`."""

from __future__ import annotations

from tap_omdb.tap import TapOMDb

TapOMDb.cli()
