"""Workbooks with one fault each end as tables or as a clear error."""

from __future__ import annotations

from pathlib import Path

from tests.import_engine.mutated_workbooks import ends_of

CHOSEN = range(0, 3_000, 20)


def test_no_mutated_workbook_ends_the_process(tmp_path: Path) -> None:
    ends = ends_of(CHOSEN, tmp_path)
    assert list(ends) == list(CHOSEN)
    assert set(ends.values()) <= {"tables", "unreadable_file", "workbook_too_large"}
    assert list(ends.values()).count("tables") > 20
