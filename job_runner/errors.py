"""The code and the message of a job's unexpected error.

Decides which faults are transient, so that the runner retries the job.
"""

from __future__ import annotations

import parquet_tables.transient_errors
import storage.sqlite.database
from domain_errors import MachineFault

RETRYABLE_CODES = frozenset(
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
"""Error codes after which an import's file is retained, since the file wasn't the cause."""


def transient_error(error: BaseException) -> MachineFault | None:
    """The transient fault of the machine that caused an error, if one did."""
    return parquet_tables.transient_errors.machine_fault(
        error
    ) or storage.sqlite.database.machine_fault(error)


def unexpected_error(error: BaseException) -> tuple[str, str]:
    """The code and the message of an error, without paths and statements."""
    fault = transient_error(error)
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
        f"An unexpected error occurred ({type(error).__name__}). See the server's log.",
    )
