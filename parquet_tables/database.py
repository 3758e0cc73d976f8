"""A DuckDB instance that can be used for years.

Owns: the instance's limits, its lock-down and its renewal. Invariants: it reads and writes inside
the data directory alone, loads no extension and its configuration is locked; what DuckDB keeps of
past queries is bounded; a query that breaks it is the last that it breaks. A connection is not safe
across threads (DuckDB 2.0 returned empty results now and then), so whoever runs a query takes a
cursor of its own. Opened by the composition root, used by the engines through job handlers.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import duckdb

from parquet_tables.free_disk import require_free, spare_mb
from parquet_tables.time_limit import under_the_limit

if TYPE_CHECKING:  # the process of a query needs no numpy
    from parquet_tables.tables import TableFiles

logger = logging.getLogger("jobsvc.duckdb")

MIB = 1024**2
DEFAULT_MEMORY_MB = 1024
SPILL_STEP_MB = 64
"""Room on the disk that comes and goes isn't worth a new limit."""
RENEWED_AFTER = 1_000
"""After so many cursors an instance is replaced, at a moment when it has none. DuckDB 2.0.1 keeps
150 bytes and more of each buffer that it has given back, 15 buffers for a join, until there are
tens of thousands (``duckdb_eviction_queues``), and 1 KB of each file that it has read. Nothing but
closing the instance frees that. A new one is there in 12 ms."""
CURSORS_OWN = (
    "enable_progress_bar",
    "enable_progress_bar_print",
    "parquet_metadata_cache",
    "max_temp_directory_size",
)


@dataclass(frozen=True)
class MemoryUse:
    """Bytes that DuckDB holds in memory, and those that it spilled to disk."""

    memory_bytes: int
    spilled_bytes: int


class ParquetDatabase:
    """One in-memory DuckDB instance over Parquet files below ``root``.

    Parameters
    ----------
    root : Path
        The only directory that it may read and write.
    spill_dir : Path
        Below ``root``: where DuckDB spills what doesn't fit in memory.
    memory_mb : int
        DuckDB's memory limit, in MiB.
    threads : int or None
        Threads that all queries share; the machine's cores when None.
    keep_free_mb : int
        Room on the disk, in MiB, that it leaves when it spills. Of the rest that it finds when a
        query starts and no other runs it takes half at most: there are two instances.
    renewed_after : int
        How many cursors an instance has had when it is replaced.

    Attributes
    ----------
    thread_memory_bytes : int
        Each thread's part of the memory, when all are busy.
    """

    def __init__(
        self,
        root: Path,
        spill_dir: Path,
        *,
        memory_mb: int = DEFAULT_MEMORY_MB,
        threads: int | None = None,
        keep_free_mb: int = 0,
        renewed_after: int = RENEWED_AFTER,
    ) -> None:
        self._root = root
        self._keep_free_mb = keep_free_mb
        thread_count = threads or os.cpu_count() or 1
        self.thread_memory_bytes = memory_mb * MIB // thread_count
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "threads": thread_count,
            "memory_limit": f"{memory_mb}MiB",
            "temp_directory": str(spill_dir),
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,
            "preserve_insertion_order": True,
        }
        self._renewed_after = renewed_after
        self._lock = threading.Lock()
        self._most_spilled_mb = -1
        self._connection = self._opened()
        self._cursors = 0
        self._open_cursors = 0
        self._is_closed = False

    def _opened(self) -> duckdb.DuckDBPyConnection:
        """A new instance, limited and locked down."""
        connection = duckdb.connect(":memory:", config=self._config)
        execute = connection.execute
        # Without GLOBAL a setting stays with this connection and cursors do not inherit it. The icu
        # extension owns the time zone, and is there only once the instance is open.
        execute("SET GLOBAL TimeZone = 'UTC'")
        self._most_spilled_mb = -1
        self._limit_spill(connection)
        execute("SET allowed_directories = [?]", [f"{self._root}{os.sep}"])
        execute("SET enable_external_access = false")
        # What is switched on per cursor, which a locked configuration would refuse.
        places = ", ".join("?" * len(CURSORS_OWN))
        execute(f"SET allowed_configs = [{places}]", list(CURSORS_OWN))
        execute("SET lock_configuration = true")
        return connection

    def _limit_spill(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Limit what is spilled by the room that there is; nothing may be spilled at the moment."""
        free_mb = spare_mb(self._root, self._keep_free_mb)
        most_mb = free_mb // 2 // SPILL_STEP_MB * SPILL_STEP_MB
        if most_mb != self._most_spilled_mb:
            connection.execute(f"SET max_temp_directory_size = '{most_mb}MiB'")
            self._most_spilled_mb = most_mb

    @contextmanager
    def cursor(self, table: TableFiles | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for one thread, closed afterwards; its query's progress can be asked for.

        Parameters
        ----------
        table : TableFiles or None
            What its queries read. The footers of large files are kept for the next query. DuckDB
            2.0 forgets none until it thinks its memory is full, and a footer takes nine times what
            it thinks: kept for every small file that is ever read, they would grow without end.
        """
        cursor = self._taken()
        try:
            if table is not None and table.has_costly_footers:
                cursor.execute("SET SESSION parquet_metadata_cache = true")
            with under_the_limit(cursor):
                yield cursor
        finally:
            cursor.close()
            self._take_back()

    def _taken(self) -> duckdb.DuckDBPyConnection:
        """A cursor of an instance that works.

        After an internal error DuckDB answers no query any more: of that instance, or of a cursor
        of it, all that follow raise FatalException.
        """
        while True:
            with self._lock:
                source = self._connection
                cursor = source.cursor()
                self._cursors += 1
                self._open_cursors += 1
            try:
                with self._lock:  # under which nobody takes another, so nothing is spilled yet
                    if self._open_cursors == 1:
                        self._limit_spill(cursor)
                cursor.execute("SET enable_progress_bar = true")
                cursor.execute("SET enable_progress_bar_print = false")
                return cursor
            except BaseException as error:
                cursor.close()
                self._take_back()
                if not isinstance(error, duckdb.FatalException):
                    raise
                self._replace_broken(source)

    def _replace_broken(self, broken: duckdb.DuckDBPyConnection) -> None:
        with self._lock:
            if self._connection is not broken or self._is_closed:
                return
            logger.error("a query broke DuckDB, which starts anew; queries under way fail with it")
            self._connection = self._opened()
            self._cursors = 0
        broken.close()

    def _take_back(self) -> None:
        """Count a closed cursor; replace an instance that has had enough of them and has none now.

        An instance that always has one goes on: two at once might hold twice the memory.
        """
        with self._lock:
            self._open_cursors -= 1
            if self._open_cursors or self._is_closed or self._cursors < self._renewed_after:
                return
            self._cursors = 0
            try:
                used, self._connection = self._connection, self._opened()
            except Exception:
                logger.warning("DuckDB can't be renewed; the old instance goes on", exc_info=True)
                return
        used.close()

    def require_free(self, coming_bytes: int) -> None:
        """Refuse to write so much below ``root`` if less than ``keep_free_mb`` would stay free.

        Raises
        ------
        OSError
            ENOSPC, as from a disk that is full.
        """
        require_free(self._root, self._keep_free_mb, coming_bytes)

    def memory_use(self) -> MemoryUse:
        """What all queries together hold at this moment."""
        with self.cursor() as cursor:
            row = cursor.execute(
                "SELECT sum(memory_usage_bytes)::BIGINT, sum(temporary_storage_bytes)::BIGINT "
                "FROM duckdb_memory()"
            ).fetchone()
        assert row is not None  # noqa: S101 - sums are always one row
        return MemoryUse(memory_bytes=row[0] or 0, spilled_bytes=row[1] or 0)

    def close(self) -> None:
        """Close the instance; open cursors end with it."""
        with self._lock:
            self._is_closed = True
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
