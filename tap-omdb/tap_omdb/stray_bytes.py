"""Reads bytes that are not the UTF-8 around them, as `errors=` of a decoder."""

from __future__ import annotations

import codecs

OR_CP1252 = "tap_omdb.or_cp1252"
"""Takes them for Windows-1252, which spreadsheets and old servers of the West write."""


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    # Five bytes mean nothing in cp1252: Latin-1 gives every byte a meaning.
    text = "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in wrong)
    return text, error.end


codecs.register_error(OR_CP1252, _as_cp1252)
