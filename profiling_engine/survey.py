"""A first look at a column, to settle how it is profiled.

Owns: what is known before any expensive pass, and the choice of the way. Invariant: a survey costs
next to nothing (DuckDB answers counts and extremes of most types from the files' own statistics),
but for the number of distinct values, which is only looked at where it decides.

A column whose values are few, or whose table is small, is profiled from its *frequencies*: each
value once with its rows, so that every figure is exact. Otherwise its rows are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parquet_tables.tables import TableFiles
from profiling_engine.kinds import ColumnKind
from profiling_engine.run import Run
from profiling_engine.sources import Source, Statement, all_rows

FEW_VALUES = 1_500_000
"""Counted one by one in some 150 MiB; with more, reading the rows a few times is cheaper."""
MOST_BYTES = 64 << 20
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
    if row_count <= FEW_VALUES and size <= MOST_BYTES:
        return Survey(values, low, high, None, by_frequencies=True)
    ((sketched,),) = run.fetch(sketch_distinct(source))
    distinct_bytes = min(size, sketched * size // max(values, 1))
    few = sketched <= FEW_VALUES and distinct_bytes <= MOST_BYTES
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
