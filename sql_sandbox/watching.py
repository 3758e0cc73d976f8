"""A query's process, from the server's side: start it, watch it, end it.

Invariant: a query that must stop is not asked to, its process is killed: DuckDB can't interrupt
every function, and some would go on for minutes. Called by ``sandbox``.
"""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from signal import SIGABRT, SIGKILL, SIGXCPU
from typing import IO, Any

from parquet_tables.progress import Report
from sql_sandbox.errors import SqlFailed, SqlTimeout, SqlTooLarge, error_of
from sql_sandbox.faults import out_of_memory
from sql_sandbox.request import Request

logger = logging.getLogger("jobsvc.sql")

LOOK_INTERVAL_S = 0.05
ENDING_S = 2.0
LARGEST_ANSWER_MB = 16
"""Of rows that come at once."""

_START = "import sys; sys.path[:] = {path!r}; from sql_sandbox.query_process import main; main()"


def answer_to(request: Request, report: Report, timeout_s: float | None) -> dict[str, Any]:
    """Have a process of its own answer a request."""
    if timeout_s is not None:
        request = replace(request, cpu_s=int(timeout_s * request.limits.threads) + 10)
    with (request.folder / "errors").open("wb") as errors, query_process(errors) as process:
        watch = _Watch(request, report, timeout_s)
        answer = _watched(process, request, watch)
    if "answer" in answer:
        watch.check_size()
        found: dict[str, Any] = answer["answer"]
        return found
    if "error" in answer:
        raise error_of(**answer["error"])
    if "fault" in answer:
        raise OSError(answer["fault"], os.strerror(answer["fault"]))
    raise _broke_off(request, process.returncode)


class _Watch:
    """What ends a query before its own end."""

    def __init__(self, request: Request, report: Report, timeout_s: float | None) -> None:
        self._request = request
        self._report = report
        self._timeout_s = timeout_s
        self._began = time.monotonic()
        self.fraction = 0.0

    def look(self) -> None:
        """Report the progress.

        Raises
        ------
        SqlTimeout, SqlTooLarge
            The query's time is up, or its result has become too large.
        Exception
            What the report raises.
        """
        self._report(self.fraction, "running the query")
        if self._timeout_s is not None and time.monotonic() - self._began > self._timeout_s:
            raise _too_slow(self._timeout_s)
        self.check_size()

    def check_size(self) -> None:
        """Refuse a result that has become too large."""
        most_mb = self._request.limits.result_mb
        if self._request.result is not None and _size_mb(self._request.result) > most_mb:
            raise SqlTooLarge(
                f"The result takes more than {most_mb:,} MiB, the most that one may. Narrow it "
                "with WHERE, GROUP BY or LIMIT, or take fewer columns."
            )


def _watched(process: subprocess.Popen[bytes], request: Request, watch: _Watch) -> dict[str, Any]:
    """What the process answered; nothing when it ended without an answer."""
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError):  # it has ended already
        process.stdin.write(request.to_line())
        process.stdin.flush()
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    received = bytearray()
    while True:
        watch.look()
        if not poll.poll(1000 * LOOK_INTERVAL_S):
            continue
        piece = os.read(process.stdout.fileno(), 1 << 16)
        if not piece:
            with suppress(subprocess.TimeoutExpired):
                process.wait(ENDING_S)  # its own end tells more than ours would
            return {}
        *ended, last = piece.split(b"\n")
        for part in ended:
            said: dict[str, Any] = json.loads(bytes(received) + part)
            received.clear()
            if "progress" not in said:
                return said
            watch.fraction = said["progress"]
        received += last
        if len(received) > LARGEST_ANSWER_MB * 1024**2:
            raise SqlTooLarge(
                f"These rows take more than {LARGEST_ANSWER_MB} MiB, the most that come at once. "
                "Ask for fewer rows or columns, or make the query a job."
            )


@contextmanager
def query_process(errors: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A query's process, killed at the end of the block if it still runs.

    It gets none of the server's environment, which may hold secrets, and the server's own way to
    its modules, so that it runs the same code.
    """
    path = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
    loader = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    with subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-I", "-S", "-c", _START.format(path=path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={"LC_ALL": "C.UTF-8", **loader},
        cwd="/",
        start_new_session=True,  # Ctrl-C is the server's to act on
    ) as process:
        stdin = process.stdin
        assert stdin is not None  # noqa: S101 - it is a pipe
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            with suppress(BrokenPipeError):  # a request that it didn't read
                stdin.close()


def _broke_off(request: Request, returncode: int) -> Exception:
    """What to tell when a process ended without an answer."""
    text = (request.folder / "errors").read_text(encoding="utf-8", errors="replace")
    logger.warning("a query's process ended with %d: %s", returncode, text[-2000:].strip())
    if returncode == -SIGXCPU and request.cpu_s is not None:
        return _too_slow(request.cpu_s)
    if returncode in (-SIGKILL, -SIGABRT):  # by the system, which had no memory left
        return out_of_memory(request.limits)
    return SqlFailed("The query brought DuckDB down. Write it another way, with fewer parts.")


def _too_slow(limit_s: float) -> SqlTimeout:
    return SqlTimeout(
        f"The query ran longer than {limit_s:g} s, the most that it may here. Narrow it, or make "
        "it a job."
    )


def _size_mb(path: Path) -> float:
    try:
        return path.stat().st_size / 1024**2
    except FileNotFoundError:
        return 0.0
