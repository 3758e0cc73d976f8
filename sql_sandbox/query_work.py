"""What a query's process does: read the statement, lock the instance, run it.

Invariant: nothing of the user's text runs before it was read and the instance was locked. Called by
``query_process``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from parquet_tables.json_values import json_cell, json_value
from parquet_tables.names import folded
from parquet_tables.progress import Report
from parquet_tables.writing import copy_sql, write_parquet
from sql_sandbox.errors import SqlTooLarge
from sql_sandbox.faults import told
from sql_sandbox.instance import hide_catalog, lock, make_views, open_instance
from sql_sandbox.request import Request
from sql_sandbox.result_columns import DESCRIBE, ShapedQuery, shaped
from sql_sandbox.statement import read_statement


def run(request: Request, report: Report) -> dict[str, Any]:
    """The answer to a request, as JSON.

    Raises
    ------
    SqlError
        What is wrong with the statement, or went wrong with it.
    OSError
        A fault of the machine.
    """
    connection = open_instance(request.limits, request.folder)
    keys: dict[str, str] = {}
    for table in request.tables:  # of two keys that are one name to DuckDB, the first is read
        keys.setdefault(folded(table.key), table.key)
    with _errors_told(request, opening=0):
        statement = read_statement(connection, request.sql, keys)
    tables = [table for table in request.tables if table.key in statement.keys]
    with _errors_told(request, opening=len(DESCRIBE)):
        lock(connection, tables, request.result)
        make_views(connection, tables)
        hide_catalog(connection, statement.keys)
        query = shaped(connection, statement.text)
    answer: dict[str, Any] = {
        "columns": [[column.name, column.type] for column in query.columns],
        "notes": list(query.notes),
    }
    if request.work == "rows":
        answer |= _first_rows(connection, request, query)
    elif request.work == "file":
        assert request.result is not None  # noqa: S101 - part of every request for a file
        answer |= _file(connection, request, query, request.result, report)
    return answer


def _first_rows(
    connection: duckdb.DuckDBPyConnection, request: Request, query: ShapedQuery
) -> dict[str, Any]:
    most = request.first_rows
    before = f"SELECT {', '.join(json_cell(column) for column in query.columns)} FROM (\n"
    with _errors_told(request, opening=len(before.encode()) + query.opening):
        found = connection.execute(f"{before}{query.sql} LIMIT {most + 1}\n)").fetchall()
    rows = [[json_value(value) for value in row] for row in found[:most]]
    return {"rows": rows, "has_more": len(found) > most}


def _file(
    connection: duckdb.DuckDBPyConnection,
    request: Request,
    query: ShapedQuery,
    path: Path,
    report: Report,
) -> dict[str, Any]:
    most = request.limits.rows
    limited = f"{query.sql} LIMIT {most + 1}"
    before = copy_sql(limited, path).index(limited)
    with _errors_told(request, opening=before + query.opening):
        file = write_parquet(
            connection, limited, [], path, report=report, message="running the query"
        )
    if file.rows > most:
        raise SqlTooLarge(
            f"The result has more than {most:,} rows, the most that a result may have. Narrow it "
            "with WHERE, GROUP BY or LIMIT."
        )
    return {"row_count": file.rows}


@contextmanager
def _errors_told(request: Request, *, opening: int) -> Iterator[None]:
    """Have DuckDB's errors inside the block told to the user, whose text follows ``opening``."""
    try:
        yield
    except duckdb.Error as error:
        raise told(error, request, opening) from None
