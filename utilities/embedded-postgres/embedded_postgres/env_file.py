"""Record the port for other programs in a `.env` file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dotenv import dotenv_values, set_key

from embedded_postgres.ports import DEFAULT_PORT, PORT_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path


def record_port(path: Path, port: int) -> bool:
    """Set the port in the file, unless it is there or is the default.

    Args:
        path: The file; created only if the port has to be recorded.
        port: The port that the server listens on.

    Returns:
        Whether the file was changed.
    """
    recorded = dotenv_values(path, interpolate=False).get(PORT_VARIABLE) if path.exists() else None
    if (recorded or str(DEFAULT_PORT)) == str(port):
        return False
    # Resolved, since set_key would replace a symlink by a file.
    set_key(path.resolve(), PORT_VARIABLE, str(port), quote_mode="never")
    return True
