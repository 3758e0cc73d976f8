"""A Parquet file is read by one thread where several would hold more than their memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from import_engine import parquet, work
from parquet_tables.writing import stream_parquet
from tests.import_engine.conftest import Importing
from tests.import_engine.test_parquet import parquet_bytes

ROWS = 200_000
QUERY = f"SELECT i, sha256(i::VARCHAR) AS text FROM range({ROWS}) t(i)"
"""About 13 MB."""


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that one thread wrote."""
    seen: list[Path] = []

    def noted(cursor: Any, query: str, params: Any, path: Path, **named: Any) -> Any:
        seen.append(path)
        return stream_parquet(cursor, query, params, path, **named)

    monkeypatch.setattr(work, "stream_parquet", noted)
    return seen


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
    streamed: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    small_bytes: int,
    thread_memory_mb: int,
    row_group_rows: int,
    by_one: bool,
) -> None:
    monkeypatch.setattr(parquet, "SMALL_BYTES", small_bytes)
    importing.database.thread_memory_bytes = thread_memory_mb * 1024**2
    content = parquet_bytes(QUERY, tmp_path, row_group_rows)
    outcome = importing.one(content, "file.parquet")
    assert outcome.column("i") == list(range(ROWS))
    assert bool(streamed) is by_one
    assert [file.name for file in importing.destination.iterdir()] == ["primary.parquet"]


@pytest.mark.parametrize(("text_bytes", "by_one"), [(2_000, True), (20, False)])
def test_repeated_values_count_in_the_memory_estimate(
    importing: Importing,
    streamed: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text_bytes: int,
    by_one: bool,
) -> None:
    monkeypatch.setattr(parquet, "SMALL_BYTES", 0)
    importing.database.thread_memory_bytes = 64 * 1024**2
    # In the last rows alone, and one value: by the footer it is nothing.
    text = f"CASE WHEN i >= 80_000 THEN repeat('x', {text_bytes}) END"
    query = f"SELECT i, {text} AS text FROM range(100_000) t(i)"
    (table,) = importing.tables(parquet_bytes(query, tmp_path, 20_000), "file.parquet")
    assert table.table.row_count == 100_000
    assert bool(streamed) is by_one
