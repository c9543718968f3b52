# /// script
# requires-python = ">=3.10"
# dependencies = ["psycopg[binary]==3.3.6", "requests==2.34.2"]
# ///
"""What most scripts do: request one title after the other, and insert each as it comes."""

from __future__ import annotations

import argparse
from pathlib import Path

import psycopg
import requests
from psycopg.types.json import Jsonb

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("ids", type=Path)
    args = parser.parse_args()
    with psycopg.connect() as connection, requests.Session() as session:
        for imdb_id in args.ids.read_text().split():
            params = {"i": imdb_id, "plot": "short", "apikey": "00000000"}
            title = session.get(args.url, params=params, timeout=30).json(strict=False)
            connection.execute(
                "insert into bench.titles values (%s, %s) on conflict (imdb_id)"
                " do update set document = excluded.document",
                [imdb_id, Jsonb(title)],
            )
            connection.commit()
