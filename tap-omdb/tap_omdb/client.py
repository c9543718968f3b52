"""The client: one request to OMDb, answered from the cache or sent and retried."""

from __future__ import annotations

import logging
import math
import random
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from urllib3.exceptions import HTTPError

from tap_omdb import clock, transport
from tap_omdb.circuit_breaker import CircuitBreaker
from tap_omdb.config.settings import Settings
from tap_omdb.config.values import is_loopback
from tap_omdb.omdb.queries import Query
from tap_omdb.omdb.responses import (
    ErrorKind,
    ErrorResponse,
    ParsedResponse,
    RawResponse,
    is_temporary,
    parse_response,
)
from tap_omdb.redaction import redact, redact_bytes
from tap_omdb.state.budget import Budget, BudgetExhausted
from tap_omdb.state.response_cache import ResponseCache
from tap_omdb.transport import RunAbortedError, UnavailableError

logger = logging.getLogger(__name__)

MAX_ATTEMPTS_IF_OTHERS_SUCCEED = 3
"""How often a request is sent if its responses are unusable while other requests succeed."""

FIRST_CONTACT_SECONDS = 15.0
"""The retry budget until the first success of a run: retries do not help if the URL is wrong."""

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_BODY_TIMEOUTS = 2
"""How many timeouts a whole body may take."""
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

    @property
    def error(self) -> ErrorResponse | None:
        """The error, if it is an error response."""
        return self.parsed if isinstance(self.parsed, ErrorResponse) else None


class Client:
    """Sends the requests of a run, within its budget. Thread-safe."""

    def __init__(self, settings: Settings, budget: Budget, cache: ResponseCache) -> None:
        """Prepare the connections; nothing is sent yet.

        Args:
            settings: The tap's settings; the key is part of every URL.
            budget: Counts what is sent.
            cache: Responses of earlier runs, and of this one.
        """
        self._settings = settings
        self._budget = budget
        self._cache = cache
        self._host = urlsplit(settings.api_url).netloc.rpartition("@")[2]
        self._adapter = transport.Adapter(settings.concurrency)
        # Only once, because a session would read all environment variables again for each request.
        session = requests.Session()
        self._environment: Mapping[str, Any] = session.merge_environment_settings(
            settings.api_url, {}, stream=True, verify=None, cert=None
        )
        # A request with nothing but the key: to prepare each anew takes a seventh of all CPU.
        self._template = session.prepare_request(
            requests.Request(
                "GET",
                settings.api_url,
                headers={"User-Agent": f"tap-omdb/{version('tap-omdb')}"},
                params={"apikey": settings.api_key},
            )
        )
        self._circuit_breaker = CircuitBreaker(settings.concurrency)
        self._lock = threading.Lock()
        self._paused_until = 0.0
        self.stopping = threading.Event()
        """Set when no further request may be sent."""
        self.retries = 0
        """Requests that repeated a failed one."""
        self.responses_reused = 0
        """Cached responses of earlier runs that were used."""

    def fetch(self, query: Query) -> Response:
        """Return the response to a query: that of an earlier run, or else send a request.

        Args:
            query: What to request.

        Returns:
            The response, which may be an error response to this one query.

        Raises:
            BudgetExhausted: No request may be sent, or OMDb reports that the quota is exhausted.
            RunAbortedError: The key is rejected, or no request succeeds.
            UnavailableError: The retries of this request are exhausted.
        """
        return self._reuse(query) or self._send_and_retry(query)

    def _reuse(self, query: Query) -> Response | None:
        raw = self._cache.pop(query)
        if raw is None:
            return None
        parsed = parse_response(raw.status, {"Content-Type": raw.content_type}, raw.body)
        if is_temporary(parsed) and raw.fetched_at.date() < clock.today():
            return None
        with self._lock:
            self.responses_reused += 1
        return Response(parsed, raw)

    def _send_and_retry(self, query: Query) -> Response:
        started = time.monotonic()
        retry_budget = self._settings.max_retry_time
        if not self._circuit_breaker.has_ever_succeeded:
            retry_budget = min(retry_budget, FIRST_CONTACT_SECONDS)
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._attempt(query)
            except UnavailableError as error:
                if self.stopping.is_set():
                    raise
                self._circuit_breaker.record_failure(str(error))
                longest = min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT)
                # Jitter, so that the workers spread out.
                wait = max(random.uniform(longest / 2, longest), error.retry_after)  # noqa: S311
                is_exhausted = (
                    time.monotonic() - started + wait > retry_budget
                    or attempt >= self._max_attempts(error, started)
                )
                if is_exhausted:
                    self._circuit_breaker.record_retries_exhausted(str(error), started)
                if self._circuit_breaker.open_reason:
                    raise self._unreachable(self._circuit_breaker.open_reason) from None
                if is_exhausted:
                    raise
                logger.warning("%s (%s); retrying in %.1f s", error, query, wait)
                with self._lock:
                    until = time.monotonic() + error.retry_after
                    self._paused_until = max(self._paused_until, until)
                if self.stopping.wait(wait):
                    raise
                with self._lock:
                    self.retries += 1

    def _max_attempts(self, error: UnavailableError, started: float) -> float:
        """Return the maximum number of attempts, regardless of the retry budget."""
        if error.max_attempts is not None:
            return error.max_attempts
        others_succeed = self._circuit_breaker.has_succeeded_since(started)
        is_specific = error.status == HTTPStatus.OK and others_succeed
        return MAX_ATTEMPTS_IF_OTHERS_SUCCEED if is_specific else math.inf

    def _attempt(self, query: Query) -> Response:
        response = self._send(query)
        error = response.error
        if error and (
            error.kind is ErrorKind.BROKEN
            or (error.from_cache and error.kind in _DOUBTFUL_FROM_CACHE)
        ):
            response = self._send(query, bypass_cache=True)
        self._check(response)
        self._circuit_breaker.record_success()
        with self._writing_to_cache_dir():
            self._cache.add(query, response.raw)
        return response

    def _send(self, query: Query, *, bypass_cache: bool = False) -> Response:
        """Send one request; with `bypass_cache`, so that no cache between can answer it."""
        if (pause := self._paused_until - time.monotonic()) > 0:
            self.stopping.wait(pause)
        if self.stopping.is_set():
            message = "the run was stopped"
            raise UnavailableError(message)
        with self._writing_to_cache_dir():
            day = self._budget.spend()
        timeout = self._settings.timeout
        try:
            request = self._prepare(query, bypass_cache=bypass_cache)
            response = self._adapter.send(request, timeout=timeout, **self._environment)
            self._check_redirect(response)
            body = transport.read_body(response, _BODY_TIMEOUTS * timeout)
        except (requests.exceptions.RequestException, HTTPError) as error:
            if not transport.was_sent(error):
                self._budget.refund(day)
            # From None: the original's text contains the URL, and with it the key.
            raise UnavailableError(transport.describe(error, timeout)) from None
        raw = RawResponse(
            fetched_at=clock.now().replace(microsecond=0),
            status=response.status_code,
            content_type=response.headers.get("Content-Type", ""),
            # An error page may echo the URL, and with it the key.
            body=redact_bytes(body),
        )
        parsed = parse_response(raw.status, response.headers, raw.body)
        retry_after = transport.parse_retry_after(response.headers.get("Retry-After"))
        return Response(parsed, raw, retry_after)

    def _prepare(self, query: Query, *, bypass_cache: bool) -> requests.PreparedRequest:
        params = query.params
        request = self._template.copy()
        if bypass_cache:
            params = (*params, ("_", uuid.uuid4().hex[:8]))
            request.headers["Cache-Control"] = "no-cache"
        request.url = f"{request.url}&{urlencode(params)}"
        return request

    def _check_redirect(self, response: requests.Response) -> None:
        """Raise `RunAbortedError` for a redirect: the key would be sent along, and not counted."""
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
        error = response.error
        if error is None:
            return
        if error.kind is ErrorKind.LIMIT_REACHED:
            reason = f'OMDb reports "{error.message}"'
            self._budget.quota_reached = reason
            raise BudgetExhausted(reason)
        if error.kind in {ErrorKind.INVALID_KEY, ErrorKind.NO_KEY}:
            message = (
                f'OMDb reports "{error.message}": check api_key (TAP_OMDB_API_KEY); a new key must '
                "first be activated by the link in OMDb's e-mail"
            )
            raise self._abort(message)
        if error.kind is ErrorKind.UNAVAILABLE:
            reason = f"HTTP {error.status}: {error.message}" if error.message else str(error.status)
            raise UnavailableError(
                redact(reason), status=error.status, retry_after=response.retry_after
            )

    @contextmanager
    def _writing_to_cache_dir(self) -> Iterator[None]:
        """End the run if its directory cannot be written to: what it has cost would be lost."""
        try:
            yield
        except sqlite3.Error as error:
            message = (
                f"cache_dir: {self._settings.cache_dir} cannot be written to ({error}): "
                "free some space, or choose another directory"
            )
            raise self._abort(message) from None

    def _abort(self, message: str) -> RunAbortedError:
        """Return the error that ends the run, and let no further request start."""
        self.stopping.set()
        return RunAbortedError(message)

    def _unreachable(self, reason: str) -> RunAbortedError:
        remedy = (
            "is the OMDb emulator running there?"
            if is_loopback(self._host)
            else "check api_url and the network, and run again: what was fetched is kept"
        )
        return self._abort(f"OMDb cannot be reached at {self._host}: {reason}; {remedy}")
