"""How every data file is written.

Invariant: row groups of 32,768 rows in pages of 64 KiB, zstd, Parquet version 2, rows in the
query's order. A fetch by ordinal decompresses only the pages that it needs: with DuckDB's defaults
(122,880 rows, one page a column) it would decompress most of the file. Files stay as small and
scans as fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from parquet_tables.columns import Column, DataFile
from parquet_tables.progress import Report, execute_watched, no_report
from parquet_tables.quoting import quote_path

ROW_GROUP_ROWS = 32_768
PAGE_BYTES = 65_536


def copy_sql(query: str, path: Path, row_group_rows: int = ROW_GROUP_ROWS) -> str:
    """The COPY statement that writes ``query`` to ``path``; it returns the number of rows."""
    return (
        f"COPY ({query}) TO {quote_path(path)} (FORMAT parquet, PARQUET_VERSION v2, "
        f"COMPRESSION zstd, ROW_GROUP_SIZE {row_group_rows:d}, "
        f"DATA_PAGE_SIZE_LIMIT {PAGE_BYTES:d})"
    )


def write_parquet(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    path: Path,
    *,
    report: Report = no_report,
    message: str = "writing rows",
    row_group_rows: int = ROW_GROUP_ROWS,
) -> DataFile:
    """Write a query's rows to one Parquet file, in the query's order."""
    rows = execute_watched(cursor, copy_sql(query, path, row_group_rows), params, report, message)
    count = rows[0][0]
    assert isinstance(count, int)  # noqa: S101 - COPY answers with a count
    return DataFile(path, count)


def read_columns(cursor: duckdb.DuckDBPyConnection, path: Path) -> tuple[Column, ...]:
    """The columns of a Parquet file, with DuckDB's types."""
    described = cursor.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    return tuple(Column(name, type_) for name, type_, *_ in described)
