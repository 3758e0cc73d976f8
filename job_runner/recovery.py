"""What a start does before anything else runs.

Invariant: afterwards no job is "running", every data file belongs to a commit (unless a backup was
reading them), and every upload to a job that still needs it, or that failed not long ago and can be
done again with it. Safe only while this process holds the data directory and no job runs.
"""

from __future__ import annotations

import logging
from collections.abc import Set
from datetime import timedelta

from job_runner.faults import WORTH_A_RETRY
from job_runner.service import Service
from storage.accounts.tokens import delete_expired_tokens
from storage.errors import FilesInUse
from storage.jobs.queue import needed_uploads, recover_jobs
from storage.sqlite.clock import timestamp
from storage.versions.manifests import referenced_files

logger = logging.getLogger("jobsvc.recovery")


def recover(service: Service) -> None:
    """Queue interrupted jobs again and sweep what a crash left behind."""
    with service.database.write() as tx:
        requeued, given_up = recover_jobs(tx, service.clock)
        delete_expired_tokens(tx, service.clock)
    with service.database.read() as tx:
        kept = referenced_files(tx)
        needed = needed_uploads(
            tx, service.directory.uploads(), WORTH_A_RETRY, ended_after=_kept_since(service)
        )
    swept = _sweep_files(service, kept)
    service.directory.sweep_uploads(needed)
    if requeued or given_up or swept:
        logger.info(
            "recovered: %d jobs run again, %d given up, %d stray files swept",
            requeued,
            given_up,
            swept,
        )


def _kept_since(service: Service) -> str:
    """When an import must have ended for its file to be kept."""
    return timestamp(service.clock() - timedelta(days=service.settings.keep_uploads_days))


def _sweep_files(service: Service, kept: Set[str]) -> int:
    try:
        with service.directory.files_lock.removing():
            return service.data_files.sweep(kept)
    except FilesInUse:
        # What a prune left behind may still be in the backup's snapshot of the database.
        logger.info("a backup or a check reads the data files: stray ones are left to a prune")
        return 0
