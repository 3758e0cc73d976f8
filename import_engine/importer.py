"""The entry of the room: a file in, Parquet tables out.

Owns: the choice of a reader. Invariant: whatever happens, files are written in ``destination``
alone. Called by the import job's handler.
"""

from __future__ import annotations

from pathlib import Path

from import_engine.imported import ImportedTable
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report
from parquet_tables.writing import ROW_GROUP_ROWS


def import_file(
    database: ParquetDatabase,
    source: Path,
    original_name: str,
    destination: Path,
    *,
    report: Report,
    row_group_rows: int = ROW_GROUP_ROWS,
) -> tuple[ImportedTable, ...]:
    """Read an uploaded file and write its tables as Parquet files in ``destination``."""
    raise NotImplementedError
