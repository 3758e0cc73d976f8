"""The workbook of a sample: its rows, and the sheet that documents its design."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from tests.support.live_server import LiveServer

LEDGER = "Id,Booked,Region,Amount,Pieces\n" + "".join(
    f"{row:06d},2025-01-{1 + row % 28:02d},{'north' if row % 3 else 'south'},"
    f"{row * 12.5 - 900:.2f},{row * 1000}\n"
    for row in range(1, 401)
)
DESIGN = {
    "output_name": "Receivables Q1",
    "commit_message": "Test of existence, 31 December",
    "amount_column": "Amount",
    "rounds": [
        {
            "method": "stratified",
            "parameters": {
                "strata_columns": [{"column": "Amount", "breaks": [0, 1000, 3000]}],
                "sizes": {"≥ 3,000": "all", "1,000 to < 3,000": 20, "0 to < 1,000": "10%"},
                "seed": 7,
            },
            "filters": {"expression": "Region = 'north'"},
        }
    ],
}


@pytest.fixture(scope="module")
def job(server: LiveServer) -> dict[str, Any]:
    dataset = server.new_dataset()
    assert server.import_text(dataset, LEDGER)["status"] == "completed"
    return server.draw(dataset, DESIGN)


@pytest.fixture(scope="module")
def workbook(server: LiveServer, job: dict[str, Any]) -> openpyxl.Workbook:
    answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/data", params={"format": "xlsx"})
    assert answer.status_code == 200, answer.text
    assert "Receivables-Q1.xlsx" in answer.headers["Content-Disposition"]
    return openpyxl.load_workbook(io.BytesIO(answer.content), data_only=True)


def blocks(sheet: Worksheet) -> dict[str, list[list[Any]]]:
    """The rows of each block by its title; an empty row ends a block."""
    found: dict[str, list[list[Any]]] = {}
    rows: list[list[Any]] | None = None
    for row in sheet.iter_rows(min_row=3, values_only=True):
        cells = [value for value in row if value is not None]
        if not cells:
            rows = None
        elif rows is None:
            rows = found.setdefault(str(cells[0]), [])
        else:
            rows.append(cells)
    return found


def test_the_design_is_the_second_sheet(workbook: openpyxl.Workbook, job: dict[str, Any]) -> None:
    assert workbook.sheetnames == ["rows", "Design"]
    sheet = workbook["Design"]
    assert sheet["A1"].value == "Design of Receivables-Q1"
    assert sheet.freeze_panes == "A2"
    assert sheet.column_dimensions["A"].width > 20
    found = blocks(sheet)
    identity = dict(found["Sample"])
    assert identity["Purpose"] == "Test of existence, 31 December"
    assert (identity["Version"], identity["Table"]) == ("main", "primary")
    assert identity["Version id"] == job["source_commit_id"]
    assert isinstance(identity["Completed (UTC)"], datetime)
    step = dict(found["Step 1: By group"])
    assert step["Groups by"] == "Amount in bands at 0; 1,000; 3,000"
    assert step["Seed"] == "7"
    assert step["Filter"] == "Region = 'north'"


def test_the_design_has_the_groups_with_sums(
    workbook: openpyxl.Workbook, job: dict[str, Any]
) -> None:
    header, *groups = blocks(workbook["Design"])["Step 1: groups"]
    assert header == [
        *("Amount", "Rows", "Requested", "Drawn", "Share drawn"),
        *("Sum of Amount", "Sum drawn", "Share of the sum"),
    ]
    (account,) = job["output_summary"]["rounds"]
    by_label = {group[0]: group for group in groups}
    for stratum in account["strata"]:
        row = by_label[stratum["label"]]
        assert (row[1], row[3]) == (stratum["rows"], stratum["sampled"])
        amounts = stratum["amount"]
        assert row[5:7] == [float(amounts["total"]), float(amounts["drawn"])]
    assert by_label["≥ 3,000"][2] == "all"
    assert by_label["≥ 3,000"][4] == by_label["≥ 3,000"][7] == 1
    assert by_label["1,000 to < 3,000"][2] == 20
    result = dict(blocks(workbook["Design"])["Result"])
    assert result["Rows drawn"] == job["output_summary"]["total_sampled"]
    assert result["Amount of the table"] == float(job["output_summary"]["amount"]["total"])
    drawn, eligible = account["rows_sampled"], account["eligible_rows"]
    assert result["Share of the rows to choose from"] == drawn / eligible > drawn / 400
    assert "Amount covered" not in result
    assert (
        dict(blocks(workbook["Design"])["Step 1: By group"])["Amount covered"]
        == (account["amount"]["coverage"])
    )


def test_the_design_has_the_control_totals(workbook: openpyxl.Workbook) -> None:
    found = blocks(workbook["Design"])
    header, *totals = found["Control totals of 400 rows"]
    assert header == ["Column", "Sum", "Positive", "Negative"]
    amounts = [row * 12.5 - 900 for row in range(1, 401)]
    positive = sum(one for one in amounts if one > 0)
    assert {row[0]: row[1:] for row in totals}["Amount"] == [
        sum(amounts),
        positive,
        sum(amounts) - positive,
    ]


def test_cells_have_formats(workbook: openpyxl.Workbook) -> None:
    sheet = workbook["rows"]
    assert sheet.freeze_panes == "A2"
    columns = {cell.value: cell.column_letter for cell in sheet[1]}
    formats = {name: sheet[f"{letter}2"].number_format for name, letter in columns.items()}
    assert sheet[f"{columns['Id']}2"].data_type == "s"
    assert str(sheet[f"{columns['Id']}2"].value).startswith("000")
    assert isinstance(sheet[f"{columns['Booked']}2"].value, datetime)
    assert formats["Booked"] == "yyyy-mm-dd"
    assert (formats["Amount"], formats["Pieces"]) == ("#,##0.00", "#,##0")
    assert sheet.column_dimensions[columns["Booked"]].width >= 10
    sums = {
        cell.number_format
        for row in workbook["Design"].iter_rows()
        for cell in row
        if isinstance(cell.value, float)
    }
    assert {"#,##0.00", "0.00 %"} <= sums


def test_other_files_have_the_samples_name(server: LiveServer, job: dict[str, Any]) -> None:
    answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/data", params={"format": "csv"})
    assert "Receivables-Q1.csv" in answer.headers["Content-Disposition"]
