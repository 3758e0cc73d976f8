"""Errors of a user's SQL, and the translation of DuckDB's errors.

A message names the place in the user's text, and no path and no statement of the server. DuckDB's
advice to change settings is removed. A query's process sends code and message.
"""

from __future__ import annotations

import errno
import json
import os
import re

import duckdb

from domain_errors import DomainError
from parquet_tables.footers.damage import is_of_reader
from parquet_tables.transient_errors import BUSY, disk_full, machine_fault
from sql_sandbox.request import Limits, QueryRequest


class SqlError(DomainError):
    """Base of the sandbox's errors; ``loc`` is the field that holds the SQL."""

    def __init__(self, template: str, **parameters: object) -> None:
        super().__init__(template, loc=("sql",), **parameters)


class InvalidSql(SqlError):
    """The text isn't SQL, or names an unknown table, column or type."""

    code = "invalid_sql"


class SqlRefused(SqlError):
    """The SQL isn't allowed."""

    code = "sql_refused"


class SqlFailed(SqlError):
    """The query failed while it ran, for example by a division by zero."""

    code = "sql_failed"


class SqlTooLarge(SqlError):
    """The result exceeds a limit of rows, columns or bytes."""

    code = "sql_too_large"


class SqlOutOfMemory(SqlError):
    """The query exceeds its limit of memory or of spilled bytes."""

    code = "sql_out_of_memory"


class SqlTimeout(SqlError):
    """The query exceeds its time limit."""

    code = "sql_timeout"


class SqlDamagedFile(SqlError):
    """An attached file can't be decoded; the server names it by ``path``, empty if unknown."""

    code = "damaged_data"

    def __init__(self, template: str = "A data file is damaged.", *, path: object = "") -> None:
        super().__init__(template, path=path)


_BY_CODE: dict[str, type[SqlError]] = {
    kind.code: kind
    for kind in (
        InvalidSql,
        SqlRefused,
        SqlFailed,
        SqlTooLarge,
        SqlOutOfMemory,
        SqlTimeout,
        SqlDamagedFile,
    )
}


def error_of(code: str, template: str, parameters: dict[str, object]) -> SqlError:
    """Rebuild the error that a query's process sent."""
    return _BY_CODE[code](template, **parameters)


def located(
    kind: type[SqlError], sql: str, at_byte: int | None, template: str, **parameters: object
) -> SqlError:
    """An error with the ``line`` and ``column`` of a byte of the user's text, if it is known."""
    encoded = sql.encode()
    if at_byte is None or not 0 <= at_byte <= len(encoded):
        return kind(template[:1].upper() + template[1:], **parameters)
    prefix = encoded[:at_byte].decode(errors="ignore")
    line = prefix.count("\n") + 1
    column = len(prefix) - (prefix.rfind("\n") + 1) + 1
    return kind(
        f"Line {{line}}, column {{column}}: {template}", line=line, column=column, **parameters
    )


MAX_LENGTH = 600
SPILL_SETTING = "max_temp_directory_size"

_ADVICE = re.compile(
    r'(\n\nPossible solutions|\n*\s*Use "?SET |, or SET |\s+Please try installing ).*', re.DOTALL
)

_STATEMENT_ERRORS = (
    duckdb.ParserException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.SyntaxException,
    duckdb.NotImplementedException,
)


def user_error(error: duckdb.Error, request: QueryRequest, offset: int) -> Exception:
    """Translate DuckDB's error for the user, or into an OSError for a fault of the machine.

    The user's text begins at byte ``offset`` of the statement that ran.
    """
    message, at = _parse_error(str(error))
    if isinstance(error, duckdb.OutOfMemoryException):
        spilled = SPILL_SETTING in str(error)
        if spilled and request.limits.is_disk_short:
            return disk_full()
        return out_of_memory(request.limits, spilled=spilled)
    if isinstance(error, duckdb.IOException) and (fault := machine_fault(error)) is not None:
        number = errno.EBUSY if fault is BUSY else errno.ENOSPC
        return OSError(number, os.strerror(number))
    if isinstance(error, duckdb.PermissionException):
        return SqlRefused("The query reads something that isn't a table of this commit.")
    attached = next((path for path in request.attached if str(path) in str(error)), None)
    may_be_attached = request.attached and (is_of_reader(error) or "arquet" in message)
    if attached is not None or may_be_attached:
        return SqlDamagedFile(path="" if attached is None else attached.stem)
    names_path = any(str(path) in message for path in request.paths)
    if isinstance(error, duckdb.IOException) or names_path:
        return SqlFailed("A data file of this commit can't be read. Run jobsvc check.")
    if isinstance(error, duckdb.InternalException | duckdb.FatalException):
        return SqlFailed("DuckDB failed with an internal error. Rewrite the query.")
    kind: type[SqlError] = InvalidSql if isinstance(error, _STATEMENT_ERRORS) else SqlFailed
    place = None if at is None else at - offset
    text = _shorten(message)
    if place is None:
        text = text[:1].upper() + text[1:]
    return located(kind, request.sql, place, "{message}", message=text)


def out_of_memory(limits: Limits, *, spilled: bool = False) -> SqlOutOfMemory:
    disk = " and {spill_mb} MiB on disk" if spilled else ""
    return SqlOutOfMemory(
        f"The query needs more than {{memory_mb}} MiB of memory{disk}, the limit of a query. "
        "Read fewer rows or columns, or group by fewer values.",
        memory_mb=limits.memory_mb,
        spill_mb=limits.spill_mb,
    )


def _parse_error(text: str) -> tuple[str, int | None]:
    try:
        document = json.loads(text[text.index("{") :])
        message = str(document["exception_message"])
    except (ValueError, KeyError):
        return text.split("\n\nLINE ")[0], None
    return message, int(document["position"]) if "position" in document else None


def _shorten(message: str) -> str:
    message = " ".join(_ADVICE.sub("", message).split())
    if len(message) > MAX_LENGTH:
        message = f"{message[:MAX_LENGTH]}…"
    return message if message.endswith((".", "!", "?", "…")) else f"{message}."
