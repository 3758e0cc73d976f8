"""One side of a comparison, read: a column's values with their weights.

Owns: which types are ordered, and how a value becomes a number. Invariant: a column is read by one
statement and kept once, as numbers or as the sums of weights of its labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column
from profiling_engine.comparison_figures import Floats
from profiling_engine.comparison_sides import Side

_NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT")
_MOMENTS = ("DATE", "TIME")
_NESTED = ("STRUCT", "MAP", "UNION", "LIST", "INTERVAL")


@dataclass(frozen=True)
class ColumnValues:
    """One side's column: numbers or labels with their weights, and the share without a value."""

    numbers: Floats
    labels: dict[str, float]
    weights: Floats
    rows: int
    missing: float
    size: float


def is_ordered(column: Column) -> bool:
    """Whether the type is a number's or a moment's; nested types are neither."""
    if is_nested(column):
        return False
    return column.type.startswith(_MOMENTS) or any(name in column.type for name in _NUMBERS)


def is_nested(*columns: Column) -> bool:
    """Whether one of them holds more than one value a row, or an interval."""
    return any("[" in column.type or column.type.startswith(_NESTED) for column in columns)


def read_values(
    cursor: duckdb.DuckDBPyConnection, side: Side, column: Column, *, numeric: bool
) -> ColumnValues:
    """Read a column: as numbers, or as labels."""
    name = f"f.{quote_identifier(column.name)}"
    weight = "1.0" if side.weight is None else f"f.{quote_identifier(side.weight.name)}"
    paths = [str(file.path) for file in side.table.files if file.rows]
    if not paths:
        return ColumnValues(np.empty(0), {}, np.empty(0), 0, 0.0, 0.0)
    source = f"FROM read_parquet(?) AS f WHERE {weight} IS NOT NULL"
    if numeric:
        return _numbers(cursor, _as_number(name, column), weight, source, paths, side)
    return _labels(cursor, name, weight, source, paths, side)


def _numbers(
    cursor: duckdb.DuckDBPyConnection,
    value: str,
    weight: str,
    source: str,
    paths: list[str],
    side: Side,
) -> ColumnValues:
    found = cursor.execute(
        f"SELECT {value} AS v, CAST({weight} AS DOUBLE) AS w {source}", [paths]
    ).fetchnumpy()
    weights = np.ma.filled(np.ma.asarray(found["w"], dtype=np.float64), 0.0)
    values = np.ma.asarray(found["v"], dtype=np.float64)
    missing = np.ma.getmaskarray(values)
    # NaN and the infinities have a value, but no mean can hold them.
    kept = ~missing & np.isfinite(np.ma.filled(values, np.nan))
    size, share = _size_and_missing(
        float(weights.sum()),
        float((weights**2).sum()),
        float(weights[missing].sum()),
        side,
    )
    return ColumnValues(
        np.ma.filled(values, 0.0)[kept], {}, weights[kept], len(weights), share, size
    )


def _labels(
    cursor: duckdb.DuckDBPyConnection,
    name: str,
    weight: str,
    source: str,
    paths: list[str],
    side: Side,
) -> ColumnValues:
    listed = cursor.execute(
        f"SELECT CAST({name} AS VARCHAR) AS v, count(*), CAST(sum({weight}) AS DOUBLE), "
        f"CAST(sum({weight} * {weight}) AS DOUBLE) {source} GROUP BY v",
        [paths],
    ).fetchall()
    labels = {str(value): float(amount) for value, _, amount, _ in listed if value is not None}
    size, share = _size_and_missing(
        sum(amount for _, _, amount, _ in listed),
        sum(square for _, _, _, square in listed),
        sum(amount for value, _, amount, _ in listed if value is None),
        side,
    )
    rows = sum(count for _, count, _, _ in listed)
    return ColumnValues(np.empty(0), labels, np.empty(0), int(rows), share, size)


def _size_and_missing(
    total: float, squares: float, missing: float, side: Side
) -> tuple[float, float]:
    """For how many rows the side stands, and the share of it without a value."""
    counted = total**2 / squares if squares else 0.0
    return counted if side.size is None else side.size, missing / total if total else 0.0


def _as_number(name: str, column: Column) -> str:
    if column.type == "DATE":
        return f"CAST({name} - DATE '1970-01-01' AS DOUBLE)"
    if column.type.startswith("TIMESTAMP"):
        return f"epoch_us(CAST({name} AS TIMESTAMP)) / 86400e6"
    if column.type.startswith("TIME"):
        return f"epoch_us(CAST({name} AS TIME)) / 86400e6"
    return f"CAST({name} AS DOUBLE)"
