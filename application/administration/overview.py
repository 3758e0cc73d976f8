"""The figures of a server that an administrator watches, for the home page and the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from contract.declarations import Help
from lazy_dataclasses import dataclass
from storage.accounts.audit_trail import last_time_of
from storage.jobs.lists import count_unresolved
from storage.maintenance.disk_use import disk_of

if TYPE_CHECKING:  # commands that show sizes need no engine
    from service.service import Service


@dataclass(frozen=True)
class AdminOverview:
    """The figures; ``failed_jobs`` counts failures that nobody has retried or dismissed.

    ``last_backup_at`` is None if neither the server nor ``jobsvc backup`` has made a backup.
    """

    failed_jobs: Annotated[int, Help("Failures that nobody has retried or dismissed.")]
    free_bytes: Annotated[int, Help("Free space on the disk.")]
    disk_bytes: Annotated[int, Help("Size of the disk.")]
    last_backup_at: Annotated[
        str | None, Help("Of the last backup, by the server or by `jobsvc backup`.")
    ]


def admin_overview(service: Service) -> AdminOverview:
    """Return the figures of all datasets; the caller checks the role."""
    disk = disk_of(service.directory)
    with service.database.read() as tx:
        return AdminOverview(
            failed_jobs=count_unresolved(tx),
            free_bytes=disk.free,
            disk_bytes=disk.total,
            last_backup_at=max(
                filter(None, (last_time_of(tx, "backup_made"), service.directory.last_backup())),
                default=None,
            ),
        )


def size_text(size_bytes: int) -> str:
    """Return a number of bytes with a unit, as pages and commands show it.

    >>> size_text(1536)
    '1.5 KiB'
    """
    value, units = float(size_bytes), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    digits = 0 if value >= 10 or units[0] == "bytes" else 1
    return f"{value:,.{digits}f} {units[0]}"
