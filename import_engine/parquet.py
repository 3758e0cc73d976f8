"""Parquet files of other programs.

Rows and values stay, names follow the naming rule, unsupported types become text. A file with large
row groups is read by one thread. Their memory is estimated from a sample of rows, since the footer
doesn't say how often a dictionary value occurs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from import_engine.errors import UnreadableFile, check_column_count
from import_engine.work import PRIMARY, ImportedTable, ImportWork, write_table
from parquet_tables.names import settle_names
from parquet_tables.progress import execute_watched, without_progress
from parquet_tables.quoting import quote_identifier
from parquet_tables.stored_types import stored_as
from parquet_tables.tables import Column
from parquet_tables.transient_errors import is_machine_error

CELL_BYTES = 16
"""Least memory of a value in DuckDB, without the bytes of a text."""
SAMPLED_GROUPS = 8
SAMPLED_ROWS = 100
_LENGTH = {"VARCHAR": "strlen", "BLOB": "octet_length"}


def largest_group_bytes(work: ImportWork, path: Path, scan: str, types: Sequence[str]) -> int:
    """Estimate the memory that the largest row group of a file takes.

    Parameters
    ----------
    scan : str
        SQL of the file as a table; its only parameter is the path.
    types : sequence of str
        DuckDB's types of its columns, in their order.
    """
    groups = _row_group_numbers(
        work,
        "SELECT max(row_group_num_rows), sum(total_uncompressed_size) FROM parquet_metadata(?) "
        "GROUP BY row_group_id ORDER BY row_group_id",
        [str(path)],
    )
    if not groups:
        return 0
    texts = _text_bytes_a_row(work, path, scan, types, [rows for rows, _ in groups])
    return max(int(size + rows * (len(types) * CELL_BYTES + texts)) for rows, size in groups)


def _text_bytes_a_row(
    work: ImportWork,
    path: Path,
    scan: str,
    types: Sequence[str],
    group_rows: Sequence[int],
) -> float:
    """Average bytes of a row's texts, in the sampled row group where they are largest."""
    texts = [f"coalesce({_LENGTH[t]}(c{i}), 0)" for i, t in enumerate(types) if t in _LENGTH]
    if not texts:
        return 0.0
    columns = ", ".join(f"c{i}" for i in range(len(types)))
    sample_sql = (
        f"SELECT avg({' + '.join(texts)}) AS bytes FROM {scan} AS source({columns}) "
        "WHERE file_row_number >= ? AND file_row_number < ?"
    )
    step = -(-len(group_rows) // SAMPLED_GROUPS)
    samples, params = [], []
    first = 0
    for number, rows in enumerate(group_rows):
        if number % step == 0:
            samples.append(sample_sql)
            params += [str(path), first, first + min(rows, SAMPLED_ROWS)]
        first += rows
    ((most,),) = _row_group_numbers(
        work, f"SELECT max(bytes) FROM ({' UNION ALL '.join(samples)})", params
    )
    return float(most or 0)


def _row_group_numbers(
    work: ImportWork, sql: str, params: Sequence[object]
) -> list[tuple[Any, ...]]:
    on_progress = without_progress(work.on_progress)
    return execute_watched(work.cursor, sql, params, on_progress, "reading row groups")


NO_COLUMN = "The Parquet file has no column."
BROKEN = "The Parquet file is cut off or damaged. Export it again."
SMALL_BYTES = 16 * 1024**2
GROUPS_PER_THREAD = 4
"""Row groups of the source that a thread holds when several threads copy a file (measured)."""
MAX_LEVELS = 200
"""A list is two levels. DuckDB 2.0.1 counts levels in a byte and fails at 256."""
MAX_DIGITS = 38
"""DuckDB 2.0 reads longer decimals as DOUBLE, which holds 15 digits."""
_SCAN = "read_parquet(?, hive_partitioning = false)"


def import_parquet(work: ImportWork, path: Path, *, max_rows: int | None = None) -> ImportedTable:
    """Read a Parquet file.

    Parameters
    ----------
    most_rows : int or None
        Read at most this many rows.

    Raises
    ------
    UnreadableFile
        The file is truncated, damaged or encrypted, has no column, or has unsupported types.
    """
    with _errors_as_unreadable():
        names, name_notes = settle_names(_top_level_names(work, path))
        describe = f"DESCRIBE SELECT * FROM {_SCAN}"
        types = [str(row[1]) for row in _query_footer(work, describe, path)]
        stored = [
            stored_as(name, type_, f"c{i}")
            for i, (name, type_) in enumerate(zip(names, types, strict=True))
        ]
        return write_table(
            work.cursor,
            copy_query([column.sql for column in stored], names) + _limit(max_rows),
            [str(path)],
            [Column(name, column.type) for name, column in zip(names, stored, strict=True)],
            work.destination / f"{PRIMARY}.parquet",
            on_progress=work.on_progress,
            row_group_rows=work.row_group_rows,
            key=PRIMARY,
            notes=[*name_notes, *(column.note for column in stored if column.note)],
            streamed=max_rows is None and _should_stream(work, path, types),
        )


def count_parquet_rows(work: ImportWork, path: Path) -> int:
    """Return the row count in a Parquet file's footer.

    Raises
    ------
    UnreadableFile
        As :func:`import_parquet` does.
    """
    with _errors_as_unreadable():
        ((rows,),) = _query_footer(work, f"SELECT count(*) FROM {_SCAN}", path)
    return int(rows)


@contextmanager
def _errors_as_unreadable() -> Iterator[None]:
    """Raise UnreadableFile for DuckDB errors that aren't faults of the machine."""
    try:
        yield
    except duckdb.Error as error:
        if is_machine_error(error):
            raise
        message = str(error).lower()
        if "encrypt" in message:
            raise UnreadableFile("The Parquet file is encrypted.") from error
        if "at least one non-root column" in message:
            raise UnreadableFile(NO_COLUMN) from error
        raise UnreadableFile(BROKEN) from error


def copy_query(cells: Sequence[str], names: Sequence[str]) -> str:
    """Build the query of a file's columns by position: names may differ in case alone."""
    columns = ", ".join(f"c{i}" for i in range(len(names)))
    wanted = ", ".join(
        f"{cell} AS {quote_identifier(name)}" for cell, name in zip(cells, names, strict=True)
    )
    return f"SELECT {wanted} FROM {_SCAN} AS source({columns})"


def _limit(max_rows: int | None) -> str:
    return "" if max_rows is None else f" LIMIT {max_rows:d}"


def _should_stream(work: ImportWork, path: Path, types: Sequence[str]) -> bool:
    """Whether to read the file on one thread, because several would exceed their memory.

    A small file is always read on one thread: it is fast, and may unpack to any size.
    """
    if path.stat().st_size < SMALL_BYTES:
        return True
    group_bytes = largest_group_bytes(work, path, _SCAN, types)
    return GROUPS_PER_THREAD * group_bytes > work.thread_memory_bytes


def _query_footer(work: ImportWork, sql: str, path: Path) -> list[tuple[Any, ...]]:
    """Run a short statement on the file that the progress callback can stop."""
    on_progress = without_progress(work.on_progress)
    return execute_watched(work.cursor, sql, [str(path)], on_progress, "reading the footer")


def _top_level_names(work: ImportWork, path: Path) -> list[str]:
    """Return the columns' names; the schema lists each nested field after its parent."""
    schema = "SELECT name, num_children, precision FROM parquet_schema(?)"
    fields = _query_footer(work, schema, path)
    check_column_count(fields[0][1] or 0)
    names: list[str] = []
    open_fields: list[int] = []  # for each level, the number of remaining fields
    for name, children, precision in fields[1:]:
        while open_fields and not open_fields[-1]:
            open_fields.pop()
        if open_fields:
            open_fields[-1] -= 1
        else:
            names.append(name)
        if len(open_fields) == MAX_LEVELS:
            raise UnreadableFile(f"The Parquet file nests fields more than {MAX_LEVELS} deep.")
        if (precision or 0) > MAX_DIGITS:
            raise UnreadableFile(
                f'The column "{names[-1]}" has decimals of {precision} digits; at most '
                f"{MAX_DIGITS} are supported. Export it with fewer, or as text."
            )
        open_fields.append(children or 0)
    if not names:
        raise UnreadableFile(NO_COLUMN)
    return names
