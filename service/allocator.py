"""Limit the arenas of glibc's memory allocator.

Each arena retains the memory that its threads freed, and glibc makes up to eight arenas a core. A
server's many threads would hold many times the memory of the largest query.
"""

from __future__ import annotations

import ctypes
import os

M_ARENA_MAX = -8  # of glibc's malloc.h
OWN_SETTINGS = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")
"""Environment variables by which an administrator has set the limit."""


def limit_arenas() -> bool:
    """Allow one arena a core, at least two; False where no limit can be set (see mallopt(3))."""
    if any(name in os.environ for name in OWN_SETTINGS):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_ARENA_MAX, max(os.cpu_count() or 1, 2)))
