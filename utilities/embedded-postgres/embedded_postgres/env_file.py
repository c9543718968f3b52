"""Tell other programs the port through a `.env` file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dotenv import dotenv_values, set_key

from embedded_postgres.ports import DEFAULT_PORT, VARIABLE

if TYPE_CHECKING:
    from pathlib import Path


def record_port(path: Path, port: int) -> bool:
    """Set the port in the file unless the file, or the default without it, says so already.

    Args:
        path: The file; made only if there is something to say.
        port: The port that the server listens on.

    Returns:
        Whether the file was changed.
    """
    recorded = dotenv_values(path, interpolate=False).get(VARIABLE) if path.exists() else None
    if (recorded or str(DEFAULT_PORT)) == str(port):
        return False
    # Through a symlink to the file itself, which set_key would replace.
    set_key(path.resolve(), VARIABLE, str(port), quote_mode="never")
    return True
