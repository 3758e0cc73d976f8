"""Access lines are written together, in order, and none is lost."""

from __future__ import annotations

import io
import logging
import os
import threading
from contextlib import suppress

import pytest

from command_line.log_output import BufferedLines


class Stream(io.StringIO):
    """Records the text of each write."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.wrote = threading.Event()

    def write(self, text: str) -> int:
        self.calls.append(text)
        self.wrote.set()
        return len(text)


@pytest.fixture
def stream() -> Stream:
    return Stream()


def access_log(
    stream: Stream, *, flush_delay_s: float = 0.1, max_pending: int = 10_000
) -> logging.Logger:
    target = logging.StreamHandler(stream)
    target.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    target.addFilter(lambda record: "secret" not in record.getMessage())
    logger = logging.Logger("tests.access", logging.INFO)
    logger.addHandler(BufferedLines(target, flush_delay_s=flush_delay_s, max_pending=max_pending))
    return logger


def test_pending_lines_are_written_in_order_by_one_call(stream: Stream) -> None:
    access = access_log(stream, flush_delay_s=60)
    for number in range(3):
        access.info("request %d", number)
    access.info("a secret")
    assert stream.calls == []
    access.handlers[0].flush()
    assert stream.calls == ["INFO request 0\nINFO request 1\nINFO request 2\n"]


def test_lines_are_flushed_after_a_short_delay(stream: Stream) -> None:
    access = access_log(stream)
    for number in range(3):
        access.info("request %d", number)
        assert stream.wrote.wait(20)
        stream.wrote.clear()
    assert stream.calls == ["INFO request 0\n", "INFO request 1\n", "INFO request 2\n"]


def test_pending_lines_are_written_at_shutdown(stream: Stream) -> None:
    access = access_log(stream, flush_delay_s=60)
    access.info("the last request")
    (handler,) = access.handlers
    logging.shutdown([lambda: handler])
    assert stream.calls == ["INFO the last request\n"]


def test_a_slow_reader_blocks_logging_threads(stream: Stream) -> None:
    access = access_log(stream, flush_delay_s=60, max_pending=2)
    for number in range(3):
        access.info("request %d", number)
    assert "".join(stream.calls).count("\n") == 3


def test_a_closed_log_stops_no_thread() -> None:
    read, written = os.pipe()
    os.close(read)
    with os.fdopen(written, "w", buffering=1) as stream:
        handler = BufferedLines(logging.StreamHandler(stream), flush_delay_s=60)
        handler.handle(logging.makeLogRecord({"msg": "request"}))
        handler.flush()
        handler.handle(logging.makeLogRecord({"msg": "request"}))
        with suppress(BrokenPipeError):
            stream.close()
