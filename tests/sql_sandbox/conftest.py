"""A commit's tables in read-only files, and a sandbox that is checked for leftovers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parquet_tables.attached import AttachedFiles
from parquet_tables.child_side import BASE_MB, THREAD_MB
from parquet_tables.columns import Column
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback
from parquet_tables.rows import write_ordinals
from parquet_tables.writing import read_columns, write_parquet
from sql_sandbox.request import Limits, SourceTable
from sql_sandbox.sandbox import Sandbox

LIMITS = Limits(memory_mb=128, spill_mb=64, threads=2, rows=200_000, result_mb=4)
MAX_MB = LIMITS.memory_mb + BASE_MB + THREAD_MB * LIMITS.threads
ORDERS = 2000

QUERIES = {
    "orders": f"""
        SELECT i AS id, i % 5 AS customer, (i * 7 % 100) / 4 AS amount,
               DATE '2024-01-01' + CAST(i % 365 AS INTEGER) AS day,
               ['new', 'paid', NULL][1 + i % 3] AS "order state"
        FROM range({ORDERS}) t(i)""",
    "customers 2024": """
        SELECT * FROM (VALUES (0, 'Ann'), (1, 'Bo'), (2, 'Cy "the" Third'), (3, NULL)) t(id, name)
        """,
}


class OutOfTime(Exception):
    """A test query's time is over."""


def stops_after(limit_s: float) -> ProgressCallback:
    end = time.monotonic() + limit_s

    def on_progress(fraction: float, message: str) -> None:
        if time.monotonic() > end:
            raise OutOfTime

    return on_progress


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def tables(data_dir: Path) -> tuple[SourceTable, ...]:
    """Two tables, a residual of the first in two files, and a table without a row."""
    made = []
    with ParquetDatabase(data_dir, data_dir / "spill") as database, database.cursor() as cursor:
        for key, query in QUERIES.items():
            file = write_parquet(cursor, query, [], data_dir / f"{len(made)}.parquet")
            made.append(SourceTable(key, read_columns(cursor, file.path), (file,)))
        halves = [
            write_parquet(cursor, f"{QUERIES['orders']} LIMIT 1000 OFFSET {at}", [], path)
            for at, path in ((0, data_dir / "h0.parquet"), (1000, data_dir / "h1.parquet"))
        ]
        drawn = np.arange(0, ORDERS, 2)
        deletion_vector = write_ordinals(cursor, drawn, data_dir / "deletion_vector.parquet")
        columns = made[0].columns
        made.append(SourceTable("residual", columns, tuple(halves), deletion_vector.path))
    made.append(replace(made[1], key="primary"))
    made.append(SourceTable("none", (Column("x", "DECIMAL(9,2)"), Column("y z", "VARCHAR")), ()))
    for path in data_dir.glob("*.parquet"):
        path.chmod(0o400)
    return tuple(made)


def children() -> set[int]:
    """This process's children, including zombies."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(pid) for children_file in lists for pid in children_file.read_text().split()}


@pytest.fixture
def sandbox(data_dir: Path, tables: tuple[SourceTable, ...], tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox; each test must leave the files unchanged, and no new file or process."""
    assert tables
    before = {path: path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    there_before = children()
    yield Sandbox(LIMITS, scratch, AttachedFiles())
    assert list(scratch.glob("sql-*")) == []
    assert {path: path.read_bytes() for path in data_dir.rglob("*") if path.is_file()} == before
    assert children() <= there_before
