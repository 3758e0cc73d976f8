"""DuckDB's errors, as a user may read them.

Invariant: a message holds neither a path of this machine nor a statement of ours, and tells the
place in the user's own text. DuckDB's advice to change a setting is left out, since nobody can.
"""

from __future__ import annotations

import errno
import json
import os
import re

import duckdb

from parquet_tables.free_disk import disk_full
from parquet_tables.machine_faults import BUSY, machine_fault
from sql_sandbox.errors import (
    InvalidSql,
    SqlError,
    SqlFailed,
    SqlOutOfMemory,
    SqlRefused,
    placed,
)
from sql_sandbox.request import Limits, Request

LONGEST = 600
SPILL_SIGN = "max_temp_directory_size"

_ADVICE = re.compile(
    r'(\n\nPossible solutions|\n*\s*Use "?SET |, or SET |\s+Please try installing ).*', re.DOTALL
)

_OF_THE_TEXT = (
    duckdb.ParserException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.SyntaxException,
    duckdb.NotImplementedException,
)


def told(error: duckdb.Error, request: Request, opening: int) -> Exception:
    """The error that a user gets, or one of the system, for a fault of the machine.

    Parameters
    ----------
    opening : int
        Where, in bytes, the user's text begins in the statement that ran.
    """
    message, at = _taken_apart(str(error))
    if isinstance(error, duckdb.OutOfMemoryException):
        spilled = SPILL_SIGN in str(error)
        if spilled and request.limits.is_disk_short:
            return disk_full()
        return out_of_memory(request.limits, spilled=spilled)
    if isinstance(error, duckdb.IOException) and (fault := machine_fault(error)) is not None:
        number = errno.EBUSY if fault is BUSY else errno.ENOSPC
        return OSError(number, os.strerror(number))
    if isinstance(error, duckdb.PermissionException):
        return SqlRefused("The query would read what isn't a table of this commit.")
    if isinstance(error, duckdb.IOException) or _names_a_path(message, request):
        return SqlFailed("A data file of this commit can't be read. Run jobsvc check.")
    if isinstance(error, duckdb.InternalException | duckdb.FatalException):
        return SqlFailed("DuckDB broke off with an error of its own. Write the query another way.")
    kind: type[SqlError] = InvalidSql if isinstance(error, _OF_THE_TEXT) else SqlFailed
    place = None if at is None else at - opening
    return kind(placed(request.sql, place, _readable(message)))


def out_of_memory(limits: Limits, *, spilled: bool = False) -> SqlOutOfMemory:
    """A query that needs more than it may use."""
    disk = f" and {limits.spill_mb:,} MiB on disk" if spilled else ""
    return SqlOutOfMemory(
        f"The query needs more than {limits.memory_mb:,} MiB of memory{disk}, the most that one "
        "may use. Read fewer rows or columns, or group by fewer values."
    )


def _taken_apart(text: str) -> tuple[str, int | None]:
    """Message and byte of an error that DuckDB tells as JSON."""
    try:
        document = json.loads(text[text.index("{") :])
        message = str(document["exception_message"])
    except (ValueError, KeyError):
        return text.split("\n\nLINE ")[0], None
    return message, int(document["position"]) if "position" in document else None


def _names_a_path(message: str, request: Request) -> bool:
    return any(str(path) in message for path in request.paths)


def _readable(message: str) -> str:
    message = " ".join(_ADVICE.sub("", message).split())
    if len(message) > LONGEST:
        message = f"{message[:LONGEST]}…"
    return message if message.endswith((".", "!", "?", "…")) else f"{message}."
