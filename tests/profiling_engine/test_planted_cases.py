"""Each audit test finds every planted case of a ledger, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contract.requests.audit_tests import AUDIT_TESTS
from parquet_tables.tables import TableFiles
from profiling_engine.audit_tests import TESTS, FoundTable, run_test
from profiling_engine.audit_tests.duplicates import Duplicates
from tests.profiling_engine.conftest import Studio
from tests.profiling_engine.planted_ledger import (
    CASES,
    LIMIT_DIGITS,
    MISSING,
    SHIFT,
    PlantedLedger,
)

LEDGER = PlantedLedger(rows=20_000, every=200)


@pytest.fixture(scope="module")
def tables(studio: Studio) -> tuple[TableFiles, TableFiles]:
    splits = (7_000, 7_001)
    return (
        studio.table_of(LEDGER.sql, splits=splits),
        studio.table_of(LEDGER.other_sql),
    )


@pytest.fixture
def folder(studio: Studio) -> Path:
    path = studio.new_path().with_suffix("")
    path.mkdir()
    return path


def found_by(
    studio: Studio, tables: tuple[TableFiles, TableFiles], folder: Path, test: str, **more: Any
) -> tuple[FoundTable, list[dict[str, Any]]]:
    request = AUDIT_TESTS[test].request(**{**CASES[test], **more})
    other = (tables[1], "other") if test == "unmatched" else None
    ready = TESTS[test](tables[0], "primary", request, other)
    found = run_test(studio.database, ready, folder, slice_cells=500)
    with studio.database.cursor() as cursor:
        paths = [str(file.path) for file in found.files]
        rows = cursor.execute("SELECT * FROM read_parquet(?)", [paths])
        names = [column[0] for column in rows.description]
        return found, [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


@pytest.mark.parametrize("test", CASES)
def test_it_finds_the_planted_rows_alone(
    studio: Studio, tables: tuple[TableFiles, TableFiles], folder: Path, test: str
) -> None:
    found, rows = found_by(studio, tables, folder, test)
    result = found.result
    assert [row["_logical_row_id"] for row in rows] == [f"primary:{row['id']}" for row in rows]
    expected = LEDGER.found(test)
    if expected is None:
        whole = [(row["_digits"], str(row["amount"])[:2]) for row in rows]
        assert set(whole) == {(LIMIT_DIGITS, str(LIMIT_DIGITS))}
        assert len(rows) > LEDGER.rows // LEDGER.every
    else:
        assert {row["id"] for row in rows} == expected
    assert len(rows) == result.found_rows
    untested = sum(each.rows for each in result.not_tested)
    assert result.tested_rows + untested == LEDGER.rows
    names = [column.name for column in tables[0].columns]
    assert [column.name for column in found.columns][-len(names) :] == names
    assert all(not path.name.startswith(("found", "pairs")) for path in folder.iterdir())


def test_missing_values_are_counted_as_not_tested(
    studio: Studio, tables: tuple[TableFiles, TableFiles], folder: Path
) -> None:
    found, _ = found_by(studio, tables, folder, "duplicates")
    (missing,) = found.result.not_tested
    assert (missing.column, missing.reason) == ("invoice", "the value is missing")
    assert missing.rows == len(range(MISSING, LEDGER.rows, LEDGER.every))


def test_hashes_are_sorted_part_by_part(
    studio: Studio, tables: tuple[TableFiles, TableFiles], folder: Path
) -> None:
    request = AUDIT_TESTS["duplicates"].request(**CASES["duplicates"])
    ready = Duplicates(tables[0], "primary", request)
    ready.sorted_hashes = LEDGER.rows // 7
    found = run_test(studio.database, ready, folder)
    expected = LEDGER.found("duplicates")
    assert expected is not None
    assert found.result.found_rows == len(expected)


def test_gaps_are_counted_with_their_missing_numbers(
    studio: Studio, tables: tuple[TableFiles, TableFiles], folder: Path
) -> None:
    found, _ = found_by(studio, tables, folder, "gaps")
    figures = {each.name: each.value for each in found.result.figures}
    repeats = LEDGER.rows // LEDGER.every
    assert figures["missing"] == repeats + SHIFT
    assert figures["gaps"] == repeats + 1
    assert figures["repeated"] == figures["extra_rows"] == repeats


def test_unmatched_finds_rows_of_both_tables(
    studio: Studio, tables: tuple[TableFiles, TableFiles], folder: Path
) -> None:
    found, rows = found_by(studio, tables, folder, "unmatched", direction="both")
    others = [row for row in rows if row["_side"] == "other"]
    assert [(row["other_number"], row["id"]) for row in others] == [(LEDGER.rows + 7, None)]
    assert {row["id"] for row in rows} - {None} == LEDGER.found("unmatched")
    assert found.result.found_rows == len(rows)
