"""Syncing commits to disk, several with one sync.

SQLite would sync its write-ahead log inside each COMMIT, one after the other, while it has the
database locked. Here commits go to the log unsynced, and whoever needs one to last syncs the log
afterwards. Invariant: when ``wait`` returns, every commit that was made before it was called is on
disk; those who wait while a sync is under way share the next one. The log is written in order, so a
power cut keeps all commits up to some moment, never a later one without an earlier one, and SQLite
itself syncs what it must around checkpoints. Used by ``storage.database``.
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
        The database's file. While a connection to it is open, its log stays the same file.
    """

    def __init__(self, database: Path) -> None:
        self._log = database.with_name(f"{database.name}-wal")
        self._descriptor: int | None = None
        self._tickets = itertools.count(1)
        self._synced_up_to = 0
        self._syncing = threading.Lock()

    def wait(self) -> None:
        """Return once all that is committed by now is on disk."""
        mine = next(self._tickets)
        with self._syncing:
            if self._synced_up_to >= mine:  # a sync that began after our commit has ended
                return
            if self._descriptor is None:
                self._descriptor = os.open(self._log, os.O_RDWR)
            last = next(self._tickets)
            _sync_content(self._descriptor)
            self._synced_up_to = last

    def close(self) -> None:
        """Let the log go; the database's last connection removes it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _sync_content(descriptor: int) -> None:
    """Sync a file but for its times, where the system can tell them apart."""
    if sys.platform == "darwin":
        os.fsync(descriptor)
    else:
        os.fdatasync(descriptor)
