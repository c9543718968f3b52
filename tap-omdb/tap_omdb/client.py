"""One request to OMDb: how it is made, when it is made again, and what is never said of it."""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from singer_sdk.authenticators import APIKeyAuthenticator
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError
from singer_sdk.pagination import SinglePagePaginator
from singer_sdk.streams import RESTStream
from singer_sdk.streams.rest import HTTPRequest, PageContext
from typing_extensions import override
from urllib3.exceptions import MaxRetryError

from tap_omdb import clock
from tap_omdb.budget import BudgetSpent
from tap_omdb.cache import StoredReply
from tap_omdb.redaction import redact, redact_bytes
from tap_omdb.replies import Refusal, RefusalKind, Reply, read_reply
from tap_omdb.settings import is_loopback

if TYPE_CHECKING:
    from tap_omdb.budget import Budget
    from tap_omdb.cache import ReplyCache
    from tap_omdb.queries import Query
    from tap_omdb.settings import Settings

logger = logging.getLogger(__name__)

FIRST_CONTACT_SECONDS = 15.0
"""How long an OMDb that has never answered in this run is tried: a wrong address stays wrong."""

_OWN_TRIES = 3
"""How often a query is asked whose reply is of no use, while other queries get through."""

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_FAILURES_PER_WORKER = 5
_OUTAGE_SECONDS = 30.0
_STOPPED = "the run was stopped"
_DOUBTFUL_FROM_CACHE = {
    RefusalKind.INVALID_KEY,
    RefusalKind.NO_KEY,
    RefusalKind.LIMIT_REACHED,
}


class Unavailable(RetriableAPIError):  # noqa: N818 - what OMDb is
    """OMDb gave no usable reply; tried again until the patience is spent."""

    def __init__(self, reason: str, *, status: int | None = None, retry_after: float = 0) -> None:
        """Tell the reason, the HTTP status if there was one, and for how long to wait (s)."""
        super().__init__(reason)
        self.status = status
        self.retry_after = retry_after


class RunOver(FatalAPIError):  # noqa: N818 - what the run is
    """Nothing more can be had in this run; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply: what it is, and as it came."""

    reply: Reply
    raw: StoredReply
    retry_after: float = 0
    """Seconds that the server asks to wait before the next request."""


class Breaker:
    """Ends a run in which nothing gets through, so that it does not burn the quota.

    It opens when none has got through for a while, in which a number of requests failed, or when
    two in a row are given up, each without another getting through meanwhile: one alone may be
    that title's fault.
    """

    def __init__(self, workers: int) -> None:
        """Start closed.

        Args:
            workers: How many requests may be under way at once.
        """
        self._lock = threading.Lock()
        self._limit = max(10, _FAILURES_PER_WORKER * workers)
        self._failures = 0
        self._given_up = 0
        self._failing_since = 0.0
        self._last_success = float("-inf")
        self.open: str | None = None
        """Why it is open; None while it is closed."""

    @property
    def has_had_contact(self) -> bool:
        """Tell whether any request has got through yet."""
        return self._last_success > float("-inf")

    def lets_through(self, since: float) -> bool:
        """Tell whether any request has got through since then, by the monotonic clock."""
        return self._last_success >= since

    def success(self) -> None:
        """Note that a request got through."""
        with self._lock:
            self._failures = self._given_up = 0
            self._last_success = time.monotonic()

    def failure(self, reason: str) -> None:
        """Note that a request failed."""
        with self._lock:
            now = time.monotonic()
            if not self._failures:
                self._failing_since = now
            self._failures += 1
            if self._failures >= self._limit and now - self._failing_since >= _OUTAGE_SECONDS:
                self.open = reason

    def gave_up(self, reason: str, started: float) -> None:
        """Note that a request is not tried any more.

        Args:
            reason: Why it failed.
            started: When it was first tried, by the monotonic clock.
        """
        with self._lock:
            if self.lets_through(started):
                return
            self._given_up += 1
            if self._given_up > 1 or not self.has_had_contact:
                self.open = reason


class Pace:
    """Spaces out the starts of requests, and holds all of them up when the server wants it."""

    def __init__(self, per_second: float | None, stopping: threading.Event) -> None:
        """Set the rate, or none.

        Args:
            per_second: The most requests started in a second; None is no limit.
            stopping: Ends all waiting once set.
        """
        self._gap = 1 / per_second if per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()
        self._stopping = stopping

    def hold(self, seconds: float) -> None:
        """Let no request start for so long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def wait(self) -> None:
        """Return when the next request may start."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + self._gap
        if start > now:
            self._stopping.wait(start - now)


class Session(requests.Session):
    """Pooled connections that take the key to no other host, and not off TLS, by a redirect."""

    def __init__(self, connections: int) -> None:
        """Open at most so many connections."""
        super().__init__()
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    @override
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        before = urlsplit(resp.url)
        try:
            after = urlsplit(urljoin(resp.url, target))
            is_same = (after.hostname, after.port) == (before.hostname, before.port)
        except ValueError:  # no URL, or no port that there is
            return None
        is_safe = after.scheme in {before.scheme, "https"} and is_same
        return target if is_safe else None


class Connection:
    """What all requests of a run share."""

    def __init__(self, settings: Settings, budget: Budget, cache: ReplyCache) -> None:
        """Prepare, without asking anything yet."""
        self.session = Session(settings.concurrency)
        # Once: requests would go through all of the environment's variables for each request.
        self.environment = self.session.merge_environment_settings(
            settings.api_url, {}, None, None, None
        )
        """Proxies and certificates, as the environment has them for api_url."""
        self.budget = budget
        self.cache = cache
        self.breaker = Breaker(settings.concurrency)
        self.stopping = threading.Event()
        self.pace = Pace(settings.requests_per_second, self.stopping)
        self.over: str | None = None
        """Why nothing more can be had in this run; None while more can."""
        self.host = urlsplit(settings.api_url).netloc.rpartition("@")[2]
        self.max_retry_time = settings.max_retry_time
        self.request_timeout = settings.timeout

    @property
    def patience(self) -> float:
        """Seconds for which a failing request is tried again."""
        if self.breaker.has_had_contact:
            return self.max_retry_time
        return min(self.max_retry_time, FIRST_CONTACT_SECONDS)


class OMDbStream(RESTStream[None]):
    """A stream that can ask OMDb: all of its requests go to one path, told by the query."""

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
        return str(self.config.get("user_agent") or f"tap-omdb/{version('tap-omdb')}")

    @override
    def get_new_paginator(self) -> SinglePagePaginator:
        return SinglePagePaginator()

    @override
    def get_http_request(self, *, page: PageContext[None]) -> HTTPRequest:
        """Return the request for the query that stands in the page's context."""
        return HTTPRequest(url=self.url_base, params=dict(page.stream_context or {}))

    def fetch(self, query: Query) -> Answer:
        """Ask OMDb, from any thread.

        Args:
            query: What to ask.

        Returns:
            The reply, which may be a refusal of this one query.

        Raises:
            BudgetSpent: No request may be made, or OMDb says that the quota is spent.
            RunOver: The key is refused, or nothing gets through.
            Unavailable: This request failed for as long as it was tried.
        """
        shared = self.connection
        started = time.monotonic()
        patience = shared.patience
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._attempt(query)
            except Unavailable as error:
                if shared.stopping.is_set():
                    raise
                longest = min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT)
                # Shortened at random, so that workers spread.
                wait = max(random.uniform(longest / 2, longest), error.retry_after)  # noqa: S311
                is_its_own = error.status == HTTPStatus.OK and shared.breaker.lets_through(started)
                if time.monotonic() - started + wait > patience or (
                    is_its_own and attempt == _OWN_TRIES
                ):
                    shared.breaker.gave_up(str(error), started)
                    if shared.breaker.open:
                        raise self._over(self._unreachable(str(error))) from None
                    raise
                logger.warning("%s (%s); asking again in %.1f s", error, query, wait)
                shared.pace.hold(error.retry_after)
                if shared.stopping.wait(wait):
                    raise

    def _attempt(self, query: Query) -> Answer:
        answer = self._ask(query)
        reply = answer.reply
        if isinstance(reply, Refusal) and (
            reply.kind is RefusalKind.BROKEN
            or (reply.from_cache and reply.kind in _DOUBTFUL_FROM_CACHE)
        ):
            answer = self._ask(query, past_cache=True)
        self._check(answer.reply, answer.retry_after)
        self.connection.breaker.success()
        self.connection.cache.add(query, answer.raw)
        return answer

    def _ask(self, query: Query, *, past_cache: bool = False) -> Answer:
        """Make one request; past the cache, it is one that no cache on the way can answer."""
        shared = self.connection
        if shared.breaker.open:
            raise self._over(self._unreachable(shared.breaker.open))
        if shared.over:
            raise RunOver(shared.over)
        shared.pace.wait()
        if shared.stopping.is_set():
            raise Unavailable(_STOPPED)
        day = shared.budget.take()
        context: dict[str, str] = dict(query.params)
        if past_cache:
            context["_"] = uuid.uuid4().hex[:8]
        request = self.get_http_request(page=PageContext(context, None))
        prepared = self.build_prepared_request(
            method=request.method,
            url=request.url,
            params=request.encode_params(),
            headers={"Cache-Control": "no-cache"} if past_cache else {},
        )
        try:
            response = shared.session.send(
                prepared, timeout=shared.request_timeout, **shared.environment
            )
        except requests.exceptions.RequestException as error:
            if not _was_sent(error):
                shared.budget.give_back(day)
            reason = _why(error, shared.request_timeout)
            shared.breaker.failure(reason)
            # From None: the original's text has the URL in it, and so the key.
            raise Unavailable(reason) from None
        if response.is_redirect:
            target = response.headers["Location"].partition("?")[0]
            message = f"api_url redirects to {target}: if that is right, make it the api_url"
            raise self._over(message)
        raw = StoredReply(
            fetched_at=clock.now().replace(microsecond=0),
            status=response.status_code,
            content_type=response.headers.get("Content-Type", ""),
            # A page that says the URL back says the key.
            body=redact_bytes(response.content),
        )
        reply = read_reply(raw.status, response.headers, raw.body)
        return Answer(reply, raw, _seconds(response.headers.get("Retry-After")))

    def _check(self, reply: Reply, retry_after: float = 0) -> None:
        """Pass data and refusals of one query; raise what concerns more than that.

        Raises:
            Unavailable: To be asked again.
            BudgetSpent: The quota is spent.
            RunOver: The key is refused.
        """
        if not isinstance(reply, Refusal):
            return
        if reply.kind is RefusalKind.LIMIT_REACHED:
            reason = f'OMDb says "{reply.message}"'
            self.connection.budget.refuse(reason)
            raise BudgetSpent(reason)
        if reply.kind in {RefusalKind.INVALID_KEY, RefusalKind.NO_KEY}:
            message = (
                f'OMDb says "{reply.message}": check api_key (TAP_OMDB_API_KEY); a new key must be '
                "activated by the link in OMDb's e-mail first"
            )
            raise self._over(message)
        if reply.kind is RefusalKind.UNAVAILABLE:
            reason = f"HTTP {reply.status}: {reply.message}" if reply.message else str(reply.status)
            self.connection.breaker.failure(reason)
            raise Unavailable(redact(reason), status=reply.status, retry_after=retry_after)

    def _over(self, message: str) -> RunOver:
        """Return the error that ends the run, having seen to it that no more is asked."""
        self.connection.over = message
        return RunOver(message)

    def _unreachable(self, reason: str) -> str:
        host = self.connection.host
        remedy = (
            "is the OMDb emulator running there?"
            if is_loopback(host)
            else "check api_url and the network, and run again: what was fetched is kept"
        )
        return f"OMDb can't be reached at {host}: {reason}; {remedy}"


def _seconds(retry_after: str | None) -> float:
    """Read a Retry-After header: seconds, or a date; 0 if there is none."""
    if not retry_after:
        return 0
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0
    return max(0.0, moment.timestamp() - time.time())


def _was_sent(error: requests.exceptions.RequestException) -> bool:
    """Tell whether OMDb may have seen a request that failed: not if no connection came about."""
    return not any(isinstance(arg, MaxRetryError) for arg in error.args)


def _why(error: BaseException, timeout: float) -> str:
    """Say in words why a request failed, without the URL that is in the error's own text."""
    if isinstance(error, requests.exceptions.Timeout):
        return f"no reply within {timeout:g} s"
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
