"""Prunes: retention by the settings, and removal in small steps beside other work.

A prune may be stopped or killed anywhere and repeated; a call ends within seconds and reports
whether more remains. Used by the admin routes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from contract.answers import Hidden
from contract.declarations import Help
from lazy_dataclasses import dataclass
from service.service import Service
from storage.accounts.audit_trail import THIS_PROCESS, Origin, record
from storage.accounts.authority import Authority, write_as
from storage.accounts.tokens import KEEP_EXPIRED
from storage.accounts.users import User
from storage.jobs.submission import KEY_LIFETIME
from storage.maintenance.pruning import Cutoffs, KindTotal, Marks, PruneReport, Sweep, mark
from storage.sqlite.clock import timestamp

ORPHAN_AFTER = timedelta(days=1)
"""A file in no manifest that wasn't written to for this long is an orphan."""

PAGES_AT_ONCE = 256
"""Pages of the database that a step frees: 1 MiB."""

SETTINGS = (
    "keep_jobs_days",
    "keep_logs_days",
    "keep_unreachable_days",
    "keep_uploads_days",
    "keep_counts_days",
    "bin_days",
)


@dataclass(frozen=True)
class Prune:
    """The data that a prune would remove, or that one call has removed.

    Parameters
    ----------
    complete : bool
        False when more remains to be removed.
    keeps : mapping of str to int
        The retention settings in days; 0 is forever.
    """

    dry_run: bool
    complete: Annotated[bool, Help("False if there is more to remove: send the request again.")]
    keeps: Annotated[Mapping[str, int], Help("The retention settings, in days; 0 is forever.")]
    report: Hidden[PruneReport]

    @property
    def size_bytes(self) -> Annotated[int, Help(None)]:
        """Bytes of all files."""
        return self.report.size_bytes

    @property
    def kinds(self) -> Annotated[list[KindTotal], Help(None)]:
        """The totals by kind."""
        return list(self.report.values())


def prune(
    service: Service,
    *,
    dry_run: bool,
    ahead_days: int = 0,
    user: User | None = None,
    origin: Origin = THIS_PROCESS,
    authority: Authority | None = None,
) -> Prune:
    """Remove what the settings don't retain; a dry run only reports it.

    Parameters
    ----------
    ahead_days : int
        With a dry run: report what could be removed in so many days, if nothing else changes.
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
    cutoffs = _cutoffs(service, timedelta(days=ahead_days if dry_run else 0))
    keeps = {name: getattr(service.settings, name) for name in SETTINGS}
    if dry_run:
        return Prune(True, True, keeps, _mark(service, cutoffs).report)
    report = PruneReport()
    note = partial(_record, service, user, origin)
    with service.directory.files_lock.removing():
        began = time.monotonic()
        marks = _mark(service, cutoffs)
        note(authority, "found", marks.report)
        # Remove for at least as long as the search took, so that each call makes progress.
        duration_s = max(service.prune_limits.call_s, time.monotonic() - began)
        try:
            complete = _run(service, _steps(service, cutoffs, marks, report), duration_s)
        finally:
            note(None, "removed", report)
    return Prune(False, complete, keeps, report)


def _mark(service: Service, cutoffs: Cutoffs) -> Marks:
    with service.database.read() as tx:
        return mark(tx, service.directory, service.data_files, cutoffs)


def _steps(service: Service, cutoffs: Cutoffs, marks: Marks, report: PruneReport) -> Iterator[None]:
    database = service.database
    limits = service.prune_limits
    sweep = Sweep(database, service.directory, service.data_files, cutoffs, marks, limits, report)
    yield from sweep.steps()
    while database.release_free_pages(PAGES_AT_ONCE):
        yield
    database.truncate_log()


def _run(service: Service, steps: Iterator[None], duration_s: float) -> bool:
    """Run steps to their end; False when the time is up or the service stops."""
    end = time.monotonic() + duration_s
    for _ in steps:
        time_is_up = time.monotonic() > end
        if time_is_up or service.stopping.wait(service.prune_limits.pause_s):
            return False
    return True


def _record(
    service: Service,
    user: User | None,
    origin: Origin,
    authority: Authority | None,
    what: str,
    report: PruneReport,
) -> None:
    """Record what was found or removed, if anything."""
    counts = {total.kind: total.count for total in report.values() if total.count}
    if not counts:
        return
    details: dict[str, Any] = {what: counts}
    if report.size_bytes:
        details["size_bytes"] = report.size_bytes
    user_id = None if user is None else user.id
    with write_as(service.database, authority, service.clock) as tx:
        record(tx, service.clock, "pruned", user_id=user_id, origin=origin, details=details)


def _cutoffs(service: Service, ahead: timedelta = timedelta()) -> Cutoffs:
    now = service.clock() + ahead
    settings = service.settings

    def before(days: int) -> str | None:
        return timestamp(now - timedelta(days=days)) if days else None

    return Cutoffs(
        now=timestamp(now),
        named_tokens=timestamp(now - KEEP_EXPIRED),
        jobs=before(settings.keep_jobs_days),
        logs=before(settings.keep_logs_days),
        unreachable=before(settings.keep_unreachable_days),
        uploads=before(settings.keep_uploads_days),
        counts=before(settings.keep_counts_days),
        keys=timestamp(now - KEY_LIFETIME),
        binned=timestamp(now - timedelta(days=settings.bin_days)),
        orphans=timestamp(now - ORPHAN_AFTER),
    )
