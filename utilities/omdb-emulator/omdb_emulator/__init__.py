"""A server that answers as omdbapi.com does, for anyone who tests an OMDb client."""

from __future__ import annotations

__version__ = "0.1.0"

#: Where the control endpoints are: a path that OMDb does not have.
CONTROL_PATH = "/__emulator__"
