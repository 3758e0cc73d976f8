"""A first look at a column, to settle how it is profiled.

Owns: what is known before any expensive pass, and the choice of the way. Invariant: a survey costs
next to nothing (DuckDB answers counts and extremes of most types from the files' own statistics),
but for the number of distinct values, which is only looked at where it decides.

A column whose values are few, or whose table is small, is profiled from its *frequencies*: each
value once with its rows, so that every figure is exact. Otherwise its rows are read.

One column, looked at through one source.

Owns: what the modules of figures are given. Invariant: the source is either all rows, as rows or as
frequencies, and figures are exact; or a sample, and they are estimates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from parquet_tables.json_values import shown_expression
from parquet_tables.tables import TableFiles
from profiling_engine.columns.aggregates import Aggregate, SampleSize, Totals
from profiling_engine.columns.kinds import Axis, ColumnKind, Number
from profiling_engine.tables.sources import Source, Statement, all_rows
from profiling_engine.tables.statements import Run

FEW_VALUES = 1_500_000
"""Counted one by one in some 150 MiB; with more, reading the rows a few times is cheaper."""
MAX_BYTES = 64 << 20
"""Of the distinct values, where their length varies."""
OF_ANY_LENGTH = ("text", "binary", "list", "map", "struct", "other")
ORDERED = ("text", "other")
SKETCH_ERROR = 0.13
"""Standard error of DuckDB's approx_count_distinct, which has 64 registers: 1.04 by their root."""


@dataclass(frozen=True)
class Survey:
    """What a first look found.

    Parameters
    ----------
    values : int
        Rows that aren't NULL.
    low, high : number, text or None
        The smallest and largest: on the axis, where there is one, among the finite.
    sketched : int or None
        About how many distinct values there are, if that was looked at.
    by_frequencies : bool
        Whether the values are few enough to be counted one by one.
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


def bytes_of(column: str, stored: dict[str, int]) -> int:
    """Bytes of a column, of all its leaves if it is nested; distinct values have no more."""
    return sum(
        size for path, size in stored.items() if path == column or path.startswith(f"{column}, ")
    )


def sketch_distinct(source: Source) -> Statement:
    """About how many distinct values there are."""
    return f"SELECT approx_count_distinct(v) FROM {source.relation}", list(source.params)


def survey_column(run: Run, kind: ColumnKind, stored: dict[str, int]) -> Survey:
    """Look at a column for the first time."""
    source = all_rows(run.table, kind)
    values, low, high = _extremes(run, kind, source)
    row_count = run.table.row_count
    size = bytes_of(kind.column.name, stored) if kind.kind in OF_ANY_LENGTH else 0
    if row_count <= FEW_VALUES and size <= MAX_BYTES:
        return Survey(values, low, high, None, by_frequencies=True)
    ((sketched,),) = run.fetch(sketch_distinct(source))
    distinct_bytes = min(size, sketched * size // max(values, 1))
    few = sketched <= FEW_VALUES and distinct_bytes <= MAX_BYTES
    return Survey(values, low, high, sketched, by_frequencies=few)


def extremes(source: Source, kind: ColumnKind, *, finite: bool = False) -> Statement:
    """Rows that aren't NULL, and the smallest and largest value, on the axis where there is one.

    Parameters
    ----------
    finite : bool
        Leave NaN and the infinite out, which takes a pass; else an infinite extreme is NULL.
    """
    relation, low, high = source.relation, "NULL", "NULL"
    if kind.axis and (finite or kind.axis.is_float):
        relation = f"(SELECT v, {kind.axis.sql('v')} AS x FROM {relation})"
        low, high = "min(x)", "max(x)"
    elif kind.axis:
        # Of the values, not of the axis: that is what the files have statistics of.
        low, high = kind.axis.sql("min(v)"), kind.axis.sql("max(v)")
    elif kind.kind in ORDERED:
        low, high = "min(v)", "max(v)"
    return f"SELECT count(v), {low}, {high} FROM {relation}", list(source.params)


def _extremes(run: Run, kind: ColumnKind, source: Source) -> tuple[int, Any, Any]:
    ((values, low, high),) = run.fetch(extremes(source, kind))
    if kind.kind == "moment" and values and (low is None or high is None):
        ((values, low, high),) = run.fetch(extremes(source, kind, finite=True))
    return values, low, high


END_OF_DAY = 86_400_000_000


@dataclass(frozen=True)
class Look:
    """A column and where it is read from.

    Parameters
    ----------
    size : SampleSize or None
        Of a sample.
    """

    run: Run
    kind: ColumnKind
    source: Source
    size: SampleSize | None = None

    @property
    def is_exact(self) -> bool:
        """Whether all rows are read."""
        return self.size is None

    @property
    def axis(self) -> Axis:
        """The axis of a column of numbers or moments."""
        assert self.kind.axis is not None  # noqa: S101 - asked for these kinds alone
        return self.kind.axis

    def measure(
        self, aggregates: Mapping[str, Aggregate], names: Mapping[str, str] | None = None
    ) -> Totals:
        """One pass."""
        return self.run.measure(
            self.source, aggregates, axis=self.kind.axis, names=names, size=self.size
        )


def show_moments(axis: Axis, places: Iterable[Number]) -> Statement:
    """Places on the axis of moments, and each one's moment as text; NULL where there is none."""
    shown = shown_expression("m", axis.column_type)
    if axis.column_type == "TIME":
        shown = f"CASE WHEN x = {END_OF_DAY} THEN '24:00:00' ELSE {shown} END"
    return (
        f"SELECT x, {shown} FROM (SELECT x, {axis.moment_sql('x')} AS m "
        "FROM (SELECT unnest(?::BIGINT[]) AS x))",
        [list(places)],
    )


def shower(look: Look, places: Iterable[Number | None]) -> Callable[[Number | None], Any]:
    """Makes values of places on the axis, of those that are given."""
    axis = look.axis
    if look.kind.kind == "number":
        return lambda x: None if x is None else axis.value(x)
    smallest, largest = -(2**63), 2**63 - 1
    within = {x for x in places if x is not None and smallest <= x <= largest}
    texts = dict(look.run.fetch(show_moments(axis, sorted(within))))
    return texts.get
