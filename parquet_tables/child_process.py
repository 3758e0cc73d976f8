"""Starts, watches and kills a child process that does one piece of work within limits.

When a call returns or raises, the child has ended. It is killed rather than interrupted, because
native code may ignore an interrupt for minutes. ``child_side`` is the counterpart.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from operating_system import child_options

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

POLL_INTERVAL_S = 0.05
EXIT_WAIT_S = 2.0

Watch = Callable[[float, str], None]
"""Takes the child's progress (0 to 1) and message many times a second; an error kills the child."""


def _start(module: str, path: Sequence[str]) -> str:
    return f"import sys; sys.path[:] = {path!r}; from {module} import main; main()"


def line_of(request: DataclassInstance) -> bytes:
    """Return a request as one line of JSON, paths as texts."""
    return json.dumps(asdict(request), default=str).encode() + b"\n"


class ChildDied(Exception):
    """The child ended without an answer: its exit code, and the end of its standard error."""

    def __init__(self, returncode: int, errors: str) -> None:
        super().__init__(f"a child process ended with {returncode}: {errors}")
        self.returncode = returncode
        self.errors = errors


class AnswerTooLarge(Exception):
    """The child's answer is too large."""


def ask_child(
    module: str,
    request: bytes,
    errors_path: Path,
    watch: Watch,
    max_answer_bytes: int,
    descriptors: Sequence[int] = (),
) -> dict[str, Any]:
    """Start a child, send it one request and wait for its answer.

    Parameters
    ----------
    module : str
        The module whose ``main`` the child runs.
    request : bytes
        One line of JSON.
    errors_path : Path
        The file that takes the child's standard error.
    descriptors : sequence of int
        Open files that the child inherits.

    Raises
    ------
    ChildDied, AnswerTooLarge
        The child gave no answer.
    OSError
        It answered with the number of a fault of the machine.
    """
    with (
        errors_path.open("wb") as errors,
        child_process(module, errors, descriptors) as process,
        _output(process) as pieces,
    ):
        answer = _answer(process, pieces, request, watch, max_answer_bytes)
    if answer is None:
        text = errors_path.read_text(encoding="utf-8", errors="replace")
        raise ChildDied(process.returncode, text[-2000:].strip())
    if "fault" in answer:
        raise OSError(answer["fault"], os.strerror(answer["fault"]))
    return answer


@contextmanager
def child_process(
    module: str, errors: IO[bytes], descriptors: Sequence[int] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a child process; kill it at the end of the block if it still runs.

    The child gets the server's module path but not its environment, which may hold secrets. It is a
    new interpreter, since a fork would copy the locks of the server's threads.
    """
    path = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
    loader = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    with subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-I", "-S", "-c", _start(module, path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        **child_options({"LC_ALL": "C.UTF-8", **loader}, descriptors),
    ) as process:
        stdin = process.stdin
        assert stdin is not None  # noqa: S101 - it is a pipe
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            with suppress(BrokenPipeError):  # the child didn't read the request
                stdin.close()


def _answer(
    process: subprocess.Popen[bytes],
    pieces: queue.SimpleQueue[bytes],
    request: bytes,
    watch: Watch,
    max_answer_bytes: int,
) -> dict[str, Any] | None:
    """Read progress lines until the answer; return None if the child ended without one."""
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError):  # the child has ended already
        process.stdin.write(request)
        process.stdin.flush()
    received = bytearray()
    fraction, message = 0.0, ""
    while True:
        watch(fraction, message)
        try:
            piece = pieces.get(timeout=POLL_INTERVAL_S)
        except queue.Empty:
            continue
        if not piece:
            with suppress(subprocess.TimeoutExpired):
                process.wait(EXIT_WAIT_S)  # its own exit code is more precise than SIGKILL
            return None
        *lines, rest = piece.split(b"\n")
        for line in lines:
            reply: dict[str, Any] = json.loads(bytes(received) + line)
            received.clear()
            if "progress" not in reply:
                return reply
            fraction, message = reply["progress"]
        received += rest
        if len(received) > max_answer_bytes:
            raise AnswerTooLarge


@contextmanager
def _output(process: subprocess.Popen[bytes]) -> Iterator[queue.SimpleQueue[bytes]]:
    """Read the child's output in a thread; an empty piece is its end. Windows can't poll pipes.

    At the end of the block the child is killed and the thread joined: the pipe is closed next, and
    a file opened then could have its descriptor.
    """
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    descriptor = process.stdout.fileno()
    pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        piece = b"-"
        while piece:
            piece = os.read(descriptor, 1 << 16)
            pieces.put(piece)

    reader = threading.Thread(target=read, name="child-output", daemon=True)
    reader.start()
    try:
        yield pieces
    finally:
        process.kill()
        reader.join()
