"""The DuckDB instance that one query has for itself.

Owns: its limits, its lock-down, and the views by which a commit's tables are read. Invariants: it
opens the files of the tables that the query names and no other (besides the one that the result is
written to), loads no extension, and its configuration is locked; no view's text holds a path.

The columns of a query's result, as a table can hold them.

Invariant: the names differ in more than case, the types are those that Parquet gives back, and a
value changes its form alone. The same columns come at once, in a file, and from a check.

What a query's process does: read the statement, lock the instance, run it.

Invariant: nothing of the user's text runs before it was read and the instance was locked. Called by
``query_process``.

The child process in which one query runs, and which ends with it.

Invariant: every end of the query, a fault of the machine too, is an answer. Started by
``watching``; what it does is in ``query_work``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from parquet_tables.child_side import ProcessLimits, serve_one
from parquet_tables.columns import Column
from parquet_tables.json_values import json_cell, json_value
from parquet_tables.names import folded, settle_names
from parquet_tables.progress import ProgressCallback
from parquet_tables.quoting import quote_identifier
from parquet_tables.stored_types import Stored, stored_as
from parquet_tables.writing import copy_sql, write_parquet
from sql_sandbox.errors import SqlError, SqlRefused, SqlTooLarge, out_of_memory, told
from sql_sandbox.request import Limits, Request, SourceTable
from sql_sandbox.statement import MAX_DEPTH, TOO_DEEP, read_statement

MAX_RUN_LENGTH = 500_000_000
"""Rows in one branch: DuckDB 2.0 makes no bit string of a billion bits."""


def open_instance(limits: Limits, spill_dir: Path) -> duckdb.DuckDBPyConnection:
    """An instance within its limits, which may open every file until it is locked."""
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
    """Allow the files of these tables, and the result's, and no other; then fix every setting."""
    paths = [path for table in tables for path in table.paths]
    allowed = [str(path) for path in (*paths, *((result,) if result else ()))]
    connection.execute("SET allowed_paths = ?", [allowed])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def make_views(connection: duckdb.DuckDBPyConnection, tables: Iterable[SourceTable]) -> None:
    """A view for each table, named by its key; its rows come in the table's order.

    Paths are variables, so that no view tells them. Rows that a table leaves out are told by one
    bit each, not by a join, since a join loses the rows' order.
    """
    for number, table in enumerate(tables):
        names = ", ".join(f"f.{quote_identifier(column.name)}" for column in table.columns)
        if not any(file.rows for file in table.files):
            source = f"SELECT {_nulls(table)} LIMIT 0"
        elif table.deletion_vector is None:
            variable = f"files_{number}"
            paths = [str(file.path) for file in table.files]
            connection.execute(f"SET VARIABLE {variable} = ?", [paths])
            source = f"SELECT {names} FROM read_parquet(getvariable('{variable}')) AS f"
        else:
            source = _kept_rows(connection, table, number, names)
        connection.execute(f"CREATE VIEW {quote_identifier(table.key)} AS {source}")


def hide_catalog(connection: duckdb.DuckDBPyConnection, keys: Iterable[str]) -> None:
    """Shadow each view of DuckDB's catalog that a plain name reaches, so that no query reads it.

    DuckDB looks a name up in the schema ``main`` before it looks in its catalog. Only a qualified
    name still reaches the catalog, and ``statement`` refuses every qualified name.

    Parameters
    ----------
    keys : iterable of str
        The tables that the query reads, whose names are taken.
    """
    taken = {folded(key) for key in keys}
    found = connection.execute(
        "SELECT DISTINCT view_name FROM duckdb_views() "
        "WHERE internal AND schema_name <> 'information_schema'"
    ).fetchall()
    for (name,) in found:
        if folded(name) not in taken:
            connection.execute(
                f"CREATE VIEW {quote_identifier(name)} AS SELECT error('no such table') AS hidden"
            )


def _kept_rows(
    connection: duckdb.DuckDBPyConnection, table: SourceTable, number: int, names: str
) -> str:
    """One branch for each file, or run of a file: its rows whose bit isn't set."""
    branches: list[str] = []
    start = 0
    for file in table.files:
        for first in range(0, file.rows, MAX_RUN_LENGTH):
            last = min(first + MAX_RUN_LENGTH, file.rows) - 1
            path, bits = (f"{what}_{number}_{len(branches)}" for what in ("file", "left_out"))
            connection.execute(f"SET VARIABLE {path} = ?", [str(file.path)])
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
                f"SELECT {names} FROM read_parquet(getvariable('{path}')) AS f "
                f"WHERE f.file_row_number BETWEEN {first} AND {last} AND coalesce({bit}, 0) = 0"
            )
        start += file.rows
    return " UNION ALL ".join(branches)


def _nulls(table: SourceTable) -> str:
    return ", ".join(
        f"CAST(NULL AS {column.type}) AS {quote_identifier(column.name)}"
        for column in table.columns
    )


MAX_COLUMNS = 4096
MAX_WHOLE_NUMBER_WIDTH = "DECIMAL(38,0)"


@dataclass(frozen=True)
class ShapedQuery:
    """A query whose columns are as stored.

    Parameters
    ----------
    sql : str
        It runs the user's text, which begins after ``opening`` bytes.
    notes : tuple of str
        One sentence for each column that has another name or form than the user's own.
    """

    sql: str
    opening: int
    columns: tuple[Column, ...]
    notes: tuple[str, ...]


DESCRIBE = "DESCRIBE SELECT * FROM (\n"


def shaped(connection: duckdb.DuckDBPyConnection, text: str) -> ShapedQuery:
    """Bind a user's query and give its columns the names and types of a table's.

    Raises
    ------
    SqlTooLarge
        It has more columns than a result may.
    """
    described = connection.execute(f"{DESCRIBE}{text}\n)").fetchall()
    if len(described) > MAX_COLUMNS:
        raise SqlTooLarge(
            f"The result has {len(described):,} columns; {MAX_COLUMNS:,} are the most."
        )
    names, notes = settle_names([row[0] for row in described])
    cells = [f"c{place}" for place in range(len(names))]
    stored = [
        _stored_as(name, row[1], cell)
        for name, row, cell in zip(names, described, cells, strict=True)
    ]
    selected = ", ".join(
        f"{one.sql} AS {quote_identifier(name)}" for one, name in zip(stored, names, strict=True)
    )
    opening = f"SELECT {selected} FROM (\n"
    return ShapedQuery(
        sql=f"{opening}{text}\n) AS result({', '.join(cells)})",
        opening=len(opening.encode()),
        columns=tuple(Column(name, one.type) for name, one in zip(names, stored, strict=True)),
        notes=(*notes, *(one.note for one in stored if one.note)),
    )


def _stored_as(name: str, type_: str, cell: str) -> Stored:
    """As an imported column is stored, but for the type of every sum of whole numbers."""
    if type_ == "HUGEINT":
        return Stored(f"CAST({cell} AS {MAX_WHOLE_NUMBER_WIDTH})", MAX_WHOLE_NUMBER_WIDTH)
    return stored_as(name, type_, cell)


def run(request: Request, on_progress: ProgressCallback) -> dict[str, Any]:
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
        answer |= _file(connection, request, query, request.result, on_progress)
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
    on_progress: ProgressCallback,
) -> dict[str, Any]:
    most = request.limits.rows
    limited = f"{query.sql} LIMIT {most + 1}"
    before = copy_sql(limited, path).index(limited)
    with _errors_told(request, opening=before + query.opening):
        file = write_parquet(
            connection, limited, [], path, on_progress=on_progress, message="running the query"
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


MAX_TREE_DEPTH = 8000
"""Frames for the JSON of a syntax tree as deep as DuckDB's parser lets one be."""


def main() -> None:
    """Run the request that stands on the first line of the input."""
    sys.setrecursionlimit(MAX_TREE_DEPTH)
    serve_one(Request.from_line, _limits, _answer)


def _limits(request: Request) -> ProcessLimits:
    return ProcessLimits(request.limits.memory_mb, request.limits.threads, request.cpu_s)


def _answer(request: Request, on_progress: ProgressCallback) -> dict[str, Any]:
    try:
        return {"answer": run(request, on_progress)}
    except SqlError as error:
        return _error(error)
    except RecursionError:
        return _error(SqlRefused(TOO_DEEP))
    except MemoryError:
        return _error(out_of_memory(request.limits))
    except OSError as error:
        return {"fault": error.errno}


def _error(error: SqlError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message}}
