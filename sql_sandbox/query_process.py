"""The child process in which one query runs, and which ends with it.

Invariant: every end of the query, a fault of the machine too, is an answer. Started by
``watching``; what it does is in ``query_work``.
"""

from __future__ import annotations

import sys
from typing import Any

from parquet_tables.child_side import ProcessLimits, serve_one
from parquet_tables.progress import Report
from sql_sandbox.errors import SqlError, SqlRefused
from sql_sandbox.faults import out_of_memory
from sql_sandbox.query_work import run
from sql_sandbox.request import Request
from sql_sandbox.statement import TOO_DEEP

DEEPEST_TREE = 8000
"""Frames for the JSON of a syntax tree as deep as DuckDB's parser lets one be."""


def main() -> None:
    """Run the request that stands on the first line of the input."""
    sys.setrecursionlimit(DEEPEST_TREE)
    serve_one(Request.from_line, _limits, _answer)


def _limits(request: Request) -> ProcessLimits:
    return ProcessLimits(request.limits.memory_mb, request.limits.threads, request.cpu_s)


def _answer(request: Request, report: Report) -> dict[str, Any]:
    try:
        return {"answer": run(request, report)}
    except SqlError as error:
        return _error(error)
    except RecursionError:
        return _error(SqlRefused(TOO_DEEP))
    except MemoryError:
        return _error(out_of_memory(request.limits))
    except OSError as error:
        return {"fault": error.errno}


def _error(error: SqlError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message}}
