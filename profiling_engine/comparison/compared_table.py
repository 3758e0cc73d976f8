"""A table of a comparison with its sampling design, and the values of its columns.

Ordered types are read as numbers, others as codes of labels; only arrays and a short list of labels
leave DuckDB.
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
    """One of the two tables of a comparison.

    Parameters
    ----------
    table : TableFiles
        The rows that are read, without a deletion vector.
    size : float or None
        The sample size that the tests use: infinite for a population without sampling error, the
        number of rows for a simple random sample, None to derive it from weights and clusters.
    weight, cluster : Column or None
        The columns of design weights and of cluster numbers.
    rows : int or None
        The rows of the whole table, if only some are read.
    drawn_from_base : bool
        Whether the rows are a sample without replacement of the other table.
    """

    table: TableFiles
    size: float | None = math.inf
    weight: Column | None = None
    cluster: Column | None = None
    rows: int | None = None
    drawn_from_base: bool = False

    @property
    def design_columns(self) -> tuple[Column, ...]:
        """The columns of the sampling design."""
        return tuple(column for column in (self.weight, self.cluster) if column is not None)

    @property
    def is_sample(self) -> bool:
        """Whether the size follows from weights and clusters."""
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

    @property
    def paths(self) -> list[str]:
        """The files with rows."""
        return [str(file.path) for file in self.table.files if file.rows]

    @property
    def weight_sql(self) -> str:
        """The SQL of a row's weight."""
        return "1.0" if self.weight is None else f"f.{quote_identifier(self.weight.name)}"


_NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT")
_TIMES = ("DATE", "TIME")
_NESTED = ("STRUCT", "MAP", "UNION", "LIST", "INTERVAL", "VARIANT")


@dataclass(frozen=True)
class ColumnValues:
    """The values of a column: numbers, or codes of labels.

    Parameters
    ----------
    numbers : array of float, shape (rows,)
        Empty if the column is read as labels.
    codes : array of int, shape (rows,)
        The place of a row's label in the given list; the list's length for any other label.
    missing : array of bool, shape (rows,)
        Whether the value is missing.
    usable : array of bool, shape (rows,)
        Whether the value can be compared; NaN and infinite values can't.
    """

    numbers: Floats
    codes: Ints
    missing: Bools
    usable: Bools
    design: SampleDesign

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.missing)

    @property
    def missing_share(self) -> float:
        """The weighted share of missing values."""
        weights = self.design.weights
        return float(weights[self.missing].sum() / self.design.total) if self.rows else 0.0


def is_ordered(column: Column) -> bool:
    """Whether the type is a number, a date or a time."""
    if is_nested(column):
        return False
    name = column.type.partition("(")[0]
    return name.startswith(_TIMES) or any(number in name for number in _NUMBERS)


def is_nested(*columns: Column) -> bool:
    """Whether a column has a nested type or an interval."""
    return any(column.type.endswith("]") or column.type.startswith(_NESTED) for column in columns)


def read_numbers(
    cursor: duckdb.DuckDBPyConnection, compared: ComparedTable, column: Column
) -> ColumnValues:
    """Read a column of numbers, dates or times; dates and times as days."""
    name = f"f.{quote_identifier(column.name)}"
    found = _read(cursor, compared, f"{_as_number(name, column)} AS value", [])
    values = np.ma.asarray(found["value"], dtype=np.float64)
    missing = np.ma.getmaskarray(values)
    numbers = np.ma.filled(values, np.nan)
    return ColumnValues(
        numbers, np.empty(0, np.int64), missing, np.isfinite(numbers), _design(compared, found)
    )


def read_labels(
    cursor: duckdb.DuckDBPyConnection,
    compared: ComparedTable,
    column: Column,
    labels: Sequence[str],
) -> ColumnValues:
    """Read a column as the places of its values in ``labels``."""
    value = f"CAST(f.{quote_identifier(column.name)} AS VARCHAR)"
    code = f"CAST(coalesce(list_position(?, {value}) - 1, {len(labels):d}) AS BIGINT)"
    found = _read(cursor, compared, f"{code} AS code, {value} IS NULL AS missing", [list(labels)])
    missing = _plain(found["missing"], np.bool_)
    codes = _plain(found["code"], np.int64)
    return ColumnValues(np.empty(0), codes, missing, ~missing, _design(compared, found))


def frequent_labels(
    cursor: duckdb.DuckDBPyConnection, tables: Sequence[tuple[ComparedTable, Column]], limit: int
) -> tuple[list[str], int]:
    """The values with the most weight in all tables, and the number of distinct values.

    Each table's weights sum to its number of rows. Ties are in the order of the text.
    """
    read = [(compared, column) for compared, column in tables if compared.paths]
    queries = [
        f"SELECT CAST(f.{quote_identifier(column.name)} AS VARCHAR) AS v, "
        f"CAST({compared.weight_sql} AS DOUBLE) / avg({compared.weight_sql}) OVER () AS w "
        f"FROM read_parquet(?) AS f WHERE {compared.weight_sql} IS NOT NULL"
        for compared, column in read
    ]
    if not queries:
        return [], 0
    listed = cursor.execute(
        "SELECT v, sum(w), count(*) OVER () "
        f"FROM ({' UNION ALL '.join(queries)}) WHERE v IS NOT NULL "
        f"GROUP BY v ORDER BY sum(w) DESC, v LIMIT {limit:d}",
        [compared.paths for compared, _ in read],
    ).fetchall()
    return [label for label, _, _ in listed], listed[0][2] if listed else 0


def effective_size(cursor: duckdb.DuckDBPyConnection, compared: ComparedTable) -> float:
    """The effective sample size of all rows; infinite for a population."""
    if compared.size is not None:
        return compared.size
    return _design(compared, _read(cursor, compared, "0 AS value", [])).effective_size


def _read(
    cursor: duckdb.DuckDBPyConnection, compared: ComparedTable, value: str, params: list[object]
) -> dict[str, Any]:
    """The values with their weights and clusters; rows without a weight are excluded."""
    if not compared.paths:
        return dict.fromkeys(("value", "code", "missing", "weight", "cluster"), np.empty(0))
    cluster = ""
    if compared.cluster is not None:
        cluster = f", f.{quote_identifier(compared.cluster.name)} AS cluster"
    return cursor.execute(
        f"SELECT {value}, CAST({compared.weight_sql} AS DOUBLE) AS weight{cluster} "
        f"FROM read_parquet(?) AS f WHERE {compared.weight_sql} IS NOT NULL",
        [*params, compared.paths],
    ).fetchnumpy()


def _design(compared: ComparedTable, found: dict[str, Any]) -> SampleDesign:
    weights = _plain(found["weight"], np.float64)
    if compared.cluster is None:
        return SampleDesign(weights)
    clusters = np.unique(_plain(found["cluster"], np.int64), return_inverse=True)[1]
    return SampleDesign(weights, clusters.astype(np.int64))


def _plain(values: Any, kind: type[np.generic]) -> Any:
    """Convert a masked array without NULLs to a plain array."""
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
    # Without this, infinite dates would be numbers, and infinite timestamps NULL.
    finite = f"isfinite({name})"
    return f"CASE WHEN {finite} THEN {number} WHEN NOT {finite} THEN 'NaN'::DOUBLE END"
