"""What is wrong with a user's SQL, or went wrong while it ran.

Invariant: a message names the place in the user's own text, and neither a path nor a statement of
ours. The process that runs a query sends code and message; :func:`error_of` makes the error again.

DuckDB's errors, as a user may read them.

Invariant: a message holds neither a path of this machine nor a statement of ours, and tells the
place in the user's own text. DuckDB's advice to change a setting is left out, since nobody can.
"""

from __future__ import annotations

import errno
import json
import os
import re

import duckdb

from domain_errors import DomainError
from parquet_tables.free_disk import disk_full
from parquet_tables.transient_errors import BUSY, machine_fault
from sql_sandbox.request import Limits, Request


class SqlError(DomainError):
    """The base of this room's errors; ``loc`` is the field that holds the SQL."""

    def __init__(self, message: str) -> None:
        super().__init__(message, loc=("sql",))


class InvalidSql(SqlError):
    """It isn't SQL, or names a table, a column or a type that isn't there."""

    code = "invalid_sql"


class SqlRefused(SqlError):
    """It is SQL that a user may not run here."""

    code = "sql_refused"


class SqlFailed(SqlError):
    """It broke off while it ran: a value that can't be converted, a division by zero."""

    code = "sql_failed"


class SqlTooLarge(SqlError):
    """Its result has more rows, columns or bytes than a result may."""

    code = "sql_too_large"


class SqlOutOfMemory(SqlError):
    """It needs more memory, or more room on disk beside it, than a query may use."""

    code = "sql_out_of_memory"


class SqlTimeout(SqlError):
    """It runs longer than a query may."""

    code = "sql_timeout"


_BY_CODE = {
    kind.code: kind
    for kind in (InvalidSql, SqlRefused, SqlFailed, SqlTooLarge, SqlOutOfMemory, SqlTimeout)
}


def error_of(code: str, message: str) -> SqlError:
    """The error that a query's process told of."""
    return _BY_CODE[code](message)


def placed(sql: str, at_byte: int | None, message: str) -> str:
    """A message with the line and column that a byte of the user's text stands in, if it is known.

    >>> placed("SELECT 1,\\n  FROM t", 12, "syntax error.")
    'Line 2, column 3: syntax error.'
    """
    encoded = sql.encode()
    if at_byte is None or not 0 <= at_byte <= len(encoded):
        return message[:1].upper() + message[1:]
    before = encoded[:at_byte].decode(errors="ignore")
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return f"Line {line}, column {column}: {message}"


MAX_LENGTH = 600
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
    if len(message) > MAX_LENGTH:
        message = f"{message[:MAX_LENGTH]}…"
    return message if message.endswith((".", "!", "?", "…")) else f"{message}."
