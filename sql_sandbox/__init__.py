"""A user's own SELECT, run where it can do no harm.

Each query runs in a process of its own with a DuckDB instance of its own: it sees the tables of one
commit and nothing else, and whatever it does to itself ends with that process. The room knows no
dataset, no job and no HTTP.
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

__all__ = [
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
