"""docs/SQL.md is correct: its examples bind, its functions are the allowed ones."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from application.demo_data import COLUMNS
from parquet_tables.columns import Column
from sql_sandbox.errors import InvalidSql, SqlFailed
from sql_sandbox.query_process import MAX_COLUMNS
from sql_sandbox.request import SourceTable
from sql_sandbox.sandbox import MAX_ANSWER_MB, Sandbox
from sql_sandbox.statement import GROUPS, MAX_DEPTH

PAGE = (Path(__file__).parents[2] / "docs" / "SQL.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
LEDGER = SourceTable(
    "data",
    (
        *(Column(name, "DATE") for name in ("posted", "due", "paid")),
        *(
            Column(name, "VARCHAR")
            for name in COLUMNS
            if name not in ("posted", "due", "paid", "amount")
        ),
        Column("amount", "DOUBLE"),
    ),
    (),
)
SAMPLE = replace(
    LEDGER,
    columns=(
        *LEDGER.columns,
        Column("_sampling_round", "INTEGER"),
        Column("_design_weight", "DOUBLE"),
    ),
)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("sql", EXAMPLES)
def test_an_example_is_right_for_the_demos_data(sandbox: Sandbox, sql: str) -> None:
    table = SAMPLE if "smpl-" in sql else LEDGER
    assert sandbox.check(sql, (table,)).columns


def test_division_by_zero_is_as_described(sandbox: Sandbox) -> None:
    assert "`1 / 0` is `Infinity`, `-1 / 0` is `-Infinity` and `0 / 0` is `NaN`" in PAGE
    divided = "SELECT 1 / 0, -1 / 0, 0 / 0, 1 / nullif(0, 0), TRY(1 // 0), TRY(1 % 0)"
    rows = sandbox.first_rows(divided, (), 5, 20).rows
    assert rows == [["Infinity", "-Infinity", "NaN", None, None, None]]
    for failing in ("SELECT 1 // 0", "SELECT 1 % 0"):
        with pytest.raises(SqlFailed, match="Division by zero"):
            sandbox.first_rows(failing, (), 5, 20)
    with pytest.raises(InvalidSql, match="Aggregates are not allowed inside"):
        sandbox.check("SELECT TRY(sum(1) // 0)", ())


def test_the_functions_are_those_that_are_offered() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| (`.+`) \|$", PAGE[PAGE.index("## Functions") :], re.MULTILINE
    )
    documented = {
        group: set(re.findall(r"`([^`]+)`", names.replace("\\|", "|"))) for group, names in rows
    }
    assert documented == GROUPS


def test_the_fixed_limits_are_as_they_are() -> None:
    assert f"{MAX_COLUMNS:,} columns" in PAGE
    assert f"expressions {MAX_DEPTH} deep" in PAGE
    assert f"{MAX_ANSWER_MB} MiB" in PAGE
