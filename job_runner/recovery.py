"""Recovery at start, before any job runs.

Afterwards no job is "running" and no orphan is left among data files (unless a backup reads them)
and uploads. The process must hold the data directory.
"""

from __future__ import annotations

import logging
from collections.abc import Set
from datetime import timedelta

from service.errors import RETRYABLE_CODES
from service.service import Service
from storage.accounts.tokens import delete_expired_tokens
from storage.errors import FilesInUse
from storage.jobs.queue import needed_uploads, recover_jobs
from storage.sqlite.clock import timestamp
from storage.versions.manifests import referenced_files

logger = logging.getLogger("jobsvc.recovery")


def recover(service: Service) -> None:
    """Release interrupted jobs and remove orphans."""
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
