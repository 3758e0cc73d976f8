"""A short job that takes long moves to the long lane when another user's job waits."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

import pytest

from job_runner.attempt import Handler, Intervals, JobContext
from job_runner.runner import Runner
from service.service import Service
from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User, add_user
from storage.jobs.jobs import cancel_job, list_log
from storage.jobs.kinds import IMPORT
from storage.jobs.publishing import Outcome
from tests.job_runner.conftest import WAIT_S, job_of, running, submit

SOON = Intervals(record_s=0.02, short_lane_s=0.05)


@pytest.fixture
def other(service: Service) -> User:
    with service.database.write() as tx:
        return add_user(tx, "bg54678", "analyst", None, service.clock)


def claiming(service: Service, handler: Handler) -> AbstractContextManager[Service]:
    return running(service, Runner({IMPORT: handler}, {"short": 1, "long": 1}, SOON))


class Work:
    """Endless jobs run until the test ends them; others end at once."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.left = threading.Semaphore(0)
        self.may_end = threading.Event()

    def __call__(self, context: JobContext) -> Outcome:
        self.begun.release()
        try:
            if context.job.run_parameters.get("endless"):
                while not self.may_end.wait(0.01):
                    context.on_progress(0.1, "works")
            return Outcome({"lane": context.job.lane})
        finally:
            self.left.release()


def wait_until_completed(service: Service, *job_ids: str) -> None:
    wait = threading.Event()
    for job_id in job_ids:
        for _ in range(100 * WAIT_S):
            if job_of(service, job_id).status == "completed":
                break
            wait.wait(0.01)
        else:
            raise AssertionError(job_of(service, job_id))


def test_a_long_job_moves_for_another_users_job(
    service: Service, dataset: DatasetRecord, user: User, other: User
) -> None:
    work = Work()
    with claiming(service, work) as woken:
        long = submit(woken, dataset, user, endless=True)
        assert work.begun.acquire(timeout=WAIT_S)
        short = submit(woken, dataset, other)
        wait_until_completed(service, short)
        assert job_of(service, long).status in ("pending", "running")
        work.may_end.set()
        wait_until_completed(service, long)
    ended = job_of(service, long)
    assert (ended.lane, ended.output_summary) == ("long", {"lane": "long"})
    assert job_of(service, short).lane == "short"
    with service.database.read() as tx:
        messages = [entry.message for entry in list_log(tx, long, 0, 100)[0]]
    assert any("waits with the long jobs" in message for message in messages)


def test_a_long_job_stays_for_its_own_users_jobs(
    service: Service, dataset: DatasetRecord, user: User
) -> None:
    work = Work()
    with claiming(service, work) as woken:
        first = submit(woken, dataset, user, endless=True)
        assert work.begun.acquire(timeout=WAIT_S)
        second = submit(woken, dataset, user)
        assert not work.left.acquire(timeout=0.5)
        work.may_end.set()
        wait_until_completed(service, first, second)
    assert (job_of(service, first).lane, job_of(service, first).attempt) == ("short", 1)


def test_a_job_that_moved_can_still_be_cancelled(
    service: Service, dataset: DatasetRecord, user: User, other: User
) -> None:
    work = Work()
    with claiming(service, work) as woken:
        long = submit(woken, dataset, user, endless=True)
        assert work.begun.acquire(timeout=WAIT_S)
        submit(woken, dataset, other)
        for _ in range(2):  # the short one begins, and the long one again
            assert work.begun.acquire(timeout=WAIT_S)
        with service.database.write() as tx:
            cancel_job(tx, long, "admin00", service.clock)
        woken.interrupt_job(long)
        for _ in range(3):  # the short one, and the long one twice
            assert work.left.acquire(timeout=WAIT_S)
    assert job_of(service, long).error_code == "cancelled"
