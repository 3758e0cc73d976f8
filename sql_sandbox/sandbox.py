"""A query's process, from the server's side: ask it, limit it, explain its end.

Invariant: a query that must stop is killed, with its process. Called by ``sandbox``.

Queries, as jobs and previews ask for them.

Invariant: when a call returns or raises, the query's process is gone, with whatever it spilled.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGABRT, SIGKILL, SIGXCPU
from typing import Any

from parquet_tables.child_process import AnswerTooLarge, ChildDied, ask_child
from parquet_tables.columns import Column, DataFile
from parquet_tables.free_disk import require_free
from parquet_tables.progress import ProgressCallback, ignore_progress
from sql_sandbox.errors import SqlFailed, SqlTimeout, SqlTooLarge, error_of, out_of_memory
from sql_sandbox.request import Limits, Request, SourceTable

logger = logging.getLogger("jobsvc.sql")

CHILD_MODULE = "sql_sandbox.query_process"
SPILL_FILES = "duckdb_temp_*"
MAX_ANSWER_MB = 16
"""Of rows that come at once."""


def answer_to(
    request: Request, on_progress: ProgressCallback, timeout_s: float | None
) -> dict[str, Any]:
    """Have a process of its own answer a request."""
    if timeout_s is not None:
        request = replace(request, cpu_s=int(timeout_s * request.limits.threads) + 10)
    watch = _Watch(request, on_progress, timeout_s)
    errors_path = request.folder / "errors"
    largest_bytes = MAX_ANSWER_MB * 1024**2
    try:
        answer = ask_child(CHILD_MODULE, request.to_line(), errors_path, watch, largest_bytes)
    except ChildDied as died:
        raise _broke_off(request, died) from None
    except AnswerTooLarge:
        raise SqlTooLarge(
            f"These rows take more than {MAX_ANSWER_MB} MiB, the most that come at once. "
            "Ask for fewer rows or columns, or make the query a job."
        ) from None
    if "answer" in answer:
        watch.check_size()
        found: dict[str, Any] = answer["answer"]
        return found
    if "error" in answer:
        raise error_of(**answer["error"])
    raise OSError(answer["fault"], os.strerror(answer["fault"]))


class _Watch:
    """What ends a query before its own end."""

    def __init__(
        self, request: Request, on_progress: ProgressCallback, timeout_s: float | None
    ) -> None:
        self._request = request
        self._report = on_progress
        self._timeout_s = timeout_s
        self._began = time.monotonic()

    def __call__(self, fraction: float, _: str) -> None:
        """Report the progress.

        Raises
        ------
        SqlTimeout, SqlTooLarge, OSError
            The query's time is up, its result has become too large, or the disk is full.
        Exception
            What the report raises.
        """
        self._report(fraction, "running the query")
        if self._timeout_s is not None and time.monotonic() - self._began > self._timeout_s:
            raise _too_slow(self._timeout_s)
        self.check_size()
        self.check_disk()

    def check_disk(self) -> None:
        """End a query that spills when others have taken the disk's free space meanwhile.

        Raises
        ------
        OSError
            ENOSPC, as from a disk that is full.
        """
        folder = self._request.folder
        if any(folder.glob(SPILL_FILES)):
            require_free(folder, self._request.limits.keep_free_mb)

    def check_size(self) -> None:
        """Refuse a result that has become too large."""
        most_mb = self._request.limits.result_mb
        if self._request.result is not None and _size_mb(self._request.result) > most_mb:
            raise SqlTooLarge(
                f"The result takes more than {most_mb:,} MiB, the most that one may. Narrow it "
                "with WHERE, GROUP BY or LIMIT, or take fewer columns."
            )


def _broke_off(request: Request, died: ChildDied) -> Exception:
    """What to tell when a process ended without an answer."""
    logger.warning("a query's process ended with %d: %s", died.returncode, died.errors)
    if died.returncode == -SIGXCPU and request.cpu_s is not None:
        return _too_slow(request.cpu_s)
    if died.returncode in (-SIGKILL, -SIGABRT):  # by the system, which had no memory left
        return out_of_memory(request.limits)
    return SqlFailed("The query brought DuckDB down. Write it another way, with fewer parts.")


def _too_slow(limit_s: float) -> SqlTimeout:
    return SqlTimeout(
        f"The query ran longer than {limit_s:g} s, the most that it may here. Narrow it, or make "
        "it a job."
    )


def _size_mb(path: Path) -> float:
    try:
        return path.stat().st_size / 1024**2
    except FileNotFoundError:
        return 0.0


CHECK_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class ResultShape:
    """The columns of a result, and what of them has another name or form than in the query."""

    columns: tuple[Column, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class FirstRows:
    """Rows as JSON values in the columns' order; ``has_more`` tells that there are others."""

    shape: ResultShape
    rows: list[list[Any]]
    has_more: bool


@dataclass(frozen=True)
class WrittenResult:
    """A result as one Parquet file."""

    shape: ResultShape
    file: DataFile


class Sandbox:
    """Runs users' SELECTs, each in a process of its own.

    Parameters
    ----------
    limits : Limits
        What each may use.
    scratch_dir : Path
        Where each gets a folder for as long as it runs.
    """

    def __init__(self, limits: Limits, scratch_dir: Path) -> None:
        self._limits = limits
        self._scratch_dir = scratch_dir

    def check(self, sql: str, tables: tuple[SourceTable, ...]) -> ResultShape:
        """Parse and bind a query; reads no row.

        Raises
        ------
        InvalidSql, SqlRefused, SqlTooLarge
            Tells the place in ``sql``.
        """
        with self._request(sql, tables) as request:
            return _shape(answer_to(request, ignore_progress, CHECK_TIMEOUT_S))

    def first_rows(
        self, sql: str, tables: tuple[SourceTable, ...], most: int, timeout_s: float
    ) -> FirstRows:
        """Up to ``most`` rows of a query's result.

        Raises
        ------
        SqlError
            Whatever is wrong with the query, or it took longer than ``timeout_s``.
        """
        with self._request(sql, tables) as request:
            asked = replace(request, work="rows", first_rows=most)
            answer = answer_to(asked, ignore_progress, timeout_s)
        return FirstRows(_shape(answer), answer["rows"], answer["has_more"])

    def write_result(
        self, sql: str, tables: tuple[SourceTable, ...], path: Path, on_progress: ProgressCallback
    ) -> WrittenResult:
        """Write a query's whole result to a Parquet file.

        Parameters
        ----------
        report : Report
            Called many times a second; what it raises ends the query.

        Raises
        ------
        SqlError
            Whatever is wrong with the query.
        """
        with self._request(sql, tables) as request:
            asked = replace(request, work="file", result=path)
            answer = answer_to(asked, on_progress, None)
        return WrittenResult(_shape(answer), DataFile(path, answer["row_count"]))

    @contextmanager
    def _request(self, sql: str, tables: tuple[SourceTable, ...]) -> Iterator[Request]:
        with tempfile.TemporaryDirectory(dir=self._scratch_dir, prefix="sql-") as folder:
            limits = self._limits.within_disk(Path(folder))
            yield Request("check", sql, tables, limits, Path(folder))


def _shape(answer: dict[str, Any]) -> ResultShape:
    columns = tuple(Column(name, type_) for name, type_ in answer["columns"])
    return ResultShape(columns, tuple(answer["notes"]))
