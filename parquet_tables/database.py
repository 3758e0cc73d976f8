"""A long-lived DuckDB instance: limited, locked down, and renewed when it is broken or used up.

It reads and writes inside some directories alone, reads attached files through this process, and
loads no extension. Connections aren't thread safe (DuckDB 2.0 sometimes returned empty results), so
each query uses its own cursor.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Self

import duckdb

from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.columns import ATTACHED, AttachedPath
from parquet_tables.footers.checks import FooterContradicted, read_stated, require_pages
from parquet_tables.footers.damage import DamagedFile, is_of_reader, is_whole, may_be_damage
from parquet_tables.transient_errors import (
    FreeBytes,
    free_bytes,
    is_out_of_memory,
    require_free,
    spare_mb,
)

if TYPE_CHECKING:  # the processes of queries and workbooks need neither numpy nor fsspec
    from parquet_tables.attached import AttachedFiles
    from parquet_tables.tables import TableFiles

logger = logging.getLogger("jobsvc.duckdb")

MIB = 1024**2
DEFAULT_MEMORY_MB = 1024
SPILL_STEP_MB = 64
"""Granularity of the spill limit."""
MAX_CURSORS = 1_000
"""Cursors after which an idle instance is replaced. DuckDB 2.0.1 retains 150 bytes of each released
buffer (15 for a join) up to tens of thousands (``duckdb_eviction_queues``), and 1 KB of each file
read. Only closing the instance frees that. A new one opens in 12 ms."""
INTERRUPT_INTERVAL_S = 0.1
LATE_READING = "late_materialization"
"""An optimizer of DuckDB 2.0.1 that ends in an internal error, which breaks the instance, where no
row can pass a filter under a LIMIT with an OFFSET: ``a IN ('x', 'y') LIMIT 1 OFFSET 0``."""
MAX_READ_AGAIN = 4
"""Files that are read whole to find the damaged one if DuckDB's error names none."""
DECODE = "SELECT max(hash(COLUMNS(*))) FROM read_parquet(?)"
"""Decodes all values of a file."""
CURSOR_SETTINGS = (
    "enable_progress_bar",
    "enable_progress_bar_print",
    "parquet_metadata_cache",
    "max_temp_directory_size",
)


@dataclass(frozen=True)
class MemoryUse:
    memory_bytes: int
    spilled_bytes: int


class ParquetDatabase:
    """One in-memory DuckDB instance over Parquet files below ``root``.

    Parameters
    ----------
    root : Path
        The directory whose free disk space is measured.
    spill_dir : Path
        DuckDB's spill directory, below ``root``.
    directories : sequence of Path
        The only directories that DuckDB itself may read and write; ``root`` if there are none.
    threads : int or None
        Threads that all queries share; the number of cores if None.
    keep_free_mb : int
        Disk space, in MiB, that spilling leaves free. A query that starts on an idle instance sets
        the spill limit to half of the rest, because there are two instances.
    max_cursors : int
        Cursors after which an idle instance is replaced.
    attached : AttachedFiles or None
        The files outside ``root`` that DuckDB may read, through this process.

    Attributes
    ----------
    thread_memory_bytes : int
        Memory of each thread when all are busy.
    """

    def __init__(
        self,
        root: Path,
        spill_dir: Path,
        *,
        directories: Sequence[Path] = (),
        memory_mb: int = DEFAULT_MEMORY_MB,
        threads: int | None = None,
        keep_free_mb: int = 0,
        max_cursors: int = MAX_CURSORS,
        attached: AttachedFiles | None = None,
        free_bytes: FreeBytes = free_bytes,
    ) -> None:
        self._root = root
        self._allowed = [*(f"{each}{os.sep}" for each in directories or [root]), f"{ATTACHED}://"]
        self._keep_free_mb = keep_free_mb
        self._free_bytes = free_bytes
        thread_count = threads or os.cpu_count() or 1
        self.thread_memory_bytes = memory_mb * MIB // thread_count
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "threads": thread_count,
            "memory_limit": f"{memory_mb}MiB",
            "temp_directory": str(spill_dir),
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,
            "disabled_optimizers": LATE_READING,
            "preserve_insertion_order": True,
        }
        self._max_cursors = max_cursors
        self._attached = attached
        self._lock = threading.Lock()
        self._spill_limit_mb = -1
        self._connection = self._open_instance()
        self._cursors = 0
        self._open_cursors = 0
        self._is_closed = False

    def _open_instance(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:", config=self._config)
        execute = connection.execute
        # Cursors inherit only GLOBAL settings. The time zone belongs to the icu extension, which is
        # available only after the instance is open.
        execute("SET GLOBAL TimeZone = 'UTC'")
        self._spill_limit_mb = -1
        self._limit_spill(connection)
        if self._attached is not None:
            self._attached.register(connection)
        execute("SET allowed_directories = ?", [self._allowed])
        execute("SET enable_external_access = false")
        # Settings of single cursors, which a locked configuration would refuse.
        places = ", ".join("?" * len(CURSOR_SETTINGS))
        execute(f"SET allowed_configs = [{places}]", list(CURSOR_SETTINGS))
        execute("SET lock_configuration = true")
        return connection

    def _limit_spill(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Set the spill limit from the free disk space; only while nothing is spilled."""
        free_mb = spare_mb(self._root, self._keep_free_mb, self._free_bytes)
        max_mb = free_mb // 2 // SPILL_STEP_MB * SPILL_STEP_MB
        if max_mb != self._spill_limit_mb:
            connection.execute(f"SET max_temp_directory_size = '{max_mb}MiB'")
            self._spill_limit_mb = max_mb

    @contextmanager
    def cursor(
        self, table: TableFiles | None = None, *others: TableFiles
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a cursor for one thread, with query progress enabled; close it after the block.

        A damaged file of the tables that the block reads is a DamagedFile, however DuckDB fails on
        it. See :func:`cache_footers` for ``table``.
        """
        cursor = self._open_cursor()
        try:
            if table is not None:
                cache_footers(cursor, table)
            tables = others if table is None else (table, *others)
            with (
                self._damage_errors(tables),
                self._attached_errors(),
                _apply_time_limit(cursor),
            ):
                yield cursor
        finally:
            cursor.close()
            self._release_cursor()

    @contextmanager
    def _damage_errors(self, tables: Sequence[TableFiles]) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            paths = [file.path for table in tables for file, _ in table.with_starts()]
            damaged = self._damaged_file(error, paths) if may_be_damage(error) else None
            if damaged is None:
                raise
            raise damaged from error

    def _damaged_file(
        self, error: duckdb.Error, paths: Sequence[Path | AttachedPath]
    ) -> DamagedFile | None:
        """The damaged file that is the cause of an error: the one that it names, or can't be read.

        Without its name, the files that were opened last are read.
        """
        message = str(error)
        named = next((path for path in paths if str(path) in message), None)
        if isinstance(named, AttachedPath) and self._attached is not None:
            return DamagedFile.attached(self._attached.name(named))
        lacks_memory = is_out_of_memory(error)
        stored = [path for path in (named, *paths) if isinstance(path, Path) and not lacks_memory]
        for own in stored[:MAX_READ_AGAIN]:
            if not is_whole(own):
                return DamagedFile.stored(own.stem)
        if self._attached is None:
            return None
        outside = [path for path in paths if isinstance(path, AttachedPath)]
        opened = self._attached.last_opened(outside, MAX_READ_AGAIN)
        for path in opened:
            if self._is_damaged(path, decodes=not lacks_memory):
                return DamagedFile.attached(self._attached.name(path))
        if opened and is_of_reader(error):
            return DamagedFile.one_of([self._attached.name(path) for path in opened])
        return None

    def _is_damaged(self, path: AttachedPath, *, decodes: bool) -> bool:
        """Whether an attached file's pages, or with ``decodes`` its values, can't be read."""
        if self._attached is None:
            return False
        name = str(path)
        try:
            size_bytes, open_version = self._attached.version(name)
            with self.cursor() as cursor, closing(open_version()) as reader:
                stated = read_stated(cursor, name, reader.read, size_bytes)
                require_pages(stated, reader.read)
                if decodes:
                    cursor.execute(DECODE, [name]).fetchall()
        except (FooterContradicted, DamagedFile):
            return True
        except duckdb.Error as error:
            return may_be_damage(error) and not is_out_of_memory(error)
        except TimeLimitExceeded:
            return False
        return False

    def _attached_errors(self) -> AbstractContextManager[None]:
        return nullcontext() if self._attached is None else self._attached.errors()

    def _open_cursor(self) -> duckdb.DuckDBPyConnection:
        """Open a cursor; replace the instance first if it is broken.

        After an internal error every statement on the instance raises FatalException.
        """
        while True:
            with self._lock:
                source = self._connection
                cursor = source.cursor()
                self._cursors += 1
                self._open_cursors += 1
            try:
                with self._lock:  # no other cursor can open, so nothing is spilled yet
                    if self._open_cursors == 1:
                        self._limit_spill(cursor)
                cursor.execute("SET enable_progress_bar = true")
                cursor.execute("SET enable_progress_bar_print = false")
                return cursor
            except BaseException as error:
                cursor.close()
                self._release_cursor()
                if not isinstance(error, duckdb.FatalException):
                    raise
                self._replace_broken(source)

    def _replace_broken(self, broken: duckdb.DuckDBPyConnection) -> None:
        with self._lock:
            if self._connection is not broken or self._is_closed:
                return
            logger.error("a query broke DuckDB; a new instance starts, running queries fail")
            self._connection = self._open_instance()
            self._cursors = 0
        broken.close()

    def _release_cursor(self) -> None:
        """Count a closed cursor; replace an idle instance that has reached ``max_cursors``.

        A busy instance isn't replaced: two at once could hold twice the memory.
        """
        with self._lock:
            self._open_cursors -= 1
            if self._open_cursors or self._is_closed or self._cursors < self._max_cursors:
                return
            self._cursors = 0
            try:
                old, self._connection = self._connection, self._open_instance()
            except Exception:
                logger.warning(
                    "DuckDB can't be renewed; the old instance stays in use", exc_info=True
                )
                return
        old.close()

    def require_free(self, coming_bytes: int) -> None:
        """Raise ENOSPC if writing ``coming_bytes`` would leave less than ``keep_free_mb`` free."""
        require_free(self._root, self._keep_free_mb, coming_bytes)

    def memory_use(self) -> MemoryUse:
        with self.cursor() as cursor:
            row = cursor.execute(
                "SELECT sum(memory_usage_bytes)::BIGINT, sum(temporary_storage_bytes)::BIGINT "
                "FROM duckdb_memory()"
            ).fetchone()
        assert row is not None  # noqa: S101 - sums are always one row
        return MemoryUse(memory_bytes=row[0] or 0, spilled_bytes=row[1] or 0)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ClientDisconnected(DomainError):
    """The client closed the connection before its response."""

    code = "client_disconnected"
    template = "The client closed the connection, so the statement was stopped."


class TimeLimitExceeded(DomainError):
    code = "request_too_slow"
    template = (
        "This takes longer than {limit_s} s, the limit of a request. Reduce the request, run "
        "it as a job, or ask an administrator to raise the limit."
    )


@dataclass(frozen=True)
class _Limit:
    limit_s: float
    ends_at: float
    is_abandoned: Callable[[], bool]

    def remaining_s(self) -> float:
        return max(self.ends_at - time.monotonic(), 0)

    def has_ended(self) -> bool:
        return not self.remaining_s() or self.is_abandoned()


_current: ContextVar[_Limit | None] = ContextVar("time_limit", default=None)


@contextmanager
def time_limited(
    limit_s: float, is_abandoned: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Limit the statements that this thread runs inside the block.

    Raises
    ------
    TimeLimitExceeded
        A statement was interrupted, or would start too late.
    ClientDisconnected
        The request was abandoned.
    """
    limit = _Limit(limit_s, time.monotonic() + limit_s, is_abandoned)
    before = _current.set(limit)
    try:
        yield
    except duckdb.InterruptException:
        if is_abandoned():
            raise ClientDisconnected from None
        if limit.remaining_s():
            raise
        raise TimeLimitExceeded(limit_s=f"{limit_s:g}") from None
    finally:
        _current.reset(before)


def is_limited() -> bool:
    return _current.get() is not None


def require_time() -> None:
    """Raise TimeLimitExceeded or ClientDisconnected if the current thread's limit has ended."""
    limit = _current.get()
    if limit is None:
        return
    if limit.is_abandoned():
        raise ClientDisconnected
    if not limit.remaining_s():
        raise TimeLimitExceeded(limit_s=f"{limit.limit_s:g}")


@contextmanager
def _apply_time_limit(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupt the cursor's statements when the current thread's limit is exceeded."""
    limit = _current.get()
    if limit is None:
        yield
        return
    require_time()
    done = threading.Event()

    def watch() -> None:
        # An interrupt that arrives between two statements is lost: repeat it.
        while not done.wait(INTERRUPT_INTERVAL_S):
            if limit.has_ended():
                cursor.interrupt()

    watcher = threading.Thread(target=watch, name="time-limit", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def cache_footers(cursor: duckdb.DuckDBPyConnection, table: TableFiles) -> None:
    """Let the cursor cache the footers of the table's files if they are large.

    DuckDB 2.0 evicts none until it considers its memory full, and a footer takes nine times the
    memory that it counts, so those of small files aren't cached.
    """
    if table.has_costly_footers:
        cursor.execute("SET SESSION parquet_metadata_cache = true")


@contextmanager
def registered(cursor: duckdb.DuckDBPyConnection, tables: Mapping[str, object]) -> Iterator[None]:
    """Let statements of the block read ``tables`` by their names.

    A table is a dict of arrays, an Arrow table or a sheet of fastexcel.
    """
    for name, table in tables.items():
        cursor.register(name, table)
    try:
        yield
    finally:
        for name in tables:
            # A table that a result still reads is released with the cursor.
            with suppress(duckdb.Error):
                cursor.unregister(name)
