"""Claims and runs jobs on ThreadPoolExecutors, one for each lane.

A lane claims only as many jobs as it has idle threads, in the order of ``storage.jobs.queue``. An
event wakes the runner: a submission, an idle thread, the end of a delay. It never polls.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from job_runner.attempt import INTERVALS, Attempt, Handler, Intervals
from service.errors import RETRYABLE_CODES
from service.log_context import logged_with
from service.service import Service
from storage.accounts.tokens import delete_expired_tokens
from storage.errors import FilesInUse
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import JobKind, Lane
from storage.jobs.queue import (
    RETRY_DELAYS_S,
    claim_next_job,
    has_waiting,
    needed_uploads,
    next_due,
    recover_jobs,
)
from storage.sqlite.clock import timestamp
from storage.versions.manifests import referenced_files

logger = logging.getLogger("jobsvc.jobs")


class _LaneThreads:
    """A lane's threads, and the number of idle ones."""

    def __init__(self, lane: Lane, threads: int) -> None:
        self.lane = lane
        self.executor = ThreadPoolExecutor(threads, thread_name_prefix=f"{lane}-job")
        self.idle = threading.Semaphore(threads)


class Runner:
    """Claims waiting jobs while threads are idle; ``threads`` has their number for each lane."""

    def __init__(
        self,
        handlers: Mapping[JobKind, Handler],
        threads: Mapping[Lane, int],
        intervals: Intervals = INTERVALS,
    ) -> None:
        self._handlers, self._intervals = handlers, intervals
        self._lanes = [_LaneThreads(lane, count) for lane, count in threads.items()]
        self._wake = threading.Event()
        self._releasing = threading.Event()
        self._interrupts: dict[str, threading.Event] = {}
        self._all_ended = threading.Condition()
        self._dispatcher: threading.Thread | None = None

    def start(self, service: Service) -> None:
        """Start claiming jobs."""
        self._dispatcher = threading.Thread(
            target=self._dispatch, args=(service,), name="job-dispatcher", daemon=True
        )
        self._dispatcher.start()
        self.wake()

    def wake(self) -> None:
        """Signal that a job may be waiting."""
        self._wake.set()

    def interrupt(self, job_id: str) -> None:
        """Interrupt a running job; does nothing when the job has ended."""
        interrupted = self._interrupts.get(job_id)
        if interrupted is not None:
            interrupted.set()

    def stop(self, grace_s: float) -> None:
        """Wait for running jobs, release those that exceed ``grace_s``, and join the threads.

        ``service.stopping`` must be set before, so that no job is claimed.
        """
        self.wake()
        if self._dispatcher is not None:
            self._dispatcher.join()
        with self._all_ended:
            running = len(self._interrupts)
            if running and grace_s:
                logger.info("waiting up to %g s for %d running jobs", grace_s, running)
                self._all_ended.wait_for(lambda: not self._interrupts, grace_s)
        self._releasing.set()
        for threads in self._lanes:
            threads.executor.shutdown(wait=True)

    def _dispatch(self, service: Service) -> None:
        pause_s: float | None = None
        while not service.stopping.is_set():
            self._wake.wait(pause_s)
            self._wake.clear()
            try:
                for threads in self._lanes:
                    self._claim_while_idle(service, threads)
                pause_s = self._seconds_until_due(service)
            except Exception:
                logger.exception("claiming a job failed")
                pause_s = self._intervals.claim_pause_s

    def _claim_while_idle(self, service: Service, threads: _LaneThreads) -> None:
        while not service.stopping.is_set() and threads.idle.acquire(blocking=False):
            job = None
            try:
                job = self._claimed(service, threads.lane)
            finally:
                if job is None:
                    threads.idle.release()
            if job is None:
                return
            about = logged_with(job_id=job.id, run_type=job.run_type, attempt=job.attempt)
            threads.executor.submit(about(self._run), service, job, threads)

    def _claimed(self, service: Service, lane: Lane) -> JobRecord | None:
        """Claim the next job of a lane; None when no job can start now."""
        # Usually no job waits, and this check needs no write transaction.
        if not has_waiting(service.database.single(), lane):
            return None
        job = None
        try:
            # A claim that a power cut undoes is repeated after the next start.
            with service.database.write(sync="later") as tx:
                job = claim_next_job(tx, service.clock, lane)
                if job is not None:  # before another thread can see the running job and cancel it
                    self._interrupts[job.id] = threading.Event()
        except BaseException:
            if job is not None:  # the claim wasn't committed: a full disk
                del self._interrupts[job.id]
            raise
        return job

    def _run(self, service: Service, job: JobRecord, threads: _LaneThreads) -> None:
        interrupted = self._interrupts[job.id]
        try:
            attempt = Attempt(service, job, self._releasing, interrupted, self._intervals)
            attempt.run(self._handlers[job.kind])
        except Exception:
            # The job stays "running" in the database, so the next start runs it again.
            logger.exception("the attempt of job %s could not be ended", job.id)
        finally:
            with self._all_ended:
                # Unless a thread of the long lane has claimed the job meanwhile.
                if self._interrupts.get(job.id) is interrupted:
                    del self._interrupts[job.id]
                self._all_ended.notify_all()
            threads.idle.release()
            self.wake()

    def _seconds_until_due(self, service: Service) -> float | None:
        """Seconds until a postponed job may start; None when none is postponed."""
        with service.database.read() as tx:
            due = next_due(tx)
        if due is None:
            return None
        wait_s = (due - service.clock()).total_seconds()
        if wait_s > max(RETRY_DELAYS_S):  # the clock was set back: claiming lets such a job start
            return self._intervals.claim_pause_s
        # A minimum, so that a job that waits for an idle thread doesn't keep this one busy.
        return max(wait_s, self._intervals.claim_pause_s)


def recover(service: Service) -> None:
    """Release interrupted jobs and remove orphans, at start and before any job runs.

    Afterwards no job is "running" and no orphan is left among data files (unless a backup reads
    them) and uploads. The process must hold the data directory.
    """
    directory = service.directory
    retained_since = service.clock() - timedelta(days=service.settings.keep_uploads_days)
    with service.database.write() as tx:
        requeued, given_up = recover_jobs(tx, service.clock)
        delete_expired_tokens(tx, service.clock)
    with service.database.read() as tx:
        referenced = referenced_files(tx)
        needed = needed_uploads(
            tx, directory.uploads(), RETRYABLE_CODES, ended_after=timestamp(retained_since)
        )
    removed = _remove_orphans(service, referenced)
    directory.sweep_uploads(needed)
    if requeued or given_up or removed:
        logger.info(
            "recovered: %d jobs released, %d failed, %d orphans removed",
            requeued,
            given_up,
            removed,
        )


def _remove_orphans(service: Service, referenced: Set[str]) -> int:
    try:
        with service.directory.files_lock.removing():
            return service.data_files.sweep(referenced)
    except FilesInUse:
        # The backup's snapshot of the database may still refer to an orphan.
        logger.info("a backup or a check reads the data files: a prune removes the orphans later")
        return 0
