"""An attempt's work in progress below the scratch directory.

Invariant: nothing is left of it when the attempt has ended. A file that is moved on when it is
finished needs no folder of its own: to make one and to remove it waits, each time, for whoever is
syncing to the same disk. Made by ``job_runner.context``.

What a job handler is given.

Owns: a job's progress. Invariant: progress is noted in the database at most twice a second, and a
job that must stop learns it at its next report.
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


class Scratch:
    """Names that are one attempt's own.

    Parameters
    ----------
    root : Path
        The scratch directory.
    name : str
        What the attempt's names start with.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root, self._name = root, name
        self._files: list[Path] = []

    def file(self, name: str) -> Path:
        """Where to write a file; it may be moved away afterwards."""
        path = self._root / f"{self._name}-{name}"
        self._files.append(path)
        return path

    @cached_property
    def folder(self) -> Path:
        """A folder, made when it is first asked for."""
        folder = self._root / self._name
        folder.mkdir(mode=0o700)
        return folder

    def clear(self) -> None:
        """Remove what is left."""
        for path in self._files:
            if path.exists():  # to look waits for nobody who syncs, to remove does
                path.unlink(missing_ok=True)
        if "folder" in vars(self):
            shutil.rmtree(self.folder, ignore_errors=True)


logger = logging.getLogger("jobsvc.jobs")

NOTE_INTERVAL_S = 0.5
NOTE_PATIENCE_S = 1.0


class JobInterrupted(Exception):
    """The job was cancelled: what this attempt makes is not wanted."""


class TimedOut(DomainError):
    """The job ran longer than its run type may."""

    code = "timed_out"


class OutgrewShortLane(Exception):
    """The job keeps a thread of the short lane for longer than others should wait."""


class ServiceStopping(Exception):
    """The service stops: the job is put back and runs again at the next start."""


@dataclass(frozen=True)
class JobContext:
    """One attempt at one job; what ``adopt`` brings into the store is safe until it ends."""

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
    service: Service, job: Job, leaving: threading.Event, interrupted: threading.Event
) -> Iterator[JobContext]:
    """A context of whose scratch nothing is left afterwards, whatever happened."""
    scratch = Scratch(service.directory.scratch_dir, f"{job.id}-{job.attempt}")
    on_progress = _progress_notes(service, job, leaving, interrupted)
    try:
        with service.data_files.hold() as adopt:
            yield JobContext(service, job, scratch, on_progress, adopt)
    finally:
        scratch.clear()


def _progress_notes(
    service: Service, job: Job, leaving: threading.Event, interrupted: threading.Event
) -> ProgressCallback:
    last_note = -NOTE_INTERVAL_S
    limit_min = service.settings.limit_min(job.run_type)
    began = time.monotonic()
    deadline = began + 60 * limit_min if limit_min else math.inf

    def on_progress(fraction: float, message: str) -> None:
        nonlocal last_note
        if interrupted.is_set():
            raise JobInterrupted
        if leaving.is_set():
            raise ServiceStopping
        now = time.monotonic()
        if now > deadline:
            raise TimedOut(f"The job ran longer than {limit_min:,} minutes, the limit of its type.")
        if now - last_note >= NOTE_INTERVAL_S:
            last_note = now
            if now - began > lanes.SHORT_FOR_S and _is_waited_for(service, job):
                raise OutgrewShortLane
            _note(service, job, round(100 * fraction, 1), message)

    return on_progress


def _is_waited_for(service: Service, job: Job) -> bool:
    return job.lane == "short" and others_wait(service.database.single(), job, service.clock)


def _note(service: Service, job: Job, progress: float, message: str) -> None:
    """Note progress; a job doesn't end because the database can't be written just now."""
    try:
        with service.database.write(sync="later", patience_s=NOTE_PATIENCE_S) as tx:
            report_progress(tx, job, progress, message)
    except Exception as error:
        if passing_fault(error) is None:
            raise
        logger.warning("the progress of job %s could not be noted: %s", job.id, error)
