"""Every statement of a draw at work; those that fix the order of a draw also as text.

The texts are in ``golden/``, with line breaks for the reader. After a change that is meant, write
them anew with ``REFRESH_GOLDEN=1 python -m pytest tests/sampling_engine/test_statements.py`` and
read the difference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pytest

from parquet_tables.rows import Statement
from parquet_tables.tables import TableFiles
from tests.sampling_engine.built_statements import BUILDERS, ORDER
from tests.sampling_engine.conftest import Workshop

GOLDEN = Path(__file__).parent / "golden"
FIXED = (
    "count_strata_two_columns",
    "drawn_rows",
    "reserve_rows",
    "scan_of_strata",
    "scan_of_whole_table",
)
"""The statements whose text decides which rows are drawn, and their columns."""


@pytest.fixture(scope="module")
def table(workshop: Workshop) -> TableFiles:
    """Six rows in two files: strata (a, 0), (a, 1), (b, NULL) and (NULL, 0)."""
    return workshop.table(
        {
            "a b": ("VARCHAR", ["a", "a", "b", None, "a", "b"]),
            'x"y': ("DOUBLE", [0.0, 1.0, None, 0.0, -0.0, None]),
            "_stratum": ("INTEGER", range(6)),
            "price": ("DECIMAL(9,2)", ["1.00", "0.00", None, "2.50", "4.00", "0.50"]),
        },
        splits=[4],
    )


def readable(statement: Statement, table: TableFiles) -> str:
    sql, params = statement
    broken = re.sub(
        r"(?<!DISTINCT) (?=(?:FROM|JOIN|CROSS JOIN|WHERE|ORDER BY|GROUP BY|UNION ALL)\b)", "\n", sql
    )
    broken = re.sub(r", (?=\w+ AS NOT MATERIALIZED)", ",\n", broken)
    paths = {str(file.path): f"file {i}" for i, file in enumerate(table.files)}

    def named(value: object) -> object:
        if isinstance(value, list):
            return [named(part) for part in value]
        return paths.get(value, value) if isinstance(value, str) else value

    return f"{broken}\n-- bound: {named(params)}\n"


@pytest.mark.parametrize("name", FIXED)
def test_statement_is_the_golden_one(name: str, table: TableFiles) -> None:
    text = readable(BUILDERS[name](table), table)
    golden = GOLDEN / f"{name}.sql"
    if os.environ.get("REFRESH_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(FIXED)


def rows_of(
    cursor: duckdb.DuckDBPyConnection, name: str, table: TableFiles
) -> list[tuple[object, ...]]:
    return cursor.execute(*BUILDERS[name](table)).fetchall()


def register(cursor: duckdb.DuckDBPyConnection, name: str, **columns: list[float]) -> None:
    cursor.register(name, {column: np.array(values) for column, values in columns.items()})


@pytest.fixture
def cursor(workshop: Workshop, table: TableFiles) -> Iterator[duckdb.DuckDBPyConnection]:
    """With the strata counted, and row 1 taken."""
    with workshop.database.cursor() as cursor:
        for name in (
            "count_strata_two_columns",
            "count_strata_one_column",
            "count_strata_of_a_filter",
            "count_rows",
        ):
            rows_of(cursor, name, table)
        register(cursor, "taken", ordinal=[1])
        register(cursor, "picked", position=[0, 1, 2, 3], ordinal=[5, 3, 0, 1])
        yield cursor


def test_counts_number_the_strata_in_order_of_their_values(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles
) -> None:
    assert rows_of(cursor, "totals_of_strata", table) == [(4, 6)]
    assert rows_of(cursor, "all_strata", table)[0] == (0, "a", 0.0, 2)
    assert rows_of(cursor, "sizes_of_strata", table) == [(2,), (1,), (2,), (1,)]
    assert rows_of(cursor, "keys_of_strata", table) == [("a", "0.0"), ("b", None)]
    assert rows_of(cursor, "labels_of_strata", table) == [("a | 0.0",), ("b | NULL",)]
    assert rows_of(cursor, "strata_of_labels", table) == [("a | 0.0", 0)]
    counted = [
        cursor.execute(f"SELECT * FROM strata_{i} ORDER BY stratum").fetchall() for i in (1, 2, 3)
    ]
    assert counted[0] == [(0, "a", 3), (1, "b", 2), (2, None, 1)]
    assert counted[1] == [(0, "a", 3)]
    assert counted[2] == [(0, 3)]


def test_rows_are_looked_up_and_scanned(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles
) -> None:
    assert sorted(rows_of(cursor, "strata_of_picked", table)) == [(0, 2), (1, 3), (2, 0), (3, 1)]
    assert sorted(rows_of(cursor, "strata_of_picked_with_a_filter", table)) == [(2, 0), (3, 0)]
    assert sorted(rows_of(cursor, "filtered_of_picked", table)) == [(2, 0), (3, 0)]
    assert rows_of(cursor, "numbered_rows_of_a_range", table) == [(4,)]
    register(cursor, "wanted", stratum=[0, 2], threshold=[1 << 16, 1 << 16])
    found = sorted(row[:2] for row in rows_of(cursor, "scan_of_strata", table))
    assert found == [(0, 0), (2, 2), (4, 0), (5, 2)]
    register(cursor, "wanted", stratum=[0], threshold=[1 << 16])
    filtered = rows_of(cursor, "scan_of_strata_with_a_filter", table)
    assert sorted(row[0] for row in filtered) == [0, 4]
    ranks = {row[0]: row[2] for row in rows_of(cursor, "scan_of_whole_table", table)}
    assert ranks == {at: ORDER.rank(np.array([at]))[0] for at in (0, 2, 3, 4, 5)}


def test_numbers_are_summed_as_integers(
    cursor: duckdb.DuckDBPyConnection, table: TableFiles
) -> None:
    # The filter leaves rows 0, 1 and 4: prices 1.00, 0.00 and 4.00.
    zero, four = Decimal("0.00"), Decimal("4.00")
    assert rows_of(cursor, "exact_totals", table) == [(3, 2, zero, Decimal("5.00"), four)]
    assert rows_of(cursor, "exact_totals_of_taken", table) == [(1, 0, zero, zero, zero)]
    assert rows_of(cursor, "range_of_exact", table) == [(3, 3, 0.0, 4.0)]
    assert rows_of(cursor, "range_of", table) == [(6, 4, 0.0, 1.0)]
    assert rows_of(cursor, "refused_numbers", table) == [(0, 0)]
    # 0, 1, NULL, 0, -0 and NULL are -2, 2, none, -2, -2 and none from 0.5 in quarters.
    assert rows_of(cursor, "unit_totals", table) == [(6, 1, -2, -4, 2)]
    assert rows_of(cursor, "sums_by_stratum", table) == [(0, 2, -4, 8), (1, 1, 2, 4)]
    assert rows_of(cursor, "sums_by_stratum_of_taken", table) == [(1, 1, 0, 0)]
    assert rows_of(cursor, "units_of_picked", table) == [(2, 100)]
    assert rows_of(cursor, "rows_of_units", table) == [(4, 400)]
    assert [row[:2] for row in rows_of(cursor, "scan_units", table)] in ([(0, 100)], [])


def test_drawn_rows_are_written(cursor: duckdb.DuckDBPyConnection, table: TableFiles) -> None:
    # Row 1 in a round without strata, then row 4 in a stratified one.
    draw_rows(cursor, ordinal=[1, 4], round_number=[1, 2])
    price = [(Decimal("0.00"),), (Decimal("4.00"),)]
    added = [
        ("primary:1", 1, "random", 1, None, 0.125, 8.0),
        ("primary:4", 2, "stratified", 1, "a | 0.0", 0.5, 2.0),
    ]
    own = [("a", 1.0, 1), ("a", -0.0, 4)]
    expected = [(*a, *b, *c) for a, b, c in zip(own, price, added, strict=True)]
    assert rows_of(cursor, "drawn_rows", table) == expected
    selected = [(1.0, None, *price[0], *added[0]), (-0.0, 4, *price[1], *added[1])]
    assert rows_of(cursor, "drawn_rows_of_selections", table) == selected
    assert rows_of(cursor, "drawn_rows_of_empty_table", table) == []
    draw_rows(cursor, ordinal=[1], round_number=[1])
    assert rows_of(cursor, "drawn_rows_without_strata", table) == expected[:1]
    register(cursor, "chosen", ordinal=[4], selection_order=[1], stratum=[0])
    reserve = ("primary:4", "a | 0.0", 1)
    assert rows_of(cursor, "reserve_rows", table) == [(*own[1], *price[1], *reserve)]
    assert rows_of(cursor, "reserve_rows_of_whole_table", table)[0][-2:] == (None, 1)


def draw_rows(
    cursor: duckdb.DuckDBPyConnection, *, ordinal: list[int], round_number: list[int]
) -> None:
    """Make these rows the drawn ones, each the first of its round."""
    cursor.register(
        "drawn",
        {
            "ordinal": np.array(ordinal),
            "round_number": np.array(round_number, dtype=np.int32),
            "selection_order": np.ones(len(ordinal), dtype=np.int64),
            "stratum": np.zeros(len(ordinal), dtype=np.int64),
            "probability": np.array([0.125, 0.5])[: len(ordinal)],
            "weight": np.array([8.0, 2.0])[: len(ordinal)],
        },
    )
