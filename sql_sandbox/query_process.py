"""The child process that runs one query in a locked DuckDB instance.

It opens only the files of the tables that the query names, loads no extension, and locks the
configuration before any of the user's text runs. Every end of the query, also a fault of the
machine, is an answer to the server.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from lazy_dataclasses import dataclass
from parquet_tables.attached_pipe import register_pipe
from parquet_tables.child_side import ProcessLimits, serve_one
from parquet_tables.columns import Column, Stored, stored_as
from parquet_tables.database import LATE_READING
from parquet_tables.json_values import json_cell, json_value
from parquet_tables.names import folded, settle_names
from parquet_tables.progress import ProgressCallback
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.writing import copy_sql, write_parquet
from sql_sandbox.errors import SqlError, SqlTooLarge, out_of_memory, user_error
from sql_sandbox.request import Limits, QueryRequest, SourceTable
from sql_sandbox.statement import MAX_DEPTH, read_statement, too_deep

ROW_ID = "_logical_row_id"
MAX_RUN_LENGTH = 500_000_000
"""Rows in one branch: DuckDB 2.0 can't build a bit string of a billion bits."""


def open_instance(limits: Limits, spill_dir: Path) -> duckdb.DuckDBPyConnection:
    """Open an instance with limits; it may read every file until it is locked."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": limits.threads,
            "memory_limit": f"{limits.memory_mb}MiB",
            "temp_directory": str(spill_dir),
            "max_temp_directory_size": f"{limits.spill_mb}MiB",
            "max_expression_depth": MAX_DEPTH,
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
            "disabled_optimizers": LATE_READING,
            "preserve_insertion_order": True,
            "errors_as_json": True,
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = true")
    connection.execute("SET enable_progress_bar_print = false")
    return connection


def lock(
    connection: duckdb.DuckDBPyConnection, tables: Iterable[SourceTable], result: Path | None
) -> None:
    """Restrict file access to these tables' files and the result; lock the configuration."""
    paths = [path for table in tables for path in table.paths]
    allowed = [str(path) for path in (*paths, *((result,) if result else ()))]
    connection.execute("SET allowed_paths = ?", [allowed])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def make_views(connection: duckdb.DuckDBPyConnection, tables: Iterable[SourceTable]) -> None:
    """Create a view for each table, named by its key, with rows in the table's order.

    Paths are variables, so that no view's text holds them. A bit string masks the deletion vector,
    since a join would lose the rows' order.
    """
    for number, table in enumerate(tables):
        names = ", ".join(f"f.{quote_identifier(column.name)}" for column in table.columns)
        if not any(file.rows for file in table.files):
            source = f"SELECT {_nulls(table)} LIMIT 0"
        elif table.deletion_vector is None and table.row_ids is None:
            variable = f"files_{number}"
            paths = [str(file.path) for file in table.files]
            connection.execute(f"SET VARIABLE {variable} = ?", [paths])
            source = f"SELECT {names} FROM read_parquet(getvariable('{variable}')) AS f"
        else:
            source = _remaining_rows(connection, table, number, names)
        connection.execute(f"CREATE VIEW {quote_identifier(table.key)} AS {source}")


def hide_catalog(connection: duckdb.DuckDBPyConnection, keys: Iterable[str]) -> None:
    """Shadow each catalog view that an unqualified name reaches, unless a read table has the name.

    DuckDB resolves a name in the schema ``main`` before its catalog, and ``statement`` refuses
    every qualified name.
    """
    taken = {folded(key) for key in keys}
    views = connection.execute(
        "SELECT DISTINCT view_name FROM duckdb_views() "
        "WHERE internal AND schema_name <> 'information_schema'"
    ).fetchall()
    for (name,) in views:
        if folded(name) not in taken:
            connection.execute(
                f"CREATE VIEW {quote_identifier(name)} AS SELECT error('no such table') AS hidden"
            )


def _remaining_rows(
    connection: duckdb.DuckDBPyConnection, table: SourceTable, number: int, names: str
) -> str:
    """Build one branch for each file, or run of a file: the rows that aren't deleted."""
    branches: list[str] = []
    start = 0
    for file in table.files:
        selected = names
        if table.row_ids is not None:
            row_id = f"{quote_text(f'{table.row_ids}:')} || (f.file_row_number + {start})"
            selected = f"{names}, {row_id} AS {quote_identifier(ROW_ID)}"
        for first in range(0, file.rows, MAX_RUN_LENGTH):
            last = min(first + MAX_RUN_LENGTH, file.rows) - 1
            path, bits = (f"{name}_{number}_{len(branches)}" for name in ("file", "deleted"))
            connection.execute(f"SET VARIABLE {path} = ?", [str(file.path)])
            if table.deletion_vector is None:
                branches.append(
                    f"SELECT {selected} FROM read_parquet(getvariable('{path}')) AS f "
                    f"WHERE f.file_row_number BETWEEN {first} AND {last}"
                )
                continue
            connection.execute(
                f"SET VARIABLE {bits} = (SELECT bitstring_agg(f.ordinal - {start + first}, 0, "
                f"{last - first}) FROM read_parquet(?) AS f "
                f"WHERE f.ordinal BETWEEN {start + first} AND {start + last})",
                [str(table.deletion_vector)],
            )
            bit = (
                f"get_bit(getvariable('{bits}')::BIT, CAST(f.file_row_number - {first} AS INTEGER))"
            )
            branches.append(
                f"SELECT {selected} FROM read_parquet(getvariable('{path}')) AS f "
                f"WHERE f.file_row_number BETWEEN {first} AND {last} AND coalesce({bit}, 0) = 0"
            )
        start += file.rows
    return " UNION ALL ".join(branches)


def _nulls(table: SourceTable) -> str:
    row_ids = () if table.row_ids is None else (Column(ROW_ID, "VARCHAR"),)
    return ", ".join(
        f"CAST(NULL AS {column.type}) AS {quote_identifier(column.name)}"
        for column in (*table.columns, *row_ids)
    )


MAX_COLUMNS = 4096
MAX_WHOLE_NUMBER_WIDTH = "DECIMAL(38,0)"


@dataclass(frozen=True)
class NormalizedQuery:
    """A query whose columns have names and types that a table can store.

    The user's text begins after ``offset`` bytes. A note describes each column whose name or form
    differs from the query.
    """

    sql: str
    offset: int
    columns: tuple[Column, ...]
    notes: tuple[str, ...]


DESCRIBE = "DESCRIBE SELECT * FROM (\n"


def normalize(connection: duckdb.DuckDBPyConnection, text: str) -> NormalizedQuery:
    """Bind a user's query and convert its columns to names and types of a table."""
    described = connection.execute(f"{DESCRIBE}{text}\n)").fetchall()
    if len(described) > MAX_COLUMNS:
        raise SqlTooLarge(
            "The result has {columns} columns; the limit is {limit}.",
            columns=len(described),
            limit=MAX_COLUMNS,
        )
    names, notes = settle_names([row[0] for row in described])
    cells = [f"c{position}" for position in range(len(names))]
    stored = [
        _stored_as(name, row[1], cell)
        for name, row, cell in zip(names, described, cells, strict=True)
    ]
    selected = ", ".join(
        f"{cell.sql} AS {quote_identifier(name)}" for cell, name in zip(stored, names, strict=True)
    )
    head = f"SELECT {selected} FROM (\n"
    return NormalizedQuery(
        sql=f"{head}{text}\n) AS result({', '.join(cells)})",
        offset=len(head.encode()),
        columns=tuple(Column(name, cell.type) for name, cell in zip(names, stored, strict=True)),
        notes=(*notes, *(cell.note for cell in stored if cell.note)),
    )


def _stored_as(name: str, type_: str, cell: str) -> Stored:
    """Store a column as an import does, but a HUGEINT (a sum of integers) as DECIMAL."""
    if type_ == "HUGEINT":
        return Stored(f"CAST({cell} AS {MAX_WHOLE_NUMBER_WIDTH})", MAX_WHOLE_NUMBER_WIDTH)
    return stored_as(name, type_, cell)


def run(request: QueryRequest, on_progress: ProgressCallback) -> dict[str, Any]:
    """Return the answer to a request; raises SqlError, or OSError for a fault of the machine."""
    connection = open_instance(request.limits, request.folder)
    keys: dict[str, str] = {}
    for table in request.tables:  # of two keys that differ in case alone, the first is read
        keys.setdefault(folded(table.key), table.key)
    with _user_errors(request, offset=0):
        statement = read_statement(connection, request.sql, keys)
    tables = [table for table in request.tables if table.key in statement.keys]
    if request.attached_descriptor is not None:
        register_pipe(connection, request.attached_descriptor, request.attached)
    with _user_errors(request, offset=len(DESCRIBE)):
        lock(connection, tables, request.result)
        make_views(connection, tables)
        hide_catalog(connection, statement.keys)
        query = normalize(connection, statement.text)
    answer: dict[str, Any] = {
        "columns": [[column.name, column.type] for column in query.columns],
        "notes": list(query.notes),
    }
    if request.work == "rows":
        answer |= _first_rows(connection, request, query)
    elif request.work == "file":
        assert request.result is not None  # noqa: S101 - part of every request for a file
        answer |= _file(connection, request, query, request.result, on_progress)
    return answer


def _first_rows(
    connection: duckdb.DuckDBPyConnection, request: QueryRequest, query: NormalizedQuery
) -> dict[str, Any]:
    max_rows = request.first_rows
    prefix = f"SELECT {', '.join(json_cell(column) for column in query.columns)} FROM (\n"
    with _user_errors(request, offset=len(prefix.encode()) + query.offset):
        found = connection.execute(f"{prefix}{query.sql} LIMIT {max_rows + 1}\n)").fetchall()
    rows = [[json_value(value) for value in row] for row in found[:max_rows]]
    return {"rows": rows, "has_more": len(found) > max_rows}


def _file(
    connection: duckdb.DuckDBPyConnection,
    request: QueryRequest,
    query: NormalizedQuery,
    path: Path,
    on_progress: ProgressCallback,
) -> dict[str, Any]:
    max_rows = request.limits.rows
    limited = f"{query.sql} LIMIT {max_rows + 1}"
    prefix = copy_sql(limited, path).index(limited)
    with _user_errors(request, offset=prefix + query.offset):
        file = write_parquet(
            connection, limited, [], path, on_progress=on_progress, message="running the query"
        )
    if file.rows > max_rows:
        raise SqlTooLarge(
            "The result has more than {limit} rows, the limit of a result. Narrow it with "
            "WHERE, GROUP BY or LIMIT.",
            limit=max_rows,
        )
    return {"row_count": file.rows}


@contextmanager
def _user_errors(request: QueryRequest, *, offset: int) -> Iterator[None]:
    """Translate DuckDB's errors inside the block; the user's text begins at byte ``offset``."""
    try:
        yield
    except duckdb.Error as error:
        raise user_error(error, request, offset) from None


MAX_TREE_DEPTH = 8000
"""Python frames for the deepest syntax tree that DuckDB's parser accepts."""


def main() -> None:
    sys.setrecursionlimit(MAX_TREE_DEPTH)
    serve_one(
        QueryRequest,
        lambda query: ProcessLimits(query.limits.memory_mb, query.limits.threads, query.cpu_s),
        _answer,
    )


def _answer(request: QueryRequest, on_progress: ProgressCallback) -> dict[str, Any]:
    try:
        return {"answer": run(request, on_progress)}
    except SqlError as error:
        return _error(error)
    except RecursionError:
        return _error(too_deep())
    except MemoryError:
        return _error(out_of_memory(request.limits))
    except OSError as error:
        return {"fault": error.errno}


def _error(error: SqlError) -> dict[str, Any]:
    fields = {"code": error.code, "template": error.template, "parameters": error.parameters}
    return {"error": fields}
