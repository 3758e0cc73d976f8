"""How much memory a Parquet file's row groups take.

Owns: the estimate. The footer tells what pages unpack to, but not how often a value of a dictionary
is there: a text of 50 KB that comes in each of 100,000 rows is 50 KB by the footer. So some rows
are looked at. Called by ``parquet``.

Parquet files made elsewhere.

Owns: their way into files of our own. Invariant: rows and values stay, names follow the naming
rule, types that can't be kept become text. Called by ``importer``.
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
from parquet_tables.transient_errors import is_of_the_machine

CELL_BYTES = 16
"""What a value takes in DuckDB's memory at the least, a text beside its own bytes."""
GROUPS_LOOKED_AT = 8
ROWS_LOOKED_AT = 100
_LENGTH = {"VARCHAR": "strlen", "BLOB": "octet_length"}


def largest_group_bytes(work: ImportWork, path: Path, scan: str, types: Sequence[str]) -> int:
    """About what the largest row group of a file takes in memory.

    Parameters
    ----------
    scan : str
        The SQL of the file as a table, with the path as its only parameter.
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
    """The bytes of a row's texts in the row group that has most of them, of those looked at."""
    texts = [f"coalesce({_LENGTH[t]}(c{i}), 0)" for i, t in enumerate(types) if t in _LENGTH]
    if not texts:
        return 0.0
    columns = ", ".join(f"c{i}" for i in range(len(types)))
    look = (
        f"SELECT avg({' + '.join(texts)}) AS bytes FROM {scan} AS source({columns}) "
        "WHERE file_row_number >= ? AND file_row_number < ?"
    )
    step = -(-len(group_rows) // GROUPS_LOOKED_AT)
    looks, params = [], []
    first = 0
    for number, rows in enumerate(group_rows):
        if number % step == 0:
            looks.append(look)
            params += [str(path), first, first + min(rows, ROWS_LOOKED_AT)]
        first += rows
    ((most,),) = _row_group_numbers(
        work, f"SELECT max(bytes) FROM ({' UNION ALL '.join(looks)})", params
    )
    return float(most or 0)


def _row_group_numbers(
    work: ImportWork, sql: str, params: Sequence[object]
) -> list[tuple[Any, ...]]:
    on_progress = without_progress(work.on_progress)
    return execute_watched(work.cursor, sql, params, on_progress, "looking at row groups")


NO_COLUMN = "The Parquet file has no column."
BROKEN = "The Parquet file is cut off or damaged. Export it again."
SMALL_BYTES = 16 * 1024**2
GROUPS_HELD = 4
"""How many row groups of its source a thread was seen to hold when several copy a file."""
MAX_LEVELS = 200
"""A list is two of them. DuckDB 2.0.1 counts levels in a byte, and breaks at 256."""
MAX_DIGITS = 38
"""DuckDB 2.0 reads decimals that have more as DOUBLE, which keeps 15."""
_SCAN = "read_parquet(?, hive_partitioning = false)"


def import_parquet(work: ImportWork, path: Path, *, most_rows: int | None = None) -> ImportedTable:
    """Read a Parquet file.

    Parameters
    ----------
    most_rows : int or None
        Only so many of its first rows are read.

    Raises
    ------
    UnreadableFile
        It is cut off, damaged or encrypted, has no column, or has what can't be kept.
    """
    with _told_as_unreadable():
        names, name_notes = settle_names(_top_level_names(work, path))
        describe = f"DESCRIBE SELECT * FROM {_SCAN}"
        types = [str(row[1]) for row in _asked(work, describe, path)]
        stored = [
            stored_as(name, type_, f"c{i}")
            for i, (name, type_) in enumerate(zip(names, types, strict=True))
        ]
        return write_table(
            work.cursor,
            copy_query([column.sql for column in stored], names) + _limit(most_rows),
            [str(path)],
            [Column(name, column.type) for name, column in zip(names, stored, strict=True)],
            work.destination / f"{PRIMARY}.parquet",
            on_progress=work.on_progress,
            row_group_rows=work.row_group_rows,
            key=PRIMARY,
            notes=[*name_notes, *(column.note for column in stored if column.note)],
            streamed=most_rows is None and _is_to_stream(work, path, types),
        )


def count_parquet_rows(work: ImportWork, path: Path) -> int:
    """The rows that a whole Parquet file has, by its footer.

    Raises
    ------
    UnreadableFile
        As :func:`import_parquet` does.
    """
    with _told_as_unreadable():
        ((rows,),) = _asked(work, f"SELECT count(*) FROM {_SCAN}", path)
    return int(rows)


@contextmanager
def _told_as_unreadable() -> Iterator[None]:
    """Tell what DuckDB says of a file as what is wrong with it, but not what the machine lacks."""
    try:
        yield
    except duckdb.Error as error:
        if is_of_the_machine(error):
            raise
        told = str(error).lower()
        if "encrypt" in told:
            raise UnreadableFile("The Parquet file is encrypted.") from error
        if "at least one non-root column" in told:
            raise UnreadableFile(NO_COLUMN) from error
        raise UnreadableFile(BROKEN) from error


def copy_query(cells: Sequence[str], names: Sequence[str]) -> str:
    """The query of a file's columns, by place: names that differ in case alone are no names."""
    columns = ", ".join(f"c{i}" for i in range(len(names)))
    wanted = ", ".join(
        f"{cell} AS {quote_identifier(name)}" for cell, name in zip(cells, names, strict=True)
    )
    return f"SELECT {wanted} FROM {_SCAN} AS source({columns})"


def _limit(most_rows: int | None) -> str:
    return "" if most_rows is None else f" LIMIT {most_rows:d}"


def _is_to_stream(work: ImportWork, path: Path, types: Sequence[str]) -> bool:
    """Whether one thread had better read the file: else each holds row groups in its memory.

    A small file is read in a moment by one thread as well, and may unpack to anything at all.
    """
    if path.stat().st_size < SMALL_BYTES:
        return True
    group_bytes = largest_group_bytes(work, path, _SCAN, types)
    return GROUPS_HELD * group_bytes > work.thread_memory_bytes


def _asked(work: ImportWork, sql: str, path: Path) -> list[tuple[Any, ...]]:
    """Run a short statement on the file, which the import's report can still stop."""
    on_progress = without_progress(work.on_progress)
    return execute_watched(work.cursor, sql, [str(path)], on_progress, "reading the footer")


def _top_level_names(work: ImportWork, path: Path) -> list[str]:
    """The columns' names as in the file; the schema lists each nested field after its parent."""
    schema = "SELECT name, num_children, precision FROM parquet_schema(?)"
    fields = _asked(work, schema, path)
    check_column_count(fields[0][1] or 0)
    names: list[str] = []
    open_fields: list[int] = []  # of each level, the fields that are still to come
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
                f"{MAX_DIGITS} can be kept. Export it with fewer, or as text."
            )
        open_fields.append(children or 0)
    if not names:
        raise UnreadableFile(NO_COLUMN)
    return names
