"""One thread for what may wait: the order of its work, whom it lets pass, and how it stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from job_runner.quiet_work import LowPriorityExecutor
from parquet_tables.progress import ProgressCallback
from storage.errors import NotFound

SOON_S = 20.0
Make = Callable[..., LowPriorityExecutor]


class Gate:
    """A piece of work that begins, and ends when it is let."""

    def __init__(self, result: object = None) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()
        self.result = result

    def __call__(self, on_progress: ProgressCallback) -> object:
        self.began.set()
        assert self.may_end.wait(SOON_S)
        on_progress(0.5, "half")
        return self.result


@pytest.fixture
def made() -> Iterator[Make]:
    """Makes a queue that is stopped afterwards."""
    with ExitStack() as stack:

        def make(**limits: Any) -> LowPriorityExecutor:
            quiet = LowPriorityExecutor(**limits)
            stack.callback(quiet.stop)
            return quiet

        yield make


@pytest.fixture
def quiet(made: Make) -> LowPriorityExecutor:
    return made()


def test_what_is_asked_for_goes_before_what_is_offered(quiet: LowPriorityExecutor) -> None:
    first, done = Gate(), []
    quiet.offer("first", first)
    assert first.began.wait(SOON_S)
    for name in ("second", "third", "fourth"):
        quiet.offer(name, lambda on_progress, name=name: done.append(name))
    for name in ("asked", "third", "asked", "first"):
        assert quiet.ask(name, lambda on_progress, name=name: done.append(name), 0) is None
    over = threading.Event()
    quiet.offer("end", lambda on_progress: over.set())
    first.may_end.set()
    assert over.wait(SOON_S)
    assert done == ["asked", "third", "second", "fourth"]


def test_the_same_piece_is_done_once_for_all_who_ask(quiet: LowPriorityExecutor) -> None:
    gate = Gate("result")
    quiet.offer("key", gate)
    with ThreadPoolExecutor(3) as pool:
        asked = [
            pool.submit(quiet.ask, "key", lambda on_progress: "another", SOON_S) for _ in range(3)
        ]
        assert gate.began.wait(SOON_S)
        gate.may_end.set()
        assert [one.result(SOON_S) for one in asked].count("result") >= 1


def test_few_threads_wait_and_the_others_are_told_at_once(made: Make) -> None:
    quiet = made(most_watched=1)
    gate = Gate("result")
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(quiet.ask, "key", gate, SOON_S)
        assert gate.began.wait(SOON_S)
        assert quiet.ask("key", gate, SOON_S) is None
        gate.may_end.set()
        assert waits.result(SOON_S) == "result"


def test_an_error_reaches_whoever_asked_and_the_next_piece_runs(quiet: LowPriorityExecutor) -> None:
    def refuse(on_progress: ProgressCallback) -> None:
        raise NotFound("It isn't there.")

    with pytest.raises(NotFound):
        quiet.ask("refused", refuse, SOON_S)
    assert quiet.ask("next", lambda on_progress: 7, SOON_S) == 7


def test_offered_work_waits_while_a_short_job_runs(quiet: LowPriorityExecutor) -> None:
    began = threading.Event()
    quiet.job_began()
    quiet.job_began()
    quiet.job_left()
    quiet.offer("key", lambda on_progress: began.set())
    assert not began.wait(0.05)
    quiet.job_left()
    assert began.wait(SOON_S)


def test_offered_work_waits_a_little_for_the_next_job(made: Make) -> None:
    quiet, began = made(settle_s=SOON_S), threading.Event()
    quiet.job_began()
    quiet.job_left()
    quiet.offer("key", lambda on_progress: began.set())
    assert not began.wait(0.05)
    assert quiet.ask("asked", lambda on_progress: "done", SOON_S) == "done"


def test_between_two_steps_it_lets_a_job_pass_but_not_for_ever(made: Make) -> None:
    quiet, steps, over = made(patience_s=0.1), [], threading.Event()

    def work(on_progress: ProgressCallback) -> None:
        quiet.job_began()
        for step in range(50):
            on_progress(step / 50, "a step")
            steps.append(step)
        over.set()

    quiet.offer("key", work)
    assert over.wait(SOON_S)
    assert len(steps) == 50


def test_work_that_somebody_waits_for_waits_for_no_job(quiet: LowPriorityExecutor) -> None:
    quiet.job_began()
    quiet.offer("polite", lambda on_progress: None)
    assert quiet.ask("asked", lambda on_progress: "done", SOON_S) == "done"


def test_a_stop_ends_the_present_step_and_drops_the_rest() -> None:
    quiet, gate, reached = LowPriorityExecutor(), Gate(), []
    quiet.offer("running", gate)
    quiet.offer("waiting", lambda on_progress: reached.append("waiting"))
    assert gate.began.wait(SOON_S)
    stopping = threading.Thread(target=quiet.stop)
    stopping.start()
    gate.may_end.set()
    stopping.join(SOON_S)
    assert not stopping.is_alive()
    assert reached == []
    assert quiet.ask("late", lambda on_progress: "late", SOON_S) is None


def test_a_full_queue_drops_what_is_offered(made: Make) -> None:
    quiet = made(most_waiting=2)
    gate, both, end, done = Gate(), threading.Event(), threading.Event(), []

    def note(at: int) -> None:
        done.append(at)
        if len(done) == 2:
            both.set()

    quiet.offer("running", gate)
    assert gate.began.wait(SOON_S)
    for at in range(5):
        quiet.offer(at, lambda on_progress, at=at: note(at))
    gate.may_end.set()
    assert both.wait(SOON_S)
    quiet.offer("end", lambda on_progress: end.set())
    assert end.wait(SOON_S)
    assert done == [0, 1]


def test_a_full_queue_drops_what_is_asked_for_last_until_there_is_room(made: Make) -> None:
    quiet, gate, done = made(most_asked=2), Gate(), []

    def ask(name: str, within_s: float = 0) -> Any:
        return quiet.ask(name, lambda on_progress: done.append(name) or name, within_s)

    quiet.offer("running", gate)
    assert gate.began.wait(SOON_S)
    quiet.offer("offered", lambda on_progress: done.append("offered"))
    for name in ("first", "second", "third", "offered", "first"):
        assert ask(name) is None
    gate.may_end.set()
    assert ask("second", SOON_S) == "second"
    assert ask("third", SOON_S) == "third"
    assert ask("end", SOON_S) == "end"
    assert [name for name in done if name != "offered"] == ["first", "second", "third", "end"]
    assert done.count("offered") == 1
