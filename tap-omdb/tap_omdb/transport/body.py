"""Reads the body of a response, within limits of size and time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tap_omdb.transport.errors import UnavailableError

if TYPE_CHECKING:
    import requests

MAX_BODY_BYTES = 16 * 2**20
"""Decoded. OMDb's largest response, a season with full details of every episode, is under 1 MB."""

MAX_ATTEMPTS = 2
"""A body beyond the limits is requested once more: each attempt is expensive."""

_CHUNK_BYTES = 65_536


def read_body(response: requests.Response, max_seconds: float) -> bytes:
    """Return the decoded body of a response that was requested with `stream=True`.

    Args:
        response: The response; its connection returns to the pool once the body is read.
        max_seconds: The maximum time for the whole body. A socket's timeout restarts with
            each byte, so a server that sends a byte now and then would never exceed it.

    Raises:
        UnavailableError: The body is larger than `MAX_BODY_BYTES` or takes too long.
        urllib3.exceptions.HTTPError: The connection broke, or the body cannot be decoded.
    """
    deadline = time.monotonic() + max_seconds
    chunks: list[bytes] = []
    size = 0
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            message = f"the response is larger than {MAX_BODY_BYTES // 2**20} MB"
            raise _abandon(response, message, "response_too_large")
        if time.monotonic() > deadline:
            message = f"the response is not complete after {max_seconds:g} s"
            raise _abandon(response, message, "http_error")
    response.raw.release_conn()
    return b"".join(chunks)


def _abandon(response: requests.Response, message: str, reason: str) -> UnavailableError:
    response.close()
    return UnavailableError(
        message, status=response.status_code, reason=reason, max_attempts=MAX_ATTEMPTS
    )
