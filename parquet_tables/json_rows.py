"""Pages of a table as JSON rows; values are those of ``json_values``.

Invariant: a page takes little memory, whatever its cells hold: one that has more text than
``MOST_PAGE_BYTES`` is refused before it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from domain_errors import DomainError
from parquet_tables.json_values import json_value, shown_expression
from parquet_tables.machine_faults import is_out_of_memory
from parquet_tables.pages import page_statement
from parquet_tables.quoting import positional_names, quote_text
from parquet_tables.tables import Column, TableFiles

MOST_PAGE_BYTES = 32 * 1024**2
"""Of text and binary values. Python and JSON hold them several times."""
_TOO_LARGE = "jobsvc: these rows hold too much text"


class PageTooLarge(DomainError):
    """The rows of a page hold more than can be sent as one JSON document."""

    code = "page_too_large"


def read_page(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    columns: Sequence[Column],
    offset: int,
    limit: int,
) -> list[dict[str, Any]]:
    """A page of rows, each a flat object by column name.

    Raises
    ------
    PageTooLarge
        Its values take more than ``MOST_PAGE_BYTES``.
    """
    return read_rows(cursor, page_statement(table, columns, offset, limit), columns)


def read_rows(
    cursor: duckdb.DuckDBPyConnection,
    statement: tuple[str, list[object]],
    columns: Sequence[Column],
) -> list[dict[str, Any]]:
    """A statement's rows, whose columns are these, each a flat object by column name.

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
            f"The rows hold more than {MOST_PAGE_BYTES // 1024**2} MiB of text. Ask for fewer rows "
            "or columns, or download the table as a file."
        ) from None
    names = [column.name for column in columns]
    return [dict(zip(names, map(json_value, row), strict=True)) for row in rows]


def _limited(page: str, columns: Sequence[Column]) -> str:
    """The page, which fails at the first row beyond ``MOST_PAGE_BYTES``.

    The running sum is computed row by row, so no row behind that one is held in memory.
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
        f"FROM {page} QUALIFY CASE WHEN bytes_so_far <= {MOST_PAGE_BYTES} THEN true "
        f"ELSE error({quote_text(_TOO_LARGE)}) END)"
    )
