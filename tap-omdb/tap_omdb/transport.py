"""The HTTP transport, why a request failed, and the bounds of each response.

It never sends the API key to another host, and no error has the URL that exceptions of `requests`
and urllib3 have.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import cast
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError
from urllib3 import BaseHTTPResponse, HTTPConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NewConnectionError,
    ReadTimeoutError,
)

MAX_BODY_BYTES = 16 * 2**20
"""Decoded. OMDb's largest response, a season with full details of every episode, is under 1 MB."""

_MAX_ATTEMPTS = 2
"""A body beyond the limits is requested once more: each attempt is expensive."""

_CHUNK_BYTES = 65_536
_MAX_REDIRECTS = 30


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
    return not isinstance(error, MaxRetryError)


def describe(error: BaseException, timeout: float) -> str:
    """Describe why a request failed, without the URL that is in the error's own text.

    Args:
        error: An exception of `requests` or `urllib3`.
        timeout: The timeout of the request (s).
    """
    reason = error.reason or error if isinstance(error, MaxRetryError) else error
    is_timeout = isinstance(reason, (ConnectTimeoutError, ReadTimeoutError))
    if is_timeout and not isinstance(reason, NewConnectionError):
        return f"no response within {timeout:g} s"
    inner: BaseException | None = reason
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror.lower()
        causes = [arg for arg in inner.args if isinstance(arg, BaseException)]
        inner = causes[0] if causes else inner.__cause__ or inner.__context__
    return type(reason).__name__


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


class Transport:
    """Sends GET requests over pooled connections. Thread-safe.

    `requests` finds the proxies, certificates and credentials of the environment. What it does
    besides for each request takes a fifth of a run's CPU, so urllib3 sends them.
    """

    def __init__(self, url: str, params: Mapping[str, str], connections: int) -> None:
        """Prepare what all requests have in common; nothing is sent yet.

        Args:
            url: The URL of the API.
            params: Parameters of every request.
            connections: How many are kept open.
        """
        session = requests.Session()
        agent = {"User-Agent": f"tap-omdb/{version('tap-omdb')}"}
        prepared = session.prepare_request(requests.Request("GET", url, agent, params=params))
        self._url, self._headers = str(prepared.url), dict(prepared.headers)
        self._environment = session.merge_environment_settings(url, {}, None, None, None)
        self._adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections)
        self._pools: dict[str, tuple[HTTPConnectionPool, str]] = {}

    def send(
        self, params: Sequence[tuple[str, str]], timeout: float, headers: Mapping[str, str]
    ) -> BaseHTTPResponse:
        """Send a request, and follow redirects that keep the key safe.

        Args:
            params: Its own parameters.
            timeout: Seconds to wait for a connection and for each part of the response.
            headers: Its own headers.

        Returns:
            The response, whose body is still to be read; it is a redirect if that is not safe.

        Raises:
            UnavailableError: There are too many redirects.
            requests.RequestException: The proxy of the environment cannot be used.
            urllib3.exceptions.HTTPError: No response was received.
        """
        url = f"{self._url}&{urlencode(params)}"
        for _ in range(_MAX_REDIRECTS):
            origin, _, query = url.partition("?")
            pool, target = self._pools.get(origin) or self._connect(origin)
            response = pool.urlopen(
                "GET",
                f"{target}?{query}",
                headers={**self._headers, **headers},
                redirect=False,
                retries=self._adapter.max_retries,
                assert_same_host=False,
                preload_content=False,
                timeout=timeout,
            )
            location = response.get_redirect_location()
            target_url = safe_target(url, location) if location else None
            if target_url is None:
                return response
            url = target_url
            # Its body may be endless.
            response.close()
        message = "too many redirects"
        raise UnavailableError(message)

    def _connect(self, origin: str) -> tuple[HTTPConnectionPool, str]:
        """Return the pool of a URL without its query, and what to request of it."""
        request = requests.Request("GET", origin).prepare()
        proxies, verify = self._environment["proxies"], self._environment["verify"]
        pool = cast(
            "HTTPConnectionPool",
            self._adapter.get_connection_with_tls_context(request, verify, proxies),
        )
        self._adapter.cert_verify(pool, request.url, verify, None)  # type: ignore[no-untyped-call]
        self._pools[origin] = pool, self._adapter.request_url(request, proxies)
        return self._pools[origin]


def safe_target(url: str, location: str) -> str | None:
    """Return the URL that a redirect leads to; None if the key would leave the host or TLS."""
    try:
        before, after = urlsplit(url), urlsplit(urljoin(url, location))
        is_same = (after.hostname, after.port) == (before.hostname, before.port)
    except ValueError:  # not a URL, or an impossible port
        return None
    return after.geturl() if is_same and after.scheme in {before.scheme, "https"} else None


def read_body(response: BaseHTTPResponse, max_seconds: float) -> bytes:
    """Return the decoded body of a response.

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
    while chunk := response.read1(_CHUNK_BYTES, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            message = f"the response is larger than {MAX_BODY_BYTES // 2**20} MB"
            raise _abandon(response, message, "response_too_large")
        if time.monotonic() > deadline:
            message = f"the response is not complete after {max_seconds:g} s"
            raise _abandon(response, message, "http_error")
    response.release_conn()
    return b"".join(chunks)


def _abandon(response: BaseHTTPResponse, message: str, reason: str) -> UnavailableError:
    response.close()
    return UnavailableError(
        message, status=response.status, reason=reason, max_attempts=_MAX_ATTEMPTS
    )
