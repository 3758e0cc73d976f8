"""Every statement of a draw, as text and at work.

The texts are in ``golden/``, with line breaks for the reader. After a change that is meant, write
them anew with ``REFRESH_GOLDEN=1 python -m pytest tests/sampling_engine/test_statements.py`` and
read the difference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from parquet_tables.tables import Column, TableFiles
from sampling_engine import SeededOrder, statements
from sampling_engine.sample_table import TOLD_COLUMNS
from sampling_engine.statements import Statement
from tests.sampling_engine.conftest import Workshop

GOLDEN = Path(__file__).parent / "golden"
ORDER = SeededOrder(6, 42)
ONE_KEY = (Column("a b", "VARCHAR"),)
TWO_KEYS = (*ONE_KEY, Column('x"y', "DOUBLE"))
NAMES = ("a b", 'x"y', "_stratum_source")

Builder = Callable[[TableFiles], Statement]
BUILDERS: dict[str, Builder] = {
    "keep_chosen": lambda table: statements.keep_chosen(2),
    "keep_cells_of_strata": lambda table: statements.keep_cells(2, "stratified", "strata_0", 2),
    "keep_cells_of_whole_table": lambda table: statements.keep_cells(1, "random", None, 0),
    "count_strata_one_column": lambda table: statements.count_strata(table, ONE_KEY, "strata_1"),
    "count_strata_two_columns": lambda table: statements.count_strata(table, TWO_KEYS, "strata_0"),
    "load_strata": lambda table: statements.load_strata("strata_0", "kept.parquet"),
    "all_strata": lambda table: statements.all_strata("strata_0"),
    "totals_of_strata": lambda table: statements.totals_of_strata("strata_0"),
    "sizes_of_strata": lambda table: statements.sizes_of_strata("strata_0"),
    "keys_of_strata": lambda table: statements.keys_of_strata("strata_0", 2, [0, 2]),
    "strata_of_picked": lambda table: statements.strata_of_picked(table, TWO_KEYS, "strata_0"),
    "scan_of_strata": lambda table: statements.scan(table, TWO_KEYS, "strata_0", ORDER),
    "scan_of_whole_table": lambda table: statements.scan(table, (), None, ORDER),
    "drawn_rows": lambda table: statements.drawn_rows(table, NAMES, TOLD_COLUMNS, "primary"),
    "drawn_rows_of_empty_table": lambda table: statements.drawn_rows(
        TableFiles(table.columns, ()), NAMES, TOLD_COLUMNS, "primary"
    ),
}


@pytest.fixture(scope="module")
def table(workshop: Workshop) -> TableFiles:
    """Six rows in two files: strata (a, 0), (a, 1), (b, NULL) and (NULL, 0)."""
    return workshop.table(
        {
            "a b": ("VARCHAR", ["a", "a", "b", None, "a", "b"]),
            'x"y': ("DOUBLE", [0.0, 1.0, None, 0.0, -0.0, None]),
            "_stratum": ("INTEGER", range(6)),
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


@pytest.mark.parametrize("name", BUILDERS)
def test_statement_is_the_golden_one(name: str, table: TableFiles) -> None:
    text = readable(BUILDERS[name](table), table)
    golden = GOLDEN / f"{name}.sql"
    if os.environ.get("REFRESH_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(BUILDERS)


def rows_of(
    cursor: duckdb.DuckDBPyConnection, name: str, table: TableFiles
) -> list[tuple[object, ...]]:
    return cursor.execute(*BUILDERS[name](table)).fetchall()


def test_statements_work_together_on_a_tiny_table(workshop: Workshop, table: TableFiles) -> None:
    with workshop.database.cursor() as cursor:
        cursor.execute(statements.CREATE_DRAWN)
        cursor.execute(statements.CREATE_CELLS)
        rows_of(cursor, "count_strata_two_columns", table)
        rows_of(cursor, "count_strata_one_column", table)
        assert rows_of(cursor, "totals_of_strata", table) == [(4, 6)]
        assert rows_of(cursor, "all_strata", table)[0] == (0, "a", 0.0, 2)
        assert rows_of(cursor, "sizes_of_strata", table) == [(2,), (1,), (2,), (1,)]
        assert rows_of(cursor, "keys_of_strata", table) == [("a", "0.0"), ("b", None)]
        assert cursor.execute("SELECT k0, rows FROM strata_1").fetchall() == [
            ("a", 3),
            ("b", 2),
            (None, 1),
        ]

        picked = {"position": np.arange(3), "ordinal": np.array([5, 3, 0])}
        cursor.register("picked", picked)
        assert sorted(rows_of(cursor, "strata_of_picked", table)) == [(0, 2), (1, 3), (2, 0)]

        draw_two_rounds(cursor, table)
        cursor.register("wanted", {"stratum": np.array([0, 2]), "threshold": np.full(2, 1 << 16)})
        found = sorted(row[:2] for row in rows_of(cursor, "scan_of_strata", table))
        assert found == [(0, 0), (2, 2), (5, 2)]
        cursor.register("wanted", {"stratum": np.array([0]), "threshold": np.array([1 << 16])})
        ranks = {row[0]: row[2] for row in rows_of(cursor, "scan_of_whole_table", table)}
        assert ranks == {at: ORDER.rank(np.array([at]))[0] for at in (0, 2, 3, 5)}

        assert rows_of(cursor, "drawn_rows", table) == [
            ("a", 1.0, 1, "primary:1", 1, "random", 1, None, 1 / 6, 6.0),
            ("a", -0.0, 4, "primary:4", 2, "stratified", 1, "a | 0.0", 0.5, 2.0),
        ]
        assert rows_of(cursor, "drawn_rows_of_empty_table", table) == []


def draw_two_rounds(cursor: duckdb.DuckDBPyConnection, table: TableFiles) -> None:
    """Row 1 in a random round, then row 4 in a stratified one."""
    for number, ordinal, eligible, cells in (
        (1, 1, 6, "keep_cells_of_whole_table"),
        (2, 4, 2, "keep_cells_of_strata"),
    ):
        one = np.array([1])
        cursor.register(
            "chosen",
            {"ordinal": np.array([ordinal]), "selection_order": one, "stratum": np.array([0])},
        )
        cursor.register(
            "stratum_sizes",
            {"stratum": np.array([0]), "eligible": np.array([eligible]), "sampled": one},
        )
        cursor.execute(*statements.keep_chosen(number))
        rows_of(cursor, cells, table)
