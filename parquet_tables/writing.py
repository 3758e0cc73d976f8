"""How every data file is written.

Invariant: row groups of 32,768 rows in pages of 64 KiB, zstd, Parquet version 2, rows in the
query's order. A fetch by ordinal decompresses only the pages that it needs: with DuckDB's defaults
(122,880 rows, one page a column) it would decompress most of the file. Files stay as small and
scans as fast.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb

from parquet_tables.columns import Column, DataFile
from parquet_tables.progress import ProgressCallback, execute_watched, ignore_progress
from parquet_tables.quoting import positional_names, quote_identifier, quote_path

ROW_GROUP_ROWS = 32_768
PAGE_BYTES = 65_536
_IN_ONE_FILE = "FILE_SIZE_BYTES '1000TB'"


def copy_sql(query: str, path: Path, row_group_rows: int = ROW_GROUP_ROWS, *options: str) -> str:
    """The COPY statement that writes ``query`` to ``path``; it returns the number of rows."""
    given = (
        "FORMAT parquet",
        "PARQUET_VERSION v2",
        "COMPRESSION zstd",
        f"ROW_GROUP_SIZE {row_group_rows:d}",
        f"DATA_PAGE_SIZE_LIMIT {PAGE_BYTES:d}",
        *options,
    )
    return f"COPY ({query}) TO {quote_path(path)} ({', '.join(given)})"


def write_parquet(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    path: Path,
    *,
    on_progress: ProgressCallback = ignore_progress,
    message: str = "writing rows",
    row_group_rows: int = ROW_GROUP_ROWS,
) -> DataFile:
    """Write a query's rows to one Parquet file, in the query's order."""
    rows = execute_watched(
        cursor, copy_sql(query, path, row_group_rows), params, on_progress, message
    )
    return DataFile(path, _count(rows))


def stream_parquet(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    path: Path,
    *,
    on_progress: ProgressCallback = ignore_progress,
    message: str = "writing rows",
    row_group_rows: int = ROW_GROUP_ROWS,
) -> DataFile:
    """As :func:`write_parquet`, but on one thread, which holds no more than a row group it writes.

    Several threads collect what they read, a row group of the source each, and DuckDB 2.0.1 hears
    an interrupt only behind it: 20 million rows in one row group, 1.5 KB as a file, took 13 GB of
    disk and were stopped after 34 s; here 74 MiB and 0.02 s. Two means go together: numbering the
    rows keeps them to one thread, in their order, and a limit to a file's size, which none
    reaches, has DuckDB write rows as they come, into a folder.
    """
    described = cursor.execute(f"DESCRIBE {query}", list(params)).fetchall()
    names = [f"t.c{at} AS {quote_identifier(row[0])}" for at, row in enumerate(described)]
    numbered = (
        f"SELECT {', '.join(names)} FROM (SELECT *, row_number() OVER () AS number "
        f"FROM ({query}) AS q({positional_names(len(names))})) AS t WHERE t.number > 0"
    )
    folder = path.with_suffix(".stream")
    sql = copy_sql(numbered, folder, row_group_rows, _IN_ONE_FILE)
    try:
        rows = execute_watched(cursor, sql, params, on_progress, message)
        (only,) = folder.iterdir()
        only.rename(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return DataFile(path, _count(rows))


def _count(rows: Sequence[tuple[object, ...]]) -> int:
    """The number of rows that COPY answers with."""
    count = rows[0][0]
    assert isinstance(count, int)  # noqa: S101 - COPY answers with a count
    return count


def read_columns(cursor: duckdb.DuckDBPyConnection, path: Path) -> tuple[Column, ...]:
    """The columns of a Parquet file, with DuckDB's types."""
    described = cursor.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    return tuple(Column(name, type_) for name, type_, *_ in described)
