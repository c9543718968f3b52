"""The HTTP connections, why a request failed, and the bounds of each response.

No error has the URL that `requests` puts into its exceptions, since the API key is part of it.
"""

from __future__ import annotations

import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError
from typing_extensions import override
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import InvalidHeader, MaxRetryError, ReadTimeoutError
from urllib3.util import Retry

MAX_BODY_BYTES = 16 * 2**20
"""Decoded. OMDb's largest response, a season with full details of every episode, is under 1 MB."""

_MAX_ATTEMPTS = 2
"""A body beyond the limits is requested once more: each attempt is expensive."""

_CHUNK_BYTES = 65_536


class UnavailableError(RetriableAPIError):
    """OMDb sent no usable response; the request is retried until its retry budget is exhausted."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float = 0,
        reason: str = "http_error",
        max_attempts: int | None = None,
    ) -> None:
        """Make the error.

        Args:
            message: Why the request failed, without its URL.
            status: The HTTP status; None if there was no response.
            retry_after: Seconds that the server asks to wait before the next request.
            reason: The reason in `rejects` once the retries are exhausted.
            max_attempts: How often such a request is sent; None means until the retry budget is
                exhausted.
        """
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.reason = reason
        self.max_attempts = max_attempts


class RunAbortedError(FatalAPIError):
    """No further request of this run can succeed; the message says why and what to do."""


def was_sent(error: Exception) -> bool:
    """Return whether OMDb may have received a failed request; False without a connection."""
    return not any(isinstance(arg, MaxRetryError) for arg in error.args)


def describe(error: BaseException, timeout: float) -> str:
    """Describe why a request failed, without the URL that is in the error's own text.

    Args:
        error: An exception of `requests` or `urllib3`.
        timeout: The timeout of the request (s).
    """
    if isinstance(error, (requests.exceptions.Timeout, ReadTimeoutError)):
        return f"no response within {timeout:g} s"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror.lower()
        causes = [arg for arg in inner.args if isinstance(arg, BaseException)]
        reason = getattr(inner, "reason", None)
        if isinstance(reason, BaseException):
            causes.append(reason)
        inner = causes[0] if causes else inner.__cause__ or inner.__context__
    return type(error).__name__


def parse_retry_after(header: str | None) -> float:
    """Parse a Retry-After header, which is a number of seconds or a date.

    Returns:
        Seconds from now; 0 if there is no such header or it cannot be parsed.
    """
    try:
        return Retry().parse_retry_after(header or "")
    except (InvalidHeader, OverflowError, ValueError):
        return 0


class Adapter(HTTPAdapter):
    """Sends requests to one origin over pooled connections, and follows no redirect."""

    def __init__(self, connections: int) -> None:
        """Open at most this many connections."""
        super().__init__(pool_connections=1, pool_maxsize=connections)
        self._pool: ConnectionPool | None = None

    @override
    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> ConnectionPool:
        # Remembered, because `requests` would find it anew for every request.
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*args, **kwargs)
        return self._pool


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
        message, status=response.status_code, reason=reason, max_attempts=_MAX_ATTEMPTS
    )
