"""Runs requests side by side, and hands out their answers in the order of asking."""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
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


class Engine:
    """A window over the work list: so many requests under way, a few more waiting their turn.

    The window is bounded, so memory is too; a slow request holds up what was asked after it,
    not what is under way.
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
        self.error: RunOver | None = None
        """What broke the run; None if nothing did."""

    def answers(self, work: WorkList) -> Generator[tuple[Task, Answer | Unavailable]]:
        """Yield each task with its answer, in the order in which they were asked.

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
                task, future = window.popleft()
                answer = self._wait(future, window)
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

    def _wait(
        self, future: Future[Answer], window: deque[tuple[Task, Future[Answer]]]
    ) -> Answer | Unavailable | None:
        """Return an answer when it is there; None if it was not asked for in the end."""
        while True:
            if self._is_over():
                for _, waiting in window:
                    waiting.cancel()
            try:
                return future.result(timeout=_POLL_SECONDS)
            except FutureTimeoutError:
                continue
            except CancelledError:
                return None
            except Unavailable as error:
                return None if self._is_over() else error
            except BudgetSpent as spent:
                self.ended = self.ended or str(spent)
                return None
            except RunOver as error:
                self.ended = self.ended or str(error)
                self.error = self.error or error
                return None
