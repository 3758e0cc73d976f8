"""Reads rows of a table: pages by position, filtered and sorted views, rows by ordinal.

A page reads only the files and row groups that it touches; a view's page reads the filter's and the
sort column of all rows, and other columns of its own rows. Rows stay in the table's order, NULL is
last. A page with more text than ``MAX_PAGE_BYTES`` is refused before it takes memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from domain_errors import DomainError
from parquet_tables.json_values import json_value, shown_expression
from parquet_tables.quoting import positional_names, quote_identifier, quote_text
from parquet_tables.tables import Column, DataFile, Int64s, TableFiles
from parquet_tables.transient_errors import is_out_of_memory

MAX_RUN_LENGTH = 1 << 30
"""Rows in one branch: DuckDB indexes bit strings by 32-bit integers."""


def page_statement(
    table: TableFiles, columns: Sequence[Column], offset: int = 0, limit: int | None = None
) -> tuple[str, list[object]]:
    """Build the statement that reads rows ``offset`` to ``offset + limit`` of some columns.

    Parameters
    ----------
    columns : sequence of Column
        One or more columns of the table.
    offset, limit : int
        In rows; without a limit, all remaining rows.

    Returns
    -------
    (str, list)
        SQL whose result has ``columns`` in their order, and its parameters. Each file has its own
        branch, since DuckDB 2.0 skips row groups by ``file_row_number`` only in scans of one file.
    """
    names = ", ".join(f"f.{quote_identifier(column.name)}" for column in columns)
    end = table.row_count if limit is None else min(offset + limit, table.row_count)
    if offset >= end:
        return empty_statement(columns), []
    begin, stop = table.ordinal_at(offset), table.ordinal_at(end - 1) + 1
    branches: list[str] = []
    params: list[object] = []
    for file, start in table.with_starts():
        for first in range(max(begin - start, 0), min(stop - start, file.rows), MAX_RUN_LENGTH):
            last = min(first + MAX_RUN_LENGTH, stop - start, file.rows)
            deletion_vector = (
                _between(table.deletion_vector, start + first, start + last) - start - first
            )
            conditions, bound = _remaining_between(first, last, file.rows, deletion_vector)
            where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
            branches.append(f"SELECT {names} FROM read_parquet(?) AS f{where}")
            params += [str(file.path), *bound]
    return "\nUNION ALL\n".join(branches), params


def remaining_rows(table: TableFiles, file: DataFile, start: int) -> tuple[list[str], list[object]]:
    """Return the conditions that exclude a file's deleted rows ``f``, with parameters.

    Parameters
    ----------
    start : int
        The ordinal of the file's first row.
    """
    conditions: list[str] = []
    params: list[object] = []
    for first in range(0, file.rows, MAX_RUN_LENGTH):
        last = min(first + MAX_RUN_LENGTH, file.rows)
        deletion_vector = (
            _between(table.deletion_vector, start + first, start + last) - start - first
        )
        if not len(deletion_vector):
            continue
        run, bound = _remaining_between(first, last, file.rows, deletion_vector)
        *bounds, bit = run
        if bounds:  # a run's bits cover its own rows alone
            bit = f"(NOT ({' AND '.join(bounds)}) OR {bit})"
        conditions.append(bit)
        params += bound
    return conditions, params


def _remaining_between(
    first: int, last: int, file_rows: int, deletion_vector: Int64s
) -> tuple[list[str], list[object]]:
    """Return the conditions for the rows of a file from ``first`` to ``last`` that aren't deleted.

    A bit string masks the deleted rows, since a join would lose the rows' order.
    """
    conditions: list[str] = []
    params: list[object] = []
    if (first, last) != (0, file_rows):
        conditions.append("f.file_row_number >= ? AND f.file_row_number < ?")
        params += [first, last]
    if len(deletion_vector):
        bits = np.zeros(last - first, dtype=np.bool_)
        bits[deletion_vector] = True
        conditions.append("get_bit(?::BLOB::BIT, CAST(f.file_row_number - ? AS INTEGER)) = 0")
        params += [np.packbits(bits).tobytes(), first]
    return conditions, params


def _between(ordinals: Int64s, first: int, stop: int) -> Int64s:
    """Return the sorted ordinals from ``first`` up to, not including, ``stop``."""
    return ordinals[np.searchsorted(ordinals, first) : np.searchsorted(ordinals, stop)]


def rows_at(
    table: TableFiles, selected: str, rows: str, where: str = "", params: Sequence[object] = ()
) -> tuple[str, list[object]]:
    """Build the statement that reads the rows whose ordinals a table ``rows`` holds, unordered.

    Each file has its own branch: DuckDB 2.0 reads only the pages with selected rows in a scan of
    one file, and every page in a scan of several. A table without rows gives one empty branch.

    Parameters
    ----------
    selected : str
        The SELECT list over the table ``f`` and over ``rows``, called ``p``.
    where, params : str, sequence
        A WHERE clause for each branch, with a space before it, and its parameters.
    """
    selects: list[str] = []
    bound: list[object] = []
    for file, start in table.with_starts():
        selects.append(
            f"SELECT {selected} FROM read_parquet(?, file_row_number = true) AS f "
            f"JOIN (SELECT *, ordinal - ? AS file_ordinal FROM {rows} "
            f"WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number{where}"
        )
        bound += [str(file.path), start, start, start + file.rows, *params]
    if not selects:
        no_row = ", ".join(map(_null, table.columns))
        selects.append(f"SELECT {selected} FROM (SELECT {no_row}) AS f JOIN {rows} AS p ON false")
    return " UNION ALL ".join(selects), bound


def empty_statement(columns: Sequence[Column]) -> str:
    """Build a statement with these columns and no row."""
    return f"SELECT {', '.join(map(_null, columns))} LIMIT 0"


def _null(column: Column) -> str:
    return f"CAST(NULL AS {column.type}) AS {quote_identifier(column.name)}"


Statement = tuple[str, list[object]]


@dataclass(frozen=True)
class RowView:
    """A filter and an order of a table's rows.

    Parameters
    ----------
    condition : (str, list), optional
        A boolean SQL expression over the table ``f``, and its parameters.
    order_by : Column, optional
        The sort column; by default the table's order.
    descending : bool
        Whether the largest value is first.
    """

    condition: tuple[str, list[object]] | None = None
    order_by: Column | None = None
    descending: bool = False


def count_statement(table: TableFiles, view: RowView) -> Statement:
    """Build the statement that counts a view's rows."""
    branches, params = _branches(table, view, "1")
    return f"SELECT count(*) FROM ({branches or 'SELECT 1 LIMIT 0'})", params


def find_rows(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles, view: RowView, offset: int, limit: int
) -> Int64s:
    """Return the ordinals of a view's rows ``offset`` to ``offset + limit``, in its order."""
    sql, params = ordinals_statement(table, view, offset, limit)
    found: Int64s = cursor.execute(sql, params).fetchnumpy()["ordinal"]
    return np.asarray(found, dtype=np.int64)


def ordinals_statement(table: TableFiles, view: RowView, offset: int, limit: int) -> Statement:
    """Build the statement of :func:`find_rows`: one column ``ordinal``."""
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
    """Build the statement that reads rows by their ordinals, in the given order."""
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
    """Build the statement that reads a view's rows in one scan, for an export."""
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
    """Build one SELECT for each file; with ``numbered`` its first ordinal is a parameter."""
    selects: list[str] = []
    params: list[object] = []
    for file, start in table.with_starts():
        conditions, bound = remaining_rows(table, file, start)
        if view.condition is not None:
            conditions.append(f"({view.condition[0]})")
            bound += view.condition[1]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        selects.append(
            f"SELECT {selected} FROM read_parquet(?, file_row_number = true) AS f{where}"
        )
        params += [*([start] if numbered else []), str(file.path), *bound]
    return " UNION ALL ".join(selects), params


MAX_PAGE_BYTES = 32 * 1024**2
"""Limit of text and binary values; Python and JSON hold them several times."""
_TOO_LARGE = "jobsvc: these rows hold too much text"


class PageTooLarge(DomainError):
    """The rows of a page exceed the limit of one JSON document."""

    code = "page_too_large"


def read_page(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    columns: Sequence[Column],
    offset: int,
    limit: int,
) -> list[dict[str, Any]]:
    """Read a page of rows, each a flat object by column name.

    Raises
    ------
    PageTooLarge
        The values take more than ``MAX_PAGE_BYTES``.
    """
    return read_rows(cursor, page_statement(table, columns, offset, limit), columns)


def read_rows(
    cursor: duckdb.DuckDBPyConnection,
    statement: tuple[str, list[object]],
    columns: Sequence[Column],
) -> list[dict[str, Any]]:
    """Read the rows of a statement with these columns, each a flat object by column name.

    Raises
    ------
    PageTooLarge
        As :func:`read_page` does.
    """
    sql, params = statement
    page = f"(\n{sql}\n) AS page({positional_names(len(columns))})"
    cells = [shown_expression(f"c{at}", column.type) for at, column in enumerate(columns)]
    try:
        rows = cursor.execute(
            f"SELECT {', '.join(cells)} FROM {_limited(page, columns)}", params
        ).fetchall()
    except duckdb.Error as error:
        if not is_out_of_memory(error) and _TOO_LARGE not in str(error):
            raise
        raise PageTooLarge(
            "The rows hold more than {limit_mb} MiB of text. Reduce the rows or columns, or "
            "download the table as a file.",
            limit_mb=MAX_PAGE_BYTES // 1024**2,
        ) from None
    names = [column.name for column in columns]
    return [dict(zip(names, map(json_value, row), strict=True)) for row in rows]


def _limited(page: str, columns: Sequence[Column]) -> str:
    """Wrap a page so that it fails at the first row beyond ``MAX_PAGE_BYTES``.

    The running sum is computed row by row, so no later row is held in memory.
    """
    sizes = [
        f"coalesce({'octet_length' if column.type == 'BLOB' else 'strlen'}(c{at}), 0)"
        for at, column in enumerate(columns)
        if column.type in ("VARCHAR", "BLOB")
    ]
    if not sizes:
        return page
    return (
        f"(SELECT *, sum({' + '.join(sizes)}) OVER (ROWS UNBOUNDED PRECEDING) AS bytes_so_far "
        f"FROM {page} QUALIFY CASE WHEN bytes_so_far <= {MAX_PAGE_BYTES} THEN true "
        f"ELSE error({quote_text(_TOO_LARGE)}) END)"
    )
