"""Passes over a column's values: where they are read from, aggregates, errors and budget.

Only integers are summed, so results don't depend on the order of rows, threads or files. Tables on
the cursor: ``frequencies`` (v, n), ``sampled`` (block, v), ``picked`` (ordinal, block). A cheap
first pass decides whether a column is read as frequencies (each value once) or row by row.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from functools import partial
from typing import Any, Literal

import duckdb
import numpy as np
from numpy.typing import NDArray

from contract.fields import DEFAULT_CONFIDENCE
from lazy_dataclasses import dataclass
from parquet_tables.json_values import shown_expression
from parquet_tables.progress import (
    ProgressCallback,
    execute_watched,
    ignore_progress,
    progress_part,
)
from parquet_tables.rows import RowSet, Statement, page_statement
from parquet_tables.tables import Column, Int64s, TableFiles
from profiling_engine.columns.kinds import Axis, ColumnKind, Number
from profiling_engine.columns.profile import EXACT, Accuracy, Figure


@dataclass(frozen=True)
class Source:
    """A relation ``v`` of one column's values: SQL after FROM, with its parameters.

    ``weighted`` if each value occurs once, with its rows as ``n``; ``in_blocks`` if it is a sample,
    with the number of each row's ``block``.
    """

    relation: str
    params: tuple[object, ...] = ()
    weighted: bool = False
    in_blocks: bool = False

    @property
    def rows(self) -> str:
        """The SQL of the number of rows."""
        return "CAST(coalesce(sum(n), 0) AS BIGINT)" if self.weighted else "count(*)"

    def select(self, selected: str, rest: str = "") -> Statement:
        """Select from the relation; ``rest`` follows its name."""
        return f"SELECT {selected} FROM {self.relation}{rest}", list(self.params)

    def rows_where(self, condition: str) -> str:
        if self.weighted:
            counted = (
                f"sum(CASE WHEN {condition} THEN n ELSE 0 END)"  # FILTER takes three times as long
            )
            return f"CAST(coalesce({counted}, 0) AS BIGINT)"
        # DuckDB's count_if of no rows is NULL.
        return f"coalesce(count_if({condition}), 0)"

    def total(self, integer: str) -> str:
        if self.weighted:
            return f"coalesce(sum(CAST({integer} AS HUGEINT) * n), 0)"
        return f"coalesce(sum({integer}), 0)"


FREQUENCIES = Source("frequencies", weighted=True)
SAMPLED = Source("sampled", in_blocks=True)


def rows_of(table: TableFiles, columns: Sequence[Column], selected: str) -> Statement:
    """Select from every row ``f`` of the table, in one scan if no row is masked."""
    if table.file_rows and not len(table.deletion_vector):
        return f"SELECT {selected} FROM read_parquet(?) AS f", [table.paths]
    rows, params = page_statement(table, columns)
    return f"SELECT {selected} FROM ({rows}) AS f", params


def all_rows(table: TableFiles, kind: ColumnKind) -> Source:
    rows, params = rows_of(table, [kind.column], f"{kind.value_sql()} AS v")
    return Source(f"({rows})", tuple(params))


@dataclass(frozen=True)
class SampleSize:
    """The rows and blocks of the sample, and those of the table (``of_rows``, ``of_blocks``)."""

    rows: int
    blocks: int
    of_rows: int
    of_blocks: int

    @property
    def unread(self) -> float:
        """The share of the blocks that wasn't read: the finite population correction."""
        return 1 - self.blocks / self.of_blocks


BLOCK_ROWS = 64
MAX_BLOCKS = 512
SAMPLE_ROWS = BLOCK_ROWS * MAX_BLOCKS


@dataclass(frozen=True)
class RowSample:
    """The ordinals of a sample's rows, ascending, and the number of each row's block."""

    ordinals: Int64s
    blocks: Int64s
    size: SampleSize

    @property
    def row_set(self) -> RowSet:
        return RowSet("picked", self.ordinals)

    def register(self, cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.register("picked", {"ordinal": self.ordinals, "block": self.blocks})


def choose_rows(table: TableFiles, seed: int | str) -> RowSample:
    """Choose up to 512 blocks of 64 neighbouring rows, each with the same probability."""
    rows = table.row_count
    of_blocks = -(-rows // BLOCK_ROWS)
    chosen = np.array(
        sorted(distinct_numbers(seed, min(of_blocks, MAX_BLOCKS), of_blocks)), np.int64
    )
    positions = (chosen[:, None] * BLOCK_ROWS + np.arange(BLOCK_ROWS)).ravel()
    blocks = np.repeat(np.arange(len(chosen)), BLOCK_ROWS)
    inside = positions < rows
    size = SampleSize(int(inside.sum()), len(chosen), rows, of_blocks)
    return RowSample(table.ordinals_at(positions[inside]), blocks[inside], size)


def distinct_numbers(seed: int | str, count: int, of: int) -> set[int]:
    """Choose ``count`` distinct numbers below ``of`` by SHA-256 of the seed and a counter."""
    if count == of:
        return set(range(of))
    chosen: set[int] = set()
    counter = 0
    while len(chosen) < count:
        digest = hashlib.sha256(f"jobsvc-profile-1:{seed}:{counter}".encode()).digest()
        chosen.add(int.from_bytes(digest[:8], "big") % of)
        counter += 1
    return chosen


Floats = NDArray[np.float64]
Derive = Callable[[Mapping[str, Any]], Any]
"""Computes a figure from the values of a pass, or from their arrays without one block each."""

DEVIATIONS = 1.97
METHOD = "seeded sample of blocks of rows"


@dataclass(frozen=True)
class SampleBlocks:
    """The size of a sample, and the sums and counts of its blocks by name, ``rows`` among them."""

    size: SampleSize
    sums: Mapping[str, Floats]

    def share_interval(self, counted: Floats) -> tuple[float, float]:
        """The Wilson interval of the share of rows that were counted in each block.

        The effective size is by linearisation: Cochran (1977), *Sampling Techniques*, §9A and §11.
        """
        share = float(counted.sum()) / self.size.rows
        variance = self.share_error(counted, self.sums["rows"]) ** 2
        effective = float(self.size.blocks)
        if 0 < share < 1 and variance > 0:
            effective = float(np.clip(share * (1 - share) / variance, 1.0, self.size.rows))
        squared = DEVIATIONS**2
        centre = (share + squared / 2 / effective) / (1 + squared / effective)
        variance = share * (1 - share) / effective + squared / 4 / effective**2
        half = DEVIATIONS / (1 + squared / effective) * float(np.sqrt(variance))
        return max(centre - half, 0.0), min(centre + half, 1.0)

    def share_error(self, counted: Floats, among: Floats) -> float:
        """The standard error of a share, from the counted rows and all rows of each block."""
        all_rows = float(among.sum())
        residuals = counted - float(counted.sum()) / all_rows * among
        scale = self.size.blocks / max(self.size.blocks - 1, 1) * self.size.unread
        return float(np.sqrt(scale * float((residuals**2).sum()))) / all_rows

    def jackknife_half(self, function: Derive) -> float | None:
        """Half of the jackknife interval of a figure; None if too few blocks give one.

        Wolter (2007), *Introduction to Variance Estimation*, §4.
        """
        without_one = {name: float(sums.sum()) - sums for name, sums in self.sums.items()}
        with np.errstate(all="ignore"):
            values = np.asarray(function(without_one), dtype=np.float64)
        values = values[np.isfinite(values)]
        if len(values) < 2:
            return None
        squares = float(((values - values.mean()) ** 2).sum())
        variance = squares * (len(values) - 1) / len(values) * self.size.unread
        return DEVIATIONS * float(np.sqrt(variance))


@dataclass(frozen=True)
class PassTotals:
    """The values of one pass over ``rows`` rows, by the names of the aggregates."""

    rows: int
    values: Mapping[str, Any]
    sample: SampleBlocks | None = None

    def count(self, name: str, without: str | None = None) -> Figure:
        """The rows that an aggregate counts, without those that another one counts, too."""
        counted = int(self.values[name]) - (int(self.values[without]) if without else 0)
        if self.sample is None or not self.rows:
            return Figure(counted)
        sums, size = self.sample.sums, self.sample.size
        low, high = self.sample.share_interval(sums[name] - (sums[without] if without else 0))
        # The rows of the sample that were counted, and those that weren't, are certain.
        least = max(counted, int(np.floor(low * size.of_rows)))
        most = min(size.of_rows - size.rows + counted, int(np.ceil(high * size.of_rows)))
        value = round(counted * size.of_rows / size.rows)
        return Figure(value, self.accuracy(least, most))

    def derive(self, function: Derive) -> Figure:
        """A figure of several values and ``rows``."""
        value = function({**self.values, "rows": self.rows})
        if self.sample is None or value is None:
            return Figure(value)
        half = self.sample.jackknife_half(function)
        if half is None:
            return Figure(float(value), self.accuracy(None, None))
        return Figure(float(value), self.accuracy(value - half, value + half))

    def least(self, name: str) -> Figure:
        return Figure(self.values[name], self.accuracy(None, self.values[name]))

    def greatest(self, name: str) -> Figure:
        return Figure(self.values[name], self.accuracy(self.values[name], None))

    def accuracy(self, low: object, high: object) -> Accuracy:
        if self.sample is None:
            return EXACT
        return Accuracy("estimated", METHOD, low, high, DEFAULT_CONFIDENCE, self.sample.size.rows)


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

    def over_all(self, blocks: Sequence[Any]) -> Any:
        """Combine the values of all blocks."""
        if self.function in ("rows", "total"):
            return sum(int(value) for value in blocks)
        extreme = min if self.function == "least" else max
        return extreme((value for value in blocks if value is not None), default=None)


def rows(condition: str, *params: object) -> Aggregate:
    return Aggregate("rows", condition, params)


total = partial(Aggregate, "total")
least = partial(Aggregate, "least")
greatest = partial(Aggregate, "greatest")


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
    _start: float = field(init=False)

    def __post_init__(self) -> None:
        self._start = self.clock()

    def check(self) -> None:
        if self.seconds is not None and self.clock() - self._start >= self.seconds:
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
        budget, self.budget = self.budget, Budget(None)
        try:
            yield
        finally:
            self.budget = budget

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


MAX_BYTES = 64 << 20
OF_ANY_LENGTH = ("text", "binary")
SKETCH_ERROR = 0.13
"""The standard error of DuckDB's approx_count_distinct: 1.04/√64 registers."""


@dataclass(frozen=True)
class FirstPass:
    """Rows that aren't NULL, finite extremes (on the axis if there is one) and distinct values.

    ``by_frequencies`` is whether the values are few enough to count each.
    """

    values: int
    low: Any
    high: Any
    sketched: int | None
    by_frequencies: bool


def stored_bytes(table: TableFiles) -> Statement:
    """Path and uncompressed bytes of each leaf column over all files."""
    return (
        "SELECT path_in_schema, CAST(sum(total_uncompressed_size) AS BIGINT) "
        "FROM parquet_metadata(?) GROUP BY ALL",
        [table.paths],
    )


def read_first_pass(run: Run, kind: ColumnKind, stored: dict[str, int]) -> FirstPass:
    """Read a column's extremes, and decide how to profile it."""
    source = all_rows(run.table, kind)
    ((values, low, high),) = run.fetch(extremes(source, kind))
    if kind.kind == "moment" and values and (low is None or high is None):
        ((values, low, high),) = run.fetch(extremes(source, kind, finite=True))
    row_count = run.table.row_count
    size = stored.get(kind.column.name, 0) if kind.kind in OF_ANY_LENGTH else 0
    if row_count <= run.limits.values and size <= MAX_BYTES:
        return FirstPass(values, low, high, None, by_frequencies=True)
    ((sketched,),) = run.fetch(source.select("approx_count_distinct(v)"))
    distinct_bytes = min(size, sketched * size // max(values, 1))
    few = sketched <= run.limits.values and distinct_bytes <= MAX_BYTES
    return FirstPass(values, low, high, sketched, by_frequencies=few)


def extremes(source: Source, kind: ColumnKind, *, finite: bool = False) -> Statement:
    """Rows that aren't NULL, and the smallest and largest value, on the axis if there is one.

    ``finite`` excludes infinite values, which takes a pass; otherwise an infinite extreme is NULL.
    """
    relation, low, high = source.relation, "NULL", "NULL"
    if kind.axis and (finite or kind.axis.is_float):
        relation = f"(SELECT v, {kind.axis.sql('v')} AS x FROM {relation})"
        low, high = "min(x)", "max(x)"
    elif kind.axis:
        # The files have statistics of the values, not of the axis.
        low, high = kind.axis.sql("min(v)"), kind.axis.sql("max(v)")
    elif kind.kind == "text":
        low, high = "min(v)", "max(v)"
    return f"SELECT count(v), {low}, {high} FROM {relation}", list(source.params)


END_OF_DAY = 86_400_000_000


@dataclass(frozen=True)
class ColumnScan:
    """A column and the source it is read from: all rows, or a sample of the given size."""

    run: Run
    kind: ColumnKind
    source: Source
    size: SampleSize | None = None

    @property
    def is_exact(self) -> bool:
        return self.size is None

    @property
    def axis(self) -> Axis:
        assert self.kind.axis is not None  # noqa: S101 - other kinds have no axis
        return self.kind.axis

    def measure(
        self, aggregates: Mapping[str, Aggregate], names: Mapping[str, str] | None = None
    ) -> PassTotals:
        """Compute aggregates in one pass, of a sample by block.

        ``names`` are further expressions of ``v`` and of ``x``, which the axis defines.
        """
        source, relation = self.source, self.source.relation
        if self.kind.axis:
            relation = f"(SELECT *, {self.kind.axis.sql('v')} AS x FROM {relation})"
        if names:
            more = ", ".join(f"{expression} AS {name}" for name, expression in names.items())
            relation = f"(SELECT *, {more} FROM {relation})"
        selected = [source.rows, *(aggregate.sql(source) for aggregate in aggregates.values())]
        by_block = " GROUP BY block ORDER BY block" if source.in_blocks else ""
        sql = f"SELECT {', '.join(selected)} FROM {relation}{by_block}"
        params = [value for aggregate in aggregates.values() for value in aggregate.params]
        fetched = self.run.fetch((sql, [*params, *source.params]))
        return self._totals(list(zip(*fetched, strict=True)), aggregates)

    def _totals(
        self, columns: Sequence[Sequence[Any]], aggregates: Mapping[str, Aggregate]
    ) -> PassTotals:
        """The values over all blocks; the first column has the rows."""
        columns = columns or [()] * (len(aggregates) + 1)
        values = {
            name: aggregate.over_all(column)
            for (name, aggregate), column in zip(aggregates.items(), columns[1:], strict=True)
        }
        count = sum(columns[0])
        if self.size is None:
            return PassTotals(count, values)
        summed = {"rows": Aggregate("rows"), **aggregates}
        sums = {
            name: np.array(column, dtype=np.float64)
            for (name, aggregate), column in zip(summed.items(), columns, strict=True)
            if aggregate.function in ("rows", "total")
        }
        return PassTotals(count, values, SampleBlocks(self.size, sums))


def value_formatter(
    scan: ColumnScan, places: Iterable[Number | None]
) -> Callable[[Number | None], Any]:
    """Return a function that converts the given places on the axis into values."""
    axis = scan.axis
    if scan.kind.kind == "number":
        return lambda x: None if x is None else axis.value(x)
    smallest, largest = -(2**63), 2**63 - 1
    within = {x for x in places if x is not None and smallest <= x <= largest}
    shown = shown_expression("m", axis.column_type)
    if axis.column_type == "TIME":
        shown = f"CASE WHEN x = {END_OF_DAY} THEN '24:00:00' ELSE {shown} END"
    sql = (
        f"SELECT x, {shown} FROM (SELECT x, {axis.time_sql('x')} AS m "
        "FROM (SELECT unnest(?::BIGINT[]) AS x))"
    )
    return dict(scan.run.fetch((sql, [sorted(within)]))).get
