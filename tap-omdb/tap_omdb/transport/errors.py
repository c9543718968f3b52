"""Why a request failed, without the URL that `requests` puts into its exceptions."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import requests
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError
from urllib3.exceptions import MaxRetryError, ReadTimeoutError


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
    if not header:
        return 0
    if header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return 0
    return max(0.0, moment.timestamp() - time.time())
