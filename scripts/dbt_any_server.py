"""dbt, but what it has parsed stays valid for another server: `dbt_any_server.py COMMAND`.

dbt parses everything again if the host, port or user differs from the last time, as in each
container of an image. But what it parses depends on no more of the connection than two names.
"""
# ruff: noqa: E402

from __future__ import annotations

import gc

# Nearly all that dbt creates lives until it ends: searching for garbage took 15% of its time.
gc.set_threshold(20_000)

from dbt.adapters.postgres.connections import PostgresCredentials
from dbt.cli.main import cli

setattr(PostgresCredentials, "_connection_keys", lambda _: ("database", "schema"))  # noqa: B010

if __name__ == "__main__":
    cli()
