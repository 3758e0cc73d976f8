"""A time limit for the statements of one thread."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import duckdb
import pytest

from parquet_tables.database import (
    ClientDisconnected,
    ParquetDatabase,
    TimeLimitExceeded,
    is_limited,
    time_limited,
)

ENDLESS = "SELECT sum(a.range * b.range) FROM range(10_000_000) a, range(10_000_000) b"


def run_endless(parquet: ParquetDatabase, limit_s: float, interrupted_after_s: float = 30) -> None:
    with time_limited(limit_s), parquet.cursor() as cursor:
        timer = threading.Timer(interrupted_after_s, cursor.interrupt)
        timer.start()
        try:
            cursor.execute(ENDLESS).fetchall()
        finally:
            timer.cancel()
            timer.join()


@pytest.fixture
def parquet(tmp_path: Path) -> ParquetDatabase:
    return ParquetDatabase(tmp_path, tmp_path / "spill", memory_mb=128, threads=1)


def test_a_statement_is_interrupted_when_the_time_is_up(parquet: ParquetDatabase) -> None:
    began = time.monotonic()
    with pytest.raises(TimeLimitExceeded, match=r"longer than 0\.2 s"):
        run_endless(parquet, 0.2)
    assert time.monotonic() - began < 5
    with parquet.cursor() as cursor:
        assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_no_statement_begins_after_the_time_is_up(parquet: ParquetDatabase) -> None:
    with pytest.raises(TimeLimitExceeded), time_limited(0.0), parquet.cursor():
        raise AssertionError("a cursor was given")


def test_a_short_statement_has_its_rows_and_no_thread_is_left(parquet: ParquetDatabase) -> None:
    with time_limited(60), parquet.cursor() as cursor:
        assert is_limited()
        assert cursor.execute("SELECT 2").fetchall() == [(2,)]
    assert not is_limited()
    assert "time-limit" not in {thread.name for thread in threading.enumerate()}


def test_an_interrupt_from_elsewhere_is_not_the_limit(parquet: ParquetDatabase) -> None:
    with pytest.raises(duckdb.InterruptException):
        run_endless(parquet, 60, interrupted_after_s=0.1)


def test_a_statement_ends_when_its_request_is_abandoned(parquet: ParquetDatabase) -> None:
    abandoned = threading.Event()
    threading.Timer(0.2, abandoned.set).start()
    with (
        pytest.raises(ClientDisconnected),
        time_limited(60, abandoned.is_set),
        parquet.cursor() as cursor,
    ):
        cursor.execute(ENDLESS).fetchall()
    with pytest.raises(ClientDisconnected), time_limited(60, abandoned.is_set), parquet.cursor():
        raise AssertionError("a cursor was given")
