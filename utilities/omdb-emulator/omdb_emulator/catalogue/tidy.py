"""Format the built-in catalogue: titles sorted by id, keys in OMDb's order.

Run after editing ``titles.jsonl`` by hand: ``python -m omdb_emulator.catalogue.tidy``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omdb_emulator.catalogue.titles import DIRECTIVES, KEYS, PLOT_FULL, json_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TITLES = Path(__file__).with_name("titles.jsonl")


def tidy(titles: Iterable[Mapping[str, Any]]) -> str:
    """Return titles as JSON lines sorted by id, each with its keys in OMDb's order.

    Raises:
        KeyError: if a title has no ``imdbID`` or an unknown ``Type``.
        ValueError: if a title has a key that titles of its type do not have.
    """
    by_id = sorted(titles, key=lambda title: int(title["imdbID"][2:]))
    return "".join(f"{json.dumps(_ordered(title), ensure_ascii=False)}\n" for title in by_id)


def _ordered(title: Mapping[str, Any]) -> dict[str, Any]:
    known = KEYS[title["Type"]] if "Type" in title else ("imdbID",)
    order = (*known, PLOT_FULL, DIRECTIVES)
    return {key: title[key] for key in sorted(title, key=order.index)}


if __name__ == "__main__":
    text = tidy([title for _, title in json_lines(TITLES)])
    TITLES.write_text(text, encoding="utf-8")
