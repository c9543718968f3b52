"""Runs requests side by side, and hands out their answers in the order of asking.

Only what takes long, such as a request that fails and is tried again, is overtaken.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Future,
    ThreadPoolExecutor,
    wait,
)
from typing import TYPE_CHECKING

from tap_omdb.budget import BudgetSpent
from tap_omdb.client import Answer, RunOver, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from threading import Event

    from tap_omdb.queries import Task
    from tap_omdb.worklist import WorkList

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_AHEAD = 2
_SLOW_SECONDS = 2.0
"""An answer that takes longer holds up no others."""


class Engine:
    """A window over the work list: so many requests under way, a few more waiting their turn.

    The window is bounded, so memory is too.
    """

    def __init__(self, ask: Callable[[Task], Answer], workers: int, stopping: Event) -> None:
        """Prepare.

        Args:
            ask: Gets the answer to a task; called from worker threads.
            workers: Requests under way at once.
            stopping: Set to end early.
        """
        self._ask = ask
        self._workers = workers
        self._stopping = stopping
        self.ended: str | None = None
        """Why the run ended before the work did; None if it did not."""
        self._oldest: tuple[Task, Future[Answer]] | None = None
        self._slow_at = 0.0
        self.error: RunOver | None = None
        """What broke the run; None if nothing did."""

    def answers(self, work: WorkList) -> Generator[tuple[Task, Answer | Unavailable]]:
        """Yield each task with its answer, in the order in which they were asked but for slow ones.

        Work that is added while an answer is dealt with is done too. Once the budget is spent,
        the run is stopped or broken, nothing more is asked; what is under way is still yielded.
        """
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="omdb")
        window: deque[tuple[Task, Future[Answer]]] = deque()
        try:
            while True:
                self._fill(window, work, pool)
                if not window:
                    return
                task, future = self._pick(window)
                window.remove((task, future))
                answer = self._answer(future)
                if answer is not None:
                    yield task, answer
        finally:
            # Whoever reads this may have had enough before the end; what is under way is paid.
            self._stopping.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _fill(
        self,
        window: deque[tuple[Task, Future[Answer]]],
        work: WorkList,
        pool: ThreadPoolExecutor,
    ) -> None:
        while not self._is_over() and len(window) < _AHEAD * self._workers:
            task = work.next()
            if task is None:
                return
            window.append((task, pool.submit(self._ask, task)))

    def _is_over(self) -> bool:
        if self._stopping.is_set() and not self.ended:
            self.ended = "stopped"
        return self.ended is not None

    def _pick(self, window: deque[tuple[Task, Future[Answer]]]) -> tuple[Task, Future[Answer]]:
        """Return the oldest of a window as soon as it is done; if it is slow, the oldest done."""
        oldest = window[0]
        if oldest is not self._oldest:
            self._oldest, self._slow_at = oldest, time.monotonic() + _SLOW_SECONDS
        while True:
            if self._is_over():
                for _, waiting in window:
                    waiting.cancel()
            if oldest[1].done():
                return oldest
            until_slow = self._slow_at - time.monotonic()
            if until_slow > 0:
                wait([oldest[1]], min(_POLL_SECONDS, until_slow))
                continue
            for item in window:
                if item[1].done():
                    return item
            wait([future for _, future in window], _POLL_SECONDS, FIRST_COMPLETED)

    def _answer(self, future: Future[Answer]) -> Answer | Unavailable | None:
        """Return an answer that is there; None if it was not asked for in the end."""
        try:
            return future.result()
        except CancelledError:
            return None
        except Unavailable as error:
            return None if self._is_over() else error
        except BudgetSpent as spent:
            self._end(str(spent))
        except RunOver as error:
            self._end(str(error))
            self.error = self.error or error
        return None

    def _end(self, reason: str) -> None:
        self.ended = self.ended or reason
        # What waits for another try would find nothing left to try it with.
        self._stopping.set()
