"""Decodes the bytes of a response as a JSON object, and repairs broken JSON.

Broken JSON is decoded in three steps: leniently (raw control characters in a plot are the most
common defect), then repaired by `json_repair` (unescaped backslashes, unescaped quotes), then given
up. A body that is cut short is not repaired: the missing part can still be requested again.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import json_repair

from tap_omdb.omdb.records import FIELDS, parse_imdb_id

CP1252_FALLBACK: Final = "tap_omdb.cp1252_fallback"
"""For `errors=` of a decoder: bytes that are not valid UTF-8 are decoded as Windows-1252, which
spreadsheets and old Western servers write."""

_UNESCAPED_ERROR: Final = re.compile(
    r'\{\s*"Response"\s*:\s*"False"\s*,\s*"Error"\s*:\s*"(.*)"\s*\}', re.IGNORECASE | re.DOTALL
)
_LENIENT: Final = json.JSONDecoder(strict=False)
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_KEYS: Final = {
    *(field.omdb_key for field in FIELDS),
    *("Response", "Search", "totalResults", "Episodes"),
}
_MAX_REPAIR_LENGTH: Final = 500_000
"""In characters: longer than any season. Repairing that many takes at most about 2 s."""


def decode_text(body: bytes, content_type: str) -> str:
    """Decode a body: as UTF-8, else in the declared charset, else with a Windows-1252 fallback.

    Args:
        body: The body, decompressed.
        content_type: The Content-Type header; may be empty.
    """
    try:
        return body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        pass
    declared = _CHARSET.search(content_type)
    try:
        return body.decode(declared[1] if declared else "utf-8").strip()
    except (LookupError, ValueError):  # an unknown charset, or bytes that are invalid in it
        return body.decode("utf-8-sig", errors=CP1252_FALLBACK).strip()


def decode_json(text: str) -> tuple[dict[str, Any], bool]:
    """Decode a JSON object.

    Returns:
        The object, empty if there is none, and whether the JSON had to be repaired.
    """
    if not text.startswith("{"):
        return {}, False
    try:
        return _LENIENT.decode(text), False
    except (ValueError, RecursionError):
        pass
    if unescaped := _UNESCAPED_ERROR.fullmatch(text):
        return {"Response": "False", "Error": unescaped[1]}, False
    can_repair = text.endswith("}") and len(text) <= _MAX_REPAIR_LENGTH
    repaired = _repair(text) if can_repair else None
    return (repaired, True) if repaired else ({}, False)


def _repair(text: str) -> dict[str, Any] | None:
    try:
        data = json_repair.loads(text, skip_json_loads=True)
    except Exception:  # noqa: BLE001 (if the repair fails in any way, the text is broken)
        return None
    return data if isinstance(data, dict) and _is_plausible(data) else None


def _is_plausible(repaired: Mapping[str, Any]) -> bool:
    """Return whether repaired JSON has what every complete response has, and nothing else.

    ``Response`` always comes last: where it is missing, the body was cut short at a brace. A key
    that OMDb does not use is a piece of some value that the repair cut in two.
    """
    rows = repaired.get("Search", repaired.get("Episodes", [repaired]))
    return (
        "Response" in repaired
        and repaired.keys() <= _KEYS
        and isinstance(rows, list)
        and all(
            isinstance(row, dict) and row.keys() <= _KEYS and parse_imdb_id(row.get("imdbID"))
            for row in rows
        )
    )


def _decode_as_cp1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    invalid = error.object[error.start : error.end]
    # Five bytes are undefined in cp1252: Latin-1 defines every byte.
    text = "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in invalid)
    return text, error.end


codecs.register_error(CP1252_FALLBACK, _decode_as_cp1252)
