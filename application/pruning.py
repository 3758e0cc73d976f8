"""Prunes: retention by the settings, and removal in small steps beside other work.

The order is uploads, rows, orphans, free pages. A prune may be stopped or killed anywhere and
repeated; a call ends within seconds and reports whether more remains. Used by the admin routes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from job_runner.service import Service
from storage.accounts.audit import THIS_PROCESS, Origin, record
from storage.accounts.authority import Authority, write_as
from storage.accounts.users import User
from storage.jobs.submission import KEY_LIFETIME
from storage.maintenance.pruning import (
    Cutoffs,
    PruneReport,
    find_files,
    find_rows,
    remove_orphans,
    remove_rows,
    remove_uploads,
)
from storage.sqlite.clock import timestamp

CALL_S = 5.0
"""The duration of a call, short enough for proxies and for a stop of the service."""

PAUSE_S = 0.002
"""The pause between transactions. Python's locks aren't fair, so waiting writers need it."""

ORPHAN_AFTER = timedelta(days=1)
"""A file in no manifest that wasn't written to for this long is an orphan."""

FOUND = "found"
"""The audit entry before the first removal."""

PAGES_AT_ONCE = 256
"""Pages of the database that a step frees: 1 MiB."""

SETTINGS = (
    "keep_jobs_days",
    "keep_logs_days",
    "keep_unreachable_days",
    "keep_uploads_days",
    "keep_counts_days",
)


@dataclass(frozen=True)
class Prune:
    """What a prune would remove, or what one call has removed.

    Parameters
    ----------
    complete : bool
        False when more remains to be removed.
    keeps : mapping of str to int
        The retention settings in days; 0 is forever.
    """

    dry_run: bool
    complete: bool
    keeps: Mapping[str, int]
    report: PruneReport


def prune(
    service: Service,
    *,
    dry_run: bool,
    user: User | None = None,
    origin: Origin = THIS_PROCESS,
    authority: Authority | None = None,
) -> Prune:
    """Remove what the settings don't retain; a dry run only reports it.

    Parameters
    ----------
    user, origin
        For the audit trail, which gets one entry with what was found and one with what was removed.
    authority : Authority or None
        The permission that the user must still have at the first removal.

    Raises
    ------
    TokenEnded, Forbidden
        The user's permission was removed.
    FilesInUse
        A backup, a check or another prune runs; they don't prevent a dry run.
    """
    cutoffs, report, complete = _cutoffs(service), PruneReport(), True
    if dry_run:
        with service.database.read() as tx:
            rows = find_rows(tx, cutoffs, report)
            find_files(tx, service.directory, service.data_files, rows, cutoffs, report)
    else:
        note = partial(_note, service, user, origin, authority)
        with service.directory.files_lock.removing():
            try:
                complete = _run_steps(service, _steps(service, cutoffs, report, note))
            finally:
                note("removed", report)
    keeps = {name: getattr(service.settings, name) for name in SETTINGS}
    return Prune(dry_run, complete, keeps, report)


def _steps(
    service: Service,
    cutoffs: Cutoffs,
    report: PruneReport,
    note: Callable[[str, PruneReport], None],
) -> Iterator[None]:
    """The steps of a prune: first the search, then steps of some milliseconds."""
    database, directory = service.database, service.directory
    found = PruneReport()
    with database.read() as tx:
        rows = find_rows(tx, cutoffs, found)
    note(FOUND, found)
    yield
    yield from remove_uploads(database, directory, rows, cutoffs, report)
    yield from remove_rows(database, rows, cutoffs, report)
    yield from remove_orphans(database, directory, service.data_files, cutoffs, report)
    while database.release_free_pages(PAGES_AT_ONCE):
        yield
    database.truncate_log()


def _note(
    service: Service,
    user: User | None,
    origin: Origin,
    authority: Authority | None,
    what: str,
    report: PruneReport,
) -> None:
    """Record what was found or removed, if anything; the first entry checks the authority."""
    counts = {total.kind: total.count for total in report.totals if total.count}
    if not counts:
        return
    details: dict[str, Any] = {what: counts}
    if report.size_bytes:
        details["size_bytes"] = report.size_bytes
    needed = authority if what == FOUND else None
    with write_as(service.database, needed, service.clock) as tx:
        user_id = None if user is None else user.id
        record(tx, service.clock, "pruned", user_id=user_id, origin=origin, details=details)


def _run_steps(service: Service, steps: Iterator[None]) -> bool:
    """Run steps to their end; False when the time is up or the service stops."""
    began = time.monotonic()
    next(steps)
    search_s = time.monotonic() - began
    # Remove for at least as long as the search took, so that each call makes progress.
    end = time.monotonic() + max(CALL_S, search_s)
    for _ in steps:
        time_is_up = time.monotonic() > end
        if time_is_up or service.stopping.wait(PAUSE_S):
            return False
    return True


def _cutoffs(service: Service) -> Cutoffs:
    now = service.clock()

    def before(days: int) -> str | None:
        return timestamp(now - timedelta(days=days)) if days else None

    settings = service.settings
    return Cutoffs(
        now=timestamp(now),
        jobs=before(settings.keep_jobs_days),
        logs=before(settings.keep_logs_days),
        unreachable=before(settings.keep_unreachable_days),
        uploads=before(settings.keep_uploads_days),
        counts=before(settings.keep_counts_days),
        keys=timestamp(now - KEY_LIFETIME),
        orphans=timestamp(now - ORPHAN_AFTER),
    )
