"""Upgrades states that older versions of the tap wrote. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_omdb.state.dated_index import COMPACTED

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 2
BOOKMARK = "sync_state"
"""The key of the state among the bookmarks; no stream has that name."""
BOOKMARK_V1 = "ledger"

_LABELS = {"gone": "not_found", "skipped": "not_selected"}


class StateError(ValueError):
    """A state that this version cannot read; the message gives the remedy."""


def find_state(bookmarks: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the state among the bookmarks, in any version; None if there is none."""
    state = bookmarks.get(BOOKMARK) or bookmarks.get(BOOKMARK_V1)
    return state or None


def upgrade(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a state in the current format.

    Raises:
        StateError: The state is of a newer version.
    """
    version = state.get("version")
    if version == VERSION:
        return state
    if version == 1:
        return _from_version_1(state)
    message = (
        f"the state is of version {version!r}, but this tap reads versions up to {VERSION}: "
        "upgrade tap-omdb, or start over without a state (meltano run --full-refresh)"
    )
    raise StateError(message)


def _from_version_1(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "titles": _days(state.get("titles", {})),
        "seasons": _days(state.get("seasons", {})),
        "lookups": _days(state.get("lookups", {})),
        "searches": state.get("searches", {}),
        "search_progress": {
            key: {COMPACTED: item} for key, item in state.get("passes", {}).items()
        },
        "pending": {kind: {COMPACTED: ids} for kind, ids in state.get("pending", {}).items()},
        "failures": {
            key: {COMPACTED: {"day": item["day"], "attempts": item["tries"]}}
            for key, item in state.get("failing", {}).items()
        },
        "merged_ids": state.get("merged", {}),
        "requests": {key: {COMPACTED: count} for key, count in state.get("requests", {}).items()},
    }


def _days(days: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, dict[str, str]]]:
    return {
        day: {_label(label): {COMPACTED: keys} for label, keys in labels.items()}
        for day, labels in days.items()
    }


def _label(label: str) -> str:
    first, *others = label.split(" ")
    return " ".join([_LABELS.get(first, first), *others])
