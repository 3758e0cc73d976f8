"""Parquet files of other programs.

Rows and values stay, names follow the naming rule, unsupported types become text. DuckDB reads
as many rows as the footer states, so a file whose pages have others is refused. A file with large
row groups is read by one thread.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from contract.requests.importing import ReadOptions
from import_engine.errors import UnreadableFile, check_column_count, duckdb_errors_as
from import_engine.options import DETECT_ALL, require_applicable
from import_engine.text_tables import renamed
from import_engine.work import ColumnReading, ImportedTable, ImportWork
from operating_system import read_at
from parquet_tables.columns import Column, stored_as
from parquet_tables.footers.checks import (
    FooterContradicted,
    read_stated,
    require_agreement,
    require_pages,
)
from parquet_tables.names import settle_names
from parquet_tables.quoting import positional_names, quote_identifier

CELL_BYTES = 16
"""Least memory of a value in DuckDB, without the bytes of a text."""
SAMPLED_GROUPS = 8
SAMPLED_ROWS = 100
SMALL_BYTES = 16 * 1024**2
GROUPS_PER_THREAD = 4
"""Row groups of the source that a thread holds when several threads copy a file (measured)."""
MAX_LEVELS = 200
"""A list is two levels. DuckDB 2.0.1 counts levels in a byte and fails at 256."""
MAX_DIGITS = 38
"""DuckDB 2.0 reads longer decimals as DOUBLE, which holds 15 digits."""
_NO_COLUMN = "The Parquet file has no column."
_SCAN = "read_parquet(?, hive_partitioning = false)"
_LENGTH = {"VARCHAR": "strlen", "BLOB": "octet_length"}
_READING = "reading the footer"


def import_parquet(
    work: ImportWork,
    path: Path,
    *,
    max_rows: int | None = None,
    small_bytes: int = SMALL_BYTES,
    options: ReadOptions = DETECT_ALL,
) -> ImportedTable:
    """Read a Parquet file, or its first ``max_rows`` rows."""
    require_applicable(options, "Parquet")
    with duckdb_errors_as(parquet_error):
        source_names, name_notes = settle_names(_top_level_names(work, path))
        names, renamed_notes = renamed(source_names, options)
        described = work.ask(f"DESCRIBE SELECT * FROM {_SCAN}", [str(path)], _READING)
        types = [str(row[1]) for row in described]
        _require_stated_rows(work, path, reads_pages=max_rows is None)
        stored = [
            stored_as(name, type_, f"c{i}")
            for i, (name, type_) in enumerate(zip(names, types, strict=True))
        ]
        # By position: names may differ in case alone.
        cells = ", ".join(
            f"{column.sql} AS {quote_identifier(name)}"
            for column, name in zip(stored, names, strict=True)
        )
        limit = "" if max_rows is None else f" LIMIT {max_rows:d}"
        table = work.write_table(
            f"SELECT {cells} FROM {_SCAN} AS source({positional_names(len(names))}){limit}",
            [str(path)],
            [Column(name, column.type) for name, column in zip(names, stored, strict=True)],
            notes=[*name_notes, *renamed_notes, *(column.note for column in stored if column.note)],
            one_thread=max_rows is None and needs_one_thread(work, path, types, small_bytes),
        )
        return replace(table, readings=tuple(map(ColumnReading, names, source_names)))


def _require_stated_rows(work: ImportWork, path: Path, *, reads_pages: bool) -> None:
    """Compare the rows that a footer states with each other, and with those in the pages."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def read(start: int, size_bytes: int) -> bytes:
        return read_at(descriptor, size_bytes, start)

    try:
        stated = read_stated(work.cursor, str(path), read, path.stat().st_size)
        require_agreement(stated)
        if reads_pages:
            on_progress = work.short_step().on_progress
            require_pages(stated, read, lambda _: on_progress(0.0, "counting rows"))
    except FooterContradicted as problem:
        raise UnreadableFile(
            "The footer of the Parquet file is wrong: {problem}. Export it again.",
            problem=str(problem),
        ) from None
    finally:
        os.close(descriptor)


def count_parquet_rows(work: ImportWork, path: Path) -> int:
    """Return the row count in a Parquet file's footer; errors are those of an import."""
    with duckdb_errors_as(parquet_error):
        ((rows,),) = work.ask(f"SELECT count(*) FROM {_SCAN}", [str(path)], _READING)
    return int(rows)


def parquet_error(message: str) -> UnreadableFile:
    if "encrypt" in message.lower():
        return UnreadableFile("The Parquet file is encrypted.")
    if "at least one non-root column" in message.lower():
        return UnreadableFile(_NO_COLUMN)
    return UnreadableFile("The Parquet file is cut off or damaged. Export it again.")


def needs_one_thread(
    work: ImportWork, path: Path, types: Sequence[str], small_bytes: int = SMALL_BYTES
) -> bool:
    """Whether several threads would exceed their memory, or the file is small.

    A small file is read fast by one thread, and may unpack to any size.
    """
    if path.stat().st_size < small_bytes:
        return True
    return GROUPS_PER_THREAD * _largest_group_bytes(work, path, types) > work.thread_memory_bytes


def _largest_group_bytes(work: ImportWork, path: Path, types: Sequence[str]) -> int:
    """Estimate the memory that the largest row group takes.

    The footer doesn't say how often a dictionary value occurs, so texts are measured in a sample.
    """
    groups = work.ask(
        "SELECT max(row_group_num_rows), sum(total_uncompressed_size) FROM parquet_metadata(?) "
        "GROUP BY row_group_id ORDER BY row_group_id",
        [str(path)],
        _READING,
    )
    texts = _text_bytes_a_row(work, path, types, [rows for rows, _ in groups])
    sizes = (int(size + rows * (len(types) * CELL_BYTES + texts)) for rows, size in groups)
    return max(sizes, default=0)


def _text_bytes_a_row(
    work: ImportWork, path: Path, types: Sequence[str], group_rows: Sequence[int]
) -> float:
    """Average bytes of a row's texts, in the sampled row group where they are largest."""
    texts = [f"coalesce({_LENGTH[t]}(c{i}), 0)" for i, t in enumerate(types) if t in _LENGTH]
    if not texts or not group_rows:
        return 0.0
    sample_sql = (
        f"SELECT avg({' + '.join(texts)}) AS bytes FROM {_SCAN} AS source"
        f"({positional_names(len(types))}) WHERE file_row_number >= ? AND file_row_number < ?"
    )
    step = -(-len(group_rows) // SAMPLED_GROUPS)
    samples: list[str] = []
    params: list[object] = []
    first = 0
    for number, rows in enumerate(group_rows):
        if number % step == 0:
            samples.append(sample_sql)
            params += [str(path), first, first + min(rows, SAMPLED_ROWS)]
        first += rows
    sql = f"SELECT max(bytes) FROM ({' UNION ALL '.join(samples)})"
    ((most,),) = work.ask(sql, params, "reading row groups")
    return float(most or 0)


def _top_level_names(work: ImportWork, path: Path) -> list[str]:
    """Return the columns' names; the schema lists each nested field after its parent."""
    schema = "SELECT name, num_children, precision FROM parquet_schema(?)"
    fields = work.ask(schema, [str(path)], _READING)
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
            raise UnreadableFile(
                "The Parquet file nests fields more than {max_levels} deep.", max_levels=MAX_LEVELS
            )
        if (precision or 0) > MAX_DIGITS:
            raise UnreadableFile(
                'The column "{column}" has decimals of {digits} digits; at most {max_digits} are '
                "supported. Export it with fewer, or as text.",
                column=names[-1],
                digits=precision,
                max_digits=MAX_DIGITS,
            )
        open_fields.append(children or 0)
    if not names:
        raise UnreadableFile(_NO_COLUMN)
    return names
