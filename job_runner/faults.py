"""What went wrong with a job that no handler foresaw, as a code and a sentence.

Owns: which faults may pass and are worth another try. Called by the runner.
"""

from __future__ import annotations

import parquet_tables.transient_errors
import storage.sqlite.database
from domain_errors import MachineFault

WORTH_A_RETRY = frozenset(
    {
        "busy",
        "cancelled",
        "damaged_database",
        "disk_full",
        "internal_error",
        "interrupted",
        "locked",
        "out_of_memory",
        "system_error",
        "timed_out",
    }
)
"""Ends that the file of an import is kept for: the file isn't what was wrong."""


def passing_fault(error: BaseException) -> MachineFault | None:
    """The machine's fault behind an error, if it is one that may pass."""
    return parquet_tables.transient_errors.machine_fault(
        error
    ) or storage.sqlite.database.machine_fault(error)


def unforeseen(error: BaseException) -> tuple[str, str]:
    """Code and sentence of an error; paths and statements stay in the log."""
    fault = passing_fault(error)
    if fault is not None:
        return fault.code, fault.message
    damaged = storage.sqlite.database.damage(error)
    if damaged is not None:
        return damaged.code, damaged.message
    if isinstance(error, OSError) and error.strerror:
        return "system_error", f"The system refused the job's work: {error.strerror}."
    if parquet_tables.transient_errors.is_out_of_memory(error):
        return (
            "out_of_memory",
            "The job needs more memory than it may use. Raise the setting memory_mb.",
        )
    return (
        "internal_error",
        f"Something unforeseen went wrong ({type(error).__name__}). The server's log tells more.",
    )
