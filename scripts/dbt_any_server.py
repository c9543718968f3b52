"""dbt, but what it has parsed stays valid for another server: `dbt_any_server.py COMMAND`.

dbt parses everything again if the host, port or user differs from the last time, as in each
container of an image. But what it parses depends on no more of the connection than two names.
"""

from __future__ import annotations

import gc

from dbt.adapters.postgres.connections import PostgresCredentials
from dbt.cli.main import cli

setattr(PostgresCredentials, "_connection_keys", lambda _: ("database", "schema"))  # noqa: B010

# Nearly all that dbt creates lives until its end; looking for garbage so often took 15% of its time.
gc.set_threshold(20_000)

if __name__ == "__main__":
    cli()
