"""Ordinals survive their file, and a thousand of them cost next to nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parquet_tables.database import ParquetDatabase
from parquet_tables.rows import read_ordinals, write_ordinals


@pytest.mark.parametrize("count", [0, 1, 1000, 100_000])
def test_ordinals_come_back_sorted_each_once(
    parquet: ParquetDatabase, tmp_path: Path, count: int
) -> None:
    ordinals = np.random.default_rng(count).integers(0, 60_000_000, count)
    path = tmp_path / "ordinals.parquet"
    with parquet.cursor() as cursor:
        file = write_ordinals(cursor, ordinals, path)
        back = read_ordinals(cursor, path)
    assert back.dtype == np.int64
    assert (back == np.unique(ordinals)).all()
    assert file.rows == len(back)
    if count == 1000:
        assert path.stat().st_size < 10_000
