"""Keeps the API key out of whatever the tap prints.

OMDb wants the key in the query string, so it is part of every URL, and with that of the texts of
`requests`' exceptions and of urllib3's debug log. What the tap raises itself is cleaned where it
is made (client.py); the log record factory here catches all other loggers.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import quote, quote_plus

_MASK = "***"
_KEY_LENGTH = 8
_KEY_IN_URL = re.compile(r"(apikey=)[^&\s'\"<>)\\]+", re.IGNORECASE)
_secrets: set[str] = set()
_make_record = logging.getLogRecordFactory()
_formatter = logging.Formatter()


def hide(secret: object) -> None:
    """Never let this value, or its URL-encoded forms, reach a log from now on.

    Args:
        secret: The key as configured; of any type, since a misconfigured one is secret too.
    """
    text = "" if secret is None else str(secret).strip()
    if text:
        _secrets.update({text, quote(text, safe=""), quote_plus(text)})
        logging.setLogRecordFactory(_clean_record)


def redact(text: str) -> str:
    """Return the text with every hidden secret and every `apikey=…` masked."""
    text = _KEY_IN_URL.sub(rf"\1{_MASK}", text)
    for secret in _secrets:
        text = text.replace(secret, _MASK)
    return text


def redact_bytes(data: bytes) -> bytes:
    """Return what a server sent with every hidden secret masked.

    One shorter than OMDb's keys, such as an emulator's, is left alone: it may be part of a word.
    """
    for secret in _secrets:
        if len(secret) >= _KEY_LENGTH:
            data = data.replace(secret.encode(), _MASK.encode())
    return data


def _clean_record(*args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: ANN401
    record = _make_record(*args, **kwargs)
    try:
        message = record.getMessage()
    except (TypeError, ValueError):  # arguments that don't fit: the handler's to report
        return record
    clean = redact(message)
    if clean != message:
        record.msg, record.args = clean, ()
    if record.exc_info:
        trace = _formatter.formatException(record.exc_info)
        clean = redact(trace)
        if clean != trace:
            record.exc_info, record.exc_text = None, clean
    return record
