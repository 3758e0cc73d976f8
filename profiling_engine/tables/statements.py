"""Execution of a profile's statements, with its time budget and progress.

A statement that exceeds the budget is interrupted and raises :class:`OutOfTime`. The progress only
increases. An exception from ``on_progress``, such as a cancelled job's, ends the profile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb

from parquet_tables.progress import (
    ProgressCallback,
    execute_watched,
    ignore_progress,
    progress_part,
)
from parquet_tables.tables import TableFiles
from profiling_engine.columns.aggregates import Aggregate, SampleSize, Totals, measure, read_totals
from profiling_engine.columns.kinds import Axis
from profiling_engine.tables.sources import Source, Statement

FEW_ROWS = 100_000
"""Statements on at most this many rows aren't watched: they end before an interruption."""
PROGRESS_STEP = 0.3
"""Each statement's share of a column's remaining progress."""


class OutOfTime(Exception):
    """The time budget is used up; handled within the engine."""


@dataclass
class Budget:
    """The seconds from now on that exact figures may take; None for no limit."""

    seconds: float | None
    clock: Callable[[], float] = time.monotonic
    lifted: bool = False
    _start: float = field(init=False)

    def __post_init__(self) -> None:
        self._start = self.clock()

    def check(self) -> None:
        """Raise OutOfTime if the budget is used up and not lifted."""
        if self.lifted or self.seconds is None:
            return
        if self.clock() - self._start >= self.seconds:
            raise OutOfTime


@dataclass(frozen=True)
class ProfileLimits:
    """The sizes up to which figures are exact.

    Parameters
    ----------
    values : int
        Distinct values that are counted one by one, in about 150 MiB.
    texts : int
        Distinct texts whose expensive figures are exact.
    slice_values : int
        Values of one slice in the proof that no value is repeated.
    row_hashes, sampled_hashes : int
        Rows whose hashes are all counted, and the hashes to count of more rows.
    """

    values: int = 1_500_000
    texts: int = 50_000
    slice_values: int = 4_000_000
    row_hashes: int = 1_000_000
    sampled_hashes: int = 500_000


DEFAULT_LIMITS = ProfileLimits()


@dataclass
class Run:
    """The statements of one profile on its own cursor."""

    cursor: duckdb.DuckDBPyConnection
    table: TableFiles
    budget: Budget
    on_progress: ProgressCallback = ignore_progress
    message: str = "profiling"
    limits: ProfileLimits = DEFAULT_LIMITS
    _done: float = 0.0

    @contextmanager
    def step(self, on_progress: ProgressCallback, message: str) -> Iterator[None]:
        """Give a step, such as a column, its own part of the progress."""
        outer = (self.on_progress, self.message, self._done)
        self.on_progress, self.message, self._done = on_progress, message, 0.0
        try:
            yield
        finally:
            self.on_progress, self.message, self._done = outer
        on_progress(1.0, message)

    @contextmanager
    def unlimited(self) -> Iterator[None]:
        """Lift the budget for estimates."""
        lifted = self.budget.lifted
        self.budget.lifted = True
        try:
            yield
        finally:
            self.budget.lifted = lifted

    def fetch(self, statement: Statement) -> list[tuple[Any, ...]]:
        """Run a statement; raises OutOfTime if the budget ends before or during it."""
        sql, params = statement
        end = self._done + (1 - self._done) * PROGRESS_STEP
        part = progress_part(self.on_progress, self._done, end)

        def checked(fraction: float, message: str) -> None:
            self.budget.check()
            part(fraction, message)

        if self.table.row_count > FEW_ROWS:
            rows = execute_watched(self.cursor, sql, params, checked, self.message)
        else:
            checked(0.0, self.message)
            rows = self.cursor.execute(sql, params).fetchall()
        self._done = end
        return rows

    def measure(
        self,
        source: Source,
        aggregates: Mapping[str, Aggregate],
        *,
        axis: Axis | None = None,
        names: Mapping[str, str] | None = None,
        size: SampleSize | None = None,
    ) -> Totals:
        """Compute aggregates of a source in one pass."""
        rows = self.fetch(measure(source, aggregates, axis=axis, names=names))
        functions = {name: aggregate.function for name, aggregate in aggregates.items()}
        return read_totals(rows, functions, size)
