"""The child process that reads one workbook and writes its sheets as Parquet files.

A fault of the workbook is an answer with a code; an abort of the parser ends this process alone.
"""

from __future__ import annotations

import errno
from typing import Any

import duckdb

from import_engine.errors import UnreadableFile
from import_engine.work import ImportedTable, ImportWork
from import_engine.workbooks.importing import too_much_memory
from import_engine.workbooks.request import Request
from import_engine.workbooks.sheets import read_workbook
from parquet_tables.child_side import ProcessLimits, serve_one
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback
from parquet_tables.transient_errors import BUSY, is_out_of_memory, machine_fault


def main() -> None:
    """Read the workbook of the request on the first line of standard input."""
    serve_one(Request.from_line, _limits, answer_to)


def _limits(request: Request) -> ProcessLimits:
    limits = request.limits
    return ProcessLimits(limits.memory_mb, limits.threads, limits.cpu_s)


def answer_to(request: Request, on_progress: ProgressCallback) -> dict[str, Any]:
    """Return the tables of a workbook, or its error, as JSON."""
    try:
        return {"tables": [_table_json(table) for table in _tables(request, on_progress)]}
    except UnreadableFile as error:
        return {"error": error.code, "message": error.message}
    except (MemoryError, duckdb.Error, OSError) as error:
        if is_out_of_memory(error):
            too_much = too_much_memory(request.limits)
            return {"error": too_much.code, "message": too_much.message}
        fault = machine_fault(error)
        if fault is None:
            raise
        return {"fault": errno.EBUSY if fault is BUSY else errno.ENOSPC}


def _tables(request: Request, on_progress: ProgressCallback) -> tuple[ImportedTable, ...]:
    limits = request.limits
    with (
        ParquetDatabase(
            request.destination,
            request.destination / "spill",
            memory_mb=limits.duckdb_memory_mb,
            threads=limits.threads,
        ) as database,
        database.cursor() as cursor,
    ):
        work = ImportWork(
            cursor,
            request.destination,
            on_progress,
            request.row_group_rows,
            database.thread_memory_bytes,
        )
        return read_workbook(work, request.path, limits.unpacked_bytes)


def _table_json(table: ImportedTable) -> dict[str, Any]:
    (file,) = table.table.files
    return {
        "key": table.key,
        "columns": [[column.name, column.type] for column in table.table.columns],
        "path": str(file.path),
        "rows": file.rows,
        "notes": list(table.notes),
    }
