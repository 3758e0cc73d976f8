"""A backup of the data directory, sent while it is read.

An administrator gets one at a time. It needs disk space for a snapshot of the database only. The
audit trail has the start, before a byte is sent, and the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from application.access import Caller
from lazy_dataclasses import dataclass
from storage.errors import Forbidden
from storage.maintenance.backup import Archive, opened_archive

MAX_DURATION_S = 6 * 3600.0
"""A backup that a client takes longer to receive is broken off: it delays every clean-up."""


@dataclass(frozen=True)
class SentBackup:
    """A tar file to send; ``close`` must be called at the end, whether it was sent or not."""

    name: str
    size_bytes: int
    chunks: Iterator[bytes]
    close: Callable[[], None]


def begin_backup(caller: Caller) -> SentBackup:
    """Take a snapshot, record the start, and return the tar file.

    Raises
    ------
    Forbidden
        The caller isn't an administrator, or the token can only read: a backup has the hashes of
        passwords.
    TooMuchWork
        A backup is being sent to the user, or two to others.
    """
    caller.require_role("admin")
    if caller.holder.scope == "read":
        raise Forbidden("A backup needs a token with `scope` write: it has hashes of passwords.")
    service, limit = caller.service, caller.access.work_limits.backups
    with ExitStack() as stack:
        limit.begin(caller.user.id)
        stack.callback(limit.end, caller.user.id)
        folder = stack.enter_context(service.scratch_folder())
        archive = stack.enter_context(opened_archive(service.directory, folder))
        size_bytes = archive.size_bytes()
        with caller.writing() as tx:
            caller.audit(tx, "backup_asked", size_bytes=size_bytes)
        return SentBackup(
            name=f"jobsvc-backup-{service.clock():%Y-%m-%d-%H%M}.tar",
            size_bytes=size_bytes,
            chunks=_told(caller, archive, size_bytes),
            close=stack.pop_all().close,
        )


def _told(caller: Caller, archive: Archive, size_bytes: int) -> Iterator[bytes]:
    """Yield the chunks, and record the end after the last one."""
    end = caller.access.monotonic() + MAX_DURATION_S
    for chunk in archive.chunks(lambda _, __: None):
        if caller.access.monotonic() > end:
            raise TimeoutError("The client takes too long to receive the backup.")
        yield chunk
    with caller.service.database.write() as tx:
        caller.audit(tx, "backup_made", files=len(archive.hashes), size_bytes=size_bytes)
