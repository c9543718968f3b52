"""Reads Postgres as Arrow: the only module with a connection."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from adbc_driver_postgresql import dbapi

from omdb_export import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

_OPTIONS = {
    "statement_timeout": "300s",
    "timezone": "UTC",
    "jit": "off",
    # All queries see one state of the warehouse, so that the tables agree.
    "default_transaction_isolation": r"repeatable\ read",
    "default_transaction_read_only": "on",
}
# No server and no user: libpq takes them from PGHOST, PGUSER, PGPASSWORD or PGPASSFILE ...
_URI = "postgresql://?" + urlencode(
    {
        "connect_timeout": "10",
        "options": " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items()),
    },
    quote_via=quote,
)

# Names of tables and columns that do not exist.
_NOT_BUILT = ("42P01", "42703", "3F000")


class Warehouse:
    """One transaction, in which all queries see the same state."""

    def __init__(self, cursor: dbapi.Cursor) -> None:
        """Read by a cursor."""
        self._cursor = cursor

    def read(self, query: str, parameters: Sequence[str] = ()) -> pa.RecordBatchReader:
        """Run a query and return its rows in batches of about 16 MB."""
        self._cursor.execute(query, parameters or None)
        return self._cursor.fetch_record_batch()


@contextmanager
def connect() -> Iterator[Warehouse]:
    """Connect to the server of libpq's variables.

    Raises:
        ExportError: The server cannot be reached or a query fails, also while its rows are read.
    """
    try:
        with dbapi.connect(_URI) as connection, connection.cursor() as cursor:
            yield Warehouse(cursor)
    except dbapi.Error as error:
        message = f"Postgres: {str(error).strip().splitlines()[0]}"
        if error.sqlstate in _NOT_BUILT:
            message += ": build the marts first, with `meltano run dbt:run`"
        raise ExportError(message) from error
