"""Transient errors of DuckDB and the system: full disk, busy file, broken DuckDB instance.

DuckDB 2.0 has no error class for a full disk, so its message is matched.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb

from domain_errors import MachineFault

DISK_FULL = MachineFault(
    "disk_full", "The disk is full. Free disk space, for example with jobsvc prune."
)
BUSY = MachineFault("busy", "A file or a resource of the system is busy.")
BROKEN = MachineFault("busy", "Another query broke DuckDB; a new instance starts.")

MIB = 1024**2
FreeBytes = Callable[[Path], int]

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
    """Return the transient fault behind an error; None for any other error."""
    # InternalException belongs to the query that broke DuckDB, FatalException to the others.
    if isinstance(error, duckdb.FatalException):
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
    return isinstance(error, duckdb.OutOfMemoryException | MemoryError)


def is_machine_error(error: Exception) -> bool:
    """Whether an error isn't a fault of the input: an interrupt, memory, disk or permissions."""
    if isinstance(error, duckdb.InterruptException | duckdb.OutOfMemoryException):
        return True
    if machine_fault(error) is not None:
        return True
    return isinstance(error, duckdb.Error) and any(
        sign in str(error) for sign in ("Could not write", "Permission")
    )


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def spare_mb(folder: Path, keep_free_mb: int, free_bytes: FreeBytes = free_bytes) -> int:
    """Return the MiB that can be written while ``keep_free_mb`` stay free; at least 0."""
    return max(free_bytes(folder) // MIB - keep_free_mb, 0)


def require_free(folder: Path, keep_free_mb: int, coming_bytes: int = 0) -> None:
    """Raise ENOSPC if writing ``coming_bytes`` would leave less than ``keep_free_mb`` free."""
    if free_bytes(folder) - coming_bytes < keep_free_mb * MIB:
        raise disk_full()


def disk_full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
