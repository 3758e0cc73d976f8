"""Access lines are written together, in order, and none is lost."""

from __future__ import annotations

import io
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from command_line import log_output
from command_line.log_output import GatheredLines


class Stream(io.StringIO):
    """Keeps what each call wrote."""

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


@pytest.fixture
def access(stream: Stream) -> Iterator[logging.Logger]:
    target = logging.StreamHandler(stream)
    target.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    target.addFilter(lambda record: "secret" not in record.getMessage())
    logger = logging.Logger("tests.access", logging.INFO)
    logger.addHandler(GatheredLines(target))
    return logger


def test_pending_lines_are_written_in_order_by_one_call(
    access: logging.Logger, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_output, "GATHERED_S", 60)
    for number in range(3):
        access.info("request %d", number)
    access.info("a secret")
    assert stream.calls == []
    access.handlers[0].flush()
    assert stream.calls == ["INFO request 0\nINFO request 1\nINFO request 2\n"]


def test_lines_are_flushed_after_a_short_delay(access: logging.Logger, stream: Stream) -> None:
    for number in range(3):
        access.info("request %d", number)
        assert stream.wrote.wait(20)
        stream.wrote.clear()
    assert stream.calls == ["INFO request 0\n", "INFO request 1\n", "INFO request 2\n"]


def test_what_waits_is_written_when_the_process_ends(
    access: logging.Logger, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_output, "GATHERED_S", 60)
    access.info("the last request")
    (handler,) = access.handlers
    logging.shutdown([lambda: handler])
    assert stream.calls == ["INFO the last request\n"]


def test_a_slow_reader_blocks_logging_threads(
    access: logging.Logger, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_output, "GATHERED_S", 60)
    monkeypatch.setattr(log_output, "MAX_WAITING", 2)
    for number in range(3):
        access.info("request %d", number)
    assert "".join(stream.calls).count("\n") == 3


def test_a_log_that_nobody_reads_any_more_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_output, "GATHERED_S", 60)
    read, written = os.pipe()
    os.close(read)
    with os.fdopen(written, "w", buffering=1) as stream:
        handler = GatheredLines(logging.StreamHandler(stream))
        handler.handle(logging.makeLogRecord({"msg": "request"}))
        handler.flush()
        handler.handle(logging.makeLogRecord({"msg": "request"}))
        with suppress(BrokenPipeError):
            stream.close()
