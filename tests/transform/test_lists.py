"""Lists from their files to the mart: each row has its own film, as the file is now."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from omdb_emulator.testing import Emulator

from tests.tap.test_lists import FILMS, JSON, TABLES, WITHOUT_HEADER
from tests.transform.conftest import Warehouse

KEY = "a1b2c3d4"
TAP = Path(sys.executable).with_name("tap-omdb")
MART = """
    select list, position::integer, outcome, imdb_id, own_rating::float, columns
    from demo_marts.list_entries order by list, position
"""


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """A folder with a list in each layout, three films each."""
    for number, (layout, row) in enumerate(TABLES.items()):
        rows = [row(film, place) for place, film in enumerate(FILMS[number:][:3])]
        with (tmp_path / f"{number:02}.csv").open("w", encoding="utf-16", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            if layout != WITHOUT_HEADER:
                writer.writeheader()
            writer.writerows(rows)
    for number, item in enumerate(JSON.values(), start=len(TABLES)):
        items = [item(film, place) for place, film in enumerate(FILMS[number:][:3])]
        (tmp_path / f"{number:02}.json").write_text(json.dumps({"Items": items}), encoding="utf-8")
    return tmp_path


def sync(omdb: Emulator, lists: Path, pattern: str, state: Any = None) -> list[Any]:  # noqa: ANN401 - JSON
    """Run the tap, and return its messages."""
    config, before = lists / "config", lists / "state"
    titles_file = str(lists / pattern)
    config.write_text(json.dumps({"api_key": KEY, "api_url": omdb.url, "titles_file": titles_file}))
    before.write_text(json.dumps(state or {}))
    output = subprocess.check_output([TAP, "--config", config, "--state", before], text=True)
    return [*map(json.loads, output.splitlines())]


def test_each_row_has_its_film(warehouse: Warehouse, lists: Path) -> None:
    with Emulator(keys={KEY: None}) as omdb:
        messages = sync(omdb, lists, "[0-9]*")
        warehouse.load_messages(messages)
        warehouse.build("--select", "+list_entries")
        mart = warehouse.rows(MART)
        assert [(row["list"][:2], row["position"], row["imdb_id"]) for row in mart] == [
            (f"{number:02}", place + 1, FILMS[number + place]["imdbID"])
            for number in range(len(TABLES) + len(JSON))
            for place in range(3)
        ]
        assert {row["outcome"] for row in mart} == {"found"}
        emitted = [
            m["record"] for m in messages if m.get("stream") == "list_entries" and "record" in m
        ]
        assert [row["columns"] for row in mart] == [row["columns"] for row in emitted]
        ratings = [row["own_rating"] for row in mart[: 3 * len(TABLES)] if row["own_rating"]]
        assert ratings == [1, 2, 3, 7, 7, 7], "of IMDb and Letterboxd"

        # Of the changed lists, one is shorter, and one has no rows any more; others are not named.
        kept = (lists / "00.csv").read_text("utf-16").splitlines(keepends=True)
        (lists / "00.csv").write_text(kept[0] + kept[2], encoding="utf-16")
        (lists / "01.csv").write_text("imdbId,mine\n", encoding="utf-8")
        [*_, state] = [message["value"] for message in messages if "value" in message]
        warehouse.load_messages(sync(omdb, lists, "0[01]*", state))
        warehouse.build("--select", "+list_entries")
        after = warehouse.rows(MART)
        assert [(row["list"], row["position"], row["imdb_id"]) for row in after[:1]] == [
            ("00.csv", 1, FILMS[1]["imdbID"])
        ]
        assert after[1:] == mart[6:]
