"""A Singer target for crash tests: commits now and then, and confirms a state only after that.

Run as `committing_target.py DATABASE RECORDS`: upserts into a SQLite file by key, commits every so
many records and at the end, and then prints the last state that came before the commit.
"""

from __future__ import annotations

import json
import sqlite3
import sys


def main(database: str, records: int) -> None:
    """Load standard input."""
    connection = sqlite3.connect(database)
    connection.execute("create table if not exists record (stream, key, primary key (stream, key))")
    keys: dict[str, list[str]] = {}
    state = ""
    waiting = 0

    def commit() -> None:
        connection.commit()
        if state:
            print(state, flush=True)  # noqa: T201 - this is what a target does

    for line in sys.stdin:
        if not line.endswith("\n"):
            break
        message = json.loads(line)
        if message["type"] == "SCHEMA":
            keys[message["stream"]] = message["key_properties"]
        elif message["type"] == "STATE":
            state = json.dumps(message["value"])
        elif message["type"] == "RECORD":
            key = "|".join(str(message["record"][name]) for name in keys[message["stream"]])
            row = (message["stream"], key)
            connection.execute("insert or replace into record values (?, ?)", row)
            waiting += 1
            if waiting >= records:
                commit()
                state, waiting = "", 0
    commit()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
