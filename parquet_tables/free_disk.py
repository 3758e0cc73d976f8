"""Free disk space: refuse writes that would leave less than the setting ``min_free_mb``.

Used by the DuckDB instances, the SQL sandbox and imports.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

MIB = 1024**2


def spare_mb(folder: Path, keep_free_mb: int) -> int:
    """Return the MiB that can be written while ``keep_free_mb`` stay free; at least 0."""
    return max(shutil.disk_usage(folder).free // MIB - keep_free_mb, 0)


def require_free(folder: Path, keep_free_mb: int, coming_bytes: int = 0) -> None:
    """Refuse to write ``coming_bytes`` if less than ``keep_free_mb`` would stay free.

    Raises
    ------
    OSError
        With ENOSPC; a job retries later.
    """
    if shutil.disk_usage(folder).free - coming_bytes < keep_free_mb * MIB:
        raise disk_full()


def disk_full() -> OSError:
    """Return the system's error of a full disk."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
