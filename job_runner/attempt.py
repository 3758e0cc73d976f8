"""One attempt at a job, from its claim to the end that is written down.

Invariant: whatever happens, the attempt's end is written down once, or the job stays "running" in
the database and runs again at the next start; an attempt that isn't the job's own any more changes
nothing. Called by the runner, on the threads of the job's lane.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from domain_errors import DomainError
from job_runner.context import (
    JobContext,
    JobInterrupted,
    OutgrewShortLane,
    ServiceStopping,
    job_context,
)
from job_runner.faults import WORTH_A_RETRY, passing_fault, unforeseen
from job_runner.service import Service
from storage.errors import StaleJob
from storage.jobs.jobs import Job, fail_job
from storage.jobs.publishing import Outcome, publish
from storage.jobs.queue import move_to_long_lane, postpone_job, release_job
from storage.sqlite.database import Transaction

logger = logging.getLogger("jobsvc.jobs")

MAX_PAUSE_S = 30.0

Handler = Callable[[JobContext], Outcome]
"""Does one job's work and returns what to publish; raises DomainError for what a user can mend."""


def run_attempt(
    service: Service,
    job: Job,
    handler: Handler,
    leaving: threading.Event,
    interrupted: threading.Event,
) -> None:
    """Run a claimed job and write down how the attempt ended.

    Parameters
    ----------
    leaving : threading.Event
        Set when the attempt must be put back, since the service stops.
    interrupted : threading.Event
        Set when the job was cancelled.
    """
    logger.info("job %s (%s) starts, attempt %d", job.id, job.run_type, job.attempt)
    try:
        with job_context(service, job, leaving, interrupted) as context:
            outcome = handler(context)
            publish(service.database, job, outcome, service.clock)
        logger.info("job %s completed", job.id)
        service.directory.discard_upload(job.id)
    except ServiceStopping:
        _write_end(service, leaving, lambda tx: release_job(tx, job))
    except OutgrewShortLane:
        logger.info("job %s turned out long: it starts again among the long ones", job.id)
        _write_end(service, leaving, lambda tx: move_to_long_lane(tx, job))
    except JobInterrupted:
        logger.info("job %s was cancelled", job.id)
    except StaleJob as stale:
        logger.warning("%s", stale)
    except DomainError as error:
        _fail(service, job, leaving, error.code, error.message)
    except Exception as error:
        _try_again_or_fail(service, job, leaving, error)


def _try_again_or_fail(
    service: Service, job: Job, leaving: threading.Event, error: Exception
) -> None:
    code, message = unforeseen(error)
    if passing_fault(error) is not None:
        logger.warning("job %s met a fault that may pass: %s", job.id, code, exc_info=error)
        if _write_end(service, leaving, lambda tx: postpone_job(tx, job, message, service.clock)):
            return
    else:
        logger.error("job %s failed", job.id, exc_info=error)
    _fail(service, job, leaving, code, message)


def _fail(service: Service, job: Job, leaving: threading.Event, code: str, message: str) -> None:
    logger.info("job %s failed: %s", job.id, code)  # the message may quote values of the file

    def write(tx: Transaction) -> bool:
        fail_job(tx, job, code, message, service.clock)
        return True

    if _write_end(service, leaving, write) and code not in WORTH_A_RETRY:
        service.directory.discard_upload(job.id)


def _write_end(
    service: Service, leaving: threading.Event, write: Callable[[Transaction], bool]
) -> bool:
    """Write an end down, again and again while the database can't be written.

    Returns what ``write`` returned; False when the end is not the attempt's to write, or the
    service left before it could be written.
    """
    pause_s = 1.0
    while True:
        try:
            with service.database.write(sync="first") as tx:
                return write(tx)
        except StaleJob as stale:
            logger.warning("%s", stale)
            return False
        except Exception as error:
            logger.exception("the end of a job could not be written down")
            if passing_fault(error) is None or leaving.wait(pause_s):
                # The job stays "running" in the database, so the next start runs it again.
                return False
            pause_s = min(2 * pause_s, MAX_PAUSE_S)
