"""A prune: what the settings let go, and removing it beside everything else that goes on.

Owns: how long things are kept, and a prune's order and pace: uploads, then rows, a small
transaction at a time, then files that nothing names any more, then the room that SQLite has to
spare. Invariant: it may be stopped or killed anywhere, and be done again; a call ends within
seconds, and says whether there is more to do. Called by the admin's routes.
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
"""After this a call ends. A request may be cut off by a proxy, or by the end of the service."""

PAUSE_S = 0.002
"""Between two transactions: Python's locks are not fair, so a writer that waits needs a chance."""

STRAY_AFTER = timedelta(days=1)
"""A file that belongs to nothing, and that nobody has written to for so long, is left over."""

FOUND = "found"
"""The audit entry that comes before the first row goes."""

PAGES_AT_ONCE = 256
"""1 MiB of the database is given back at a time."""

SETTINGS = (
    "keep_jobs_days",
    "keep_logs_days",
    "keep_unreachable_days",
    "keep_uploads_days",
    "keep_counts_days",
)


@dataclass(frozen=True)
class Prune:
    """What a prune would remove, or what one call of it has removed.

    Parameters
    ----------
    complete : bool
        False when there is more to do: call again.
    keeps : mapping of str to int
        The settings that it went by, in days; 0 keeps for ever.
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
    """Remove what the settings let go, or only tell what that is.

    Parameters
    ----------
    user, origin
        Who asks and from where, for the audit trail; it has an entry before the first row goes,
        with what was found, and one with what has gone.

    authority : Authority or None
        What the user must still have when the first row goes.

    Raises
    ------
    TokenEnded, Forbidden
        The authority has gone.
    FilesInUse
        A backup, a check or another prune is at work; a dry run goes beside them.
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
                complete = _go_through(service, _steps(service, cutoffs, report, note))
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
    """All of a prune: what takes as long as it takes, and then steps of some milliseconds."""
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
    """Record what was found or removed, if it is anything; the first entry takes the authority."""
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


def _go_through(service: Service, steps: Iterator[None]) -> bool:
    """Take steps until there are no more; False when the time is up or the service stops."""
    began = time.monotonic()
    next(steps)
    looked_s = time.monotonic() - began
    # Looking comes first and takes what it takes, so that each call gets on for longer than that.
    end = time.monotonic() + max(CALL_S, looked_s)
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
        orphans=timestamp(now - STRAY_AFTER),
    )
