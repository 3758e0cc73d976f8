"""What a job's handler receives: the service, scratch files and a progress callback.

Progress is written to the database at most twice a second. A job that was cancelled, timed out or
must be released is interrupted at its next progress report.
"""

from __future__ import annotations

import logging
import math
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from domain_errors import DomainError
from job_runner import lanes
from job_runner.faults import passing_fault
from job_runner.service import Service
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback
from storage.jobs.jobs import Job, report_progress
from storage.jobs.queue import others_wait
from storage.versions.data_files import Adopt

logger = logging.getLogger("jobsvc.jobs")

RECORD_INTERVAL_S = 0.5
RECORD_TIMEOUT_S = 1.0


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


class TimedOut(DomainError):
    """The job exceeded the time limit of its run type."""

    code = "timed_out"


class OutgrewShortLane(Exception):
    """The job holds a thread of the short lane for too long while another user's job waits."""


class ServiceStopping(Exception):
    """The service stops: the job is released and runs again at the next start."""


@dataclass(frozen=True)
class JobContext:
    """One attempt of a job; files that ``adopt`` stores are safe from removal until it ends."""

    service: Service
    job: Job
    scratch: Scratch
    on_progress: ProgressCallback
    adopt: Adopt

    @property
    def parquet(self) -> ParquetDatabase:
        """The DuckDB instance of the job's lane."""
        return self.service.parquet_of(self.job.lane)


@contextmanager
def job_context(
    service: Service, job: Job, releasing: threading.Event, interrupted: threading.Event
) -> Iterator[JobContext]:
    """Provide an attempt's context; removes its scratch files at the end."""
    scratch = Scratch(service.directory.scratch_dir, f"{job.id}-{job.attempt}")
    on_progress = _progress_recorder(service, job, releasing, interrupted)
    try:
        with service.data_files.hold() as adopt:
            yield JobContext(service, job, scratch, on_progress, adopt)
    finally:
        scratch.clear()


def _progress_recorder(
    service: Service, job: Job, releasing: threading.Event, interrupted: threading.Event
) -> ProgressCallback:
    last_recorded = -RECORD_INTERVAL_S
    limit_min = service.settings.limit_min(job.run_type)
    began = time.monotonic()
    deadline = began + 60 * limit_min if limit_min else math.inf

    def on_progress(fraction: float, message: str) -> None:
        nonlocal last_recorded
        if interrupted.is_set():
            raise JobInterrupted
        if releasing.is_set():
            raise ServiceStopping
        now = time.monotonic()
        if now > deadline:
            raise TimedOut(
                "The job ran longer than {limit} minutes, the limit of its type.", limit=limit_min
            )
        if now - last_recorded >= RECORD_INTERVAL_S:
            last_recorded = now
            if now - began > lanes.SHORT_FOR_S and _delays_others(service, job):
                raise OutgrewShortLane
            _record_progress(service, job, round(100 * fraction, 1), message)

    return on_progress


def _delays_others(service: Service, job: Job) -> bool:
    return job.lane == "short" and others_wait(service.database.single(), job, service.clock)


def _record_progress(service: Service, job: Job, progress: float, message: str) -> None:
    """Record progress; a transient fault of the database doesn't end the job."""
    try:
        with service.database.write(sync="later", patience_s=RECORD_TIMEOUT_S) as tx:
            report_progress(tx, job, progress, message)
    except Exception as error:
        if passing_fault(error) is None:
            raise
        logger.warning("the progress of job %s could not be recorded: %s", job.id, error)
