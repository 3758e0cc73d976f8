"""One attempt of a job, from its claim to its recorded end.

An attempt's end is recorded once. If that fails, the job stays "running" and runs again at the next
start. A superseded attempt changes nothing.
"""

from __future__ import annotations

import logging
import math
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from functools import cached_property
from pathlib import Path

from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback
from service.errors import (
    RETRYABLE_CODES,
    ServiceStopping,
    TimedOut,
    transient_error,
    unexpected_error,
)
from service.service import Service
from storage.errors import StaleJob
from storage.jobs.jobs import JobRecord, fail_job, report_progress
from storage.jobs.publishing import Outcome, publish
from storage.jobs.queue import move_to_long_lane, others_wait, postpone_job, release_job
from storage.maintenance.quotas import Room
from storage.sqlite.database import Transaction
from storage.versions.data_files import Adopt

logger = logging.getLogger("jobsvc.jobs")

MAX_PAUSE_S = 30.0


class Scratch:
    """One attempt's files in the scratch directory; ``name`` is the prefix of their names.

    A single file gets no folder, since making and removing one waits for other syncs of the disk.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root, self._name = root, name
        self._files: list[Path] = []

    def file(self, name: str) -> Path:
        """The path of a new file; the handler may move the file."""
        path = self._root / f"{self._name}-{name}"
        self._files.append(path)
        return path

    @cached_property
    def folder(self) -> Path:
        """A folder, created at first use."""
        folder = self._root / self._name
        folder.mkdir(mode=0o700)
        return folder

    def clear(self) -> None:
        """Remove the remaining files."""
        for path in self._files:
            if path.exists():  # unlike exists(), unlink() waits for syncs of the disk
                path.unlink(missing_ok=True)
        if "folder" in vars(self):
            shutil.rmtree(self.folder, ignore_errors=True)


class JobInterrupted(Exception):
    """The job was cancelled, so the result isn't needed."""


class OutgrewShortLane(Exception):
    """The job holds a thread of the short lane for too long while another user's job waits."""


@dataclass(frozen=True)
class JobContext:
    """The context of a handler; a prune leaves the files that ``adopt`` stores until it ends.

    ``room`` is what quotas leave to these files.
    """

    service: Service
    job: JobRecord
    scratch: Scratch
    on_progress: ProgressCallback
    adopt: Adopt
    room: Room

    @property
    def parquet(self) -> ParquetDatabase:
        """The DuckDB instance of the job's lane."""
        return self.service.parquet_of(self.job.lane)


Handler = Callable[[JobContext], Outcome]
"""Runs one job and returns its outcome; raises DomainError for an error that a user can correct."""


@dataclass(frozen=True)
class Intervals:
    """The intervals of the runner and its attempts.

    Parameters
    ----------
    record_s : float
        Progress is recorded no more often.
    record_timeout_s : float
        How long an attempt waits for the database to record progress.
    short_lane_s : float
        How long a job may hold a short thread while another user's job waits.
    claim_pause_s : float
        The pause after a failed claim.
    """

    record_s: float = 0.5
    record_timeout_s: float = 1.0
    short_lane_s: float = 10.0
    claim_pause_s: float = 1.0


INTERVALS = Intervals()


@dataclass(frozen=True)
class Attempt:
    """One attempt of a claimed job.

    Parameters
    ----------
    releasing : threading.Event
        Set when the service stops: the attempt must be released.
    interrupted : threading.Event
        Set when the job was cancelled.
    """

    service: Service
    job: JobRecord
    releasing: threading.Event = field(default_factory=threading.Event)
    interrupted: threading.Event = field(default_factory=threading.Event)
    intervals: Intervals = INTERVALS

    def run(self, handler: Handler) -> None:
        """Run the job and record how the attempt ended."""
        service, job = self.service, self.job
        logger.info("job %s (%s) starts, attempt %d", job.id, job.run_type, job.attempt)
        try:
            with self._context() as context:
                began = time.perf_counter()
                outcome = handler(context)
                if job.kind.reads_commit:
                    seconds = round(time.perf_counter() - began, 3)
                    outcome.summary["execution_time_seconds"] = seconds
                publish(service.database, job, outcome, service.clock, context.room.check)
            logger.info("job %s completed", job.id)
            service.directory.discard_upload(job.id)
        except ServiceStopping:
            self._record_end(lambda tx: release_job(tx, job))
        except OutgrewShortLane:
            logger.info("job %s outgrew the short lane and starts again in the long lane", job.id)
            self._record_end(lambda tx: move_to_long_lane(tx, job))
        except JobInterrupted:
            logger.info("job %s was cancelled", job.id)
        except StaleJob as stale:
            logger.warning("%s", stale)
        except DomainError as error:
            self._fail(error.code, error.message)
        except Exception as error:
            self._postpone_or_fail(error)

    @contextmanager
    def _context(self) -> Iterator[JobContext]:
        job = self.job
        scratch = Scratch(self.service.directory.scratch_dir, f"{job.id}-{job.attempt}")
        try:
            with self.service.database.read() as tx:
                room = self.service.quotas.room(tx, job.dataset_id, job.user_id)
            with self.service.hold_files() as adopt:
                on_progress = self._progress_callback()
                within = room.within(adopt)
                yield JobContext(self.service, job, scratch, on_progress, within, room)
        finally:
            scratch.clear()

    def _progress_callback(self) -> ProgressCallback:
        """Records progress now and then; raises when the attempt must end."""
        last_recorded = -math.inf
        limit_min = self.service.settings.limit_min(self.job.run_type)
        began = time.monotonic()
        deadline = began + 60 * limit_min if limit_min else math.inf

        def on_progress(fraction: float, message: str) -> None:
            nonlocal last_recorded
            if self.interrupted.is_set():
                raise JobInterrupted
            if self.releasing.is_set():
                raise ServiceStopping
            now = time.monotonic()
            if now > deadline:
                raise TimedOut(
                    "The job ran longer than {limit} minutes, the limit of its type.",
                    limit=limit_min,
                )
            if now - last_recorded >= self.intervals.record_s:
                last_recorded = now
                if now - began > self.intervals.short_lane_s and self._delays_others():
                    raise OutgrewShortLane
                self._record_progress(round(100 * fraction, 1), message)

        return on_progress

    def _delays_others(self) -> bool:
        service, job = self.service, self.job
        return job.lane == "short" and others_wait(service.database.single(), job, service.clock)

    def _record_progress(self, percent: float, message: str) -> None:
        """Record progress; a transient error of the database doesn't end the job."""
        patience_s = self.intervals.record_timeout_s
        try:
            with self.service.database.write(sync="later", patience_s=patience_s) as tx:
                report_progress(tx, self.job, percent, message)
        except Exception as error:
            if transient_error(error) is None:
                raise
            logger.warning("the progress of job %s could not be recorded: %s", self.job.id, error)

    def _postpone_or_fail(self, error: Exception) -> None:
        service, job = self.service, self.job
        fault = unexpected_error(error)
        if transient_error(error) is not None:
            logger.warning("job %s met a transient error: %s", job.id, fault.code, exc_info=error)
            if self._record_end(lambda tx: postpone_job(tx, job, fault.message, service.clock)):
                return
        else:
            logger.error("job %s failed", job.id, exc_info=error)
        self._fail(fault.code, fault.message)

    def _fail(self, code: str, message: str) -> None:
        service, job = self.service, self.job
        logger.info("job %s failed: %s", job.id, code)  # the message may quote values of the file

        def write(tx: Transaction) -> bool:
            fail_job(tx, job, code, message, service.clock)
            return True

        if self._record_end(write) and code not in RETRYABLE_CODES:
            service.directory.discard_upload(job.id)

    def _record_end(self, write: Callable[[Transaction], bool]) -> bool:
        """Record an end, and retry while the database can't be written.

        Returns the result of ``write``; False when the attempt was superseded, or the service
        stopped before the end could be recorded.
        """
        pause_s = 1.0
        while True:
            try:
                with self.service.database.write(sync="first") as tx:
                    return write(tx)
            except StaleJob as stale:
                logger.warning("%s", stale)
                return False
            except Exception as error:
                logger.exception("the end of a job could not be recorded")
                if transient_error(error) is None or self.releasing.wait(pause_s):
                    # The job stays "running" in the database, so the next start runs it again.
                    return False
                pause_s = min(2 * pause_s, MAX_PAUSE_S)
