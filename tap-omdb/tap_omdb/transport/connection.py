"""What all requests of a run share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tap_omdb.transport.circuit_breaker import CircuitBreaker
from tap_omdb.transport.rate_limiter import RateLimiter
from tap_omdb.transport.session import Session

if TYPE_CHECKING:
    from tap_omdb.config.settings import Settings
    from tap_omdb.state.budget import Budget
    from tap_omdb.state.response_cache import ResponseCache

FIRST_CONTACT_SECONDS = 15.0
"""The retry budget until the first success of a run: retries do not help if the URL is wrong."""


class Connection:
    """The session, limits and caches behind every request of a run."""

    def __init__(self, settings: Settings, budget: Budget, cache: ResponseCache) -> None:
        """Prepare the session and the limits; nothing is sent yet."""
        self.session = Session(settings.concurrency)
        # Only once, because `requests` would read all environment variables again for each request.
        self.environment = self.session.merge_environment_settings(
            settings.api_url, {}, stream=True, verify=None, cert=None
        )
        """Proxies and certificates for api_url, from the environment."""
        self.budget = budget
        self.cache = cache
        self.circuit_breaker = CircuitBreaker(settings.concurrency)
        self.stopping = threading.Event()
        """Set when no further request may be sent."""
        self.rate_limiter = RateLimiter(None, self.stopping)
        self.retries = 0
        """Requests of this run that repeated a failed one."""
        self._lock = threading.Lock()
        self.abort_reason: str | None = None
        """Why no further request of this run can succeed; None while one can."""
        self.host = urlsplit(settings.api_url).netloc.rpartition("@")[2]
        self.timeout = settings.timeout
        self._max_retry_time = settings.max_retry_time

    def count_retry(self) -> None:
        """Count a retry. Thread-safe."""
        with self._lock:
            self.retries += 1

    @property
    def retry_budget(self) -> float:
        """Seconds for which a failing request is retried."""
        if self.circuit_breaker.has_ever_succeeded:
            return self._max_retry_time
        return min(self._max_retry_time, FIRST_CONTACT_SECONDS)
