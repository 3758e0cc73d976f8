"""The free disk space that the setting ``min_free_mb`` keeps: refuse to write below it.

Used by ``parquet_tables.database``, by ``sql_sandbox`` for what a query spills, and by imports for
the copies that they make.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

MIB = 1024**2


def spare_mb(folder: Path, keep_free_mb: int) -> int:
    """How many MiB can be written before less than ``keep_free_mb`` is free; at least 0."""
    return max(shutil.disk_usage(folder).free // MIB - keep_free_mb, 0)


def require_free(folder: Path, keep_free_mb: int, coming_bytes: int = 0) -> None:
    """Refuse to write ``coming_bytes`` if less than ``keep_free_mb`` would stay free.

    Raises
    ------
    OSError
        ENOSPC, as from a disk that is full: a job is tried again later.
    """
    if shutil.disk_usage(folder).free - coming_bytes < keep_free_mb * MIB:
        raise disk_full()


def disk_full() -> OSError:
    """The error of a full disk, as the system gives it."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
