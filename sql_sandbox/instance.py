"""The DuckDB instance that one query has for itself.

Owns: its limits, its lock-down, and the views by which a commit's tables are read. Invariants: it
opens the files of the tables that the query names and no other (besides the one that the result is
written to), loads no extension, and its configuration is locked; no view's text holds a path.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb

from parquet_tables.names import folded
from parquet_tables.quoting import quote_identifier
from sql_sandbox.request import Limits, SourceTable
from sql_sandbox.statement import DEEPEST

LONGEST_RUN = 500_000_000
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
            "max_expression_depth": DEEPEST,
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
        elif table.left_out is None:
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
        for first in range(0, file.rows, LONGEST_RUN):
            last = min(first + LONGEST_RUN, file.rows) - 1
            path, bits = (f"{what}_{number}_{len(branches)}" for what in ("file", "left_out"))
            connection.execute(f"SET VARIABLE {path} = ?", [str(file.path)])
            connection.execute(
                f"SET VARIABLE {bits} = (SELECT bitstring_agg(f.ordinal - {start + first}, 0, "
                f"{last - first}) FROM read_parquet(?) AS f "
                f"WHERE f.ordinal BETWEEN {start + first} AND {start + last})",
                [str(table.left_out)],
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
