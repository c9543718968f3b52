"""A PostgreSQL server for one project, with its data in a directory, on loopback TCP only."""

from __future__ import annotations

from embedded_postgres.programs import EmbeddedPostgresError
from embedded_postgres.server import Server, Status, temporary

__all__ = ["EmbeddedPostgresError", "Server", "Status", "temporary"]
