"""The working paper of a sample: its content as HTML and as a workbook that opens well."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.live_server import LiveServer

ROW = "_logical_row_id"


@pytest.fixture(scope="module")
def job(server: LiveServer) -> str:
    """A sample of 20 rows by money with an exception, a replacement, and no sign-off."""
    dataset = server.new_dataset()
    lines = [f"{row:06d},{20260000 + row},{100 + row}.50,=1+{row}" for row in range(400)]
    text = "\n".join(["invoice,order_id,amount,memo", *lines]) + "\n"
    server.import_text(dataset, text)
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
    new = {ROW: made["replacement_id"], "outcome": "ok"}
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
        *("Touw and Hoogduin", "Hypergeometric(1; 400"),
    ):
        assert text in page, text
    assert "<script" not in page
    assert "http:" not in page


def test_the_workbook_opens_well(server: LiveServer, job: str) -> None:
    answer = paper(server, job, format="xlsx", tolerable=0.3)
    book = load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["Cover", "Design", "Items", "Replacements", "Evaluation"]
    sheet = book["Items"]
    header = [cell.value for cell in sheet[4]]
    assert header[:5] == ["Row", "invoice", "order_id", "amount", "memo"]
    first = dict(zip(header, sheet[5], strict=True))
    assert first["invoice"].data_type == first["order_id"].data_type == "s"
    assert len(first["invoice"].value) == 6
    assert first["memo"].data_type == "s"  # and not a formula
    assert first["amount"].data_type == "n"
    assert (first["Audit value"].value, first["Audit value"].number_format) == (50.25, "#,##0.00")
    assert first["Time (UTC)"].number_format == "yyyy-mm-dd hh:mm:ss"
    assert sheet.freeze_panes == "B5"
    assert sheet.auto_filter.ref == "A4:L25"
    assert all(each.width >= 8 for each in sheet.column_dimensions.values())
    assert sheet.max_row == 25


def test_a_sample_without_findings_has_a_paper(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "amount\n" + "\n".join(map(str, range(50))) + "\n")
    job = server.draw(dataset, {"rounds": [one("random", sample_size=5)]})
    page = paper(server, job["id"]).text
    assert "Not evaluated: 5 rows have no finding" in page


def test_a_wrong_format_is_refused(server: LiveServer, job: str) -> None:
    assert_problem(paper(server, job, format="pdf"), 422, "invalid_request")
