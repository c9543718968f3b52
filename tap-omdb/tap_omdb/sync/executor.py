"""Sends requests concurrently, and yields their responses in the order of the requests.

A slow response, such as that of a request being retried, does not hold up later ones.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from tap_omdb.client import Client, Response
from tap_omdb.state.budget import BudgetExhausted
from tap_omdb.sync.queue import TaskQueue
from tap_omdb.sync.tasks import Task
from tap_omdb.transport import RunAbortedError, UnavailableError

_POLL_SECONDS = 0.5
_WINDOW_PER_WORKER = 2
_SLOW_SECONDS = 2.0
"""A response that takes longer does not hold up later ones."""

_Item = tuple["Task", Future["Response"]]


class RequestExecutor:
    """Executes the tasks of a queue within a window: those in flight, and a few waiting for them.

    The window is bounded, and so is the memory.
    """

    def __init__(self, client: Client, plot: str, workers: int) -> None:
        """Create an executor; nothing is sent yet.

        Args:
            client: Fetches the responses, in worker threads.
            plot: The length of the plots to request.
            workers: The maximum number of concurrent requests.
        """
        self._client = client
        self._plot = plot
        self._workers = workers
        self._oldest: _Item | None = None
        self._slow_at = 0.0
        self.end_reason: str | None = None
        """Why the run ended before the queue was empty; None if it did not."""
        self.error: RunAbortedError | None = None
        """What aborted the run; None if nothing did."""

    def responses(self, queue: TaskQueue) -> Generator[tuple[Task, Response | UnavailableError]]:
        """Yield each task with its response, in the order of the requests except for slow ones.

        Tasks that are queued while a response is handled are executed too. Once the budget is
        exhausted, or the run is stopped or aborted, nothing more is sent; the responses to what is
        in flight are still yielded.
        """
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="omdb")
        window: deque[_Item] = deque()
        try:
            while True:
                self._fill(window, queue, pool)
                if not window:
                    return
                task, future = self._next_done(window)
                window.remove((task, future))
                response = self._result(future)
                if response is not None:
                    yield task, response
        finally:
            # The consumer may stop early; requests in flight count, so their responses are cached.
            self._client.stopping.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _fill(self, window: deque[_Item], queue: TaskQueue, pool: ThreadPoolExecutor) -> None:
        while not self._is_over() and len(window) < _WINDOW_PER_WORKER * self._workers:
            task = queue.next()
            if task is None:
                return
            window.append((task, pool.submit(self._client.fetch, task.query(self._plot))))

    def _is_over(self) -> bool:
        if self._client.stopping.is_set() and not self.end_reason:
            self.end_reason = "stopped"
        return self.end_reason is not None

    def _next_done(self, window: deque[_Item]) -> _Item:
        """Return the oldest item once it is done; if that one is slow, the oldest that is done."""
        oldest = window[0]
        if oldest is not self._oldest:
            self._oldest, self._slow_at = oldest, time.monotonic() + _SLOW_SECONDS
        while True:
            if self._is_over():
                for _, future in window:
                    future.cancel()
            if oldest[1].done():
                return oldest
            until_slow = self._slow_at - time.monotonic()
            if until_slow > 0:
                # Cheaper than `wait` for a single one.
                with suppress(futures.TimeoutError, futures.CancelledError):
                    oldest[1].exception(min(_POLL_SECONDS, until_slow))
                continue
            for item in window:
                if item[1].done():
                    return item
            waiting = [future for _, future in window]
            futures.wait(waiting, _POLL_SECONDS, futures.FIRST_COMPLETED)

    def _result(self, future: Future[Response]) -> Response | UnavailableError | None:
        """Return the result of a finished request; None if it was cancelled or the run is over."""
        try:
            return future.result()
        except futures.CancelledError:
            return None
        except UnavailableError as error:
            return None if self._is_over() else error
        except BudgetExhausted as exhausted:
            self._end(str(exhausted))
        except RunAbortedError as error:
            self._end(str(error))
            self.error = self.error or error
        return None

    def _end(self, reason: str) -> None:
        self.end_reason = self.end_reason or reason
        # A request that waits for a retry would find no budget left.
        self._client.stopping.set()
