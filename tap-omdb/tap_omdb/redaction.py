"""Keeps the API key, and control characters, out of everything that the tap prints.

OMDb requires the key in the query string, so it is part of every URL, and therefore of the messages
of `requests`' exceptions and of urllib3's debug log. The tap's own errors are redacted where they
are raised (client.py); the log record factory here covers all other loggers.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import quote, quote_plus

_MASK = "***"
_KEY_LENGTH = 8
_KEY_IN_URL = re.compile(r"(apikey=)[^&\s'\"<>)\\]+", re.IGNORECASE)
# C0, C1 and DEL, except tab and newline, and the marks that override the direction of text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_secrets: set[str] = set()
_make_record = logging.getLogRecordFactory()
_formatter = logging.Formatter()


def register_secret(secret: object) -> None:
    """Mask this value and its URL-encoded forms in every log from now on.

    Args:
        secret: The key as configured; of any type, because a misconfigured one is secret too.
    """
    text = "" if secret is None else str(secret).strip()
    if text:
        _secrets.update({text, quote(text, safe=""), quote_plus(text)})
        logging.setLogRecordFactory(_clean_record)


def redact(text: str) -> str:
    """Return a text with every registered secret and every `apikey=…` masked."""
    text = _KEY_IN_URL.sub(rf"\1{_MASK}", text)
    for secret in _secrets:
        text = text.replace(secret, _MASK)
    return text


def redact_bytes(data: bytes) -> bytes:
    """Return the bytes of a response with every registered secret masked.

    A secret shorter than OMDb's keys, such as an emulator's, is left alone: it may be part of a
    word.
    """
    for secret in _secrets:
        if len(secret) >= _KEY_LENGTH:
            data = data.replace(secret.encode(), _MASK.encode())
    return data


def _clean(text: str) -> str:
    """Return a text without secrets, with the characters escaped that control a terminal.

    OMDb's texts may contain any character. Tabs and newlines stay.
    """
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), redact(text))


def _clean_record(*args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: ANN401
    record = _make_record(*args, **kwargs)
    try:
        message = record.getMessage()
    except (TypeError, ValueError):  # mismatched arguments, which the handler reports
        return record
    clean = _clean(message)
    if clean != message:
        record.msg, record.args = clean, ()
    if record.exc_info:
        trace = _formatter.formatException(record.exc_info)
        clean = _clean(trace)
        if clean != trace:
            record.exc_info, record.exc_text = None, clean
    return record
