"""The process in which one query runs, and which ends with it.

Owns: what the process may use of the machine. Invariants: it takes one request from its input and
gives one answer on its output, both JSON; when its parent is gone it ends at once; its memory is
bounded by the system, since DuckDB counts its own buffers alone (the texts that repeat makes are
none). Started by ``sandbox``; what it does is in ``query_work``.

It doesn't load numpy, which would take longer than most queries do.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import threading
from typing import IO, Any

from sql_sandbox.errors import SqlError, SqlRefused
from sql_sandbox.faults import out_of_memory
from sql_sandbox.query_work import run
from sql_sandbox.request import Request
from sql_sandbox.statement import TOO_DEEP

BASE_MB = 256
"""Python, DuckDB's code and what it doesn't count; 105 MiB are taken before a query begins."""
THREAD_MB = 24
NICENESS = 5
"""The server answers before a query computes."""
DEEPEST_TREE = 8000
"""Frames for the JSON of a syntax tree as deep as DuckDB's parser lets one be."""


def main() -> None:
    """Run the request that stands on the first line of the input."""
    answers = _private_output()
    request = Request.from_line(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    _bound(request)
    _say(answers, _answer(request, answers))
    # Not through Python's own end: a thread of DuckDB may be at what can't be interrupted.
    os._exit(0)


def _answer(request: Request, answers: IO[str]) -> dict[str, Any]:
    try:
        return {"answer": run(request, lambda done, _: _say(answers, {"progress": done}))}
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


def _say(answers: IO[str], value: dict[str, Any]) -> None:
    answers.write(json.dumps(value, allow_nan=False) + "\n")
    answers.flush()


def _private_output() -> IO[str]:
    """The answers' own way out: what anything else prints is lost."""
    private = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return private


def _end_with_parent() -> None:
    """End when the other side of the input is closed, which a killed parent does, too."""
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    os._exit(1)


def _bound(request: Request) -> None:
    limits = request.limits
    data_bytes = (BASE_MB + THREAD_MB * limits.threads + limits.memory_mb) * 1024**2
    _limit(resource.RLIMIT_DATA, data_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    if request.cpu_s is not None:
        _limit(resource.RLIMIT_CPU, request.cpu_s)
    os.nice(NICENESS)
    sys.setrecursionlimit(DEEPEST_TREE)


def _limit(what: int, most: int) -> None:
    """Lower a limit of this process; one that is lower already stays."""
    _, hard = resource.getrlimit(what)
    kept = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (kept, kept))
