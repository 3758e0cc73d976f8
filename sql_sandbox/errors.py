"""What is wrong with a user's SQL, or went wrong while it ran.

Invariant: a message names the place in the user's own text, and neither a path nor a statement of
ours. The process that runs a query sends code and message; :func:`error_of` makes the error again.
"""

from __future__ import annotations

from domain_errors import DomainError


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
