"""``python -m omdb_emulator`` is the ``omdb-emulator`` command."""

from __future__ import annotations

from omdb_emulator.cli import main

main(prog_name="omdb-emulator")
