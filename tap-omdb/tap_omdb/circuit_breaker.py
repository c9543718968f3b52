"""Ends a run in which no request succeeds, so that it does not waste the quota."""

from __future__ import annotations

import threading
import time

_FAILURES_PER_WORKER = 5
_OUTAGE_SECONDS = 30.0


class CircuitBreaker:
    """Opens when OMDb is down, but not when only single titles fail.

    It opens when many requests have failed for half a minute and none has succeeded; or when the
    retries of two requests in a row are exhausted without another succeeding meanwhile.
    """

    def __init__(self, workers: int) -> None:
        """Start closed.

        Args:
            workers: The maximum number of concurrent requests.
        """
        self._lock = threading.Lock()
        self._limit = max(10, _FAILURES_PER_WORKER * workers)
        self._failures = 0
        self._exhausted = 0
        self._failing_since = 0.0
        self._last_success = float("-inf")
        self.open_reason: str | None = None
        """Why it is open; None while it is closed."""

    @property
    def has_ever_succeeded(self) -> bool:
        """Whether any request has succeeded yet."""
        return self._last_success > float("-inf")

    def has_succeeded_since(self, moment: float) -> bool:
        """Return whether any request has succeeded since a moment of the monotonic clock."""
        return self._last_success >= moment

    def record_success(self) -> None:
        """Record that a request succeeded."""
        with self._lock:
            self._failures = self._exhausted = 0
            self._last_success = time.monotonic()

    def record_failure(self, reason: str) -> None:
        """Record that a request failed."""
        with self._lock:
            now = time.monotonic()
            if not self._failures:
                self._failing_since = now
            self._failures += 1
            if self._failures >= self._limit and now - self._failing_since >= _OUTAGE_SECONDS:
                self.open_reason = reason

    def record_retries_exhausted(self, reason: str, started: float) -> None:
        """Record that a request is not retried any more.

        Args:
            reason: Why it failed.
            started: When it was first sent, by the monotonic clock.
        """
        with self._lock:
            if self.has_succeeded_since(started):
                return
            self._exhausted += 1
            if self._exhausted > 1 or not self.has_ever_succeeded:
                self.open_reason = reason
