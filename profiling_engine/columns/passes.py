"""Aggregates of a column in one pass, their sampling errors, and the budget of a profile.

Only integers are summed, so results don't depend on the order of rows, threads or files. A sample
has Wilson intervals of shares and jackknife intervals of other figures, over blocks of rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import duckdb
import numpy as np
from numpy.typing import NDArray

from parquet_tables.progress import (
    ProgressCallback,
    execute_watched,
    ignore_progress,
    progress_part,
)
from parquet_tables.tables import TableFiles
from profiling_engine.columns.kinds import Axis
from profiling_engine.columns.profile import CONFIDENCE, EXACT, Accuracy, Figure
from profiling_engine.columns.sources import SampleSize, Source, Statement

Floats = NDArray[np.float64]
Derive = Callable[[Mapping[str, Any]], Any]
"""Computes a figure from the values of a pass, or from their arrays without one block each."""

DEVIATIONS = 1.97
METHOD = "seeded sample of blocks of rows"


@dataclass(frozen=True)
class Totals:
    """The values of one pass over ``rows`` rows, by the names of the aggregates.

    Of a sample, ``blocks`` has the sums and counts of each block, with ``rows`` among them; both it
    and ``size`` are None if all rows were read.
    """

    rows: int
    values: Mapping[str, Any]
    blocks: Mapping[str, Floats] | None = None
    size: SampleSize | None = None

    def count(self, name: str) -> Figure:
        counted = int(self.values[name])
        if self.size is None or self.blocks is None or not self.rows:
            return Figure(counted)
        low, high = self.share_between(self.blocks[name])
        size = self.size
        # The rows of the sample that were counted, and those that weren't, are certain.
        least = max(counted, int(np.floor(low * size.of_rows)))
        most = min(size.of_rows - size.rows + counted, int(np.ceil(high * size.of_rows)))
        value = round(counted * size.of_rows / size.rows)
        return Figure(value, self.accuracy(least, most))

    def minus(self, name: str, other: str) -> Totals:
        values = {**self.values, name: self.values[name] - self.values[other]}
        if self.blocks is None:
            return replace(self, values=values)
        blocks = {**self.blocks, name: self.blocks[name] - self.blocks[other]}
        return replace(self, values=values, blocks=blocks)

    def share_between(self, counted: Floats) -> tuple[float, float]:
        """The Wilson interval of a share of rows; the effective size is by linearisation.

        Cochran (1977), *Sampling Techniques*, §9A and §11.
        """
        assert self.size is not None  # noqa: S101 - only of a sample
        assert self.blocks is not None  # noqa: S101
        share = float(counted.sum()) / self.rows
        effective = self._effective_rows(share, counted)
        squared = DEVIATIONS**2
        centre = (share + squared / 2 / effective) / (1 + squared / effective)
        variance = share * (1 - share) / effective + squared / 4 / effective**2
        half = DEVIATIONS / (1 + squared / effective) * float(np.sqrt(variance))
        return max(centre - half, 0.0), min(centre + half, 1.0)

    def _effective_rows(self, share: float, counted: Floats) -> float:
        assert self.size is not None  # noqa: S101
        assert self.blocks is not None  # noqa: S101
        variance = self.share_error(counted, self.blocks["rows"]) ** 2
        if not 0 < share < 1 or variance == 0:
            return float(self.size.blocks)
        return float(np.clip(share * (1 - share) / variance, 1.0, self.rows))

    def share_error(self, counted: Floats, among: Floats) -> float:
        """The standard error of a share, from the counted rows and all rows of each block."""
        assert self.size is not None  # noqa: S101
        all_rows = float(among.sum())
        residuals = counted - float(counted.sum()) / all_rows * among
        scale = self.size.blocks / max(self.size.blocks - 1, 1) * self.size.unread
        return float(np.sqrt(scale * float((residuals**2).sum()))) / all_rows

    def derive(self, function: Derive) -> Figure:
        """A figure of several values and ``rows``, with a jackknife interval over blocks.

        Wolter (2007), *Introduction to Variance Estimation*, §4.
        """
        value = function({**self.values, "rows": self.rows})
        if self.size is None or self.blocks is None or value is None:
            return Figure(value)
        jackknifed = {name: float(blocks.sum()) - blocks for name, blocks in self.blocks.items()}
        with np.errstate(all="ignore"):
            values = np.asarray(function(jackknifed), dtype=np.float64)
        values = values[np.isfinite(values)]
        if len(values) < 2:
            return Figure(float(value), self.accuracy(None, None))
        squares = float(((values - values.mean()) ** 2).sum())
        variance = squares * (len(values) - 1) / len(values) * self.size.unread
        half = DEVIATIONS * float(np.sqrt(variance))
        return Figure(float(value), self.accuracy(value - half, value + half))

    def least(self, name: str) -> Figure:
        value = self.values[name]
        return Figure(value, EXACT if self.size is None else self.accuracy(None, value))

    def greatest(self, name: str) -> Figure:
        value = self.values[name]
        return Figure(value, EXACT if self.size is None else self.accuracy(value, None))

    def accuracy(self, low: object, high: object) -> Accuracy:
        if self.size is None:
            return EXACT
        return Accuracy("estimated", METHOD, low, high, CONFIDENCE, self.size.rows)


def read_totals(
    fetched: Sequence[Sequence[Any]],
    functions: Mapping[str, str],
    size: SampleSize | None = None,
) -> Totals:
    columns = list(zip(*fetched, strict=True)) or [()] * (len(functions) + 1)
    values = {
        name: _over_all(function, column)
        for (name, function), column in zip(functions.items(), columns[1:], strict=True)
    }
    if size is None:
        return Totals(sum(columns[0]), values)
    summed = {name for name, function in functions.items() if function in ("rows", "total")}
    blocks = {
        name: np.array(column, dtype=np.float64)
        for name, column in zip(["rows", *functions], columns, strict=True)
        if name == "rows" or name in summed
    }
    return Totals(sum(columns[0]), values, blocks, size)


def _over_all(function: str, column: Sequence[Any]) -> Any:
    if function in ("rows", "total"):
        return sum(int(value) for value in column)
    present = [value for value in column if value is not None]
    if not present:
        return None
    return min(present) if function == "least" else max(present)


@dataclass(frozen=True)
class Aggregate:
    """One aggregate of a pass: a condition to count rows, or an expression to sum or compare.

    ``expression`` is SQL of ``v``, ``x`` and the pass's further names.
    """

    function: Literal["rows", "total", "least", "greatest"]
    expression: str = "true"
    params: tuple[object, ...] = ()

    def sql(self, source: Source) -> str:
        if self.function == "rows":
            return source.rows_where(self.expression)
        if self.function == "total":
            return source.total(self.expression)
        return f"{'min' if self.function == 'least' else 'max'}({self.expression})"


def rows(condition: str, *params: object) -> Aggregate:
    return Aggregate("rows", condition, params)


def total(integer: str) -> Aggregate:
    return Aggregate("total", integer)


def least(expression: str) -> Aggregate:
    return Aggregate("least", expression)


def greatest(expression: str) -> Aggregate:
    return Aggregate("greatest", expression)


def measure(
    source: Source,
    aggregates: Mapping[str, Aggregate],
    *,
    axis: Axis | None = None,
    names: Mapping[str, str] | None = None,
) -> Statement:
    """The statement of one pass: the number of rows, then the aggregates; of a sample by block.

    ``axis`` defines ``x``; ``names`` are further expressions of ``v`` and ``x``.
    """
    relation = source.relation
    if axis:
        relation = f"(SELECT *, {axis.sql('v')} AS x FROM {relation})"
    if names:
        more = ", ".join(f"{expression} AS {name}" for name, expression in names.items())
        relation = f"(SELECT *, {more} FROM {relation})"
    selected = ", ".join(
        [source.rows, *(aggregate.sql(source) for aggregate in aggregates.values())]
    )
    params = [value for aggregate in aggregates.values() for value in aggregate.params]
    by_block = " GROUP BY block ORDER BY block" if source.in_blocks else ""
    return f"SELECT {selected} FROM {relation}{by_block}", [*params, *source.params]


FEW_ROWS = 100_000
"""Statements on at most this many rows end before an interruption, so they aren't watched."""
PROGRESS_STEP = 0.3


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
        if self.lifted or self.seconds is None:
            return
        if self.clock() - self._start >= self.seconds:
            raise OutOfTime


@dataclass(frozen=True)
class ProfileLimits:
    """The sizes up to which figures are exact.

    ``values`` are distinct values counted one by one, in about 150 MiB; ``texts`` distinct texts
    whose expensive figures are exact; ``slice_values`` those of one slice in the proof that no
    value is repeated; ``row_hashes`` rows whose hashes are all counted, ``sampled_hashes`` those of
    more rows.
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
        rows = self.fetch(measure(source, aggregates, axis=axis, names=names))
        functions = {name: aggregate.function for name, aggregate in aggregates.items()}
        return read_totals(rows, functions, size)
