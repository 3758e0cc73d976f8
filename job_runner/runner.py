"""Runs jobs on a ThreadPoolExecutor.

Owns: claiming, running, and writing down how a job ended. Invariants: it claims only as many jobs
as it has idle threads, in submission order; it is woken by an event (a submission, a thread that
became free), never by polling; an attempt that isn't the job's own any more changes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from domain_errors import DomainError
from job_runner.context import JobContext, JobInterrupted, ServiceStopping, job_context
from job_runner.service import Service
from storage.errors import StaleJob
from storage.jobs import Job, RunType, claim_next_job, fail_job, put_back_job
from storage.publishing import Outcome, publish

logger = logging.getLogger("jobsvc.jobs")

WORTH_A_RETRY = frozenset(
    {"cancelled", "interrupted", "timed_out", "out_of_memory", "system_error", "internal_error"}
)
"""Ends that the file of an import is kept for: the file isn't what was wrong."""

Handler = Callable[[JobContext], Outcome]
"""Does one job's work and returns what to publish; raises DomainError for what a user can mend."""


class Runner:
    """Claims waiting jobs while threads are idle.

    Parameters
    ----------
    handlers : mapping of run type to Handler
        The registry of run types; a job of any other type fails.
    workers : int
        Threads, and so jobs that run at the same time.
    """

    def __init__(self, handlers: Mapping[RunType, Handler], workers: int) -> None:
        self._handlers = handlers
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="job")
        self._idle = threading.Semaphore(workers)
        self._wake = threading.Event()
        self.stopping = threading.Event()
        self._interrupts: dict[str, threading.Event] = {}
        self._dispatcher: threading.Thread | None = None

    def start(self, service: Service) -> None:
        """Begin to claim jobs."""
        self._dispatcher = threading.Thread(
            target=self._dispatch, args=(service,), name="job-dispatcher", daemon=True
        )
        self._dispatcher.start()
        self.wake()

    def wake(self) -> None:
        """Say that a job may be waiting."""
        self._wake.set()

    def interrupt(self, job_id: str) -> None:
        """Have a running job's thread leave its work; it matters not if it has left already."""
        interrupted = self._interrupts.get(job_id)
        if interrupted is not None:
            interrupted.set()

    def stop(self) -> None:
        """Claim no more, have running jobs put back, and wait until their threads are free."""
        self.stopping.set()
        self.wake()
        if self._dispatcher is not None:
            self._dispatcher.join()
        self._executor.shutdown(wait=True)

    def _dispatch(self, service: Service) -> None:
        while not self.stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            try:
                self._claim_while_idle(service)
            except Exception:
                logger.exception("claiming a job failed")

    def _claim_while_idle(self, service: Service) -> None:
        while not self.stopping.is_set() and self._idle.acquire(blocking=False):
            job = None
            try:
                with service.database.write() as tx:
                    job = claim_next_job(tx, service.clock)
            finally:
                if job is None:
                    self._idle.release()
            if job is None:
                return
            self._executor.submit(self._run, service, job)

    def _run(self, service: Service, job: Job) -> None:
        logger.info("job %s (%s) starts, attempt %d", job.id, job.run_type, job.attempt)
        interrupted = self._interrupts[job.id] = threading.Event()
        try:
            with job_context(service, job, self.stopping, interrupted) as context:
                outcome = self._handlers[job.run_type](context)
                publish(service.database, job, outcome, service.clock)
            logger.info("job %s completed", job.id)
            service.directory.discard_upload(job.id)
        except ServiceStopping:
            with service.database.write() as tx:
                put_back_job(tx, job)
        except JobInterrupted:
            logger.info("job %s was cancelled", job.id)
        except StaleJob as stale:
            logger.warning("%s", stale)
        except DomainError as error:
            self._fail(service, job, error.code, error.message)
        except Exception as error:
            logger.exception("job %s failed", job.id)
            self._fail(service, job, *_unexpected(error))
        finally:
            del self._interrupts[job.id]
            self._idle.release()
            self.wake()

    def _fail(self, service: Service, job: Job, code: str, message: str) -> None:
        logger.info("job %s failed: %s", job.id, message)
        try:
            with service.database.write() as tx:
                fail_job(tx, job, code, message, service.clock)
            if code not in WORTH_A_RETRY:
                service.directory.discard_upload(job.id)
        except StaleJob as stale:
            logger.warning("%s", stale)
        except Exception:
            # The job stays "running" in the database, so the next start runs it again.
            logger.exception("the end of job %s could not be written down", job.id)


def _unexpected(error: Exception) -> tuple[str, str]:
    """Code and sentence for what no handler foresaw."""
    if isinstance(error, OSError) and error.strerror:
        return "system_error", f"The system refused the job's work: {error.strerror}."
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryException":
        return (
            "out_of_memory",
            "The job needs more memory than it may use. Raise the setting memory_mb.",
        )
    return (
        "internal_error",
        f"Something unforeseen went wrong ({type(error).__name__}). The server's log tells more.",
    )
