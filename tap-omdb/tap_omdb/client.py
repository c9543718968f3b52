"""One request to OMDb: how it is built, when it is retried, and what ends the run."""

from __future__ import annotations

import logging
import math
import random
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING

import requests
from singer_sdk.authenticators import APIKeyAuthenticator
from singer_sdk.pagination import SinglePagePaginator
from singer_sdk.streams import RESTStream
from singer_sdk.streams.rest import HTTPRequest, PageContext
from typing_extensions import override
from urllib3.exceptions import HTTPError

from tap_omdb import clock
from tap_omdb.config.values import is_loopback
from tap_omdb.omdb.responses import (
    ErrorKind,
    ErrorResponse,
    ParsedResponse,
    RawResponse,
    parse_response,
)
from tap_omdb.redaction import redact, redact_bytes
from tap_omdb.state.budget import BudgetExhausted
from tap_omdb.transport.body import read_body
from tap_omdb.transport.errors import (
    RunAbortedError,
    UnavailableError,
    describe,
    parse_retry_after,
    was_sent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_omdb.omdb.queries import Query
    from tap_omdb.transport.connection import Connection

logger = logging.getLogger(__name__)

MAX_ATTEMPTS_IF_OTHERS_SUCCEED = 3
"""How often a request is sent if its responses are unusable while other requests succeed."""

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_BODY_TIMEOUTS = 2
"""How many timeouts a whole body may take."""
_STOPPED = "the run was stopped"
_DOUBTFUL_FROM_CACHE = {
    ErrorKind.INVALID_KEY,
    ErrorKind.NO_KEY,
    ErrorKind.LIMIT_REACHED,
}


@dataclass(frozen=True, slots=True)
class Response:
    """A response: parsed, and as it was received."""

    parsed: ParsedResponse
    raw: RawResponse
    retry_after: float = 0
    """Seconds that the server asks to wait before the next request."""


class OMDbStream(RESTStream[None]):
    """A stream that can send requests to OMDb: all go to one path and differ in their query."""

    path = ""
    connection: Connection
    """Set when a sync begins."""

    @property
    @override
    def url_base(self) -> str:
        return str(self.config["api_url"])

    @property
    @override
    def requests_session(self) -> requests.Session:
        return self.connection.session

    @cached_property
    @override
    def authenticator(self) -> APIKeyAuthenticator:
        return APIKeyAuthenticator(
            key="apikey", value=str(self.config["api_key"]).strip(), location="params"
        )

    @cached_property
    @override
    def user_agent(self) -> str:
        return f"tap-omdb/{version('tap-omdb')}"

    @override
    def get_new_paginator(self) -> SinglePagePaginator:
        return SinglePagePaginator()

    @override
    def get_http_request(self, *, page: PageContext[None]) -> HTTPRequest:
        """Return the request for the query in the page's context."""
        return HTTPRequest(self.url_base, params=dict(page.stream_context or {}))

    def fetch(self, query: Query) -> Response:
        """Send a request, and retry it. Thread-safe.

        Args:
            query: What to request.

        Returns:
            The response, which may be an error response to this one query.

        Raises:
            BudgetExhausted: No request may be sent, or OMDb reports that the quota is exhausted.
            RunAbortedError: The key is rejected, or no request succeeds.
            UnavailableError: The retries of this request are exhausted.
        """
        shared = self.connection
        started = time.monotonic()
        retry_budget = shared.retry_budget
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._attempt(query)
            except UnavailableError as error:
                if shared.stopping.is_set():
                    raise
                longest = min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT)
                # Jitter, so that the workers spread out.
                wait = max(random.uniform(longest / 2, longest), error.retry_after)  # noqa: S311
                is_exhausted = time.monotonic() - started + wait > retry_budget
                if is_exhausted or attempt >= self._max_attempts(error, started):
                    shared.circuit_breaker.record_retries_exhausted(str(error), started)
                    if shared.circuit_breaker.open_reason:
                        raise self._abort(self._unreachable(str(error))) from None
                    raise
                logger.warning("%s (%s); retrying in %.1f s", error, query, wait)
                shared.rate_limiter.pause(error.retry_after)
                if shared.stopping.wait(wait):
                    raise
                shared.count_retry()

    def _max_attempts(self, error: UnavailableError, started: float) -> float:
        """Return the maximum number of attempts, regardless of the retry budget."""
        if error.max_attempts is not None:
            return error.max_attempts
        others_succeed = self.connection.circuit_breaker.has_succeeded_since(started)
        is_specific = error.status == HTTPStatus.OK and others_succeed
        return MAX_ATTEMPTS_IF_OTHERS_SUCCEED if is_specific else math.inf

    def _attempt(self, query: Query) -> Response:
        response = self._send(query)
        parsed = response.parsed
        if isinstance(parsed, ErrorResponse) and (
            parsed.kind is ErrorKind.BROKEN
            or (parsed.from_cache and parsed.kind in _DOUBTFUL_FROM_CACHE)
        ):
            response = self._send(query, bypass_cache=True)
        self._check(response)
        self.connection.circuit_breaker.record_success()
        with self._writing_to_cache_dir():
            self.connection.cache.add(query, response.raw)
        return response

    def _send(self, query: Query, *, bypass_cache: bool = False) -> Response:
        """Send one request; with `bypass_cache`, so that no cache between can answer it."""
        shared = self.connection
        if shared.circuit_breaker.open_reason:
            raise self._abort(self._unreachable(shared.circuit_breaker.open_reason))
        if shared.abort_reason:
            raise RunAbortedError(shared.abort_reason)
        shared.rate_limiter.wait()
        if shared.stopping.is_set():
            raise UnavailableError(_STOPPED)
        with self._writing_to_cache_dir():
            day = shared.budget.spend()
        prepared = self._prepare(query, bypass_cache=bypass_cache)
        try:
            response = shared.session.send(prepared, timeout=shared.timeout, **shared.environment)
            self._check_redirect(response)
            body = read_body(response, _BODY_TIMEOUTS * shared.timeout)
        except UnavailableError as error:
            shared.circuit_breaker.record_failure(str(error))
            raise
        except (requests.exceptions.RequestException, HTTPError) as error:
            if not was_sent(error):
                shared.budget.refund(day)
            reason = describe(error, shared.timeout)
            shared.circuit_breaker.record_failure(reason)
            # From None: the original's text contains the URL, and with it the key.
            raise UnavailableError(reason) from None
        raw = RawResponse(
            fetched_at=clock.now().replace(microsecond=0),
            status=response.status_code,
            content_type=response.headers.get("Content-Type", ""),
            # An error page may echo the URL, and with it the key.
            body=redact_bytes(body),
        )
        parsed = parse_response(raw.status, response.headers, raw.body)
        return Response(parsed, raw, parse_retry_after(response.headers.get("Retry-After")))

    def _prepare(self, query: Query, *, bypass_cache: bool) -> requests.PreparedRequest:
        context: dict[str, str] = dict(query.params)
        if bypass_cache:
            context["_"] = uuid.uuid4().hex[:8]
        params = self.get_http_request(page=PageContext(context, None)).encode_params()
        request = self._template.copy()
        request.url = f"{request.url}&{params}"
        if bypass_cache:
            request.headers["Cache-Control"] = "no-cache"
        return request

    @cached_property
    def _template(self) -> requests.PreparedRequest:
        """A request with nothing but the key: to prepare each anew takes a seventh of all CPU."""
        return self.build_prepared_request(self.http_method, self.url_base)

    def _check_redirect(self, response: requests.Response) -> None:
        """Raise `RunAbortedError` for a redirect that the session has not followed."""
        if response.is_redirect:
            response.close()
            target = response.headers["Location"].partition("?")[0]
            message = f"api_url redirects to {target}: if that is right, set api_url to it"
            raise self._abort(message)

    def _check(self, response: Response) -> None:
        """Raise an exception for an error response that concerns more than this one query.

        Raises:
            UnavailableError: The request is to be retried.
            BudgetExhausted: The quota is exhausted.
            RunAbortedError: The key is rejected.
        """
        error = response.parsed
        if not isinstance(error, ErrorResponse):
            return
        if error.kind is ErrorKind.LIMIT_REACHED:
            reason = f'OMDb reports "{error.message}"'
            self.connection.budget.mark_quota_reached(reason)
            raise BudgetExhausted(reason)
        if error.kind in {ErrorKind.INVALID_KEY, ErrorKind.NO_KEY}:
            message = (
                f'OMDb reports "{error.message}": check api_key (TAP_OMDB_API_KEY); a new key must '
                "first be activated by the link in OMDb's e-mail"
            )
            raise self._abort(message)
        if error.kind is ErrorKind.UNAVAILABLE:
            reason = f"HTTP {error.status}: {error.message}" if error.message else str(error.status)
            self.connection.circuit_breaker.record_failure(reason)
            raise UnavailableError(
                redact(reason), status=error.status, retry_after=response.retry_after
            )

    @contextmanager
    def _writing_to_cache_dir(self) -> Iterator[None]:
        """End the run if its directory cannot be written to: what it has cost would be lost."""
        try:
            yield
        except OSError as error:
            message = (
                f"cache_dir: {self.config['cache_dir']} cannot be written to ({error.strerror}): "
                "free some space, or choose another directory"
            )
            raise self._abort(message) from None

    def _abort(self, message: str) -> RunAbortedError:
        """Return the error that ends the run, and let no further request start."""
        self.connection.abort_reason = message
        return RunAbortedError(message)

    def _unreachable(self, reason: str) -> str:
        host = self.connection.host
        remedy = (
            "is the OMDb emulator running there?"
            if is_loopback(host)
            else "check api_url and the network, and run again: what was fetched is kept"
        )
        return f"OMDb cannot be reached at {host}: {reason}; {remedy}"
