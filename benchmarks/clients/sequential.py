# /// script
# requires-python = ">=3.10"
# dependencies = ["requests==2.34.2"]
# ///
"""What most scripts do: ask for one title after the other with a pooled `requests` session."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import requests

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("ids", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    with args.out.open("w", encoding="utf-8") as file, requests.Session() as session:
        for imdb_id in args.ids.read_text().split():
            params = {"i": imdb_id, "plot": "short", "apikey": "00000000"}
            response = session.get(args.url, params=params, timeout=30)
            file.write(f"{json.dumps(response.json(strict=False), ensure_ascii=False)}\n")
