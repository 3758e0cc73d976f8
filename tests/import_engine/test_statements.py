"""The statements that are built, as files under ``golden``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from import_engine import json_lines, parquet
from import_engine.delimited import DelimitedRows, Dialect, sniff_sql
from import_engine.text_files import TextFile
from import_engine.text_tables import (
    ColumnPlan,
    any_cells_sql,
    detection_sql,
    first_cells_sql,
    values_sql,
)
from import_engine.values import (
    ALL_CANDIDATES,
    EMPTY,
    INSTANT,
    NUMBERS,
    TEXT,
    WHOLE,
    CandidateType,
)
from import_engine.workbooks import sheets

GOLDEN = Path(__file__).parent / "golden"
FILE = TextFile(Path("/data/upload"))
DIALECT = Dialect(";", columns=4)
JSON = json_lines.JsonFile(FILE, "newline_delimited")
DAY = CandidateType("DATE", "%d.%m.%Y")

STATEMENTS = {
    "sniff_freely": sniff_sql(FILE, None)[0],
    "sniff_within_a_dialect": sniff_sql(FILE, DIALECT)[0],
    "rows_as_text": DelimitedRows(FILE, DIALECT).query().source,
    "rows_of_long_lines_after_blank_ones": DelimitedRows(
        FILE, Dialect("\t", "", "", False, 1, long_lines=True, blank_lines=2)
    )
    .query()
    .source,
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
    "rows_with_days": DelimitedRows(FILE, DIALECT).query(days={2}, date_format="%d.%m.%Y").source,
    "values_with_days": values_sql(
        "cells", ["c0", "c1"], [ColumnPlan((WHOLE,)), ColumnPlan((DAY,))], ["a", "day"], {1}
    ),
    "cells_of_first_rows": first_cells_sql("cells", ["c0", "c1"], 200),
    "cells_of_all_rows": any_cells_sql("cells", ["c0", "c1"]),
    "json_first_keys": json_lines.first_keys_sql(JSON),
    "json_keys": json_lines.keys_sql(JSON),
    "json_columns": "\n".join(
        [
            (columns := json_lines.JsonRows(JSON, ["a", "it's"]).query([WHOLE, TEXT])).source,
            *columns.cells,
        ]
    ),
    "json_keys_that_collide": "\n".join(
        [
            (
                columns := json_lines.JsonRows(JSON, ["a/b", "A/B", ""]).query([WHOLE, TEXT, TEXT])
            ).source,
            *columns.cells,
        ]
    ),
    "parquet_copy": parquet.copy_query(["c0", "CAST(c1 AS VARCHAR)"], ["ID", "id_1"]),
    "sheet_rows": sheets.sheet_query(["c0", sheets.text_sql(1)], ["a", "b"], [1]),
    "sheet_narrowing": sheets.narrowing_sql(["DOUBLE", "TIMESTAMP_MS", "VARCHAR"]),
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
