"""Background tasks: one thread of low priority for work that no job waits for.

Tasks run one at a time in the order of their arrival; a stop drops them. The queue is bounded, so a
caller must do without a task that was dropped, or request it again.
"""

from __future__ import annotations

import concurrent.futures
import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from domain_errors import DomainError
from operating_system import lower_thread_priority
from parquet_tables.progress import ProgressCallback

logger = logging.getLogger("jobsvc.background")

MAX_ENQUEUED = 100
MAX_REQUESTED = 200
MAX_WAITING_THREADS = 3
NICENESS = 10

Task = Callable[[ProgressCallback], Any]
"""Does the work; an exception that its progress callback raises must end it."""


class ExecutorStopped(Exception):
    """The service stops, so the result isn't needed."""


class LowPriorityExecutor:
    """A thread with raised niceness and a queue of tasks by key.

    Parameters
    ----------
    max_enqueued, max_requested : int
        A task is dropped when this many tasks run or wait; more, if a user waits for it.
    max_waiting_threads : int
        Threads that may wait for a result; the HTTP server has 8 by default.
    """

    def __init__(
        self,
        max_enqueued: int = MAX_ENQUEUED,
        max_requested: int = MAX_REQUESTED,
        max_waiting_threads: int = MAX_WAITING_THREADS,
    ) -> None:
        self._max_enqueued, self._max_requested = max_enqueued, max_requested
        self._waiting_threads = threading.Semaphore(max_waiting_threads)
        self._executor = ThreadPoolExecutor(
            1, "low-priority", initializer=lower_thread_priority, initargs=(NICENESS,)
        )
        self._lock = threading.Lock()
        self._futures: dict[Hashable, Future[Any]] = {}
        self._stopping = threading.Event()

    def enqueue(self, key: Hashable, task: Task) -> None:
        """Run a task later, unless its key is in the queue or the queue is full."""
        self._submit(key, task, self._max_enqueued)

    def result(self, key: Hashable, task: Task, timeout_s: float) -> Any | None:
        """Run a task, or join the one with its key, and wait for the result or the task's error.

        Returns None when there is no result in time: the task still runs, unless the queue was
        full. When too many threads wait already, it returns None at once.
        """
        future = self._submit(key, task, self._max_requested)
        if future is None or not self._waiting_threads.acquire(blocking=False):
            return None
        try:
            concurrent.futures.wait([future], timeout_s)
        finally:
            self._waiting_threads.release()
        if not future.done() or future.cancelled():
            return None
        with suppress(ExecutorStopped):
            return future.result()
        return None

    def stop(self) -> None:
        """Drop waiting tasks and wait until the running task reports progress or ends."""
        with self._lock:
            self._stopping.set()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _submit(self, key: Hashable, task: Task, max_tasks: int) -> Future[Any] | None:
        with self._lock:
            future = self._futures.get(key)
            if future is None and len(self._futures) < max_tasks and not self._stopping.is_set():
                future = self._futures[key] = self._executor.submit(self._run, key, task)
            return future

    def _run(self, key: Hashable, task: Task) -> Any:
        try:
            return task(self._end_when_stopping)
        except (DomainError, ExecutorStopped):
            raise
        except Exception as error:
            logger.warning("background task %s failed", key, exc_info=error)
            raise
        finally:
            with self._lock:
                del self._futures[key]

    def _end_when_stopping(self, fraction: float, message: str) -> None:
        if self._stopping.is_set():
            raise ExecutorStopped
