"""One of the two tables of a comparison, and how its rows were drawn.

Read a column of one of the compared tables: its values with their weights.

Decides which types are ordered, and turns values into numbers or codes of labels. Only arrays of
numbers and a short list of labels leave DuckDB, however many distinct texts the column has.
Columns of the table are only used with the alias ``f``, in a query that has no other names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles
from profiling_engine.comparison.weights import Bools, Floats, Ints, SampleDesign


@dataclass(frozen=True)
class ComparedTable:
    """One of the two tables.

    Parameters
    ----------
    table : TableFiles
        The rows that are read; none of them is masked.
    size : float or None
        The sample size that the tests use: infinite for a population without sampling error, the
        number of rows for a simple random sample, None to derive it from the weights and clusters.
    weight : Column or None
        The column of design weights.
    cluster : Column or None
        A column of integers: rows with one number were drawn together.
    rows : int or None
        The rows of the whole table, if only some of them are read.
    drawn_from_base : bool
        The rows were drawn without replacement from the table that they are compared with.
    """

    table: TableFiles
    size: float | None = math.inf
    weight: Column | None = None
    cluster: Column | None = None
    rows: int | None = None
    drawn_from_base: bool = False

    @property
    def design_columns(self) -> tuple[Column, ...]:
        """The columns that describe the design, not the rows."""
        return tuple(column for column in (self.weight, self.cluster) if column is not None)

    @property
    def is_sample(self) -> bool:
        """Whether the rows count by the weights of a sampling design."""
        return self.size is None

    @property
    def is_population(self) -> bool:
        """Whether the rows have no sampling error."""
        return self.size is not None and math.isinf(self.size)

    @property
    def row_count(self) -> int:
        """The rows of the whole table."""
        return self.table.row_count if self.rows is None else self.rows

    @property
    def is_read_whole(self) -> bool:
        """Whether every row of the table is read."""
        return self.row_count == self.table.row_count


_NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT")
_MOMENTS = ("DATE", "TIME")
_NESTED = ("STRUCT", "MAP", "UNION", "LIST", "INTERVAL", "VARIANT")


@dataclass(frozen=True)
class ColumnValues:
    """One side's column: numbers, or codes of labels.

    Parameters
    ----------
    numbers : array of float, shape (rows,)
        Empty where the column is read as labels.
    codes : array of int, shape (rows,)
        The place of a row's label among those asked for; their number for any other.
    missing : array of bool, shape (rows,)
        Which rows have no value.
    usable : array of bool, shape (rows,)
        Which have a value that can be compared: NaN and the infinities have none.
    """

    numbers: Floats
    codes: Ints
    missing: Bools
    usable: Bools
    design: SampleDesign

    @property
    def rows(self) -> int:
        """Rows, with a value or without."""
        return len(self.missing)

    @property
    def missing_share(self) -> float:
        """The weighted share of the rows without a value."""
        weights = self.design.weights
        return float(weights[self.missing].sum() / self.design.total) if self.rows else 0.0


def is_ordered(column: Column) -> bool:
    """Whether the type is a number's or a moment's; nested types are neither."""
    if is_nested(column):
        return False
    name = column.type.partition("(")[0]
    return name.startswith(_MOMENTS) or any(number in name for number in _NUMBERS)


def is_nested(*columns: Column) -> bool:
    """Whether one of them holds more than one value a row, or an interval."""
    return any(one.type.endswith("]") or one.type.startswith(_NESTED) for one in columns)


def read_numbers(
    cursor: duckdb.DuckDBPyConnection, side: ComparedTable, column: Column
) -> ColumnValues:
    """Read a column of numbers or moments; days for dates and times."""
    name = f"f.{quote_identifier(column.name)}"
    found = _read(cursor, side, f"{_as_number(name, column)} AS value", [])
    values = np.ma.asarray(found["value"], dtype=np.float64)
    missing = np.ma.getmaskarray(values)
    numbers = np.ma.filled(values, np.nan)
    return ColumnValues(
        numbers, np.empty(0, np.int64), missing, np.isfinite(numbers), _design(side, found)
    )


def read_labels(
    cursor: duckdb.DuckDBPyConnection, side: ComparedTable, column: Column, labels: Sequence[str]
) -> ColumnValues:
    """Read a column of anything else as the places of its values among ``labels``."""
    value = f"CAST(f.{quote_identifier(column.name)} AS VARCHAR)"
    code = f"CAST(coalesce(list_position(?, {value}) - 1, {len(labels):d}) AS BIGINT)"
    found = _read(cursor, side, f"{code} AS code, {value} IS NULL AS missing", [list(labels)])
    missing = _plain(found["missing"], np.bool_)
    codes = _plain(found["code"], np.int64)
    return ColumnValues(np.empty(0), codes, missing, ~missing, _design(side, found))


def frequent_labels(
    cursor: duckdb.DuckDBPyConnection, sides: Sequence[tuple[ComparedTable, Column]], most: int
) -> tuple[list[str], int]:
    """The values with the most weight on all sides together, and the number of distinct ones.

    A side has as much weight as it has rows. Values of one weight come in the order of their text.
    """
    read = [(side, column, _paths(side)) for side, column in sides]
    queries = [
        f"SELECT CAST(f.{quote_identifier(column.name)} AS VARCHAR) AS v, "
        f"CAST({_weight(side)} AS DOUBLE) / avg({_weight(side)}) OVER () AS w "
        f"FROM read_parquet(?) AS f WHERE {_weight(side)} IS NOT NULL"
        for side, column, paths in read
        if paths
    ]
    if not queries:
        return [], 0
    listed = cursor.execute(
        "SELECT v, sum(w), count(*) OVER () "
        f"FROM ({' UNION ALL '.join(queries)}) WHERE v IS NOT NULL "
        f"GROUP BY v ORDER BY sum(w) DESC, v LIMIT {most:d}",
        [paths for _, _, paths in read if paths],
    ).fetchall()
    return [label for label, _, _ in listed], listed[0][2] if listed else 0


def effective_size(cursor: duckdb.DuckDBPyConnection, side: ComparedTable) -> float:
    """The effective sample size of all rows; infinite for a population."""
    if side.size is not None:
        return side.size
    return _design(side, _read(cursor, side, "0 AS value", [])).effective_size


def _read(
    cursor: duckdb.DuckDBPyConnection, side: ComparedTable, value: str, params: list[object]
) -> dict[str, Any]:
    """The values with their weights and clusters; rows without a weight are left out."""
    paths = _paths(side)
    if not paths:
        return dict.fromkeys(("value", "code", "missing", "weight", "cluster"), np.empty(0))
    cluster = ""
    if side.cluster is not None:
        cluster = f", f.{quote_identifier(side.cluster.name)} AS cluster"
    return cursor.execute(
        f"SELECT {value}, CAST({_weight(side)} AS DOUBLE) AS weight{cluster} "
        f"FROM read_parquet(?) AS f WHERE {_weight(side)} IS NOT NULL",
        [*params, paths],
    ).fetchnumpy()


def _paths(side: ComparedTable) -> list[str]:
    return [str(file.path) for file in side.table.files if file.rows]


def _weight(side: ComparedTable) -> str:
    return "1.0" if side.weight is None else f"f.{quote_identifier(side.weight.name)}"


def _design(side: ComparedTable, found: dict[str, Any]) -> SampleDesign:
    weights = _plain(found["weight"], np.float64)
    if side.cluster is None:
        return SampleDesign(weights)
    clusters = np.unique(_plain(found["cluster"], np.int64), return_inverse=True)[1]
    return SampleDesign(weights, clusters.astype(np.int64))


def _plain(values: Any, kind: type[np.generic]) -> Any:
    """An array without a mask: there is no NULL in it."""
    return np.asarray(np.ma.getdata(values), dtype=kind)


def _as_number(name: str, column: Column) -> str:
    if column.type == "DATE":
        number = f"CAST({name} - DATE '1970-01-01' AS DOUBLE)"
    elif column.type.startswith("TIMESTAMP"):
        number = f"epoch_us(CAST({name} AS TIMESTAMP)) / 86400e6"
    elif column.type.startswith("TIME"):
        return f"epoch_us(CAST({name} AS TIME)) / 86400e6"
    else:
        return f"CAST({name} AS DOUBLE)"
    # DuckDB's infinite dates would be numbers like any other, its infinite timestamps NULL.
    finite = f"isfinite({name})"
    return f"CASE WHEN {finite} THEN {number} WHEN NOT {finite} THEN 'NaN'::DOUBLE END"
