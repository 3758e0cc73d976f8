"""Reading rows of a table by position.

Invariant: a page costs its own size: only the files and row groups that it touches are read,
however far back it starts. Rows come in the table's order (``preserve_insertion_order``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, DataFile, Int64s, TableFiles

LONGEST_RUN = 1 << 30
"""Rows in one branch: DuckDB numbers the bits of a bit string by 32-bit integers."""


def page_statement(
    table: TableFiles, columns: Sequence[Column], offset: int = 0, limit: int | None = None
) -> tuple[str, list[object]]:
    """The statement that reads rows ``offset`` to ``offset + limit`` of some columns.

    Parameters
    ----------
    columns : sequence of Column
        Of the table, one or more.
    offset, limit : int
        In rows; all the rest when the limit is None.

    Returns
    -------
    (str, list)
        SQL whose result has ``columns`` in their order, and its parameters. One branch a file,
        since DuckDB 2.0 skips row groups by ``file_row_number`` in a scan of one file alone.
    """
    names = ", ".join(f"f.{quote_identifier(column.name)}" for column in columns)
    end = table.row_count if limit is None else min(offset + limit, table.row_count)
    if offset >= end:
        return empty_statement(columns), []
    begin, stop = table.ordinal_at(offset), table.ordinal_at(end - 1) + 1
    branches: list[str] = []
    params: list[object] = []
    for file, start in table.with_starts():
        for first in range(max(begin - start, 0), min(stop - start, file.rows), LONGEST_RUN):
            last = min(first + LONGEST_RUN, stop - start, file.rows)
            left_out = _between(table.left_out, start + first, start + last) - start - first
            conditions, bound = _kept_between(first, last, file.rows, left_out)
            where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
            branches.append(f"SELECT {names} FROM read_parquet(?) AS f{where}")
            params += [str(file.path), *bound]
    return "\nUNION ALL\n".join(branches), params


def kept_rows(table: TableFiles, file: DataFile, start: int) -> tuple[list[str], list[object]]:
    """The conditions under which rows ``f`` of a file are rows of the table, with parameters.

    Parameters
    ----------
    start : int
        The ordinal of the file's first row.
    """
    conditions: list[str] = []
    params: list[object] = []
    for first in range(0, file.rows, LONGEST_RUN):
        last = min(first + LONGEST_RUN, file.rows)
        left_out = _between(table.left_out, start + first, start + last) - start - first
        if not len(left_out):
            continue
        run, bound = _kept_between(first, last, file.rows, left_out)
        *bounds, bit = run
        if bounds:  # a run's bits speak of its own rows alone
            bit = f"(NOT ({' AND '.join(bounds)}) OR {bit})"
        conditions.append(bit)
        params += bound
    return conditions, params


def _kept_between(
    first: int, last: int, file_rows: int, left_out: Int64s
) -> tuple[list[str], list[object]]:
    """The conditions for the rows of a file from ``first`` to ``last`` that aren't left out.

    Left-out rows are told by one bit each, not by a join, since a join loses the rows' order.
    """
    conditions: list[str] = []
    params: list[object] = []
    if (first, last) != (0, file_rows):
        conditions.append("f.file_row_number >= ? AND f.file_row_number < ?")
        params += [first, last]
    if len(left_out):
        bits = np.zeros(last - first, dtype=np.bool_)
        bits[left_out] = True
        conditions.append("get_bit(?::BLOB::BIT, CAST(f.file_row_number - ? AS INTEGER)) = 0")
        params += [np.packbits(bits).tobytes(), first]
    return conditions, params


def _between(ordinals: Int64s, first: int, stop: int) -> Int64s:
    """The part of sorted ordinals from ``first`` up to, not including, ``stop``."""
    return ordinals[np.searchsorted(ordinals, first) : np.searchsorted(ordinals, stop)]


def rows_at(
    table: TableFiles, selected: str, rows: str, where: str = "", params: Sequence[object] = ()
) -> tuple[str, list[object]]:
    """The statement that reads the rows that a table ``rows`` names by ``ordinal``; in no order.

    One branch a file: over a list of files in one scan DuckDB 2.0 reads every page; over one file
    only those in which a wanted row is. A table without rows gives one branch of the right types
    and no row.

    Parameters
    ----------
    selected : str
        Of the columns of the table, called ``f``, and of those of ``rows``, called ``p``.
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
    """A statement with these columns and no row."""
    return f"SELECT {', '.join(map(_null, columns))} LIMIT 0"


def _null(column: Column) -> str:
    return f"CAST(NULL AS {column.type}) AS {quote_identifier(column.name)}"
