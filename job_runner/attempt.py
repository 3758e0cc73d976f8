"""One attempt of a job, from its claim to its recorded end.

An attempt's end is recorded once. If that fails, the job stays "running" and runs again at the next
start. A superseded attempt changes nothing.
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
"""Runs one job and returns its outcome; raises DomainError for an error that a user can correct."""


def run_attempt(
    service: Service,
    job: Job,
    handler: Handler,
    releasing: threading.Event,
    interrupted: threading.Event,
) -> None:
    """Run a claimed job and record how the attempt ended.

    Parameters
    ----------
    releasing : threading.Event
        Set when the service stops: the attempt must be released.
    interrupted : threading.Event
        Set when the job was cancelled.
    """
    logger.info("job %s (%s) starts, attempt %d", job.id, job.run_type, job.attempt)
    try:
        with job_context(service, job, releasing, interrupted) as context:
            outcome = handler(context)
            publish(service.database, job, outcome, service.clock)
        logger.info("job %s completed", job.id)
        service.directory.discard_upload(job.id)
    except ServiceStopping:
        _record_end(service, releasing, lambda tx: release_job(tx, job))
    except OutgrewShortLane:
        logger.info("job %s outgrew the short lane and starts again in the long lane", job.id)
        _record_end(service, releasing, lambda tx: move_to_long_lane(tx, job))
    except JobInterrupted:
        logger.info("job %s was cancelled", job.id)
    except StaleJob as stale:
        logger.warning("%s", stale)
    except DomainError as error:
        _fail(service, job, releasing, error.code, error.message)
    except Exception as error:
        _postpone_or_fail(service, job, releasing, error)


def _postpone_or_fail(
    service: Service, job: Job, releasing: threading.Event, error: Exception
) -> None:
    code, message = unforeseen(error)
    if passing_fault(error) is not None:
        logger.warning("job %s met a transient fault: %s", job.id, code, exc_info=error)
        if _record_end(
            service, releasing, lambda tx: postpone_job(tx, job, message, service.clock)
        ):
            return
    else:
        logger.error("job %s failed", job.id, exc_info=error)
    _fail(service, job, releasing, code, message)


def _fail(service: Service, job: Job, releasing: threading.Event, code: str, message: str) -> None:
    logger.info("job %s failed: %s", job.id, code)  # the message may quote values of the file

    def write(tx: Transaction) -> bool:
        fail_job(tx, job, code, message, service.clock)
        return True

    if _record_end(service, releasing, write) and code not in WORTH_A_RETRY:
        service.directory.discard_upload(job.id)


def _record_end(
    service: Service, releasing: threading.Event, write: Callable[[Transaction], bool]
) -> bool:
    """Record an end, and retry while the database can't be written.

    Returns the result of ``write``; False when the attempt was superseded, or the service stopped
    before the end could be recorded.
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
            logger.exception("the end of a job could not be recorded")
            if passing_fault(error) is None or releasing.wait(pause_s):
                # The job stays "running" in the database, so the next start runs it again.
                return False
            pause_s = min(2 * pause_s, MAX_PAUSE_S)
