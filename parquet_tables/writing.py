"""Writes data files: row groups of 32,768 rows, 64 KiB pages, zstd, Parquet version 2.

A fetch by ordinal decompresses only the pages that it needs; with DuckDB's defaults (122,880 rows,
one page per column) it would decompress most of a file.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from parquet_tables.columns import Column, DataFile
from parquet_tables.progress import ProgressCallback, execute_watched, ignore_progress
from parquet_tables.quoting import positional_names, quote_identifier, quote_path

ROW_GROUP_ROWS = 32_768
PAGE_BYTES = 65_536
_ROWS_AS_THEY_COME = "FILE_SIZE_BYTES '1000TB'"


def copy_sql(query: str, path: Path, row_group_rows: int = ROW_GROUP_ROWS, *options: str) -> str:
    """Build the COPY statement that writes ``query`` to ``path`` and returns the row count."""
    options = (
        "FORMAT parquet",
        "PARQUET_VERSION v2",
        "COMPRESSION zstd",
        f"ROW_GROUP_SIZE {row_group_rows:d}",
        f"DATA_PAGE_SIZE_LIMIT {PAGE_BYTES:d}",
        *options,
    )
    return f"COPY ({query}) TO {quote_path(path)} ({', '.join(options)})"


def write_parquet(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    params: Sequence[object],
    path: Path,
    *,
    on_progress: ProgressCallback = ignore_progress,
    message: str = "writing rows",
    row_group_rows: int = ROW_GROUP_ROWS,
    one_thread: bool = False,
) -> DataFile:
    """Write a query's rows to one Parquet file, in the query's order.

    Parameters
    ----------
    one_thread : bool
        Write on one thread that holds one row group at most. With several threads each holds a row
        group of the source, and DuckDB 2.0.1 reacts to an interrupt only after it: 20 million rows
        in one row group took 13 GB of disk and 34 s to stop; here 74 MiB and 0.02 s.
    """
    if one_thread:
        with _streamed(cursor, query, params, path) as (numbered, folder):
            sql = copy_sql(numbered, folder, row_group_rows, _ROWS_AS_THEY_COME)
            rows = execute_watched(cursor, sql, params, on_progress, message)
    else:
        sql = copy_sql(query, path, row_group_rows)
        rows = execute_watched(cursor, sql, params, on_progress, message)
    count = rows[0][0]
    assert isinstance(count, int)  # noqa: S101 - COPY answers with a count
    return DataFile(path, count)


@contextmanager
def _streamed(
    cursor: duckdb.DuckDBPyConnection, query: str, params: Sequence[object], path: Path
) -> Iterator[tuple[str, Path]]:
    """Yield the query on one thread and the folder to write it to; move its file to ``path``.

    Numbering the rows forces one thread in row order; a file size limit that is never reached makes
    DuckDB write rows as they arrive, into a folder.
    """
    described = cursor.execute(f"DESCRIBE {query}", list(params)).fetchall()
    names = [f"t.c{at} AS {quote_identifier(row[0])}" for at, row in enumerate(described)]
    numbered = (
        f"SELECT {', '.join(names)} FROM (SELECT *, row_number() OVER () AS number "
        f"FROM ({query}) AS q({positional_names(len(names))})) AS t WHERE t.number > 0"
    )
    folder = path.with_suffix(".stream")
    try:
        yield numbered, folder
        (only,) = folder.iterdir()
        only.rename(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_columns(cursor: duckdb.DuckDBPyConnection, path: Path) -> tuple[Column, ...]:
    described = cursor.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    return tuple(Column(name, type_) for name, type_, *_ in described)
