"""Findings as files: the entry list, its preview, and what a filled-in list enters."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
import xlsxwriter
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROW = "_logical_row_id"
ROWS, DRAWN = 300, 12
HEADER = [
    ROW,
    "invoice",
    "year",
    "amount",
    "note",
    "outcome",
    "audit_value",
    "_note",
    "cause",
    "cause_text",
    "_finding_id",
]
"""The table has a column "note" of its own."""


@pytest.fixture
def dataset(server: LiveServer) -> int:
    """Columns invoice (text with leading zeros), year, amount and note (like a formula)."""
    dataset_id = server.new_dataset()
    lines = [f"{row:05d},2024,{row}.50,=1+{row}" for row in range(ROWS)]
    server.import_text(dataset_id, "\n".join(["invoice,year,amount,note", *lines]) + "\n")
    return dataset_id


@pytest.fixture
def job(server: LiveServer, dataset: int) -> str:
    return str(server.draw(dataset, {"rounds": [one("random", sample_size=DRAWN)]})["id"])


def path(job: str, rest: str = "") -> str:
    return f"/api/sampling/jobs/{job}/findings{rest}"


def items(server: LiveServer, job: str) -> list[dict[str, Any]]:
    answer = server.admin.get(path(job))
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def entered(server: LiveServer, job: str, row: str, outcome: str, **more: str) -> None:
    answer = server.admin.post(path(job), json={"row_id": row, "outcome": outcome, **more})
    assert answer.status_code == 200, answer.text


def sheet_of(server: LiveServer, job: str) -> Worksheet:
    answer = server.admin.get(path(job), params={"format": "xlsx"})
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["content-disposition"]
    (sheet,) = load_workbook(io.BytesIO(answer.content)).worksheets
    return sheet


def lines_of(server: LiveServer, job: str) -> list[dict[str, str]]:
    answer = server.admin.get(path(job), params={"format": "csv"})
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_the_workbook_is_ready_to_be_filled_in(server: LiveServer, job: str) -> None:
    first, second = (item["row_id"] for item in items(server, job)[:2])
    entered(server, job, first, "exception", audit_value="12.50", note='=HYPERLINK("x")')
    body = {"row_id": second, "reason": "not a purchase"}
    replaced = server.admin.post(f"/api/sampling/jobs/{job}/replacements", json=body)
    new = replaced.json()["replacement_row_id"]
    sheet = sheet_of(server, job)
    rows = list(sheet.iter_rows(values_only=True))
    assert list(rows[0]) == HEADER
    expected = [item["row_id"] for item in items(server, job) if item["replaced_by"] is None]
    assert [row[0] for row in rows[1:]] == expected
    assert second not in expected
    assert expected[-1] == new
    assert rows[1][5:8] == ("Exception", 12.5, '=HYPERLINK("x")')
    assert rows[2][5:] == (None,) * 6
    for name in ("B2", "E2", "H2"):
        assert sheet[name].data_type == "s", name
    assert sheet["B2"].value == items(server, job)[0]["data"]["invoice"]
    assert (sheet["C2"].value, sheet["D2"].data_type) == ("2024", "n")
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == f"A1:K{DRAWN + 1}"
    choices, causes = sheet.data_validations.dataValidation
    assert str(causes.sqref) == f"I2:I{DRAWN + 1}"
    assert causes.formula1.startswith('"Clerical error,Instruction not known')
    assert str(choices.sqref) == f"F2:F{DRAWN + 1}"
    assert choices.formula1 == '"OK,Exception,Can’t be examined,Not applicable"'
    assert sheet.column_dimensions["H"].width >= 50
    assert sheet.column_dimensions["K"].hidden


def test_the_csv_runs_no_formula(server: LiveServer, job: str) -> None:
    first = items(server, job)[0]["row_id"]
    entered(server, job, first, "ok", note="-1+cmd|' /C calc'!A0")
    lines = lines_of(server, job)
    assert list(lines[0]) == HEADER
    assert len(lines) == DRAWN
    assert lines[0]["_note"] == "'-1+cmd|' /C calc'!A0"
    assert all(line["note"].startswith("'=") for line in lines)
    assert (lines[0]["outcome"], lines[1]["outcome"]) == ("OK", "")


def text_of(lines: list[dict[str, Any]]) -> str:
    content = io.StringIO()
    writer = csv.DictWriter(content, list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return content.getvalue()


def send(
    server: LiveServer,
    job: str,
    content: str | bytes,
    *key: str,
    preview: bool = False,
    name: str = "findings.csv",
) -> httpx.Response:
    data = content.encode() if isinstance(content, str) else content
    return server.admin.post(
        path(job, "/preview" if preview else ""),
        files={"file": (name, data)},
        data={"key": json.dumps(key)} if key else {},
    )


def counts(found: dict[str, Any]) -> dict[str, int]:
    names = ("refused", "changed", "new", "unchanged", "empty", "missing")
    return {name: found[name] for name in names if found[name]}


def entries(server: LiveServer, job: str) -> int:
    return int(server.admin.get(path(job, "/history")).json()["total"])


def test_a_filled_in_list_is_previewed_and_entered(server: LiveServer, job: str) -> None:
    rows = [item["row_id"] for item in items(server, job)]
    entered(server, job, rows[0], "exception", note="=1+1", audit_value="1.234")
    entered(server, job, rows[1], "ok")
    lines = lines_of(server, job)
    lines[1] |= {"outcome": "exception", "audit_value": "99.90"}
    lines[2] |= {"outcome": "Can't be examined", "_note": "lost in the fire"}
    lines[3] |= {"outcome": "NOT_APPLICABLE"}
    preview = send(server, job, text_of(lines), preview=True).json()
    assert counts(preview) == {"changed": 1, "new": 2, "unchanged": 1, "empty": DRAWN - 4}
    assert preview["problem"] is None
    assert preview["key"] == [ROW]
    changed = preview["lines"][0]
    assert (changed["line"], changed["action"], changed["row_id"]) == (3, "changed", rows[1])
    details = {"note": "", "deviations": [], "cause": None, "cause_text": "", "answers": {}}
    assert changed["before"] == {"outcome": "ok", "audit_value": None, **details}
    assert changed["after"] == {"outcome": "exception", "audit_value": "99.9", **details}
    assert entries(server, job) == 2
    answer = send(server, job, text_of(lines)).json()
    assert len(answer["ids"]) == 3
    assert answer["counts"]["open"] == DRAWN - 4
    assert counts(answer["file"]) == counts(preview)
    found = [item["finding"] for item in items(server, job)[:4]]
    assert [each["outcome"] for each in found] == [
        *("exception", "exception", "not_examinable", "not_applicable")
    ]
    assert [each["note"] for each in found[:3]] == ["=1+1", "", "lost in the fire"]
    again = send(server, job, text_of(lines)).json()
    assert again["ids"] == []
    assert entries(server, job) == 5


def test_a_workbook_is_filled_in_and_read_back(server: LiveServer, job: str) -> None:
    answer = server.admin.get(path(job), params={"format": "xlsx"})
    book = load_workbook(io.BytesIO(answer.content))
    sheet = book.worksheets[0]
    for row, amount in ((2, 0.1 + 0.2), (3, -17), (4, "1234.50")):
        sheet[f"F{row}"], sheet[f"G{row}"] = "Exception", amount
    sheet["F5"], sheet["H5"] = "OK", "007"
    content = io.BytesIO()
    book.save(content)
    found = send(server, job, content.getvalue(), name="list.xlsx").json()
    assert counts(found["file"]) == {"new": 4, "empty": DRAWN - 4}
    entries = [item["finding"] for item in items(server, job)[:4]]
    assert [each["audit_value"] for each in entries] == ["0.3", "-17", "1234.50", None]
    assert entries[3]["note"] == "007"


def test_every_refused_line_has_its_reason_and_nothing_is_entered(
    server: LiveServer, job: str
) -> None:
    found = items(server, job)
    rows = [item["row_id"] for item in found]
    body = {"row_id": rows[9], "reason": "not a purchase"}
    made = server.admin.post(f"/api/sampling/jobs/{job}/replacements", json=body).json()
    number = rows[2].rpartition(":")[2]
    given = [
        (rows[0], "ok", "", ""),
        (rows[1], "fine", "", ""),
        (number, "ok", "", ""),
        ("", "ok", "", ""),
        (rows[3], "", "12", ""),
        (rows[4], "exception", "12 apples", ""),
        (rows[5], "ok", "", "x" * 2001),
        (rows[7], "exception", "1.234", ""),
        (rows[6], "ok", "", ""),
        (rows[6], "exception", "", ""),
        (rows[9], "ok", "", ""),
        (rows[8], "ok", "12.5", ""),
    ]
    names = (ROW, "outcome", "audit_value", "_note")
    text = text_of([dict(zip(names, line, strict=True)) for line in given])
    reasons = {
        3: '"fine" isn\'t an outcome. Choose one: OK, Exception',
        4: f'No row to examine has the {ROW} "{number}". Did you mean "{rows[2]}"?',
        5: f"The row has no value in the key ({ROW}).",
        6: "The row has an audit value or a note, but no outcome.",
        7: '"12 apples" isn\'t an amount',
        8: "The note has 2,001 characters; it may have 2,000.",
        9: '"1.234" can be read in two ways. Write 1234 or 1.2340.',
        10: f'The {ROW} "{rows[6]}" is in 1 other row, too: 11.',
        11: f'The {ROW} "{rows[6]}" is in 1 other row, too: 10.',
        12: f"Row {rows[9]} was replaced by {made['replacement_row_id']}.",
        13: "The audit value of a row that is OK is its book value. Choose exception",
    }
    preview = send(server, job, text, preview=True).json()
    assert counts(preview) == {"refused": 11, "new": 1, "missing": 4}
    assert preview["problem"].startswith("11 rows are refused, so nothing is entered. Row 3: ")
    refused = [line for line in preview["lines"] if line["action"] == "refused"]
    assert [line["line"] for line in refused] == list(reasons)
    for line in refused:
        assert line["problem"].startswith(reasons[line["line"]]), line
    answer = send(server, job, text)
    assert_problem(answer, 422, "invalid_row_file", "11 rows are refused")
    errors = answer.json()["errors"]
    assert [error["loc"] for error in errors] == [["body", "file", line] for line in reasons]
    assert [error["msg"] for error in errors] == [
        f"Row {line['line']}: {line['problem']}" for line in refused
    ]
    assert entries(server, job) == 1


def test_rows_are_named_by_columns_of_the_table(server: LiveServer, job: str) -> None:
    found = items(server, job)
    lines = [f"{item['data']['invoice']};Exception;{at},50" for at, item in enumerate(found)]
    text = "\n".join(["Invoice;Outcome;Audit_Value", *lines]) + "\n"
    answer = send(server, job, b"\xef\xbb\xbf" + text.encode(), "invoice").json()
    assert counts(answer["file"]) == {"new": DRAWN}
    assert answer["file"]["key"] == ["invoice"]
    assert items(server, job)[3]["finding"]["audit_value"] == "3.50"
    short = found[0]["data"]["invoice"].lstrip("0")
    (line,) = send(
        server, job, f"invoice,outcome\n{short},exception\n", "invoice", preview=True
    ).json()["lines"]
    assert f'Did you mean "{found[0]["data"]["invoice"]}"?' in line["problem"]
    year = f"year,outcome\n{found[0]['data']['year']},exception\n"
    (line,) = send(server, job, year, "year", preview=True).json()["lines"]
    assert f'{DRAWN} rows to examine have the year "2024"' in line["problem"]


def test_a_list_never_takes_back_what_others_entered(server: LiveServer, job: str) -> None:
    rows = [item["row_id"] for item in items(server, job)]
    entered(server, job, rows[0], "ok")
    lines = lines_of(server, job)
    entered(server, job, rows[0], "exception", note="by a colleague")
    entered(server, job, rows[1], "exception")
    untouched = send(server, job, text_of(lines), preview=True).json()
    assert counts(untouched) == {"unchanged": 1, "empty": DRAWN - 1}
    moved = [dict(line) for line in lines]
    moved[2]["_finding_id"] = lines[0]["_finding_id"]
    moved[2]["outcome"] = "OK"
    lines[0]["outcome"] = "Not applicable"
    lines[1]["outcome"] = "OK"
    found = send(server, job, text_of(lines), preview=True).json()
    assert counts(found) == {"refused": 2, "empty": DRAWN - 2}
    assert 'entered "Exception" about row' in found["lines"][0]["problem"]
    (line,) = send(server, job, text_of(moved), preview=True).json()["lines"]
    assert "cells of the list were moved" in line["problem"]
    without = [{ROW: line[ROW], "outcome": line["outcome"]} for line in lines[:2]]
    assert counts(send(server, job, text_of(without)).json()["file"]) == {
        "changed": 2,
        "missing": DRAWN - 2,
    }


def test_locked_findings_and_viewers_enter_no_file(
    server: LiveServer, job: str, dataset: int
) -> None:
    lines = lines_of(server, job)
    for line in lines:
        line["outcome"] = "OK"
    text = text_of(lines)
    viewer, user = server.new_user("viewer")
    stranger, _ = server.new_user("analyst")
    grant = {"user_id": user["id"], "permission": "read"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    files = {"file": ("findings.csv", text.encode())}
    for client, status in ((viewer, 403), (stranger, 404)):
        for rest in ("", "/preview"):
            assert client.post(path(job, rest), files=files).status_code == status
        answer = client.get(path(job), params={"format": "csv"})
        assert answer.status_code == (200 if client is viewer else 404)
    assert send(server, job, text).status_code == 200
    review = {"action": "submitted"}
    assert server.admin.post(f"/api/sampling/jobs/{job}/review", json=review).status_code == 200
    lines[0]["outcome"] = "Exception"
    assert_problem(send(server, job, text_of(lines)), 409, "findings_locked")
    preview = send(server, job, text_of(lines), preview=True).json()
    assert "submitted for review" in preview["problem"]


def workbook(fill: Any) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        fill(book.add_worksheet())
    return content.getvalue()


def merged(sheet: Any) -> None:
    sheet.write_row(0, 0, [ROW, "outcome"])
    sheet.merge_range(1, 0, 3, 0, "primary:1")
    sheet.merge_range(1, 1, 3, 1, "ok")


def other_columns(sheet: Any) -> None:
    sheet.write_row(0, 0, ["prepared by", "date"])
    sheet.write_row(1, 0, ["A. Auditor", "today"])


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (workbook(other_columns), "x.xlsx", f'column "{ROW}"'),
        (workbook(merged), "x.xlsx", "refused"),
        (b"PK\x03\x04broken", "x.xlsx", ""),
        (f"{ROW}\nprimary:1\n".encode(), "x.csv", 'no column "outcome"'),
        (f"{ROW},outcome\n".encode(), "x.csv", "no row"),
        (b"\x00\xff\x00\xff", "x.csv", ""),
        (f"{ROW},outcome\n".encode() + b"primary:1,ok\n" * 1100, "x.csv", "the sample has 12"),
        (f"{ROW},outcome\nprimary:1,ok\n".encode() * 2, "x.csv", "refused"),
    ],
    ids=("sheet", "merged", "broken", "keyless", "empty", "binary", "long", "two headers"),
)
def test_a_file_that_is_no_list_is_refused(
    server: LiveServer, job: str, content: bytes, name: str, says: str
) -> None:
    answer = send(server, job, content, name=name)
    assert answer.status_code == 422, answer.text
    assert says in answer.json()["detail"]
    assert entries(server, job) == 0


def test_the_results_of_formulas_are_read(server: LiveServer, job: str) -> None:
    row = items(server, job)[0]["row_id"]

    def fill(sheet: Any) -> None:
        sheet.write_row(0, 0, [ROW, "outcome", "_note", "audit_value"])
        sheet.write_formula(1, 0, f'="{row}"', value=row)
        sheet.write_formula(1, 1, '=IF(TRUE,"exception")', value="exception")
        sheet.write_string(1, 2, "=1+1")
        sheet.write_formula(1, 3, "=1/3", value=1 / 3)

    answer = send(server, job, workbook(fill), name="x.xlsx")
    assert answer.status_code == 200, answer.text
    finding = items(server, job)[0]["finding"]
    assert (finding["outcome"], finding["note"]) == ("exception", "=1+1")
    assert finding["audit_value"] == "0.333333333333333"


def test_long_amounts_lose_no_digit(server: LiveServer, job: str) -> None:
    found = items(server, job)
    amounts = ("12345678901234567.89", "2.5")
    lines = [
        f"{item['row_id']},exception,{amount}" for item, amount in zip(found, amounts, strict=False)
    ]
    text = "\n".join([f"{ROW},outcome,audit_value", *lines])
    assert send(server, job, text).status_code == 200
    assert items(server, job)[0]["finding"]["audit_value"] == "12345678901234567.89"


@pytest.fixture
def by_amount(server: LiveServer, dataset: int) -> str:
    """A sample by monetary units."""
    draw = one("monetary_unit", book_column="amount", sample_size=DRAWN)
    return str(server.draw(dataset, {"rounds": [draw]})["id"])


def test_a_row_that_is_ok_has_its_book_value(server: LiveServer, by_amount: str) -> None:
    first, second = items(server, by_amount)[:2]
    book = Decimal(str(first["data"]["amount"])).quantize(Decimal("0.01"))
    header = f"{ROW},outcome,audit_value\n"
    wrong = f"{header}{first['row_id']},ok,{book + 1}\n"
    (line,) = send(server, by_amount, wrong, preview=True).json()["lines"]
    says = f"The audit value {book + 1} isn't the book value {book}, so the row isn't OK. Choose"
    assert line["problem"].startswith(says)
    body = {"row_id": first["row_id"], "outcome": "ok", "audit_value": str(book + 1)}
    answer = server.admin.post(path(by_amount), json=body)
    assert_problem(answer, 422, "invalid_value", says)
    assert answer.json()["errors"][0]["loc"] == ["body", "findings", 0, "audit_value"]
    entered(server, by_amount, first["row_id"], "ok", audit_value=f"{book}0")
    right = f"{header}{second['row_id']},ok,{second['data']['amount']}\n"
    assert len(send(server, by_amount, right).json()["ids"]) == 1


def test_a_formula_without_a_result_is_refused(server: LiveServer, job: str) -> None:
    rows = [item["row_id"] for item in items(server, job)]
    book = Workbook()
    sheet = book.active
    names = [ROW, "outcome", "audit_value", "_note", "difference"]
    for column, name in enumerate(names, 2):
        sheet.cell(2, column, name)
    sheet.append([None, rows[0], "exception", "=1+1", "", "=1-1"])
    sheet.append([None, rows[1], "exception", 2.5, "wrong price", "=1-1"])
    sheet.append([None, rows[2], "ok", None, '="seen"'])
    content = io.BytesIO()
    book.save(content)
    answer = send(server, job, content.getvalue(), preview=True, name="list.xlsx")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert counts(found) == {"refused": 2, "new": 1, "missing": DRAWN - 3}
    first, last, new = found["lines"]
    assert (first["line"], last["line"], new["line"]) == (3, 5, 4)
    assert first["problem"].startswith("The formula in cell D3 has no stored result. Open")
    assert "cell E5" in last["problem"]
    assert new["after"]["audit_value"] == "2.5"


def test_written_amounts_are_read_in_text_cells(server: LiveServer, job: str) -> None:
    rows = [item["row_id"] for item in items(server, job)]
    amounts = {
        "12.500,00": "12500.00",
        "1.234,50": "1234.50",
        "12.345,67 €": "12345.67",
        "(1,234.50)": "-1234.50",
        "1.234.567": "1234567",
    }

    def fill(sheet: Any) -> None:
        sheet.write_row(0, 0, [ROW, "outcome", "audit_value"])
        for at, amount in enumerate([*amounts, 12.5]):
            sheet.write_row(1 + at, 0, [rows[at], "exception", amount])

    answer = send(server, job, workbook(fill), name="x.xlsx")
    assert answer.status_code == 200, answer.text
    found = [item["finding"]["audit_value"] for item in items(server, job)[:6]]
    assert found == [*amounts.values(), "12.5"]


def test_the_preview_doubts_audit_values(server: LiveServer, by_amount: str) -> None:
    found = items(server, by_amount)[2:9]
    books = [item["data"]["amount"] for item in found]
    given = [
        ("exception", -books[0], ["another sign"]),
        ("exception", 11 * books[1], ["more than 10 times"]),
        ("exception", books[2], ["is the book value"]),
        ("exception", "", ["has no audit value"]),
        ("not_examinable", books[4], ["can't be examined"]),
        ("not_examinable", "", []),
        ("exception", books[6] - 1, []),
    ]
    lines = [
        f"{item['row_id']},{outcome},{amount}"
        for item, (outcome, amount, _) in zip(found, given, strict=True)
    ]
    text = "\n".join([f"{ROW},outcome,audit_value", *lines])
    preview = send(server, by_amount, text, preview=True).json()
    assert (preview["problem"], preview["doubtful"]) == (None, 5)
    for line, (_, _, says) in zip(preview["lines"], given, strict=True):
        assert len(line["doubts"]) == len(says)
        assert all(word in doubt for word, doubt in zip(says, line["doubts"], strict=True))


def test_a_table_may_have_a_column_of_the_row_ids_name(server: LiveServer) -> None:
    dataset_id = server.new_dataset()
    server.import_text(dataset_id, f"{ROW},amount\n" + "".join(f"{n},{n}\n" for n in range(9)))
    job = str(server.draw(dataset_id, {"rounds": [one("random", sample_size=3)]})["id"])
    text = server.admin.get(path(job), params={"format": "csv"}).text
    preview = send(server, job, text, ROW, preview=True)
    assert preview.status_code == 200, preview.text
    assert preview.json()["problem"] is None
