"""One arena a core, unless somebody has decided otherwise."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from operating_system import ALLOCATOR_SETTINGS

THREADS = 24
ARENAS = f"""
import ctypes, tempfile, threading
from operating_system import limit_arenas
c = ctypes.CDLL(None)
if not hasattr(c, "malloc_info"):
    raise SystemExit("this C library has no arenas")
print(limit_arenas())
c.malloc.restype, c.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
together = threading.Barrier({THREADS})
def use():
    c.malloc(5_000)
    together.wait()
threads = [threading.Thread(target=use) for _ in range({THREADS})]
for thread in threads: thread.start()
for thread in threads: thread.join()
c.fdopen.restype, c.malloc_info.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]
c.fclose.argtypes = [ctypes.c_void_p]
with tempfile.TemporaryFile() as file:
    import os
    stream = c.fdopen(os.dup(file.fileno()), b"w")
    c.malloc_info(0, stream)
    c.fclose(stream)
    file.seek(0)
    print(file.read().decode())
"""


def arenas(**variables: str) -> tuple[bool, int]:
    """Whether the limit was set, and how many arenas many threads then have."""
    environment = {
        name: text for name, text in os.environ.items() if name not in ALLOCATOR_SETTINGS
    }
    said = subprocess.run(
        [sys.executable, "-c", ARENAS],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return said.startswith("True"), len(re.findall(r"<heap ", said))


def test_many_threads_share_an_arena_for_each_core() -> None:
    assert arenas() == (True, max(os.cpu_count() or 1, 2))


@pytest.mark.parametrize(
    "variables", [{"MALLOC_ARENA_MAX": "3"}, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=3"}]
)
def test_a_limit_of_the_administrator_stays(variables: dict[str, str]) -> None:
    assert arenas(**variables) == (False, 3)
