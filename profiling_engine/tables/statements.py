"""Running the statements of a profile.

Owns: the time budget and the progress. Invariant: a statement that runs past the budget is
interrupted, and whoever asked for it hears :class:`OutOfTime`; reported progress only grows; what
``on_progress`` raises, as a cancelled job's does, ends the profile.
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
"""A statement on so few is over before it could be interrupted: a watcher would cost more."""
OF_WHAT_IS_LEFT = 0.3
"""Each statement's share of a column's remaining progress: how many there will be isn't known."""


class OutOfTime(Exception):
    """The time budget is used up; it never leaves the engine."""


@dataclass
class Budget:
    """Seconds that exact figures may take, from now on; no end when None."""

    seconds: float | None
    clock: Callable[[], float] = time.monotonic
    lifted: bool = False
    _start: float = field(init=False)

    def __post_init__(self) -> None:
        self._start = self.clock()

    def check(self) -> None:
        """Raise OutOfTime once the seconds are over, unless the budget is lifted."""
        if self.lifted or self.seconds is None:
            return
        if self.clock() - self._start >= self.seconds:
            raise OutOfTime


@dataclass
class Run:
    """One profile's statements on its own cursor.

    Parameters
    ----------
    report : Report
        Takes the progress of the piece of work that is going on.
    """

    cursor: duckdb.DuckDBPyConnection
    table: TableFiles
    budget: Budget
    on_progress: ProgressCallback = ignore_progress
    message: str = "profiling"
    _done: float = 0.0

    @contextmanager
    def step(self, on_progress: ProgressCallback, message: str) -> Iterator[None]:
        """A piece of work, such as a column, with its own part of the progress."""
        outer = (self.on_progress, self.message, self._done)
        self.on_progress, self.message, self._done = on_progress, message, 0.0
        try:
            yield
        finally:
            self.on_progress, self.message, self._done = outer
        on_progress(1.0, message)

    @contextmanager
    def without_budget(self) -> Iterator[None]:
        """What is estimated because the budget is used up still has to be done."""
        lifted = self.budget.lifted
        self.budget.lifted = True
        try:
            yield
        finally:
            self.budget.lifted = lifted

    def fetch(self, statement: Statement) -> list[tuple[Any, ...]]:
        """Run a statement to its end.

        Raises
        ------
        OutOfTime
            The budget ended before or during it.
        """
        sql, params = statement
        end = self._done + (1 - self._done) * OF_WHAT_IS_LEFT
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
        """One pass over a source, with the size of the sample if it is one."""
        rows = self.fetch(measure(source, aggregates, axis=axis, names=names))
        functions = {name: one.function for name, one in aggregates.items()}
        return read_totals(rows, functions, size)
