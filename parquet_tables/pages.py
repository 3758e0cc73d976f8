"""Reading rows of a table by position.

Invariant: a page costs its own size: only the files and row groups that it touches are read,
however far back it starts. Rows come in the table's order (``preserve_insertion_order``).
"""

from __future__ import annotations

from collections.abc import Sequence

from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles


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
    names = ", ".join(quote_identifier(column.name) for column in columns)
    end = table.row_count if limit is None else min(offset + limit, table.row_count)
    branches: list[str] = []
    params: list[object] = []
    for file, start in table.with_starts():
        first, last = max(offset - start, 0), min(end - start, file.rows)
        if first >= last:
            continue
        branch = f"SELECT {names} FROM read_parquet(?)"
        params.append(str(file.path))
        if (first, last) != (0, file.rows):
            branch += " WHERE file_row_number >= ? AND file_row_number < ?"
            params += [first, last]
        branches.append(branch)
    if not branches:
        return empty_statement(columns), []
    return "\nUNION ALL\n".join(branches), params


def empty_statement(columns: Sequence[Column]) -> str:
    """A statement with these columns and no row."""
    nulls = ", ".join(
        f"CAST(NULL AS {column.type}) AS {quote_identifier(column.name)}" for column in columns
    )
    return f"SELECT {nulls} LIMIT 0"
