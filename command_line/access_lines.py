"""The access log's lines, written several at a time.

To write a line is a call of the system: its thread gives the interpreter's lock away and waits for
it, which with several threads takes longer than most answers. So the lines of a tenth of a second
are written together, by a thread of their own. Invariant: lines keep their order, and an orderly
end of the process loses none; a kill loses those of the last moment. All other records are written
at once. Used by ``log_output``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TextIO

GATHERED_S = 0.1
MOST_WAITING = 10_000
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
        if len(self._lines) > MOST_WAITING:
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
