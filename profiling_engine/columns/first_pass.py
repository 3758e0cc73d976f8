"""The first pass over a column, which decides how the column is profiled, and its scans.

The first pass is cheap: DuckDB answers most of it from the files' statistics. A column with few
values is then read as *frequencies* (each value once, with its rows), any other one row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from parquet_tables.json_values import shown_expression
from parquet_tables.rows import Statement
from parquet_tables.tables import TableFiles
from profiling_engine.columns.kinds import Axis, ColumnKind, Number
from profiling_engine.columns.passes import (
    Aggregate,
    Run,
    SampleSize,
    Source,
    Totals,
    all_rows,
    measure,
    read_totals,
)

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
    paths = [str(file.path) for file, _ in table.with_starts()]
    return (
        "SELECT path_in_schema, CAST(sum(total_uncompressed_size) AS BIGINT) "
        "FROM parquet_metadata(?) GROUP BY ALL",
        [paths],
    )


def sketch_distinct(source: Source) -> Statement:
    return source.select("approx_count_distinct(v)")


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
    ((sketched,),) = run.fetch(sketch_distinct(source))
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
    ) -> Totals:
        """Compute aggregates in one pass; ``names`` are further expressions that they use."""
        statement = measure(self.source, aggregates, axis=self.kind.axis, names=names)
        functions = {name: aggregate.function for name, aggregate in aggregates.items()}
        return read_totals(self.run.fetch(statement), functions, self.size)


def format_times(axis: Axis, places: Iterable[Number]) -> Statement:
    """Places on the axis of a time column, and their times as text; NULL outside the type."""
    shown = shown_expression("m", axis.column_type)
    if axis.column_type == "TIME":
        shown = f"CASE WHEN x = {END_OF_DAY} THEN '24:00:00' ELSE {shown} END"
    return (
        f"SELECT x, {shown} FROM (SELECT x, {axis.time_sql('x')} AS m "
        "FROM (SELECT unnest(?::BIGINT[]) AS x))",
        [list(places)],
    )


def value_formatter(
    scan: ColumnScan, places: Iterable[Number | None]
) -> Callable[[Number | None], Any]:
    """Return a function that converts the given places on the axis into values."""
    axis = scan.axis
    if scan.kind.kind == "number":
        return lambda x: None if x is None else axis.value(x)
    smallest, largest = -(2**63), 2**63 - 1
    within = {x for x in places if x is not None and smallest <= x <= largest}
    texts = dict(scan.run.fetch(format_times(axis, sorted(within))))
    return texts.get
