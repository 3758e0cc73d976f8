"""Parquet files made elsewhere.

Owns: their way into files of our own. Invariant: rows and values stay, names follow the naming
rule, types that can't be kept become text. Called by ``importer``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from import_engine.errors import UnreadableFile
from import_engine.imported import PRIMARY, ImportedTable
from import_engine.table_writing import write_table
from import_engine.work import ImportWork
from parquet_tables.machine_faults import is_of_the_machine
from parquet_tables.names import settle_names
from parquet_tables.quoting import quote_identifier
from parquet_tables.stored_types import stored_as
from parquet_tables.tables import Column

BROKEN = "The Parquet file is cut off or damaged. Export it again."
_SCAN = "read_parquet(?, hive_partitioning = false)"


def import_parquet(work: ImportWork, path: Path) -> ImportedTable:
    """Read a Parquet file.

    Raises
    ------
    UnreadableFile
        It is cut off, damaged or encrypted, or it has no column.
    """
    try:
        names, name_notes = settle_names(_top_level_names(work.cursor, path))
        described = work.cursor.execute(f"DESCRIBE SELECT * FROM {_SCAN}", [str(path)]).fetchall()
        stored = [
            stored_as(n, row[1], f"c{i}")
            for i, (n, row) in enumerate(zip(names, described, strict=True))
        ]
        return write_table(
            work.cursor,
            copy_query([column.sql for column in stored], names),
            [str(path)],
            [Column(name, column.type) for name, column in zip(names, stored, strict=True)],
            work.destination / f"{PRIMARY}.parquet",
            report=work.report,
            row_group_rows=work.row_group_rows,
            key=PRIMARY,
            notes=[*name_notes, *(column.note for column in stored if column.note)],
        )
    except duckdb.Error as error:
        if is_of_the_machine(error):
            raise
        if "encrypt" in str(error).lower():
            raise UnreadableFile("The Parquet file is encrypted.") from error
        raise UnreadableFile(BROKEN) from error


def copy_query(cells: Sequence[str], names: Sequence[str]) -> str:
    """The query of a file's columns, by place: names that differ in case alone are no names."""
    columns = ", ".join(f"c{i}" for i in range(len(names)))
    wanted = ", ".join(
        f"{cell} AS {quote_identifier(name)}" for cell, name in zip(cells, names, strict=True)
    )
    return f"SELECT {wanted} FROM {_SCAN} AS source({columns})"


def _top_level_names(cursor: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """The columns' names as in the file; the schema lists each nested field after its parent."""
    rows = cursor.execute(
        "SELECT name, num_children FROM parquet_schema(?)", [str(path)]
    ).fetchall()
    names: list[str] = []
    below = 0
    for name, children in rows[1:]:
        if below:
            below -= 1
        else:
            names.append(name)
        below += children or 0
    if not names:
        raise UnreadableFile("The Parquet file has no column.")
    return names
