"""A server that responds as omdbapi.com does, for testing OMDb clients."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("omdb-emulator")

#: The path of the control endpoints, which OMDb does not have.
CONTROL_PATH = "/__emulator__"
