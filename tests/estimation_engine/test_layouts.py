"""Figures of the same rows in one file and in several, with one thread and with four."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from estimation_engine import (
    EstimateSettings,
    Statistic,
    by_regression,
    by_strata,
    estimate,
    random_design,
    read_values,
    true_values,
)
from estimation_engine.reading import relation_of
from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import Column, DataFile, Int64s, TableFiles

ROWS, EVERY = 60_000, 40
COLUMNS = (
    Column("_logical_row_id", "VARCHAR"),
    Column("x", "DOUBLE"),
    Column("y", "DOUBLE"),
    Column("amount", "DECIMAL(12,2)"),
    Column("kind", "VARCHAR"),
)
SELECTED = (
    "'primary:' || i AS _logical_row_id, exp(30 * sin(i * 1.7)) / 3 AS x, "
    "CASE WHEN i % 11 = 0 THEN NULL ELSE 1e9 / (i + 1) + i * 0.1 END AS y, "
    "CAST(i % 977 AS DECIMAL(12,2)) AS amount, 'k' || i % 7 AS kind"
)
NO_ORDINALS: Int64s = np.empty(0, dtype=np.int64)


def table_of(folder: Path, name: str, stops: list[int], group_rows: int, every: int) -> TableFiles:
    """Rows up to each stop in a file of its own."""
    files = []
    with duckdb.connect() as connection:
        for start, stop in zip([0, *stops], stops, strict=False):
            path = folder / f"{name}-{stop}.parquet"
            sql = f"SELECT {SELECTED} FROM range({start}, {stop}) AS r(i) WHERE i % {every} = 0"
            (rows,) = connection.execute(
                f"COPY ({sql}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE {group_rows:d})"
            ).fetchall()[0]
            files.append(DataFile(path, rows))
    return TableFiles(COLUMNS, tuple(files), NO_ORDINALS)


def figures(database: ParquetDatabase, source: TableFiles, sample: TableFiles) -> list[Any]:
    """True values by group, and plain and calibrated estimates."""
    x, y, amount, kind = COLUMNS[1:]
    statistics = [
        *(Statistic("total", column) for column in (x, y, amount)),
        Statistic("mean", y),
        Statistic("ratio", y, denominator=x),
        Statistic("count"),
    ]
    ordinals = np.arange(0, ROWS, EVERY)
    design = random_design(len(ordinals), ROWS)
    with database.cursor() as cursor:
        whole = true_values(cursor, source, statistics, [], None)
        truth = true_values(cursor, source, statistics, [kind], None)
        read = read_values(cursor, relation_of(sample), ordinals, statistics, [kind], None)
    assert whole is not None and truth is not None  # noqa: PT018 - for the type checker
    known = np.array([row[-1] or 0.0 for _, row in sorted(truth.items())])
    by_x = by_regression(
        design.weights,
        read.values[0].y[np.newaxis],
        np.array([(whole[()][0] or 0) / ROWS]),
        ROWS,
        "x",
    )
    by_kind = by_strata(design.weights, read.domains.groups, known)
    found = [
        asdict(each)
        for values in read.values
        for calibration in (None, by_x, by_kind)
        for each in estimate(design, values, read.domains, EstimateSettings(), calibration)
    ]
    return [whole, sorted(truth.items()), found]


def test_figures_do_not_depend_on_files_and_threads(tmp_path: Path) -> None:
    one_file = [table_of(tmp_path, "a", [ROWS], 100_000, every) for every in (1, EVERY)]
    stops = [7_000, 7_001, 31_000, ROWS]
    several = [table_of(tmp_path, "b", stops, 2_048, every) for every in (1, EVERY)]
    found = []
    for threads in (1, 4):
        (tmp_path / f"spill{threads}").mkdir()
        database = ParquetDatabase(tmp_path, tmp_path / f"spill{threads}", threads=threads)
        found += [figures(database, *tables) for tables in (one_file, several)]
        database.close()
    for other in found[1:]:
        assert other == found[0]


def test_a_sum_of_doubles_is_exact_to_the_last_digits(tmp_path: Path) -> None:
    (tmp_path / "spill").mkdir()
    database = ParquetDatabase(tmp_path, tmp_path / "spill", threads=2)
    source = table_of(tmp_path, "c", [ROWS], 4_096, 1)
    with database.cursor() as cursor:
        truth = true_values(cursor, source, [Statistic("total", COLUMNS[1])], [], None)
    assert truth is not None
    with duckdb.connect() as connection:
        values = connection.execute("SELECT x FROM read_parquet(?)", [str(source.files[0].path)])
        exact = float(np.sort(values.fetchnumpy()["x"]).astype(np.longdouble).sum())
    database.close()
    assert truth[()][0] == pytest.approx(exact, rel=1e-15)
