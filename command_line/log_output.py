"""The access log's lines, written several at a time.

To write a line is a call of the system: its thread gives the interpreter's lock away and waits for
it, which with several threads takes longer than most answers. So the lines of a tenth of a second
are written together, by a thread of their own. Invariant: lines keep their order, and an orderly
end of the process loses none; a kill loses those of the last moment. All other records are written
at once. Used by ``log_output``.

How the server's log is written: as text or as JSON, one record a line.

Owns: the log handler and its two formats. Invariant: no value of a table reaches the log by way of
an error's text. A traceback is kept with its lines of code and the errors' types, but an error's
own words only where they can't quote data. Used by ``jobsvc serve``.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter

from command_line.printable import printable
from domain_errors import DomainError
from job_runner.log_context import FIELDS, ContextFilter
from job_runner.settings import Settings
from storage.sqlite.clock import timestamp

GATHERED_S = 0.1
MAX_WAITING = 10_000
"""When so many lines wait, since whoever reads the log is slow, those who log wait as well."""


class GatheredLines(logging.Handler):
    """Formats records at once and writes their lines a little later.

    Parameters
    ----------
    target : StreamHandler
        Whose stream, format and filters are used.
    """

    def __init__(self, target: logging.StreamHandler[TextIO]) -> None:
        super().__init__()
        self.setFormatter(target.formatter)
        self.filters = target.filters
        self._target = target
        self._lines: deque[str] = deque()
        self._waiting = threading.Event()
        threading.Thread(target=self._write_now_and_then, name="access-log", daemon=True).start()

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record in; without the handler's lock, which this needs for nothing."""
        kept = bool(self.filter(record))
        if kept:
            self.emit(record)
        return kept

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record's line until it is written."""
        try:
            self._lines.append(self.format(record))
        except Exception:
            self.handleError(record)
        if not self._waiting.is_set():
            self._waiting.set()
        if len(self._lines) > MAX_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        target = self._target
        target.acquire()
        try:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            with suppress(OSError, ValueError):  # nobody reads the log any more
                if lines:
                    target.stream.write("".join(f"{line}{target.terminator}" for line in lines))
                    target.flush()
        finally:
            target.release()

    def _write_now_and_then(self) -> None:
        while True:
            self._waiting.wait()
            time.sleep(GATHERED_S)
            self._waiting.clear()
            self.flush()


Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_UNQUOTING = (OSError, ImportError, NameError, AttributeError, TypeError, RuntimeError, MemoryError)
"""Errors of Python whose words name types, files and attributes, never values of a table."""

_UNQUOTING_DUCKDB = {
    "BinderException",
    "CatalogException",
    "FatalException",
    "InternalException",
    "InterruptException",
    "IOException",
    "OutOfMemoryException",
    "PermissionException",
}
"""Errors of DuckDB whose first line names columns, files and sizes. A conversion's quotes the
value, and the lines after the first quote the statement."""

_MAX_CHAIN_LENGTH = 10
_ENCODER = json.JSONEncoder(default=str)


def configure_logging(settings: Settings) -> None:
    """Write the records of every module to standard error, as the settings have it."""
    # Neither format shows these, and each record would pay for them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = log_handler(settings)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    logging.captureWarnings(True)
    access = logging.getLogger("jobsvc.access")
    if settings.access_log:
        access.addHandler(GatheredLines(handler))
        access.propagate = False
    else:
        access.setLevel(logging.WARNING)


def log_handler(settings: Settings) -> logging.StreamHandler[TextIO]:
    """What writes records to standard error, with what they are about."""
    handler = logging.StreamHandler()
    handler.addFilter(ContextFilter())
    handler.setFormatter(_JsonLines() if settings.log_format == "json" else _TextLines())
    return handler


class _TextLines(logging.Formatter):
    """Time, level, logger, message and ``[name=value …]``; then a traceback, on its own lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return _time(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        line = printable(super().formatMessage(record))
        own = record.__dict__
        about = " ".join([f"{name}={own[name]}" for name in FIELDS if name in own])
        return f"{line} [{about}]" if about else line

    def formatException(self, ei: Raised) -> str:  # noqa: N802
        return trace(ei[1])


class _JsonLines(JsonFormatter):
    """One object a line; the record's fields stand beside ``time``, ``level`` and ``message``."""

    def __init__(self) -> None:
        super().__init__(
            ("asctime", "levelname", "name", "message"),
            rename_fields={
                "asctime": "time",
                "levelname": "level",
                "name": "logger",
                "exc_info": "exception",
            },
        )

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return _time(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return trace(ei[1])

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        return _ENCODER.encode(log_data)


def trace(error: BaseException | None) -> str:
    """An error with those that led to it, oldest first, without the data that they may quote."""
    return "\n".join(_traces(error, _MAX_CHAIN_LENGTH))


def _traces(error: BaseException | None, most: int) -> Iterator[str]:
    if error is None or most == 0:
        return
    earlier = error.__cause__
    if earlier is None and not error.__suppress_context__:
        earlier = error.__context__
    yield from _traces(earlier, most - 1)
    if earlier is not None:
        yield "which led to:"
    yield "".join(traceback.format_tb(error.__traceback__)) + _what(error)


def _what(error: BaseException) -> str:
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    if isinstance(error, DomainError):
        return f"{name}: {error.code}"
    maker = kind.__module__.lstrip("_").partition(".")[0]
    if isinstance(error, _UNQUOTING) or maker == "sqlite3":
        return f"{name}: {error}"
    if maker == "duckdb" and kind.__name__ in _UNQUOTING_DUCKDB:
        return f"{name}: {str(error).partition(chr(10))[0]}"
    return name


def _time(record: logging.LogRecord) -> str:
    return timestamp(datetime.fromtimestamp(record.created, UTC))
