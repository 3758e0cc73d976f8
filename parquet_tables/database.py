"""The process's one DuckDB instance.

Owns: the instance's limits and its lock-down. Invariant: it reads and writes inside the data
directory alone, loads no extension and its configuration is locked. A connection is not safe across
threads (DuckDB 2.0 returned empty results now and then), so whoever runs a query takes a cursor of
its own. Opened by the composition root, used by the engines through job handlers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import duckdb

if TYPE_CHECKING:  # the process of a query needs no numpy
    from parquet_tables.tables import TableFiles

DEFAULT_MEMORY_MB = 1024
CURSORS_OWN = ("enable_progress_bar", "enable_progress_bar_print", "parquet_metadata_cache")


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
    """

    def __init__(
        self,
        root: Path,
        spill_dir: Path,
        *,
        memory_mb: int = DEFAULT_MEMORY_MB,
        threads: int | None = None,
    ) -> None:
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "threads": threads or os.cpu_count() or 1,
                "memory_limit": f"{memory_mb}MiB",
                "temp_directory": str(spill_dir),
                "autoload_known_extensions": False,
                "autoinstall_known_extensions": False,
                "python_enable_replacements": False,
                "preserve_insertion_order": True,
            },
        )
        execute = self._connection.execute
        # Without GLOBAL a setting stays with this connection and cursors do not inherit it. The icu
        # extension owns the time zone, and is there only once the instance is open.
        execute("SET GLOBAL TimeZone = 'UTC'")
        execute("SET allowed_directories = [?]", [f"{root}{os.sep}"])
        execute("SET enable_external_access = false")
        # What is switched on per cursor, which a locked configuration would refuse.
        execute("SET allowed_configs = [?, ?, ?]", list(CURSORS_OWN))
        execute("SET lock_configuration = true")

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
        cursor = self._connection.cursor()
        try:
            cursor.execute("SET enable_progress_bar = true")
            cursor.execute("SET enable_progress_bar_print = false")
            if table is not None and table.has_costly_footers:
                cursor.execute("SET SESSION parquet_metadata_cache = true")
            yield cursor
        finally:
            cursor.close()

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
