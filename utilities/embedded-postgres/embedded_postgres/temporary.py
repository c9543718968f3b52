"""A server for the length of a test."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from embedded_postgres.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def temporary(bindir: str | Path | None = None) -> Iterator[Server]:
    """A started server on any free port, deleted with its data afterwards.

    Args:
        bindir: PostgreSQL's programs; without it those of the wheel.

    Yields:
        The running server.
    """
    with tempfile.TemporaryDirectory(prefix="embedded-postgres-") as folder:
        # Ours to open: under root the server runs as a user who must get through.
        Path(folder).chmod(0o711)
        server = Server(Path(folder) / "home", port=0, bindir=bindir, durable=False)
        try:
            server.start()
            yield server
        finally:
            server.destroy()
