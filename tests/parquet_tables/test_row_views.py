"""Filtered and sorted views: each page has the rows at its place, and a file has all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parquet_tables.database import ParquetDatabase
from parquet_tables.rows import RowView, count_statement, find_rows, rows_statement, view_statement
from parquet_tables.tables import Column, DataFile, TableFiles
from parquet_tables.writing import write_parquet

SIZES = (300, 0, 1, 4000)
TOTAL = sum(SIZES)
COLUMNS = (Column("n", "BIGINT"), Column("a b", "INTEGER"), Column("ordinal", "VARCHAR"))


@dataclass(frozen=True)
class Stored:
    database: ParquetDatabase
    table: TableFiles


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """n is the ordinal, "a b" has many equal values and NULLs, one column is called ordinal."""
    root: Path = tmp_path_factory.mktemp("views")
    with ParquetDatabase(root, root / "spill", memory_mb=256, threads=4) as database:
        files: list[DataFile] = []
        start = 0
        query = (
            "SELECT range + ? AS n, CASE WHEN (range + ?) % 11 <> 0 "
            "THEN CAST(hash(range + ?) % 50 AS INTEGER) END AS \"a b\", 'x' || range AS ordinal "
            "FROM range(?)"
        )
        with database.cursor() as cursor:
            for number, rows in enumerate(SIZES):
                params = [start, start, start, rows]
                files.append(write_parquet(cursor, query, params, root / f"{number}.parquet"))
                start += rows
        yield Stored(database, TableFiles(COLUMNS, tuple(files)))


def all_rows(stored: Stored) -> list[tuple[Any, ...]]:
    with stored.database.cursor() as cursor:
        paths = [str(file.path) for file in stored.table.files]
        rows = cursor.execute("FROM read_parquet(?)", [paths]).fetchall()
    return sorted(rows)


@settings(max_examples=60, deadline=None)
@given(
    below=st.integers(-1, 51) | st.none(),
    ordered=st.booleans(),
    descending=st.booleans(),
    deletion_vector=st.sets(st.integers(0, TOTAL - 1), max_size=20)
    | st.builds(lambda first: set(range(first, TOTAL, 2)), st.integers(0, TOTAL)),
    offset=st.integers(0, TOTAL + 5),
    limit=st.integers(1, 500),
)
def test_pages_and_files_follow_the_views_order(
    stored: Stored,
    below: int | None,
    ordered: bool,
    descending: bool,
    deletion_vector: set[int],
    offset: int,
    limit: int,
) -> None:
    table = replace(stored.table, deletion_vector=np.array(sorted(deletion_vector), dtype=np.int64))
    view = RowView(
        None if below is None else ('f."a b" < ?', [below]),
        COLUMNS[1] if ordered else None,
        descending,
    )
    wanted = [
        row
        for row in all_rows(stored)
        if row[0] not in deletion_vector
        and (below is None or (row[1] is not None and row[1] < below))
    ]
    if ordered:
        sign = -1 if descending else 1
        wanted.sort(key=lambda row: (row[1] is None, sign * (row[1] or 0), row[0]))
    with stored.database.cursor() as cursor:
        assert cursor.execute(*count_statement(table, view)).fetchall() == [(len(wanted),)]
        ordinals = find_rows(cursor, table, view, offset, limit)
        page = cursor.execute(*rows_statement(table, COLUMNS, ordinals)).fetchall()
        assert page == wanted[offset : offset + limit]
        file = cursor.execute(*view_statement(table, COLUMNS, view, offset, limit)).fetchall()
        assert file == page
        rest = cursor.execute(*view_statement(table, COLUMNS[:1], view, offset, None)).fetchall()
        assert rest == [row[:1] for row in wanted[offset:]]


def test_a_table_without_rows_has_views_without_rows(stored: Stored) -> None:
    empty = TableFiles(COLUMNS, (stored.table.files[1],))
    view = RowView(('f."a b" < ?', [7]), COLUMNS[1])
    with stored.database.cursor() as cursor:
        assert cursor.execute(*count_statement(empty, view)).fetchall() == [(0,)]
        ordinals = find_rows(cursor, empty, view, 0, 10)
        assert cursor.execute(*rows_statement(empty, COLUMNS, ordinals)).fetchall() == []
        assert cursor.execute(*view_statement(empty, COLUMNS, view, 0, None)).fetchall() == []


OPERATORS = (
    "=",
    "<",
    "LIKE",
    "NOT LIKE",
    "ILIKE",
    "NOT ILIKE",
    "~~~",
    "IN",
    "NOT IN",
)
PATTERNS = ("\\", "a\\", "\\_", "\\%", "x_", "_", "%1%", "zz", "z%z", "%\\", "", "X1", "x1", "x|z")
"""Some that a row passes, and some that the statistics of the file exclude."""


def condition(operator: str, first: str, second: str) -> tuple[str, list[object]]:
    if "IN" in operator.split():
        return f"f.ordinal {operator} (?, ?)", [first, second]
    return f"f.ordinal {operator} ?", [first]


@settings(max_examples=150, deadline=None)
@given(
    operator=st.sampled_from(OPERATORS),
    first=st.sampled_from(PATTERNS),
    second=st.sampled_from(PATTERNS),
    number=st.sampled_from(["", " AND f.n IN (-5, 9999999)", " OR f.n IN (3, 4)"]),
    ordered=st.booleans(),
    files=st.sampled_from([1, 3]),
    offset=st.sampled_from([0, 1, 7]),
    limit=st.sampled_from([1, 5, 49, 60]),
)
def test_a_view_that_statistics_exclude_has_pages(
    stored: Stored,
    operator: str,
    first: str,
    second: str,
    number: str,
    ordered: bool,
    files: int,
    offset: int,
    limit: int,
) -> None:
    table = TableFiles(COLUMNS, stored.table.files[:files])
    sql, params = condition(operator, first, second)
    view = RowView((f"{sql}{number}", params), COLUMNS[1] if ordered else None)
    with stored.database.cursor() as cursor:
        every = cursor.execute(*view_statement(table, COLUMNS, view, 0, None)).fetchall()
        ordinals = find_rows(cursor, table, view, offset, limit)
        page = cursor.execute(*view_statement(table, COLUMNS, view, offset, limit)).fetchall()
        assert page == every[offset : offset + limit]
        assert [row[0] for row in page] == ordinals.tolist()
