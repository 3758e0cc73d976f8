"""The child's side of ``child_process``: read one request, apply the limits, answer once.

The child ends when its parent has ended. The system bounds its memory, since native libraries don't
count all they allocate. It doesn't load numpy, which would take longer than most queries.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache
from itertools import repeat
from pathlib import Path
from types import NoneType, UnionType
from typing import IO, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from lazy_dataclasses import dataclass
from operating_system import limit_this_process
from parquet_tables.progress import ProgressCallback

BASE_MB = 256
"""Memory of Python and DuckDB that DuckDB doesn't count; 105 MiB are used at the start."""
THREAD_MB = 24
NICENESS = 5
"""Gives the server's threads priority over the child."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class ProcessLimits:
    """The limits of a child process.

    ``memory_mb`` is for the work, without ``BASE_MB`` and ``THREAD_MB`` for each of DuckDB's
    threads; the system ends the child after the processor time ``cpu_s``.
    """

    memory_mb: int
    threads: int
    cpu_s: int | None = None


def decoded(kind: Any, value: Any) -> Any:
    """Build a value of a type from JSON that ``asdict`` gave, with paths as texts."""
    parts, origin = get_args(kind), get_origin(kind)
    if value is None or origin in (Literal, Mapping):
        return value
    if origin in (Union, UnionType):
        is_object = isinstance(value, dict)
        own = [part for part in parts if part is not NoneType]
        return decoded(
            next((part for part in own if is_dataclass(part) is is_object), own[0]), value
        )
    if origin is tuple:
        kinds = repeat(parts[0]) if parts[-1] is Ellipsis else parts
        return tuple(map(decoded, kinds, value))
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: decoded(hints[name], field) for name, field in value.items()})
    return Path(value) if kind is Path else value


_hints = cache(get_type_hints)


def serve_one(
    kind: type[Value],
    limits_of: Callable[[Value], ProcessLimits],
    answer: Callable[[Value, ProgressCallback], dict[str, Any]],
) -> None:
    """Answer the request of a class on the first line of standard input, and end the process."""
    out = _private_output()
    request = decoded(kind, json.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    limits = limits_of(request)
    data_mb = BASE_MB + THREAD_MB * limits.threads + limits.memory_mb
    limit_this_process(data_mb * 1024**2, limits.cpu_s, NICENESS)

    def on_progress(fraction: float, message: str) -> None:
        _write(out, {"progress": [fraction, message]})

    _write(out, answer(request, on_progress))
    # Skip Python's exit: a DuckDB thread may be uninterruptible.
    os._exit(0)


def _write(out: IO[str], value: dict[str, Any]) -> None:
    out.write(json.dumps(value, allow_nan=False, default=str) + "\n")
    out.flush()


def _private_output() -> IO[str]:
    """Duplicate standard output for the answer; discard other prints."""
    private = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return private


def _end_with_parent() -> None:
    """End the process when the parent closes the input or ends."""
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    os._exit(1)
