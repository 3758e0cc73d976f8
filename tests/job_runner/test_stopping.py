"""A service that stops: what becomes of its jobs in the grace period, and after it."""

from __future__ import annotations

import threading

from job_runner.attempt import JobContext
from job_runner.runner import Runner
from service.service import Service
from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User
from storage.jobs.kinds import IMPORT
from storage.jobs.publishing import Outcome
from tests.job_runner.conftest import WAIT_S, job_of, joined, submit


def test_a_stopping_service_releases_jobs_after_the_grace_period(
    service: Service, dataset: DatasetRecord, user: User
) -> None:
    started = threading.Event()

    def handler(context: JobContext) -> Outcome:
        started.set()
        while True:
            context.on_progress(0.5, "half way")

    runner = Runner({IMPORT: handler}, {"short": 1})
    woken = joined(service, runner)
    runner.start(woken)
    job_id = submit(woken, dataset, user)
    assert started.wait(WAIT_S)
    woken.stopping.set()
    runner.stop(grace_s=0.01)
    job = job_of(service, job_id)
    assert (job.status, job.attempt) == ("pending", 0)


def test_a_stopping_service_ends_jobs_and_claims_none(
    service: Service, dataset: DatasetRecord, user: User
) -> None:
    started, go = threading.Event(), threading.Event()

    def handler(context: JobContext) -> Outcome:
        started.set()
        assert go.wait(WAIT_S)
        context.on_progress(0.5, "half way")
        return Outcome({"done": True})

    runner = Runner({IMPORT: handler}, {"short": 1})
    woken = joined(service, runner)
    runner.start(woken)
    first, second = (submit(woken, dataset, user) for _ in range(2))
    assert started.wait(WAIT_S)
    woken.stopping.set()
    stopping = threading.Thread(target=runner.stop, args=(WAIT_S,))
    stopping.start()
    go.set()
    stopping.join(WAIT_S)
    assert not stopping.is_alive()
    assert job_of(service, first).status == "completed"
    assert job_of(service, second).status == "pending"
