"""A Parquet file is read by one thread where several would hold more than their memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from import_engine.parquet import import_parquet, needs_one_thread
from import_engine.work import ImportWork
from parquet_tables.progress import ignore_progress
from tests.import_engine.conftest import Importing
from tests.import_engine.test_parquet import parquet_bytes

ROWS = 200_000
QUERY = f"SELECT i, sha256(i::VARCHAR) AS text FROM range({ROWS}) t(i)"
"""About 13 MB."""


@contextmanager
def work_of(importing: Importing, thread_memory_mb: int) -> Iterator[ImportWork]:
    destination = importing.root / "destination"
    destination.mkdir()
    with importing.database.cursor() as cursor:
        yield ImportWork(cursor, destination, ignore_progress, 32_768, thread_memory_mb * 1024**2)


@pytest.mark.parametrize(
    ("small_bytes", "thread_memory_mb", "row_group_rows", "by_one"),
    [
        (16 * 1024**2, 512, 20_000, True),  # a small file
        (0, 512, 200_000, False),
        (0, 64, 200_000, True),
        (0, 64, 20_000, False),
    ],
)
def test_rows_stay_in_order_with_any_thread_count(
    importing: Importing,
    tmp_path: Path,
    small_bytes: int,
    thread_memory_mb: int,
    row_group_rows: int,
    by_one: bool,
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(parquet_bytes(QUERY, tmp_path, row_group_rows))
    with work_of(importing, thread_memory_mb) as work:
        assert needs_one_thread(work, path, ["BIGINT", "VARCHAR"], small_bytes) is by_one
        table = import_parquet(work, path, small_bytes=small_bytes)
        assert [file.name for file in work.destination.iterdir()] == ["primary.parquet"]
    assert importing.read(table).column("i") == list(range(ROWS))


@pytest.mark.parametrize(("text_bytes", "by_one"), [(2_000, True), (20, False)])
def test_repeated_values_count_in_the_memory_estimate(
    importing: Importing, tmp_path: Path, text_bytes: int, by_one: bool
) -> None:
    # In the last rows alone, and one value: by the footer it is nothing.
    text = f"CASE WHEN i >= 80_000 THEN repeat('x', {text_bytes}) END"
    path = tmp_path / "upload"
    path.write_bytes(
        parquet_bytes(f"SELECT i, {text} AS text FROM range(100_000) t(i)", tmp_path, 20_000)
    )
    with work_of(importing, 64) as work:
        assert needs_one_thread(work, path, ["BIGINT", "VARCHAR"], 0) is by_one
        assert import_parquet(work, path, small_bytes=0).table.row_count == 100_000
