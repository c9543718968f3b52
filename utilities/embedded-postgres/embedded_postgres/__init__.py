"""A PostgreSQL server of a project's own, its data in a folder, reached over loopback TCP."""

from __future__ import annotations

from embedded_postgres.errors import EmbeddedPostgresError
from embedded_postgres.server import Server, Status
from embedded_postgres.temporary import temporary

__all__ = ["EmbeddedPostgresError", "Server", "Status", "temporary"]
