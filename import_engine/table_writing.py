"""The one way in which an importer writes a table.

Invariant: what was written is read back with the columns that it was written with. Called by every
reader of a format.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from import_engine.imported import ImportedTable
from parquet_tables.progress import Report
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import read_columns, stream_parquet, write_parquet


def write_table(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    columns: Sequence[Column],
    path: Path,
    *,
    report: Report,
    row_group_rows: int,
    key: str,
    notes: Sequence[str],
    streamed: bool = False,
) -> ImportedTable:
    """Write a query's rows and make sure that they are read back as ``columns``.

    Parameters
    ----------
    streamed : bool
        Whether one thread writes rows as they come: see ``stream_parquet``.
    """
    write = stream_parquet if streamed else write_parquet
    file = write(
        cursor,
        query,
        params,
        path,
        report=report,
        message="writing rows",
        row_group_rows=row_group_rows,
    )
    written = read_columns(cursor, path)
    if written != tuple(columns):
        raise AssertionError(f"DuckDB wrote other columns than it was told: {written}")
    return ImportedTable(key, TableFiles(written, (file,)), tuple(notes))
