"""Transient and unexpected errors: their codes and messages, without paths and statements."""

from __future__ import annotations

import parquet_tables.transient_errors
import storage.sqlite.database
from domain_errors import MachineFault
from parquet_tables.transient_errors import is_out_of_memory

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
        "source_unavailable",
        "system_error",
        "timed_out",
    }
)
"""Error codes after which an import's file is retained, since the file wasn't the cause."""

OUT_OF_MEMORY = MachineFault(
    "out_of_memory", "The job needs more memory than it may use. Raise the setting memory_mb."
)


def transient_error(error: BaseException) -> MachineFault | None:
    """The transient fault of the machine that caused an error, if one did."""
    return parquet_tables.transient_errors.machine_fault(
        error
    ) or storage.sqlite.database.machine_fault(error)


def unexpected_error(error: BaseException) -> MachineFault:
    """The code and the message of any other error than a DomainError."""
    if (fault := transient_error(error)) is not None:
        return fault
    if (damage := storage.sqlite.database.damage(error)) is not None:
        return MachineFault(damage.code, damage.message)
    if isinstance(error, OSError) and error.strerror:
        return MachineFault("system_error", f"The system refused the work: {error.strerror}.")
    if is_out_of_memory(error):
        return OUT_OF_MEMORY
    name = type(error).__name__
    return MachineFault(
        "internal_error", f"An unexpected error occurred ({name}). See the server's log."
    )
