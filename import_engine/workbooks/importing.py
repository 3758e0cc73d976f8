"""The import of a workbook, on the server's side.

The child process has ended when the call returns or raises. Its death is a fault of the workbook.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from signal import SIGABRT, SIGKILL, SIGXCPU
from typing import Any

from import_engine.errors import UnreadableFile, WorkbookTooLarge
from import_engine.work import ImportedTable, ImportWork
from import_engine.workbooks.request import Request, WorkbookLimits
from parquet_tables.child_process import ChildDied, ask_child
from parquet_tables.tables import Column, DataFile, TableFiles

logger = logging.getLogger("jobsvc.workbooks")

CHILD_MODULE = "import_engine.workbooks.reader_process"
MAX_ANSWER_BYTES = 64 * 1024**2
DEFAULT_LIMITS = WorkbookLimits()


def import_workbook(
    work: ImportWork, path: Path, limits: WorkbookLimits = DEFAULT_LIMITS
) -> tuple[ImportedTable, ...]:
    """Read every sheet that isn't empty, hidden ones as well, in a child process.

    Returns
    -------
    tuple of ImportedTable
        The keys are the sheets' names, or ``primary`` if only one sheet has cells.

    Raises
    ------
    UnreadableFile
        The file isn't a workbook, is damaged or password-protected, or has no cells.
    WorkbookTooLarge
        Reading it takes more memory or time than ``limits`` allow.
    Exception
        Whatever ``work.on_progress`` raises; the child is killed first.
    """
    request = Request(path, work.destination, work.row_group_rows, limits)
    errors_path = work.scratch("workbook-errors")
    try:
        answer = ask_child(
            CHILD_MODULE, request.to_line(), errors_path, work.on_progress, MAX_ANSWER_BYTES
        )
    except ChildDied as died:
        raise _child_error(died, limits) from None
    finally:
        errors_path.unlink(missing_ok=True)
    if "fault" in answer:
        raise OSError(answer["fault"], os.strerror(answer["fault"]))
    if "error" in answer:
        kind = WorkbookTooLarge if answer["error"] == WorkbookTooLarge.code else UnreadableFile
        raise kind(answer["message"])
    return tuple(_table(fields) for fields in answer["tables"])


def too_much_memory(limits: WorkbookLimits) -> WorkbookTooLarge:
    """The error of a workbook that doesn't fit in the child's memory."""
    return WorkbookTooLarge(
        f"Reading the workbook takes more than {limits.memory_mb:,} MiB of memory. "
        "Save its sheets as CSV."
    )


def _child_error(died: ChildDied, limits: WorkbookLimits) -> Exception:
    """Return the error for a child that ended without an answer."""
    logger.warning("a workbook's process ended with %d: %s", died.returncode, died.errors)
    if died.returncode == -SIGXCPU:
        return WorkbookTooLarge(
            f"Reading the workbook takes more than {limits.cpu_s:,} s of processor time. "
            "Save its sheets as CSV."
        )
    if died.returncode in (-SIGKILL, -SIGABRT):  # an allocation failed
        return too_much_memory(limits)
    return UnreadableFile("The workbook can't be read. Save it again as .xlsx, or save it as CSV.")


def _table(fields: dict[str, Any]) -> ImportedTable:
    columns = tuple(Column(name, type_) for name, type_ in fields["columns"])
    file = DataFile(Path(fields["path"]), fields["rows"])
    return ImportedTable(fields["key"], TableFiles(columns, (file,)), tuple(fields["notes"]))
