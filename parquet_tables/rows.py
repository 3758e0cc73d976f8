"""Reads rows of a table: pages by position, filtered and sorted views, rows by ordinal.

A page reads only the files and row groups that it touches, in the table's order. One with more text
than ``MAX_PAGE_BYTES`` is refused before it takes memory.
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
"""Rows of one bit string, which DuckDB indexes by 32-bit integers."""

Statement = tuple[str, list[object]]
"""SQL and its parameters."""


def page_statement(
    table: TableFiles, columns: Sequence[Column], offset: int = 0, limit: int | None = None
) -> Statement:
    """Build the statement that reads rows ``offset`` to ``offset + limit`` of some columns.

    Each file has its own branch, since DuckDB 2.0 skips row groups by ``file_row_number`` only in
    scans of one file.
    """
    names = ", ".join(f"f.{quote_identifier(column.name)}" for column in columns)
    end = table.row_count if limit is None else min(offset + limit, table.row_count)
    if offset >= end:
        return empty_statement(columns), []
    begin, stop = table.ordinal_at(offset), table.ordinal_at(end - 1) + 1
    branches: list[str] = []
    params: list[object] = []
    for file, start in table.with_starts():
        first, last = max(begin - start, 0), min(stop - start, file.rows)
        if first < last:
            where, bound = _where(*_remaining(table, file, start, first, last))
            branches.append(f"SELECT {names} FROM read_parquet(?) AS f{where}")
            params += [str(file.path), *bound]
    return "\nUNION ALL\n".join(branches), params


def _where(conditions: Sequence[str], params: list[object]) -> Statement:
    return f" WHERE {' AND '.join(conditions)}" if conditions else "", params


def _remaining(
    table: TableFiles, file: DataFile, start: int, first: int, last: int
) -> tuple[list[str], list[object]]:
    """Return the conditions for the rows of a file from ``first`` to ``last`` that aren't deleted.

    ``start`` is the ordinal of the file's first row. Bit strings mask the deleted rows, since a
    join would lose the rows' order.
    """
    within = "f.file_row_number >= ? AND f.file_row_number < ?"
    conditions: list[str] = []
    params: list[object] = []
    if (first, last) != (0, file.rows):
        conditions.append(within)
        params += [first, last]
    for begin in range(first, last, MAX_RUN_LENGTH):
        end = min(begin + MAX_RUN_LENGTH, last)
        lower, upper = np.searchsorted(table.deletion_vector, (start + begin, start + end))
        if lower == upper:
            continue
        bits = np.zeros(end - begin, dtype=np.bool_)
        bits[table.deletion_vector[lower:upper] - start - begin] = True
        is_left = "get_bit(?::BLOB::BIT, CAST(f.file_row_number - ? AS INTEGER)) = 0"
        if (begin, end) != (first, last):  # a run's bits cover its own rows alone
            is_left = f"(NOT ({within}) OR {is_left})"
            params += [begin, end]
        conditions.append(is_left)
        params += [np.packbits(bits).tobytes(), begin]
    return conditions, params


def rows_at(
    table: TableFiles, selected: str, rows: str, where: str = "", params: Sequence[object] = ()
) -> tuple[str, list[object]]:
    """Build the statement that reads the rows whose ordinals a table ``rows`` holds, unordered.

    Each file has its own branch: DuckDB 2.0 reads only the pages with selected rows in a scan of
    one file, and every page in a scan of several.

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
        no_row = _nulls(table.columns)
        selects.append(f"SELECT {selected} FROM ({no_row}) AS f JOIN {rows} AS p ON false")
    return " UNION ALL ".join(selects), bound


def empty_statement(columns: Sequence[Column]) -> str:
    return f"{_nulls(columns)} LIMIT 0"


def _nulls(columns: Sequence[Column]) -> str:
    return "SELECT " + ", ".join(
        f"CAST(NULL AS {column.type}) AS {quote_identifier(column.name)}" for column in columns
    )


@dataclass(frozen=True)
class RowView:
    """A filter and an order of a table's rows: a boolean SQL expression over ``f``, a column."""

    condition: Statement | None = None
    order_by: Column | None = None
    descending: bool = False


def count_statement(table: TableFiles, view: RowView) -> Statement:
    branches, params = _branches(table, view)
    return f"SELECT count(*) FROM ({branches})", params


def find_rows(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles, view: RowView, offset: int, limit: int
) -> Int64s:
    """Return the ordinals of a view's rows ``offset`` to ``offset + limit``, in its order."""
    sql, params = _view_rows(table, view, "", "t.ordinal", offset, limit)
    found: Int64s = cursor.execute(sql, params).fetchnumpy()["ordinal"]
    return np.asarray(found, dtype=np.int64)


def view_statement(
    table: TableFiles, columns: Sequence[Column], view: RowView, offset: int, limit: int | None
) -> Statement:
    """Build the statement that reads a view's rows in one scan, for an export."""
    renamed, shown = _renamed(columns)
    return _view_rows(table, view, f", {renamed}", shown, offset, limit)


def _view_rows(
    table: TableFiles, view: RowView, selected: str, shown: str, offset: int, limit: int | None
) -> Statement:
    order = ""
    if view.order_by is not None:
        selected += f", f.{quote_identifier(view.order_by.name)} AS k"
        order = f" ORDER BY t.k {'DESC' if view.descending else 'ASC'} NULLS LAST, t.ordinal"
    branches, params = _branches(table, view, selected)
    bounds = " OFFSET ?" if limit is None else " LIMIT ? OFFSET ?"
    params += [offset] if limit is None else [limit, offset]
    return f"SELECT {shown} FROM ({branches}) AS t{order}{bounds}", params


def _branches(table: TableFiles, view: RowView, selected: str = "") -> Statement:
    """Build one SELECT of ``ordinal`` and more columns for each file."""
    selects: list[str] = []
    params: list[object] = []
    for file, start in table.with_starts():
        conditions, bound = _remaining(table, file, start, 0, file.rows)
        if view.condition is not None:
            conditions.append(f"({view.condition[0]})")
            bound += view.condition[1]
        where, bound = _where(conditions, bound)
        selects.append(
            f"SELECT f.file_row_number + ? AS ordinal{selected} "
            f"FROM read_parquet(?, file_row_number = true) AS f{where}"
        )
        params += [start, str(file.path), *bound]
    if not selects:
        selects.append(
            f"SELECT 0::BIGINT AS ordinal{selected} FROM ({empty_statement(table.columns)}) AS f"
        )
    return " UNION ALL ".join(selects), params


UNIQUE_ROWS = 100_000


def unique_in_first_rows(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    keys: Sequence[Sequence[Column]],
    rows: int = UNIQUE_ROWS,
) -> list[bool]:
    """Whether each key, of one or more columns, is unique and complete in the table's first rows.

    A quick check: few row groups are read.
    """
    columns = list(dict.fromkeys(column for key in keys for column in key))
    if not columns:
        return []
    sql, params = page_statement(table, columns, 0, rows)
    name = {column: f"c{at}" for at, column in enumerate(columns)}
    wanted = []
    for key in keys:
        names = [name[column] for column in key]
        distinct = names[0] if len(names) == 1 else f"({', '.join(names)})"
        complete = (f"count({each}) = count(*)" for each in names)
        wanted.append(f"{' AND '.join(complete)} AND count(DISTINCT {distinct}) = count(*)")
    listed = positional_names(len(columns))
    query = f"SELECT {', '.join(wanted)} FROM ({sql}) AS t({listed})"
    return list(cursor.execute(query, params).fetchall()[0])


def rows_statement(table: TableFiles, columns: Sequence[Column], ordinals: Int64s) -> Statement:
    """Build the statement that reads rows by their ordinals, in the given order."""
    renamed, shown = _renamed(columns)
    branches, params = rows_at(table, f"p.place, {renamed}", "wanted")
    return (
        "WITH wanted AS (SELECT unnest(o) AS ordinal, unnest(range(len(o))) AS place "
        f"FROM (SELECT ?::BIGINT[] AS o)) SELECT {shown} FROM ({branches}) AS t ORDER BY t.place",
        [ordinals.tolist(), *params],
    )


def scan_statement(table: TableFiles, selected: Sequence[str]) -> Statement:
    """Build the statement that reads every row, unordered: ``ordinal``, then the expressions.

    ``selected`` are expressions over the table ``f``, with their aliases.
    """
    return _branches(table, RowView(), "".join(f", {each}" for each in selected))


def _renamed(columns: Sequence[Column]) -> tuple[str, str]:
    """Return the SELECT lists that rename the columns of ``f``, and name those of ``t`` again."""
    names = [quote_identifier(column.name) for column in columns]
    renamed = (f"f.{name} AS c{at}" for at, name in enumerate(names))
    shown = (f"t.c{at} AS {name}" for at, name in enumerate(names))
    return ", ".join(renamed), ", ".join(shown)


MAX_PAGE_BYTES = 32 * 1024**2
"""Limit of text and binary values; Python and JSON hold them several times."""
_TOO_LARGE = "jobsvc: these rows hold too much text"


class PageTooLarge(DomainError):
    code = "page_too_large"


def read_page(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    columns: Sequence[Column],
    offset: int,
    limit: int,
) -> list[dict[str, Any]]:
    """Read a page of rows; see :func:`read_rows`."""
    return read_rows(cursor, page_statement(table, columns, offset, limit), columns)


def read_rows(
    cursor: duckdb.DuckDBPyConnection, statement: Statement, columns: Sequence[Column]
) -> list[dict[str, Any]]:
    """Read the rows of a statement with these columns, each a flat object by column name.

    Raises
    ------
    PageTooLarge
        The values take more than ``MAX_PAGE_BYTES``.
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


@dataclass(frozen=True)
class FrequentValues:
    """Distinct JSON values without NULL, the most frequent first.

    ``complete`` says whether these are all distinct values of the table.
    """

    values: tuple[Any, ...]
    complete: bool
    has_nulls: bool


def frequent_values(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    column: Column,
    limit: int,
    *,
    max_rows: int = 1_000_000,
    run_rows: int = 16_384,
) -> FrequentValues:
    """Return up to ``limit`` distinct values of a column; deleted rows are included.

    Of a table with more than ``max_rows`` rows, as many rows in evenly spaced runs of ``run_rows``
    are read, so that the values of a sorted table are found, too.
    """
    every = max(table.file_rows * run_rows // max_rows, run_rows)
    is_sampled = table.file_rows > max_rows
    where = " WHERE (f.file_row_number + ?) % ? < ?" if is_sampled else ""
    branches: list[str] = []
    params: list[object] = []
    for file, start in table.with_starts():
        name = quote_identifier(column.name)
        branches.append(f"SELECT f.{name} AS v FROM read_parquet(?) AS f{where}")
        params += [str(file.path), *([start, every, run_rows] if is_sampled else [])]
    if not branches:
        return FrequentValues(values=(), complete=True, has_nulls=False)
    rows = cursor.execute(
        f"SELECT {shown_expression('v', column.type)}, n FROM (SELECT v, count(*) AS n "
        f"FROM ({' UNION ALL '.join(branches)}) GROUP BY v) ORDER BY n DESC, v LIMIT ?",
        [*params, limit + 2],
    ).fetchall()
    values = [json_value(value) for value, _ in rows if value is not None]
    return FrequentValues(
        values=tuple(values[:limit]),
        complete=not is_sampled and len(values) <= limit,
        has_nulls=any(value is None for value, _ in rows),
    )
