"""The command ``jobsvc``.

Only commands that start a server import its modules, which takes a second.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from command_line import Composition, command
from operating_system import lacks_memory, limit_blas_threads, memory_limit_bytes

if TYPE_CHECKING:
    from command_line import Listening
    from service.settings import Settings


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Pause it during imports, and exempt from it what they load, which stays."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def _listening(settings: Settings, purpose: str, create: bool) -> AbstractContextManager[Listening]:
    with _without_garbage_collection():
        import composition_root
    return composition_root.listening(settings, purpose, create)


def _serving_in_background(
    settings: Settings, purpose: str, create: bool
) -> AbstractContextManager[Listening]:
    with _without_garbage_collection():
        import composition_root
    return composition_root.serving_in_background(settings, purpose, create)


def main() -> None:
    """Run the command."""
    limit_blas_threads()
    try:
        command(obj=Composition(_listening, _serving_in_background), prog_name="jobsvc")
    except Exception as error:
        if not lacks_memory(error):
            raise
        limit = memory_limit_bytes()
        cause = f"its address space (ulimit -v) is limited to {limit >> 20:,} MiB" if limit else ""
        print(
            "Error: The system gives this process no more memory or threads"
            f"{cause and ': ' + cause}. Raise its limits, or free memory.",
            file=sys.stderr,
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
