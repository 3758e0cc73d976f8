"""Which errors of DuckDB and of the system are the machine's, and may pass.

Owns: the signs by which a full disk, a busy file and a broken DuckDB are known. DuckDB 2.0 has no
error class of its own for a full disk: only its message tells. Used by the engines, so that a full
disk is never taken for a broken file, and by the runner, which tries again later.
"""

from __future__ import annotations

import errno

import duckdb

from domain_errors import MachineFault

DISK_FULL = MachineFault("disk_full", "The disk is full. Make room, for example with jobsvc prune.")
BUSY = MachineFault("busy", "A file or a resource of the system is busy.")
BROKEN = MachineFault("busy", "Another query broke DuckDB, which starts anew.")

_FULL_SIGNS = ("No space left", "max_temp_directory_size", "Disk quota", "disk is full")
_ERRNO = {
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
    errno.EBUSY: BUSY,
    errno.EAGAIN: BUSY,
    errno.EMFILE: BUSY,
    errno.ENFILE: BUSY,
}


def machine_fault(error: BaseException) -> MachineFault | None:
    """The passing fault that an error tells of; None for any other error."""
    if isinstance(error, duckdb.FatalException):  # InternalException is the breaking query's own
        return BROKEN
    if isinstance(error, duckdb.Error):
        text = str(error)
        if any(sign in text for sign in _FULL_SIGNS):
            return DISK_FULL
        return BUSY if "Too many open files" in text else None
    if isinstance(error, OSError) and error.errno is not None:
        return _ERRNO.get(error.errno)
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether work took more memory than it may, be it DuckDB's or the process's."""
    return isinstance(error, duckdb.OutOfMemoryException | MemoryError)


def is_of_the_machine(error: Exception) -> bool:
    """Whether an error is none of the input's: a stop, too little memory or disk, no right."""
    if isinstance(error, duckdb.InterruptException | duckdb.OutOfMemoryException):
        return True
    if machine_fault(error) is not None:
        return True
    return isinstance(error, duckdb.Error) and any(
        sign in str(error) for sign in ("Could not write", "Permission")
    )
