"""The same rows whatever the thread count, the row-group size and the cut into files."""

from __future__ import annotations

from pathlib import Path

import pytest

from parquet_tables.database import ParquetDatabase
from sampling_engine import RandomMethod, Round, Strategy, StratifiedMethod
from tests.sampling_engine.conftest import Rows, Workshop

ROUNDS = (
    Round(round_number=1, method=RandomMethod(sample_size=700), seed=11),
    Round(
        round_number=2,
        method=StratifiedMethod(strata_columns=("city", "year"), sample_size=900),
        seed=11,
    ),
    Round(
        round_number=3,
        method=StratifiedMethod(strata_columns=("year",), samples_per_stratum=40),
        seed="three",
    ),
)
QUERY = (
    "SELECT i AS id, i * 7 % 1000 / 8 AS price, "
    "CASE i % 11 WHEN 0 THEN NULL ELSE 'city ' || i % 5 END AS city, "
    "2000 + i * i % 4 AS year FROM range(100000) AS r(i)"
)
LAYOUTS: list[tuple[int, list[int]]] = [
    (32_768, []),
    (2_048, []),
    (32_768, [1, 33_000, 33_000, 99_999]),
    (2_048, [50_000]),
]


@pytest.fixture(scope="module")
def expected(workshop: Workshop) -> Rows:
    return workshop.rows(workshop.draw(workshop.table_of(QUERY), *ROUNDS).table)


@pytest.mark.parametrize("strategy", ["walk", "scan"])
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize(("row_group_rows", "splits"), LAYOUTS)
def test_layout_and_threads_have_no_part_in_the_draw(
    tmp_path: Path,
    expected: Rows,
    row_group_rows: int,
    splits: list[int],
    threads: int,
    strategy: Strategy,
) -> None:
    with ParquetDatabase(tmp_path, tmp_path / "spill", threads=threads) as database:
        workshop = Workshop(database, tmp_path)
        table = workshop.table_of(QUERY, row_group_rows=row_group_rows, splits=splits)
        assert len(table.files) == len(splits) + 1
        sample = workshop.draw(table, *ROUNDS, strategy=strategy)
        assert workshop.rows(sample.table) == expected


def test_a_draw_again_writes_the_same_bytes(workshop: Workshop) -> None:
    table = workshop.table_of(QUERY)
    first, second = (workshop.draw(table, *ROUNDS).table.files[0].path for _ in range(2))
    assert first.read_bytes() == second.read_bytes()
