"""A server that answers as omdbapi.com does, for anyone who tests an OMDb client."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("omdb-emulator")

#: Where the control endpoints are: a path that OMDb does not have.
CONTROL_PATH = "/__emulator__"
