"""Rows of a table that pass a condition, in the order of a column: what a grid shows.

Invariant: a page reads the condition's and the order's columns of all rows, and everything else of
its own rows alone, so a wide table costs no more than a narrow one. Equal values stand in the
table's order, NULL last, so a view's pages never overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from parquet_tables.pages import empty_statement, kept_rows
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, Int64s, TableFiles

Statement = tuple[str, list[object]]


@dataclass(frozen=True)
class RowView:
    """Which rows, in which order.

    Parameters
    ----------
    condition : (str, list), optional
        A boolean SQL expression over the table ``f``, and its parameters.
    order_by : Column, optional
        Of the table; its own order when left out.
    descending : bool
        From the largest value down.
    """

    condition: tuple[str, list[object]] | None = None
    order_by: Column | None = None
    descending: bool = False


def count_statement(table: TableFiles, view: RowView) -> Statement:
    """How many rows a view has, as one number."""
    branches, params = _branches(table, view, "1")
    return f"SELECT count(*) FROM ({branches or 'SELECT 1 LIMIT 0'})", params


def find_rows(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles, view: RowView, offset: int, limit: int
) -> Int64s:
    """The ordinals of a view's rows ``offset`` to ``offset + limit``, in its order."""
    sql, params = ordinals_statement(table, view, offset, limit)
    found: Int64s = cursor.execute(sql, params).fetchnumpy()["ordinal"]
    return np.asarray(found, dtype=np.int64)


def ordinals_statement(table: TableFiles, view: RowView, offset: int, limit: int) -> Statement:
    """Statement behind :func:`find_rows`: one column ``ordinal``."""
    selected = "f.file_row_number + ? AS ordinal"
    if view.order_by is not None:
        selected += f", f.{quote_identifier(view.order_by.name)} AS k"
    branches, params = _branches(table, view, selected, numbered=True)
    if not branches:
        return "SELECT NULL::BIGINT AS ordinal LIMIT 0", []
    order = "" if view.order_by is None else f" ORDER BY {_order(view)}, t.ordinal"
    return f"SELECT t.ordinal FROM ({branches}) AS t{order} LIMIT ? OFFSET ?", [
        *params,
        limit,
        offset,
    ]


def rows_statement(table: TableFiles, columns: Sequence[Column], ordinals: Int64s) -> Statement:
    """Some columns of the rows with these ordinals, in the order in which they are given."""
    names = [quote_identifier(column.name) for column in columns]
    renamed = ", ".join(f"f.{name} AS c{at}" for at, name in enumerate(names))
    selects: list[str] = []
    params: list[object] = [ordinals.tolist()]
    for file, start in table.with_starts():
        if not np.any((ordinals >= start) & (ordinals < start + file.rows)):
            continue
        selects.append(
            f"SELECT w.place, {renamed} FROM read_parquet(?, file_row_number = true) AS f "
            "JOIN wanted AS w ON f.file_row_number = w.ordinal - ?"
        )
        params += [str(file.path), start]
    if not selects:
        return empty_statement(columns), []
    shown = ", ".join(f"t.c{at} AS {name}" for at, name in enumerate(names))
    return (
        "WITH wanted AS (SELECT unnest(o) AS ordinal, unnest(range(len(o))) AS place "
        "FROM (SELECT ?::BIGINT[] AS o)) "
        f"SELECT {shown} FROM ({' UNION ALL '.join(selects)}) AS t ORDER BY t.place",
        params,
    )


def view_statement(
    table: TableFiles, columns: Sequence[Column], view: RowView, offset: int, limit: int | None
) -> Statement:
    """All of a view's rows from ``offset`` on, or ``limit`` of them, in one scan: for a file."""
    names = [quote_identifier(column.name) for column in columns]
    renamed = ", ".join(f"f.{name} AS c{at}" for at, name in enumerate(names))
    order = ""
    if view.order_by is not None:
        renamed += f", f.{quote_identifier(view.order_by.name)} AS k, f.file_row_number + ? AS o"
        order = f" ORDER BY {_order(view)}, t.o"
    branches, params = _branches(table, view, renamed, numbered=view.order_by is not None)
    if not branches:
        return empty_statement(columns), []
    shown = ", ".join(f"t.c{at} AS {name}" for at, name in enumerate(names))
    bounds = " OFFSET ?" if limit is None else " LIMIT ? OFFSET ?"
    params += [offset] if limit is None else [limit, offset]
    return f"SELECT {shown} FROM ({branches}) AS t{order}{bounds}", params


def _order(view: RowView) -> str:
    return f"t.k {'DESC' if view.descending else 'ASC'} NULLS LAST"


def _branches(
    table: TableFiles, view: RowView, selected: str, *, numbered: bool = False
) -> Statement:
    """One SELECT a file with rows; ``numbered``: its first ordinal is bound in ``selected``."""
    selects: list[str] = []
    params: list[object] = []
    for file, start in table.with_starts():
        conditions, bound = kept_rows(table, file, start)
        if view.condition is not None:
            conditions.append(f"({view.condition[0]})")
            bound += view.condition[1]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        selects.append(
            f"SELECT {selected} FROM read_parquet(?, file_row_number = true) AS f{where}"
        )
        params += [*([start] if numbered else []), str(file.path), *bound]
    return " UNION ALL ".join(selects), params
