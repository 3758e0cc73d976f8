"""The statements that infer types and convert values, as files under ``golden``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from import_engine.text_tables import ColumnPlan, detection_sql, values_sql
from import_engine.values import ALL_CANDIDATES, EMPTY, INSTANT, NUMBERS, TEXT, WHOLE, CandidateType

GOLDEN = Path(__file__).parent / "golden"
DAY = CandidateType("DATE", "%d.%m.%Y")

STATEMENTS = {
    "detect_in_first_rows": detection_sql(
        "cells", ["c0", "c1"], [(WHOLE, TEXT), (EMPTY, TEXT)], 20_480
    ),
    "detect_in_all_rows": detection_sql(
        "cells", ["c0", "c1"], [(*NUMBERS, TEXT), (DAY, INSTANT, TEXT)], None
    ),
    "values": values_sql(
        "cells",
        ["c0", "c1", "c2", "c3"],
        [
            ColumnPlan((WHOLE,)),
            ColumnPlan((TEXT,), tidied=True),
            ColumnPlan((DAY,), tidied=True),
            ColumnPlan((EMPTY,)),
        ],
        ["a", 'b"c', "day", "empty"],
    ),
    "values_of_numbers_and_times": values_sql(
        "cells",
        ["c0", "c1", "c2"],
        [
            ColumnPlan((NUMBERS[0],)),
            ColumnPlan((CandidateType("TIMESTAMP"),)),
            ColumnPlan((CandidateType("BOOLEAN"),)),
        ],
        ["number", "moment", "flag"],
    ),
    "values_with_days": values_sql(
        "cells", ["c0", "c1"], [ColumnPlan((WHOLE,)), ColumnPlan((DAY,))], ["a", "day"], {1}
    ),
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
