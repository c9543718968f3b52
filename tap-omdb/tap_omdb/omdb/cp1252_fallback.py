"""Decodes bytes that are not valid UTF-8 as Windows-1252, for use as `errors=` of a decoder."""

from __future__ import annotations

import codecs

CP1252_FALLBACK = "tap_omdb.cp1252_fallback"
"""The name of the error handler. Spreadsheets and old Western servers write Windows-1252."""


def _decode_as_cp1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    invalid = error.object[error.start : error.end]
    # Five bytes are undefined in cp1252: Latin-1 defines every byte.
    text = "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in invalid)
    return text, error.end


codecs.register_error(CP1252_FALLBACK, _decode_as_cp1252)
