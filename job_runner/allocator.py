"""How much freed memory the C library keeps for its threads.

glibc gives up to eight arenas a core to the threads of a process, and each keeps what was freed in
it for the next of its threads. A server's many threads all run queries now and then, so in time
every arena comes to hold what the largest query took: sixteen times on two cores. Owns: the one
setting that bounds this. Called by the composition root before there are threads.
"""

from __future__ import annotations

import ctypes
import os

M_ARENA_MAX = -8
"""The parameter's number in glibc's malloc.h."""

OWN_SETTINGS = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")
"""Whoever sets one of these has decided already."""


def limit_arenas() -> bool:
    """Allow one arena a core, two at least; False where that can't be said.

    Notes
    -----
    See mallopt(3), ``M_ARENA_MAX``. Other C libraries than glibc have no arenas to limit.
    """
    if any(name in os.environ for name in OWN_SETTINGS):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_ARENA_MAX, max(os.cpu_count() or 1, 2)))
