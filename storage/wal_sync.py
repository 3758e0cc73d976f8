"""Group commit: sync SQLite's write-ahead log once for several commits, outside the lock.

When ``wait`` returns, all commits made before the call are on disk; threads that wait during a sync
share the next one. The log is sequential, so a power cut loses only the latest commits.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
from pathlib import Path


class WalSync:
    """The write-ahead log of one database file.

    Parameters
    ----------
    database : Path
        The database file. Its log stays the same file while a connection is open.
    """

    def __init__(self, database: Path) -> None:
        self._log = database.with_name(f"{database.name}-wal")
        self._descriptor: int | None = None
        self._tickets = itertools.count(1)
        self._synced_up_to = 0
        self._syncing = threading.Lock()

    def wait(self) -> None:
        """Wait until all commits made so far are on disk."""
        mine = next(self._tickets)
        with self._syncing:
            if self._synced_up_to >= mine:  # a sync started after our commit
                return
            if self._descriptor is None:
                self._descriptor = os.open(self._log, os.O_RDWR)
            last = next(self._tickets)
            _sync_content(self._descriptor)
            self._synced_up_to = last

    def close(self) -> None:
        """Close the log; the database's last connection removes it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _sync_content(descriptor: int) -> None:
    """Sync a file's data without its times, where the system supports this."""
    if sys.platform == "darwin":
        os.fsync(descriptor)
    else:
        os.fdatasync(descriptor)
