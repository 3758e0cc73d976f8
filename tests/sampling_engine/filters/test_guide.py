"""docs/FILTERS.md agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from parquet_tables.tables import Column, TableFiles
from sampling_engine.filters import OPERATORS, InvalidFilter, parse_expression

PAGE = (Path(__file__).parents[3] / "docs" / "FILTERS.md").read_text(encoding="utf-8")
TABLE = TableFiles(
    (
        Column("age", "INTEGER"),
        Column("city", "VARCHAR"),
        Column("price", "DECIMAL(10,2)"),
        Column("rate", "DOUBLE"),
        Column("active", "BOOLEAN"),
        Column("born", "DATE"),
        Column("seen", "TIMESTAMP"),
        Column("order", "INTEGER"),
        Column("unit price", "DOUBLE"),
    ),
    (),
)
(EXAMPLES,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES.splitlines())
def test_examples_are_valid(text: str) -> None:
    parsed = parse_expression(text, TABLE)
    assert parse_expression(parsed.text, TABLE) == parsed


def test_error_message_matches_the_guide() -> None:
    with pytest.raises(InvalidFilter) as error:
        parse_expression("age >> 18", TABLE)
    assert f"```\n{error.value.message}\n```" in PAGE


def test_guide_lists_every_condition_operator() -> None:
    rows = PAGE.split("| operator | value |")[1].split("\n\n")[0].splitlines()[2:]
    listed = [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert listed == [operator.name for operator in OPERATORS]


def test_canonical_text_matches_the_guide() -> None:
    assert parse_expression("18.0 <= AGE", TABLE).text == '"age" >= 18'
