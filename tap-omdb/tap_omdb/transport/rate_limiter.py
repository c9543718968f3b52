"""Spaces out the starts of requests."""

from __future__ import annotations

import threading
import time


class RateLimiter:
    """Limits the rate of requests, and pauses all of them when the server asks for it."""

    def __init__(self, per_second: float | None, stopping: threading.Event) -> None:
        """Set the rate.

        Args:
            per_second: The maximum number of requests started in a second; None means no limit.
            stopping: Ends all waiting once set.
        """
        self._interval = 1 / per_second if per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()
        self._stopping = stopping

    def pause(self, seconds: float) -> None:
        """Let no request start for a number of seconds."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def wait(self) -> None:
        """Return when the next request may start."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + self._interval
        if start > now:
            self._stopping.wait(start - now)
