"""A temporary server for tests."""

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
    """A running server on any free port, which is deleted with its data afterwards.

    Args:
        bindir: The directory of PostgreSQL's programs; None for those of the wheel.

    Yields:
        The running server.
    """
    with tempfile.TemporaryDirectory(prefix="embedded-postgres-") as directory:
        # If root runs this, the server runs as another user, who must be able to enter.
        Path(directory).chmod(0o711)
        server = Server(Path(directory) / "data", port=0, bindir=bindir, durable=False)
        try:
            server.start()
            yield server
        finally:
            server.destroy()
