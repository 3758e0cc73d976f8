"""The server's log, as text or JSON, one record per line.

No value of a table reaches the log through an error's message: tracebacks are logged, but messages
only of errors that can't quote data. Lines of the access log are written together every 0.1 s by a
thread, since a system call for each line would cost more than most answers; they stay in order, and
only a kill loses the last ones.
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

from command_line.output import escaped
from domain_errors import DomainError
from service.log_context import FIELDS, ContextFilter
from service.settings import Settings
from storage.sqlite.clock import timestamp


class BufferedLines(logging.Handler):
    """Formats records at once and writes their lines after a short delay.

    Parameters
    ----------
    target : StreamHandler
        Provides the stream, the format and the filters.
    max_pending : int
        With more pending lines, because the log's reader is slow, logging threads wait.
    """

    def __init__(
        self,
        target: logging.StreamHandler[TextIO],
        *,
        flush_delay_s: float = 0.1,
        max_pending: int = 10_000,
    ) -> None:
        super().__init__()
        self._flush_delay_s = flush_delay_s
        self._max_pending = max_pending
        self.setFormatter(target.formatter)
        self.filters = target.filters
        self._target = target
        self._lines: deque[str] = deque()
        self._waiting = threading.Event()
        threading.Thread(target=self._flush_regularly, name="access-log", daemon=True).start()

    def handle(self, record: logging.LogRecord) -> bool:
        """Handle a record without the handler's lock, which isn't needed."""
        accepted = bool(self.filter(record))
        if accepted:
            self.emit(record)
        return accepted

    def emit(self, record: logging.LogRecord) -> None:
        """Buffer the record's line."""
        try:
            self._lines.append(self.format(record))
        except Exception:
            self.handleError(record)
        if not self._waiting.is_set():
            self._waiting.set()
        if len(self._lines) > self._max_pending:
            self.flush()

    def flush(self) -> None:
        """Write the pending lines."""
        target = self._target
        target.acquire()
        try:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            with suppress(OSError, ValueError):  # the log's reader ended
                if lines:
                    target.stream.write("".join(f"{line}{target.terminator}" for line in lines))
                    target.flush()
        finally:
            target.release()

    def _flush_regularly(self) -> None:
        while True:
            self._waiting.wait()
            time.sleep(self._flush_delay_s)
            self._waiting.clear()
            self.flush()


ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

_SAFE_ERRORS = (
    OSError,
    ImportError,
    NameError,
    AttributeError,
    TypeError,
    RuntimeError,
    MemoryError,
)
"""Python errors whose messages name types, files and attributes, never values of a table."""

_SAFE_DUCKDB_ERRORS = {
    "BinderException",
    "CatalogException",
    "FatalException",
    "InternalException",
    "InterruptException",
    "IOException",
    "OutOfMemoryException",
    "PermissionException",
}
"""DuckDB errors whose first line names columns, files and sizes. Conversion errors quote the value,
and later lines quote the statement."""

_MAX_CHAIN_LENGTH = 10
_ENCODER = json.JSONEncoder(default=str)


def configure_logging(settings: Settings) -> None:
    """Configure logging to standard error from the settings."""
    # Neither format uses these, and they cost time for each record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = log_handler(settings)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    logging.captureWarnings(True)
    access = logging.getLogger("jobsvc.access")
    if settings.access_log:
        access.addHandler(BufferedLines(handler))
        access.propagate = False
    else:
        access.setLevel(logging.WARNING)


def log_handler(settings: Settings) -> logging.StreamHandler[TextIO]:
    """Create the handler that writes records with their context fields to standard error."""
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
        line = escaped(super().formatMessage(record))
        own = record.__dict__
        fields = " ".join([f"{name}={own[name]}" for name in FIELDS if name in own])
        return f"{line} [{fields}]" if fields else line

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802
        return trace(ei[1])


class _JsonLines(JsonFormatter):
    """One JSON object per line: ``time``, ``level``, ``message`` and the record's fields."""

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
    """Format an error with its causes, oldest first, without data."""
    return "\n".join(_traces(error, _MAX_CHAIN_LENGTH))


def _traces(error: BaseException | None, limit: int) -> Iterator[str]:
    if error is None or limit == 0:
        return
    earlier = error.__cause__
    if earlier is None and not error.__suppress_context__:
        earlier = error.__context__
    yield from _traces(earlier, limit - 1)
    if earlier is not None:
        yield "which led to:"
    yield "".join(traceback.format_tb(error.__traceback__)) + _error_line(error)


def _error_line(error: BaseException) -> str:
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    if isinstance(error, DomainError):
        return f"{name}: {error.code}"
    maker = kind.__module__.lstrip("_").partition(".")[0]
    if isinstance(error, _SAFE_ERRORS) or maker == "sqlite3":
        return f"{name}: {error}"
    if maker == "duckdb" and kind.__name__ in _SAFE_DUCKDB_ERRORS:
        return f"{name}: {str(error).partition(chr(10))[0]}"
    return name


def _time(record: logging.LogRecord) -> str:
    return timestamp(datetime.fromtimestamp(record.created, UTC))
