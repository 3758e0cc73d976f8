"""Runs a query in its own process: starts it, limits it and explains its end.

When a call returns or raises, the query's process has ended and its spilled data is deleted. Used
by the exploration jobs and the SQL preview.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazy_dataclasses import dataclass
from operating_system import ended_by_cpu_limit, ended_by_memory_limit
from parquet_tables.attached_pipe import served
from parquet_tables.child_process import AnswerTooLarge, ChildDied, ask_child, line_of
from parquet_tables.columns import Column, DataFile
from parquet_tables.footers.damage import DamagedFile
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.transient_errors import require_free
from sql_sandbox.errors import (
    SqlDamagedFile,
    SqlFailed,
    SqlTimeout,
    SqlTooLarge,
    error_of,
    out_of_memory,
)
from sql_sandbox.request import Limits, QueryRequest, SourceTable

if TYPE_CHECKING:  # the process of a query needs no fsspec
    from parquet_tables.attached import AttachedFiles

logger = logging.getLogger("jobsvc.sql")

CHILD_MODULE = "sql_sandbox.query_process"
SPILL_FILES = "duckdb_temp_*"
MAX_ANSWER_MB = 16
"""Limit of an answer with first rows."""


def answer_to(
    request: QueryRequest, on_progress: ProgressCallback, timeout_s: float | None
) -> dict[str, Any]:
    if timeout_s is not None:
        request = replace(request, cpu_s=int(timeout_s * request.limits.threads) + 10)
    watch = QueryWatch(request, on_progress, timeout_s)
    errors_path = request.folder / "errors"
    max_answer_bytes = MAX_ANSWER_MB * 1024**2
    try:
        answer = ask_child(
            CHILD_MODULE,
            line_of(request),
            errors_path,
            watch,
            max_answer_bytes,
            () if request.attached_descriptor is None else (request.attached_descriptor,),
        )
    except ChildDied as died:
        raise _child_error(request, died) from None
    except AnswerTooLarge:
        raise SqlTooLarge(
            "These rows take more than {limit_mb} MiB, the limit of a preview. "
            "Reduce the rows or columns, or run the query as a job.",
            limit_mb=MAX_ANSWER_MB,
        ) from None
    if "error" in answer:
        raise error_of(**answer["error"])
    watch.check_size()
    result: dict[str, Any] = answer["answer"]
    return result


class QueryWatch:
    """Ends a query that exceeds a limit."""

    def __init__(
        self, request: QueryRequest, on_progress: ProgressCallback, timeout_s: float | None
    ) -> None:
        self._request = request
        self._on_progress = on_progress
        self._timeout_s = timeout_s
        self._started = time.monotonic()

    def __call__(self, fraction: float, _: str) -> None:
        """Report the progress, and end a query that exceeds its time, size or disk space."""
        self._on_progress(fraction, "running the query")
        if self._timeout_s is not None and time.monotonic() - self._started > self._timeout_s:
            raise _timeout(self._timeout_s)
        self.check_size()
        self.check_disk()

    def check_disk(self) -> None:
        """End a query that spills when the disk's free space is used up."""
        folder = self._request.folder
        if any(folder.glob(SPILL_FILES)):
            require_free(folder, self._request.limits.keep_free_mb)

    def check_size(self) -> None:
        max_mb = self._request.limits.result_mb
        if self._request.result is not None and _size_mb(self._request.result) > max_mb:
            raise SqlTooLarge(
                "The result takes more than {limit_mb} MiB, the limit of a result. Narrow it with "
                "WHERE, GROUP BY or LIMIT, or select fewer columns.",
                limit_mb=max_mb,
            )


def _child_error(request: QueryRequest, died: ChildDied) -> Exception:
    logger.warning("a query's process ended with %d: %s", died.returncode, died.errors)
    if ended_by_cpu_limit(died.returncode) and request.cpu_s is not None:
        return _timeout(request.cpu_s)
    if ended_by_memory_limit(died.returncode):  # by the system, which had no memory left
        return out_of_memory(request.limits)
    return SqlFailed("The query crashed DuckDB. Rewrite it with fewer parts.")


def _timeout(limit_s: float) -> SqlTimeout:
    return SqlTimeout(
        "The query ran longer than {limit} s, the limit here. Narrow it, or run it as a job.",
        limit=f"{limit_s:g}",
    )


def _size_mb(path: Path) -> float:
    try:
        return path.stat().st_size / 1024**2
    except FileNotFoundError:
        return 0.0


CHECK_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class ResultShape:
    """The columns of a result, and notes on changed names and forms."""

    columns: tuple[Column, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class FirstRows:
    shape: ResultShape
    rows: list[list[Any]]
    has_more: bool


@dataclass(frozen=True)
class WrittenResult:
    shape: ResultShape
    file: DataFile


class Sandbox:
    """Runs users' SELECTs, each in its own process with a folder in ``scratch_dir``.

    The server reads ``attached`` files for the process.
    """

    def __init__(self, limits: Limits, scratch_dir: Path, attached: AttachedFiles) -> None:
        self._limits = limits
        self._scratch_dir = scratch_dir
        self._attached = attached

    def check(self, sql: str, tables: tuple[SourceTable, ...]) -> ResultShape:
        """Parse and bind a query; reads no row."""
        with self._request(sql, tables) as request:
            return _shape(answer_to(request, ignore_progress, CHECK_TIMEOUT_S))

    def first_rows(
        self, sql: str, tables: tuple[SourceTable, ...], max_rows: int, timeout_s: float
    ) -> FirstRows:
        """Return up to ``max_rows`` rows of a query's result."""
        with self._request(sql, tables) as request:
            request = replace(request, work="rows", first_rows=max_rows)
            answer = answer_to(request, ignore_progress, timeout_s)
        return FirstRows(_shape(answer), answer["rows"], answer["has_more"])

    def write_result(
        self, sql: str, tables: tuple[SourceTable, ...], path: Path, on_progress: ProgressCallback
    ) -> WrittenResult:
        """Write a query's whole result to a Parquet file."""
        with self._request(sql, tables) as request:
            request = replace(request, work="file", result=path)
            answer = answer_to(request, on_progress, None)
        return WrittenResult(_shape(answer), DataFile(path, answer["row_count"]))

    @contextmanager
    def _request(self, sql: str, tables: tuple[SourceTable, ...]) -> Iterator[QueryRequest]:
        with tempfile.TemporaryDirectory(dir=self._scratch_dir, prefix="sql-") as folder:
            limits = self._limits.within_disk(Path(folder))
            shown = tuple(table.shown(self._attached.shown) for table in tables)
            request = QueryRequest("check", sql, shown, limits, Path(folder))
            with served(self._attached, request.attached) as serving:
                if serving is None:
                    yield request
                    return
                try:
                    yield replace(request, attached_descriptor=serving.descriptor)
                except SqlDamagedFile as error:
                    opened = [
                        path for path in serving.opened if path.stem == error.parameters["path"]
                    ] or serving.opened
                    raise DamagedFile.one_of(list(map(self._attached.name, opened))) from None


def _shape(answer: dict[str, Any]) -> ResultShape:
    columns = tuple(Column(name, type_) for name, type_ in answer["columns"])
    return ResultShape(columns, tuple(answer["notes"]))
