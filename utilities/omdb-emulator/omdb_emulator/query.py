"""Query strings: their parameters, and the kind of request they make."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping


def parse_query(query_string: bytes) -> dict[str, str]:
    """Return the parameters by lower-case name; the first of each name counts."""
    query: dict[str, str] = {}
    pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="replace")
    for name, value in pairs:
        query.setdefault(name.lower(), value)
    return query


def kind_of(query: Mapping[str, str]) -> str:
    """Return the kind of request: details, title, season, episode, search or invalid."""
    if query.get("i") or query.get("t"):
        if query.get("season"):
            return "episode" if query.get("episode") else "season"
        return "details" if query.get("i") else "title"
    return "search" if query.get("s") else "invalid"
