"""SQL sandbox: runs a user's SELECT in a process and a DuckDB instance of its own.

A query sees the tables of one commit and nothing else; a failure ends its process alone. The
package knows no dataset, no job and no HTTP.
"""

from sql_sandbox.errors import (
    InvalidSql,
    SqlFailed,
    SqlOutOfMemory,
    SqlRefused,
    SqlTimeout,
    SqlTooLarge,
)
from sql_sandbox.request import Limits, SourceTable
from sql_sandbox.sandbox import FirstRows, ResultShape, Sandbox, WrittenResult
from sql_sandbox.statement import FUNCTIONS

__all__ = [
    "FUNCTIONS",
    "FirstRows",
    "InvalidSql",
    "Limits",
    "ResultShape",
    "Sandbox",
    "SourceTable",
    "SqlFailed",
    "SqlOutOfMemory",
    "SqlRefused",
    "SqlTimeout",
    "SqlTooLarge",
    "WrittenResult",
]
