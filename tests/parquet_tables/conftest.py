"""A DuckDB instance over a temporary directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from parquet_tables.database import ParquetDatabase


@pytest.fixture
def parquet(tmp_path: Path) -> Iterator[ParquetDatabase]:
    with ParquetDatabase(tmp_path, tmp_path / "spill", memory_mb=256) as opened:
        yield opened
