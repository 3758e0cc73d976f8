"""The values that differ between pairs of rows of two tables, by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import duckdb

from parquet_tables.database import registered
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import RowSet, Statement, rows_at
from parquet_tables.tables import Column, Int64s, TableFiles

ColumnPair = tuple[Column, Column]


class ChangedCell(NamedTuple):
    """A value that differs; ``place`` is that of its pair of columns."""

    first_row: int
    second_row: int
    place: int
    old: str | None
    new: str | None


class ChangedCells:
    """Compares the columns of pairs of rows; the values that differ are a temporary table.

    Numbers of different types are compared as numbers, other columns of different types as texts.

    Parameters
    ----------
    rows : pair of array of int64
        The ordinals of the rows of both tables.
    first, second : Statement
        SQL of both tables, with the rows' ids ``<table>:<ordinal>`` in a column ``row_id``.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        columns: Sequence[ColumnPair],
        rows: tuple[Int64s, Int64s],
        first: Statement,
        second: Statement,
        row_id: str,
    ) -> None:
        self._cursor = cursor
        selected = "".join(
            f", a.{quote_identifier(own.name)} AS a{at}, b.{quote_identifier(other.name)} AS b{at}"
            for at, (own, other) in enumerate(columns)
        )
        joined = (
            f"CREATE TEMP TABLE rows_of_both AS SELECT s.first_row, s.second_row{selected} "
            f"FROM shared_rows AS s JOIN {first[0]} AS a ON {_ordinal('a', row_id)} = s.first_row "
            f"JOIN {second[0]} AS b ON {_ordinal('b', row_id)} = s.second_row"
        )
        pairs = {"first_row": rows[0], "second_row": rows[1]}
        with registered(cursor, {"shared_rows": pairs}):
            cursor.execute(joined, [*first[1], *second[1]])
        parts = [_changed(at, *pair) for at, pair in enumerate(columns)]
        cursor.execute(f"CREATE TEMP TABLE changed_cells AS {' UNION ALL '.join([NONE, *parts])}")

    def counts(self) -> dict[int, int]:
        """The changed values by the place of their columns; without those that have none."""
        found = self._cursor.execute("SELECT place, count(*) FROM changed_cells GROUP BY place")
        return dict(found.fetchall())

    def changed_rows(self) -> int:
        """The pairs of rows with a value that differs."""
        found = self._cursor.execute("SELECT count(DISTINCT first_row) FROM changed_cells")
        return int(found.fetchall()[0][0])

    def page(self, offset: int, limit: int) -> list[ChangedCell]:
        """Some changed values, in the order of the first table's rows."""
        found = self._cursor.execute(
            "SELECT first_row, second_row, place, old, new FROM changed_cells "
            "ORDER BY first_row, place LIMIT ? OFFSET ?",
            [limit, offset],
        )
        return [ChangedCell(*row) for row in found.fetchall()]


NONE = (
    "SELECT first_row, second_row, 0 AS place, '' AS old, '' AS new FROM rows_of_both WHERE false"
)


def texts_at(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles, names: Sequence[str], ordinals: Int64s
) -> dict[int, list[str | None]]:
    """Values of some rows of a table as texts, by ordinal; ``ordinals`` are ascending."""
    if not len(ordinals):
        return {}
    selected = ", ".join(
        f"CAST(f.{quote_identifier(name)} AS VARCHAR) AS k{at}" for at, name in enumerate(names)
    )
    source, params = rows_at(table, selected, RowSet.of("wanted", ordinals), ["ordinal"])
    listed = ", ".join(f"k{at}" for at in range(len(names)))
    with registered(cursor, {"wanted": {"ordinal": ordinals}}):
        rows = cursor.execute(f"SELECT ordinal, {listed} FROM ({source})", params).fetchall()
    return {row[0]: list(row[1:]) for row in rows}


def _ordinal(alias: str, row_id: str) -> str:
    return f"CAST(split_part({alias}.{quote_identifier(row_id)}, ':', -1) AS BIGINT)"


def _changed(at: int, own: Column, other: Column) -> str:
    """The values of a pair of columns that differ."""
    are_numbers = own.data_type.is_number and other.data_type.is_number
    old, new = f"CAST(a{at} AS VARCHAR)", f"CAST(b{at} AS VARCHAR)"
    differ = f"{old} IS DISTINCT FROM {new}"
    if own.type == other.type or are_numbers:
        differ = f"a{at} IS DISTINCT FROM b{at}"
    return (
        f"SELECT first_row, second_row, {at:d} AS place, {old} AS old, {new} AS new "
        f"FROM rows_of_both WHERE {differ}"
    )
