"""A profile depends on the rows, not on how they lie in files or who reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import TableFiles
from profiling_engine import profile_table
from tests.profiling_engine.conftest import Studio

ROWS = 50_000
QUERY = f"""
SELECT (range * 7919) % 10007 AS id,
    CASE WHEN range % 11 > 0 THEN exp((range * 37 % 1000) / 100.0) END AS size,
    CAST((range * 31 % 999) / 7.0 AS DECIMAL(12,4)) AS price,
    CASE range % 5 WHEN 0 THEN 'Yes' WHEN 1 THEN 'yes ' ELSE 'no ' || (range % 40000) END AS word,
    DATE '1990-01-01' + CAST(range % 9000 AS INTEGER) AS day,
    TIMESTAMP '2001-01-01' + to_seconds(range * 61) AS moment,
    range % 3 = 0 AS flag, encode('é' || range % 4) AS bytes
FROM range({ROWS})"""


def profile_json(
    studio: Studio, table: TableFiles, database: ParquetDatabase | None = None
) -> dict[str, object]:
    profile = profile_table(database or studio.database, table, seed=7, limits=studio.limits)
    return profile.as_json()


@pytest.fixture(scope="module")
def whole(studio: Studio) -> TableFiles:
    return studio.table_of(QUERY)


@pytest.fixture(scope="module")
def whole_profiles() -> dict[str, dict[str, object]]:
    """The whole table's profile by each way, once it is known."""
    return {}


@pytest.fixture
def expected(
    studio: Studio, way: str, whole: TableFiles, whole_profiles: dict[str, dict[str, object]]
) -> dict[str, object]:
    if way not in whole_profiles:
        whole_profiles[way] = profile_json(studio, whole)
    return whole_profiles[way]


@pytest.mark.parametrize(
    ("row_group_rows", "splits"),
    [(2048, ()), (32_768, (1,)), (4096, (10_000, 10_000, 33_333)), (122_880, (49_999,))],
)
def test_layouts_give_the_same_profile(
    studio: Studio, expected: dict[str, object], row_group_rows: int, splits: Sequence[int]
) -> None:
    table = studio.table_of(QUERY, row_group_rows=row_group_rows, splits=splits)
    assert profile_json(studio, table) == expected


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_give_the_same_profile(
    studio: Studio, expected: dict[str, object], whole: TableFiles, threads: int
) -> None:
    root = studio.root
    with ParquetDatabase(root, root / f"spill-{threads}", threads=threads) as other:
        assert profile_json(studio, whole, other) == expected


def test_masked_rows_are_not_profiled(
    studio: Studio, way: str, whole: TableFiles, tmp_path: Path
) -> None:
    deletion_vector = np.flatnonzero(np.arange(ROWS) % 17 < 5).astype(np.int64)
    residual = TableFiles(whole.columns, whole.files, deletion_vector)
    expected = studio.table_of(f"SELECT * FROM ({QUERY}) WHERE moment IN (SELECT TIMESTAMP "
        "'2001-01-01' + to_seconds(range * 61) FROM range(50000) WHERE range % 17 >= 5) "
        "ORDER BY moment")  # fmt: skip
    assert expected.row_count == residual.row_count
    assert profile_json(studio, residual) == profile_json(studio, expected)


def test_selected_columns_have_the_same_profile(studio: Studio, whole: TableFiles) -> None:
    every = studio.profile(whole, seed=7)
    some = studio.profile(whole, ["WORD", "id"], seed=7)
    assert [column.name for column in some.columns] == ["word", "id"]
    assert some.columns[0] == every.column("word")
    assert some.columns[1] == every.column("id")
    assert some.repeated_rows is None
