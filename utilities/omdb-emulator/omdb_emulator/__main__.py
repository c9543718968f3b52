"""``python -m omdb_emulator`` is the ``omdb-emulator`` command."""

from __future__ import annotations

import sys

from omdb_emulator.cli import main

sys.exit(main())
