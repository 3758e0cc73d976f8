"""The child's side of ``child_process``: read one request, apply the limits, answer once.

Invariants: the child ends at once when its parent is gone; nothing but progress and the answer
reaches the parent; the system bounds the memory, since native libraries don't count all they take.
It loads no numpy, which would take longer than most queries do.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, TypeVar

from parquet_tables.progress import ProgressCallback

BASE_MB = 256
"""Python, DuckDB's code and what it doesn't count; 105 MiB are taken before the work begins."""
THREAD_MB = 24
KILL_DELAY_S = 5
"""Between SIGXCPU, which tells the parent what the end was, and SIGKILL."""
NICENESS = 5
"""The server answers before a child computes."""

RequestT = TypeVar("RequestT")


@dataclass(frozen=True)
class ProcessLimits:
    """What the child may take of the machine.

    Parameters
    ----------
    memory_mb : int
        For the work; the interpreter's ``BASE_MB`` and ``THREAD_MB`` a thread come beside it.
    threads : int
        Threads of DuckDB.
    cpu_s : int or None
        Processor time after which the system ends the child.
    """

    memory_mb: int
    threads: int
    cpu_s: int | None = None


def serve_one(
    parse: Callable[[bytes], RequestT],
    limits_of: Callable[[RequestT], ProcessLimits],
    answer: Callable[[RequestT, ProgressCallback], dict[str, Any]],
) -> None:
    """Answer the request on the first line of standard input, and end the process."""
    out = _private_output()
    request = parse(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    _apply(limits_of(request))

    def on_progress(fraction: float, message: str) -> None:
        _write(out, {"progress": [fraction, message]})

    _write(out, answer(request, on_progress))
    # Not through Python's own exit: a thread of DuckDB may run what can't be interrupted.
    os._exit(0)


def _write(out: IO[str], value: dict[str, Any]) -> None:
    out.write(json.dumps(value, allow_nan=False) + "\n")
    out.flush()


def _private_output() -> IO[str]:
    """A copy of standard output for the answer; what anything else prints is lost."""
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


def _apply(limits: ProcessLimits) -> None:
    data_mb = BASE_MB + THREAD_MB * limits.threads + limits.memory_mb
    _lower(resource.RLIMIT_DATA, data_mb * 1024**2)
    _lower(resource.RLIMIT_CORE, 0)
    if limits.cpu_s is not None:
        _lower(resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + KILL_DELAY_S)
    os.nice(NICENESS)


def _lower(limit: int, most: int, most_hard: int | None = None) -> None:
    """Lower a limit of this process; one that is lower already stays."""
    _, hard = resource.getrlimit(limit)
    wanted = most if most_hard is None else most_hard
    kept = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(limit, (min(most, kept), kept))
