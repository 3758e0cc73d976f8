"""Figures don't depend on the layout of files or the number of threads, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from estimation_engine import (
    Design,
    DomainEstimate,
    EstimateSettings,
    Statistic,
    cluster_design,
    estimate,
    random_design,
    read_values,
    systematic_design,
)
from estimation_engine.reading import relation_of
from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns, write_parquet

ROWS = 9_000
QUERY = f"""
SELECT 'primary:' || 3 * range AS _logical_row_id,
       CASE WHEN range % 7 > 0 THEN exp((hash(range) % 1000) / 90.0) END AS amount,
       CASE WHEN range % 5 > 0 THEN 'kind ' || hash(range * 3) % 4 END AS kind,
       CASE WHEN range % 11 = 0 THEN CAST('nan' AS DOUBLE) ELSE range % 3 END AS part
FROM range({ROWS})
"""
LAYOUTS = {"one file": ([(0, ROWS)], 1), "three files": ([(4000, 9000), (0, 10), (10, 4000)], 4)}
DESIGNS = {
    "random": random_design(ROWS, 50_000),
    "clusters": cluster_design(np.arange(ROWS) // 9, np.full(1_000, 20), 4_000, 80_000),
    "systematic": systematic_design(ROWS, 50_000),
}


@contextmanager
def layout(root: Path, name: str) -> Iterator[tuple[ParquetDatabase, TableFiles]]:
    """The rows in files of small row groups; of several files each begins with its last row."""
    parts, threads = LAYOUTS[name]
    order = "DESC" if len(parts) > 1 else "ASC"
    with ParquetDatabase(root, root / "spill", memory_mb=128, threads=threads) as database:
        files = []
        with database.cursor() as cursor:
            for at, (start, stop) in enumerate(parts):
                sql = f"{QUERY} WHERE range >= {start} AND range < {stop} ORDER BY range {order}"
                file = root / f"{at}.parquet"
                files.append(write_parquet(cursor, sql, [], file, row_group_rows=2_048))
            table = TableFiles(read_columns(cursor, files[0].path), tuple(files))
        yield database, table


def figures(database: ParquetDatabase, table: TableFiles, design: Design) -> list[DomainEstimate]:
    """A mean, a total and a median by two columns, one of which has NaN, both NULL."""
    amount = table.column("amount")
    statistics = [
        Statistic("mean", amount),
        Statistic("total", amount),
        Statistic("quantile", amount),
    ]
    by = [table.column("kind"), table.column("part")]
    with database.cursor(table) as cursor:
        read = read_values(
            cursor, relation_of(table), 3 * np.arange(ROWS), statistics, by, ("f.part > ?", [0])
        )
    assert len(read.keys) == 15
    return [
        each
        for values in read.values
        for each in estimate(design, values, read.domains, EstimateSettings())
    ]


@pytest.mark.parametrize("name", DESIGNS)
def test_figures_are_the_same_in_any_layout(tmp_path: Path, name: str) -> None:
    found = []
    for each in LAYOUTS:
        root = tmp_path / each
        root.mkdir()
        with layout(root, each) as (database, table):
            found.append(figures(database, table, DESIGNS[name]))
    assert found[0] == found[1]
    assert all(each.error is not None for each in found[0])
