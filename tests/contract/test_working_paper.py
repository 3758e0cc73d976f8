"""The working paper of a sample: its content as HTML and as a workbook that opens well."""

from __future__ import annotations

import hashlib
import io
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from openpyxl import load_workbook

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROW = "row_id"


@pytest.fixture(scope="module")
def job(server: LiveServer) -> str:
    """A sample of 20 rows with an exception, a replacement, and no sign-off."""
    dataset = server.new_dataset()
    lines = [f"{row:06d},{20260000 + row},{100 + row}.50,=1+{row},2025-03-31" for row in range(400)]
    text = "\n".join(["invoice,order_id,amount,memo,posted", *lines]) + "\n"
    imported = server.import_text(dataset, text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert imported["output_summary"]["source_sha256"] == digest
    draw = one("random", sample_size=20, seed=4)
    body = {"rounds": [draw], "output_name": "payables"}
    found = server.draw(dataset, body)
    assert found["status"] == "completed", found
    path = f"/api/sampling/jobs/{found['id']}"
    items = server.admin.get(f"{path}/findings").json()["items"]
    entries: list[dict[str, Any]] = [{ROW: item[ROW], "outcome": "ok"} for item in items]
    entries[0] |= {"outcome": "exception", "audit_value": "50.25", "note": "<b>wrong</b> price"}
    for given in ({"findings": entries}, {**entries[1], "note": "seen twice"}):
        sent = server.admin.post(f"{path}/findings", json=given)
        assert sent.status_code == 200, sent.text
    given = {ROW: items[5][ROW], "reason": "not a purchase"}
    made = server.admin.post(f"{path}/replacements", json=given).json()
    new = {ROW: made["replacement_row_id"], "outcome": "ok"}
    assert server.admin.post(f"{path}/findings", json=new).status_code == 200
    return str(found["id"])


def paper(server: LiveServer, job: str, **query: Any) -> httpx.Response:
    return server.admin.get(f"/api/sampling/jobs/{job}/working-paper", params=query)


def test_the_page_has_all_parts(server: LiveServer, job: str) -> None:
    answer = paper(server, job, tolerable=0.3)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    page = answer.text
    source = server.admin.get(f"/api/jobs/{job}").json()["source_commit_id"]
    for text in (
        *("Working paper: payables", source, "Data file (SHA-256)", "Seed", "Control totals"),
        *("Prepared by", "Review", "In progress", "not a purchase", "Replaced rows: 1"),
        *("&lt;b&gt;wrong&lt;/b&gt; price", "50.25", "is below the tolerable 30.00 %"),
        *("Touw and Hoogduin", "Hypergeometric(1; 400", "Imported file (SHA-256)"),
        *("Exceptions: 1", "Entries that later ones correct: 2"),
    ):
        assert text in page, text
    assert "<script" not in page
    assert "http:" not in page


def test_the_workbook_opens_well(server: LiveServer, job: str) -> None:
    answer = paper(server, job, format="xlsx", tolerable=0.3)
    book = load_workbook(io.BytesIO(answer.content), data_only=True)
    assert book.sheetnames == [
        *("Cover", "Planning", "Population", "Design", "Items", "Exceptions", "Replacements"),
        *("Evaluation", "Documentation"),
    ]
    sheet = book["Items"]
    header = [cell.value for cell in sheet[4]]
    assert header[:7] == ["Row", "Selected", "invoice", "order_id", "amount", "memo", "posted"]
    first = dict(zip(header, sheet[5], strict=True))
    assert first["invoice"].data_type == first["order_id"].data_type == "s"
    assert len(first["invoice"].value) == 6
    assert first["memo"].data_type == "s"  # and not a formula
    assert (first["amount"].data_type, first["amount"].number_format) == ("n", "#,##0.00")
    assert str(first["posted"].value) == "2025-03-31 00:00:00"
    assert first["posted"].number_format == "yyyy-mm-dd"
    exceptions = [line[1:5] for line in book["Exceptions"].values]
    assert (first["order_id"].value, "Exception", None, 50.25) in exceptions
    selected = [sheet.cell(line, 2).value for line in range(5, 26)]
    assert selected == ["By chance"] * 20 + ["Replacement"]
    assert (first["Audit value"].value, first["Audit value"].number_format) == (50.25, "#,##0.00")
    assert first["Time (UTC)"].number_format == "yyyy-mm-dd hh:mm:ss"
    assert sheet.freeze_panes == "B5"
    assert sheet.auto_filter.ref == "A4:N25"
    widths = {letter: each.width for letter, each in sheet.column_dimensions.items()}
    for cell in sheet[4]:  # beside the button of the filter
        assert widths[cell.column_letter] >= len(cell.value) + 4
    assert book["Cover"].column_dimensions["B"].width >= 64  # a SHA-256 on one line
    assert sheet.max_row == 25
    assert (sheet.page_setup.orientation, sheet.print_title_rows) == ("landscape", "$4:$4")


def rows_of(sheet: Any) -> dict[str, list[Any]]:
    """The cells of a sheet after the first one of each line, by the last line with that one."""
    lines = ([cell for cell in line if cell is not None] for line in sheet.values)
    return {str(line[0]): line[1:] for line in lines if line}


def test_a_paper_by_money_states_population_and_coverage(server: LiveServer) -> None:
    dataset = server.new_dataset()
    amounts = [f"{row}.25" for row in range(100, 300)] + ["90000.00", "-40.00", "0.00", ""]
    currencies = ["EUR"] * 203 + ["CHF"]
    lines = [f"{amount},{each}" for amount, each in zip(amounts, currencies, strict=True)]
    server.import_text(dataset, "\n".join(["amount,currency", *lines]) + "\n")
    draw = one("monetary_unit", book_column="amount", sample_size=12, seed=None)
    draw["filters"] = {"expression": "currency = 'EUR'"}
    draw["goal"] = {"materiality": 900, "confidence": 0.95, "likelihood": "poisson"}
    job = server.draw(dataset, {"rounds": [draw], "output_name": "by-money"})
    path = f"/api/sampling/jobs/{job['id']}"
    items = server.admin.get(f"{path}/findings").json()["items"]
    entries = [{ROW: item[ROW], "outcome": "ok"} for item in items]
    assert server.admin.post(f"{path}/findings", json={"findings": entries}).status_code == 200
    assert server.admin.post(f"{path}/review", json={"action": "submitted"}).status_code == 200
    reviewer, user = server.new_user()
    grant = {"user_id": user["id"], "permission": "write"}
    answer = server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    assert answer.status_code < 300, answer.text
    assert reviewer.post(f"{path}/review", json={"action": "signed_off"}).status_code == 200
    content = paper(server, job["id"], format="xlsx", tolerable=900).content
    book = load_workbook(io.BytesIO(content), data_only=True)
    found = rows_of(book["Population"])
    gross = sum(float(amount) for amount in amounts[:201])
    assert found["Table"] == [204, gross - 40]
    assert found["Left out by the filter"] == [1, 0]
    assert found["Rows that pass currency = 'EUR'"] == [203, gross - 40]
    assert found["Positive amounts"] == [201, gross]
    assert found["Negative amounts"] == [1, -40]
    assert found["Amounts of 0"] == [1, 0]
    assert found["Without an amount"] == [0]
    assert found["Always drawn"] == [1, 1 / 201, 90_000, pytest.approx(90_000 / gross)]
    drawn = sum(float(item["data"]["amount"]) for item in items)
    assert found["All items"] == [12, 12 / 201, drawn, pytest.approx(drawn / gross)]
    assert book["Items"]["B5"].value == "Always"
    cover = rows_of(book["Cover"])
    assert "Departs from the plan" not in cover
    other = paper(server, job["id"], format="xlsx", tolerable=0.5, confidence=0.8)
    departs = rows_of(load_workbook(io.BytesIO(other.content), data_only=True)["Cover"])[
        "Departs from the plan"
    ]
    assert departs == [
        "Planned: tolerable 900, confidence 95 %; evaluated with: tolerable 50 %, confidence 80 %."
    ]
    same = 900 / gross
    body = {"kind": "monetary_unit", "tolerable": same, "likelihood": "binomial"}
    evaluation = server.admin.post(f"{path}/evaluation", json=body).json()
    assert evaluation["departure"] == (
        "Planned: likelihood poisson; evaluated with: likelihood binomial."
    )
    assert cover["Signed off by"][0] == user["soeid"]
    assert isinstance(cover["Signed off by"][1], datetime)
    assert cover["Imported from"] == ["table.csv"]
    origin = rows_of(book["Design"])["Origin of the seed"]
    assert origin == ["Drawn by the server from the system's entropy"]
    assert "positive amounts" in paper(server, job["id"], tolerable=900).text


def test_amounts_that_are_no_numbers_are_not_covered(server: LiveServer, tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    amounts = "(100.0::DOUBLE), ('nan'::DOUBLE), ('-inf'::DOUBLE), (50.0::DOUBLE)"
    duckdb.sql(f"SELECT * FROM (VALUES {amounts}) t(amount)").write_parquet(str(path))
    dataset = server.new_dataset()
    server.import_text(dataset, path.read_bytes(), "ledger.parquet")
    draw = one("random", sample_size=4, seed=4)
    made = server.draw(dataset, {"rounds": [draw], "amount_column": "amount"})
    assert made["output_summary"]["amount"]["drawn"] == "150.00"
    content = paper(server, made["id"], format="xlsx").content
    book = load_workbook(io.BytesIO(content), data_only=True)
    assert rows_of(book["Population"])["All items"] == [4, 1, 150, 1]


def test_a_paper_has_the_evaluation_of_audit_values(server: LiveServer, job: str) -> None:
    page = paper(server, job, kind="variables", book_column="amount", sides="two").text
    for text in ("Misstatement by audit values", "Each direction alone", "Standard error SE"):
        assert text in page


def test_a_sample_without_findings_has_a_paper(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "amount\n" + "\n".join(map(str, range(50))) + "\n")
    job = server.draw(dataset, {"rounds": [one("random", sample_size=5)]})
    page = paper(server, job["id"]).text
    assert "Not evaluated: 5 rows have no finding" in page
    assert "Not submitted" in page
    assert "<dt>Tolerable rate of deviation</dt>" in paper(server, job["id"], tolerable=0.05).text
    amounts = paper(server, job["id"], kind="variables", tolerable=0.05, book_column="amount").text
    assert "<dt>Tolerable misstatement</dt>" in amounts
    assert "<dt>Tolerable rate of deviation</dt>" not in amounts


def test_a_wrong_format_is_refused(server: LiveServer, job: str) -> None:
    assert_problem(paper(server, job, format="pdf"), 422, "invalid_request")


def test_a_huge_tolerable_amount_is_shown(server: LiveServer, job: str) -> None:
    for kind in ("html", "xlsx"):
        answer = paper(server, job, kind="monetary_unit", tolerable="1e+308", format=kind)
        assert answer.status_code == 200, answer.text


def test_company_codes_and_audit_values_are_written_as_such(server: LiveServer) -> None:
    dataset = server.new_dataset()
    rows = "\n".join(f"{1000 + 100 * (row % 3)},{5000 + row}.5" for row in range(30))
    server.import_text(dataset, f"Buchungskreis,amount\n{rows}\n")
    draw = one("monetary_unit", sample_size=5, book_column="amount", seed=4)
    path = f"/api/sampling/jobs/{server.draw(dataset, {'rounds': [draw]})['id']}"
    items = server.admin.get(f"{path}/findings").json()["items"]
    entries = [{ROW: item[ROW], "outcome": "ok"} for item in items]
    entries[0] |= {"outcome": "not_examinable", "cause": "document"}
    entries[1] |= {"outcome": "exception", "cause": "clerical", "audit_value": "4800"}
    assert server.admin.post(f"{path}/findings", json={"findings": entries}).status_code == 200
    page = server.admin.get(f"{path}/working-paper", params={"language": "de"}).text
    table = page[page.index("Beanstandungen: 2") :].split("</table>")[0]
    assert '<td class="number">0,00</td>' in table
    assert '<td class="number">4.800,00</td>' in table
    assert ">1000</td>" in page
    assert ">1.000</td>" not in page
