"""The low-priority executor: joined tasks, limits, errors and stopping."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from parquet_tables.progress import ProgressCallback
from service.low_priority import NICENESS, LowPriorityExecutor
from storage.errors import NotFound

TIMEOUT_S = 20.0
Build = Callable[..., LowPriorityExecutor]


class Gate:
    """A task that signals its start and waits for permission to end."""

    def __init__(self, result: object = None) -> None:
        self.started, self.may_end = threading.Event(), threading.Event()
        self.result = result

    def __call__(self, on_progress: ProgressCallback) -> object:
        self.started.set()
        assert self.may_end.wait(TIMEOUT_S)
        on_progress(0.5, "half")
        return self.result


@pytest.fixture
def build() -> Iterator[Build]:
    """Builds executors that are stopped after the test."""
    with ExitStack() as stack:

        def build_executor(**limits: int) -> LowPriorityExecutor:
            executor = LowPriorityExecutor(**limits)
            stack.callback(executor.stop)
            return executor

        yield build_executor


@pytest.fixture
def executor(build: Build) -> LowPriorityExecutor:
    return build()


def test_tasks_run_one_at_a_time_in_their_order(executor: LowPriorityExecutor) -> None:
    first, done = Gate(), []
    executor.enqueue("first", first)
    for name in ("second", "third", "second"):
        executor.enqueue(name, lambda on_progress, name=name: done.append(name))
    assert executor.result("fourth", lambda on_progress: done.append("fourth"), 0) is None
    assert first.started.wait(TIMEOUT_S)
    assert done == []
    first.may_end.set()
    assert executor.result("end", lambda on_progress: list(done), TIMEOUT_S) == [
        "second",
        "third",
        "fourth",
    ]


def test_requests_of_one_key_share_a_task(executor: LowPriorityExecutor) -> None:
    first, shared = Gate(), Gate("result")
    executor.enqueue("first", first)
    executor.enqueue("key", shared)
    with ThreadPoolExecutor(3) as pool:
        requests = [
            pool.submit(executor.result, "key", lambda on_progress: "another", TIMEOUT_S)
            for _ in range(3)
        ]
        first.may_end.set()
        assert shared.started.wait(TIMEOUT_S)
        shared.may_end.set()
        results = [request.result(TIMEOUT_S) for request in requests]
    assert "result" in results


def test_only_a_few_threads_wait_for_results(build: Build) -> None:
    executor, gate = build(max_waiting_threads=1), Gate("result")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(executor.result, "key", gate, TIMEOUT_S)
        assert gate.started.wait(TIMEOUT_S)
        assert executor.result("key", gate, TIMEOUT_S) is None
        gate.may_end.set()
        assert waiting.result(TIMEOUT_S) == "result"


def test_an_error_reaches_the_request_and_the_next_runs(executor: LowPriorityExecutor) -> None:
    def refuse(on_progress: ProgressCallback) -> None:
        raise NotFound("It doesn't exist.")

    with pytest.raises(NotFound):
        executor.result("refused", refuse, TIMEOUT_S)
    assert executor.result("next", lambda on_progress: 7, TIMEOUT_S) == 7


def test_a_timeout_of_the_task_is_its_error(executor: LowPriorityExecutor) -> None:
    def time_out(on_progress: ProgressCallback) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        executor.result("key", time_out, TIMEOUT_S)


def test_a_stop_ends_the_running_task_and_drops_others() -> None:
    executor, started, done = LowPriorityExecutor(), threading.Event(), []

    def run_until_stopped(on_progress: ProgressCallback) -> None:
        started.set()
        while True:
            on_progress(0.5, "half")

    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(executor.result, "running", run_until_stopped, TIMEOUT_S)
        assert started.wait(TIMEOUT_S)
        executor.enqueue("waiting", lambda on_progress: done.append("waiting"))
        executor.stop()
        assert request.result(TIMEOUT_S) is None
    assert executor.result("late", lambda on_progress: "late", TIMEOUT_S) is None
    assert done == []


def test_a_full_queue_drops_tasks_and_requests(build: Build) -> None:
    executor, gate, done = build(max_enqueued=2, max_requested=3), Gate(), []

    def append(name: str) -> Callable[[ProgressCallback], Any]:
        return lambda on_progress: done.append(name) or name

    executor.enqueue("running", gate)
    for name in ("enqueued", "dropped"):
        executor.enqueue(name, append(name))
    for name in ("requested", "refused", "enqueued"):
        assert executor.result(name, append(name), 0) is None
    gate.may_end.set()
    assert executor.result("requested", append("another"), TIMEOUT_S) == "requested"
    assert executor.result("refused", append("refused"), TIMEOUT_S) == "refused"
    assert done == ["enqueued", "requested", "refused"]


@pytest.mark.skipif(sys.platform != "linux", reason="threads share their process's niceness")
def test_the_thread_has_a_low_priority(executor: LowPriorityExecutor) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)

    def niceness(on_progress: ProgressCallback) -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert executor.result("key", niceness, TIMEOUT_S) == max(own, NICENESS)
