"""Counts of strata that outlive a draw, one small Parquet file each.

Owns: the files' names and contents. Invariant: a file is a copy of what a count gave, put in its
place whole or not at all; since a table's files never change, neither does their count. Any of them
may be deleted at any time, and one that can't be read is counted anew. So that it can be told which
are of no use any more, a name begins with that of the table's first file, and a file's time is that
of its last use. Called by the strata.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import duckdb

from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import write_parquet
from sampling_engine import statements
from sampling_engine.spec import RowFilter

VERSION = "strata-2"


def kept_file(
    directory: Path, table: TableFiles, columns: Sequence[Column], row_filter: RowFilter | None
) -> Path:
    """Where these counts are kept; named for the table's files, the columns and the filter."""
    named = [
        VERSION,
        [[str(file.path), file.rows] for file in table.files],
        [[column.name, column.type] for column in columns],
        row_filter and row_filter.text,
    ]
    digest = hashlib.sha256(json.dumps(named).encode()).hexdigest()
    first = table.files[0].path.stem if table.files else "none"
    return directory / f"{first}-{digest}.parquet"


def load_counts(
    cursor: duckdb.DuckDBPyConnection,
    file: Path,
    strata: str,
    table: TableFiles,
    row_filter: RowFilter | None,
) -> bool:
    """Make the temporary table ``strata`` from a kept file; False if that can't be done."""
    if not file.is_file():
        return False
    try:
        cursor.execute(*statements.load_strata(strata, str(file)))
        _, counted = cursor.execute(*statements.totals_of_strata(strata)).fetchall()[0]
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.BinderException):
        counted = None
    if counted is not None and (counted == table.file_rows or row_filter is not None):
        with suppress(FileNotFoundError):  # deleted just now
            os.utime(file)
        return True
    cursor.execute(f"DROP TABLE IF EXISTS {strata}")
    return False


def keep_counts(cursor: duckdb.DuckDBPyConnection, strata: str, file: Path) -> None:
    """Write the temporary table ``strata`` to ``file``; of two writers either's is kept."""
    part = file.with_suffix(f".{secrets.token_hex(8)}.part")
    try:
        write_parquet(cursor, *statements.all_strata(strata), part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
