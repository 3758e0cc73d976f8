"""Parquet files made elsewhere.

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
from import_engine.imported import PRIMARY, ImportedTable
from import_engine.row_groups import largest_group_bytes
from import_engine.table_writing import write_table
from import_engine.work import ImportWork
from parquet_tables.machine_faults import is_of_the_machine
from parquet_tables.names import settle_names
from parquet_tables.progress import execute_watched, without_progress
from parquet_tables.quoting import quote_identifier
from parquet_tables.stored_types import stored_as
from parquet_tables.tables import Column

NO_COLUMN = "The Parquet file has no column."
BROKEN = "The Parquet file is cut off or damaged. Export it again."
SMALL_BYTES = 16 * 1024**2
GROUPS_HELD = 4
"""How many row groups of its source a thread was seen to hold when several copy a file."""
MOST_LEVELS = 200
"""A list is two of them. DuckDB 2.0.1 counts levels in a byte, and breaks at 256."""
MOST_DIGITS = 38
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
            report=work.report,
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
    report = without_progress(work.report)
    return execute_watched(work.cursor, sql, [str(path)], report, "reading the footer")


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
        if len(open_fields) == MOST_LEVELS:
            raise UnreadableFile(f"The Parquet file nests fields more than {MOST_LEVELS} deep.")
        if (precision or 0) > MOST_DIGITS:
            raise UnreadableFile(
                f'The column "{names[-1]}" has decimals of {precision} digits; at most '
                f"{MOST_DIGITS} can be kept. Export it with fewer, or as text."
            )
        open_fields.append(children or 0)
    if not names:
        raise UnreadableFile(NO_COLUMN)
    return names
