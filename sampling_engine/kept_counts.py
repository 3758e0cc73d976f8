"""Counts of strata that outlive a draw, one small Parquet file each.

Owns: the files' names and contents. Invariant: a file is a copy of what a count gave, put in its
place whole or not at all; since a table's files never change, neither does their count. Any of them
may be deleted at any time. A name begins with that of the table's first file, and a file's time is
that of its last use, so that it can be told which are of no use any more. It ends with a hash of
the file's bytes: DuckDB 2.0 reads most damaged files without an error, so one that is damaged is
dropped before it is read, and counted anew. Called by the strata.
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

VERSION = "strata-3"


def kept_file(
    directory: Path, table: TableFiles, columns: Sequence[Column], row_filter: RowFilter | None
) -> Path:
    """Where these counts are kept; named for the table's files, the columns and the filter.

    The hash of the bytes and the suffix are still to come.
    """
    named = [
        VERSION,
        [[str(file.path), file.rows] for file in table.files],
        [[column.name, column.type] for column in columns],
        row_filter and row_filter.text,
    ]
    digest = hashlib.sha256(json.dumps(named).encode()).hexdigest()
    first = table.files[0].path.stem if table.files else "none"
    return directory / f"{first}-{digest}"


def load_counts(cursor: duckdb.DuckDBPyConnection, kept: Path, strata: str) -> bool:
    """Make the temporary table ``strata`` from a kept file; False when there is none."""
    for file in kept.parent.glob(f"{kept.name}-*.parquet"):
        with suppress(OSError, duckdb.IOException):  # deleted just now, or not readable
            if _hash(file) == file.stem.rpartition("-")[2]:
                os.utime(file)
                cursor.execute(*statements.load_strata(strata, str(file)))
                return True
            file.unlink()
    return False


def keep_counts(cursor: duckdb.DuckDBPyConnection, strata: str, kept: Path) -> None:
    """Write the temporary table ``strata`` to its file; of two writers either's is kept."""
    part = kept.with_suffix(f".{secrets.token_hex(8)}.part")
    try:
        write_parquet(cursor, *statements.all_strata(strata), part)
        part.replace(kept.with_name(f"{kept.name}-{_hash(part)}.parquet"))
    finally:
        part.unlink(missing_ok=True)


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]
