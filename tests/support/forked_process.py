"""Processes forked from one that has imported the product, which saves the second of the imports.

What runs in them is the product's own code in a process of its own: it can be killed.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import Any

PRELOADED = [
    "pytest",
    "httpcore",
    "flask_swagger_ui.flask_swagger_ui",
    "composition_root",
    "command_line.serving",
    "tests.support.server_process",
    "tests.support.frozen_objects",
]
"""What a server loads at its start; the last of them freezes what is there by then."""


class ForkedProcess:
    """A function in a process of its own.

    Parameters
    ----------
    work : callable
        Importable by name; it runs with standard output and error in a pipe.
    given : sequence
        What ``work`` is called with; it must pickle.
    variables : mapping
        Put into the process's environment, which is that of the caller.
    """

    def __init__(
        self, work: Callable[..., None], *given: Any, variables: Mapping[str, str] | None = None
    ) -> None:
        context = _fork_server()
        self._output, writing = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_in_the_fork, args=(writing, {**os.environ, **(variables or {})}, work, given)
        )
        self._process.start()
        writing.close()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def output(self) -> int:
        """A file descriptor, the caller's to close, that gives what the process writes."""
        descriptor = os.dup(self._output.fileno())
        self._output.close()
        return descriptor

    def kill(self) -> None:
        """Send SIGKILL, and wait."""
        self._process.kill()
        self._process.join()

    def written(self) -> str:
        """All that the process writes, until it ends."""
        with os.fdopen(self.output(), encoding="utf-8") as lines:
            return lines.read()

    def wait(self, timeout_s: float) -> int:
        """Wait for the end; returns the exit code, below 0 for a signal."""
        self._process.join(timeout_s)
        assert self._process.exitcode is not None, "the process has not ended"
        return self._process.exitcode


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote to standard output and error."""

    returncode: int
    output: str


def jobsvc(
    *arguments: str, timeout_s: float = 60, variables: Mapping[str, str] | None = None
) -> Done:
    """Run a command of jobsvc to its end; none may end in a traceback."""
    process = ForkedProcess(run_jobsvc, arguments, variables=variables)
    output = process.written()
    assert "Traceback" not in output, output
    return Done(process.wait(timeout_s), output)


def run_jobsvc(
    arguments: Sequence[str],
    limits: Mapping[str, Any] | None = None,
    extra_stop_s: float = 20.0,
    **parts: Any,
) -> None:
    """Be the command ``jobsvc`` with these arguments, its server with other limits and parts."""
    import composition_root
    from command_line import Composition, Listening, command
    from service.settings import Settings

    def listening(settings: Settings, *given: Any) -> AbstractContextManager[Listening]:
        limited = replace(settings, **(limits or {}))
        return composition_root.listening(limited, *given, **parts)

    composition = Composition(
        listening, partial(composition_root.serving_in_background, **parts), extra_stop_s
    )
    command(arguments, obj=composition, prog_name="jobsvc")


def _fork_server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _in_the_fork(
    writing: Connection, variables: dict[str, str], work: Callable[..., None], given: Any
) -> None:
    for descriptor in (1, 2):
        os.dup2(writing.fileno(), descriptor)
    writing.close()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(variables)
    work(*given)
