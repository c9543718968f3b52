"""Run as `python -m embedded_postgres`."""

from __future__ import annotations

from embedded_postgres.cli import main

main()
