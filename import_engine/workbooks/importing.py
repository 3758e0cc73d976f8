"""The server's side of a workbook's import: starts the child process and reads its answer.

The child has ended when the call returns or raises. Its death is a fault of the workbook.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from contract.requests.importing import ReadOptions
from domain_errors import DomainError
from import_engine.errors import TypeMisfit, UnreadableFile, WorkbookTooLarge
from import_engine.options import DETECT_ALL, InvalidOption, require_applicable
from import_engine.work import ImportedTable, ImportWork
from lazy_dataclasses import dataclass
from operating_system import ended_by_cpu_limit, ended_by_memory_limit
from parquet_tables.child_process import ChildDied, ask_child, line_of
from parquet_tables.child_side import decoded

logger = logging.getLogger("jobsvc.workbooks")

CHILD_MODULE = "import_engine.workbooks.sheets"
MAX_ANSWER_BYTES = 128 * 1024**2
_ERRORS: Mapping[str, type[DomainError]] = {
    WorkbookTooLarge.code: WorkbookTooLarge,
    InvalidOption.code: InvalidOption,
    TypeMisfit.code: TypeMisfit,
}


@dataclass(frozen=True)
class WorkbookLimits:
    """The limits of reading one workbook.

    ``memory_mb`` is the child's without the interpreter's own; DuckDB gets a quarter of it.
    ``unpacked_bytes`` are those of all parts of the workbook together: a sheet takes about four
    times its unpacked size in memory (217 MB, 5 million cells: 0.9 GB).
    """

    memory_mb: int = 2048
    unpacked_bytes: int = 256 * 1024 * 1024
    cpu_s: int = 1800
    threads: int = 2


DEFAULT_LIMITS = WorkbookLimits()


@dataclass(frozen=True)
class WorkbookRequest:
    """One workbook to read: the child reads no settings."""

    path: Path
    destination: Path
    row_group_rows: int
    limits: WorkbookLimits
    options: ReadOptions = DETECT_ALL


def import_workbook(
    work: ImportWork,
    path: Path,
    limits: WorkbookLimits = DEFAULT_LIMITS,
    options: ReadOptions = DETECT_ALL,
) -> tuple[ImportedTable, ...]:
    """Read every sheet that isn't empty, hidden ones as well, in a child process.

    The keys are the sheets' names, or ``primary`` if only one sheet has cells. An error of
    ``work.on_progress`` kills the child and passes through.

    Raises
    ------
    UnreadableFile
        The file isn't a workbook, is damaged or password-protected, or has no cells.
    WorkbookTooLarge
        Reading it takes more memory or time than ``limits`` allow.
    """
    require_applicable(options, "Excel")
    request = WorkbookRequest(path, work.destination, work.row_group_rows, limits, options)
    errors_path = work.scratch("workbook-errors")
    try:
        answer = ask_child(
            CHILD_MODULE, line_of(request), errors_path, work.on_progress, MAX_ANSWER_BYTES
        )
    except ChildDied as died:
        raise _child_error(died, limits) from None
    finally:
        errors_path.unlink(missing_ok=True)
    if "error" in answer:
        kind = _ERRORS.get(answer["error"], UnreadableFile)
        raise kind(answer["template"], loc=answer["loc"], **answer["parameters"])
    return tuple(decoded(ImportedTable, fields) for fields in answer["tables"])


def too_much_memory(limits: WorkbookLimits) -> WorkbookTooLarge:
    return WorkbookTooLarge(
        "Reading the workbook takes more than {memory_mb} MiB of memory. Save its sheets as CSV.",
        memory_mb=limits.memory_mb,
    )


def _child_error(died: ChildDied, limits: WorkbookLimits) -> Exception:
    logger.warning("a workbook's process ended with %d: %s", died.returncode, died.errors)
    if ended_by_cpu_limit(died.returncode):
        return WorkbookTooLarge(
            "Reading the workbook takes more than {cpu_s} s of processor time. "
            "Save its sheets as CSV.",
            cpu_s=limits.cpu_s,
        )
    if ended_by_memory_limit(died.returncode):  # an allocation failed
        return too_much_memory(limits)
    return UnreadableFile("The workbook can't be read. Save it again as .xlsx, or save it as CSV.")
