"""The statements that infer types and convert values, as files under ``golden``."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import pytest

from import_engine.text_tables import CellQuery, ColumnPlan, TextColumn, detection_sql, values_sql
from import_engine.values import ALL_CANDIDATES, EMPTY, INSTANT, NUMBERS, TEXT, WHOLE, CandidateType

GOLDEN = Path(__file__).parent / "golden"
DAY = CandidateType("DATE", "%d.%m.%Y")


def values(plans: dict[str, ColumnPlan], days: Collection[int] = ()) -> str:
    """The query of the values of the columns ``c0``, ``c1`` …"""
    query = CellQuery("cells", [], [f"c{i}" for i in range(len(plans))], days)
    columns = [TextColumn(name, plan.candidates, plan) for name, plan in plans.items()]
    return values_sql(query, columns)


STATEMENTS = {
    "detect_in_first_rows": detection_sql(
        "cells", ["c0", "c1"], [(WHOLE, TEXT), (EMPTY, TEXT)], 20_480
    ),
    "detect_in_all_rows": detection_sql(
        "cells", ["c0", "c1"], [(*NUMBERS, TEXT), (DAY, INSTANT, TEXT)], None
    ),
    "values": values(
        {
            "a": ColumnPlan((WHOLE,)),
            'b"c': ColumnPlan((TEXT,), tidied=True),
            "day": ColumnPlan((DAY,), tidied=True),
            "empty": ColumnPlan((EMPTY,)),
        }
    ),
    "values_of_numbers_and_times": values(
        {
            "number": ColumnPlan((NUMBERS[0],)),
            "moment": ColumnPlan((CandidateType("TIMESTAMP"),)),
            "flag": ColumnPlan((CandidateType("BOOLEAN"),)),
        }
    ),
    "values_with_days": values({"a": ColumnPlan((WHOLE,)), "day": ColumnPlan((DAY,))}, {1}),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_statement_is_the_golden_one(name: str) -> None:
    path = GOLDEN / f"{name}.sql"
    if os.environ.get("WRITE_GOLDEN"):
        path.write_text(STATEMENTS[name] + "\n")
    assert path.read_text() == STATEMENTS[name] + "\n"


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.sql")} == set(STATEMENTS)


def test_the_last_candidate_is_text() -> None:
    assert ALL_CANDIDATES[-1] == TEXT
    assert len(set(ALL_CANDIDATES)) == len(ALL_CANDIDATES)
