"""Estimates from findings: the audit values of the drawn rows as columns."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_estimates import asked, drawn_anew
from tests.support.live_server import LiveServer

ROW, ROWS, DRAWN = "row_id", 400, 50
TOTALS = [{"statistic": "total", "column": name} for name in ("audit_value", "misstatement")]


@pytest.fixture
def dataset(server: LiveServer) -> int:
    dataset_id = server.new_dataset()
    lines = [f"{row},{('Oslo', 'Lima')[row % 2]},{row + 1}.50" for row in range(ROWS)]
    server.import_text(dataset_id, "\n".join(["id,city,amount", *lines]) + "\n")
    return dataset_id


def entered(
    server: LiveServer, job: str, *special: dict[str, Any], rows: int = DRAWN
) -> list[dict[str, Any]]:
    """Enter special findings about the first rows, and OK about the others; returns the rows."""
    path = f"/api/sampling/jobs/{job}/findings"
    items = server.admin.get(path, params={"limit": 1000}).json()["items"][:rows]
    found = [
        {ROW: item[ROW], "outcome": "ok", **(special[at] if at < len(special) else {})}
        for at, item in enumerate(items)
    ]
    answer = server.admin.post(path, json={"findings": found})
    assert answer.status_code == 200, answer.text
    return [item["data"] for item in items]


def test_audit_values_are_estimated(server: LiveServer, dataset: int) -> None:
    job = drawn_anew(server, dataset, one("random", sample_size=DRAWN))
    special = [{"outcome": "exception", "audit_value": "0.25"}, {"outcome": "not_examinable"}]
    books = [row["amount"] for row in entered(server, job, *special)]
    share = {"statistic": "proportion", "column": "is_exception", "value": True}
    body = {"statistics": [*TOTALS, share], "values": "findings", "book_column": "amount"}
    found = asked(server, job, body).json()
    audit, wrong, exceptions = (each["estimate"] for each in found["estimates"])
    assert audit == pytest.approx((0.25 + sum(books[2:])) * ROWS / DRAWN)
    assert wrong == pytest.approx((books[0] - 0.25 + books[1]) * ROWS / DRAWN)
    assert exceptions == pytest.approx(2 / DRAWN)
    assert found["values"] is None
    assert "with the book values of amount" in " ".join(found["notes"])
    calibrate = {"method": "difference", "columns": ["amount"]}
    by_city = {"statistics": TOTALS[:1], "by": ["city"], "calibrate": calibrate}
    groups = asked(server, job, {**body, **by_city}).json()["estimates"]
    total = sum(row + 1.5 for row in range(ROWS))
    assert sum(each["estimate"] for each in groups) == pytest.approx(total - wrong)


def test_book_values_of_monetary_units_are_known(server: LiveServer, dataset: int) -> None:
    job = drawn_anew(server, dataset, one("monetary_unit", book_column="amount", sample_size=20))
    entered(server, job)
    found = asked(server, job, {"statistics": TOTALS, "values": "findings"}).json()
    assert found["estimates"][1]["estimate"] == 0


def test_rows_that_are_not_applicable_are_outside(server: LiveServer, dataset: int) -> None:
    job = drawn_anew(server, dataset, one("random", sample_size=DRAWN))
    books = [row["amount"] for row in entered(server, job, rows=40)]
    path = f"/api/sampling/jobs/{job}"
    row = server.admin.get(f"{path}/findings").json()["items"][0][ROW]
    body = {ROW: row, "reason": "internal"}
    made = server.admin.post(f"{path}/replacements", json=body).json()
    finding = {ROW: made["replacement_row_id"], "outcome": "exception", "audit_value": "0"}
    server.admin.post(f"{path}/findings", json=finding)
    body = {"statistics": TOTALS, "values": "findings", "book_column": "amount"}
    found = asked(server, job, body).json()
    audit, wrong = found["estimates"]
    assert audit["estimate"] == pytest.approx(sum(books[1:]) * ROWS / DRAWN)
    assert (wrong["estimate"], wrong["n"], wrong["n_missing"]) == (0, 39, 11)
    notes = " ".join(found["notes"])
    assert "1 drawn row isn’t applicable" in notes
    assert "10 of 50 drawn rows have no finding" in notes


def test_findings_without_values_are_refused(server: LiveServer, dataset: int) -> None:
    job = drawn_anew(server, dataset, one("random", sample_size=5))
    share = {"statistic": "proportion", "column": "finding", "value": "ok"}
    body = {"statistics": [share], "values": "findings"}
    assert_problem(asked(server, job, body), 422, "invalid_findings", "No drawn row has a finding")
    entered(server, job, {"outcome": "exception"})
    assert asked(server, job, body).json()["estimates"][0]["estimate"] == pytest.approx(0.8)
    of_book = asked(server, job, {**body, "book_column": "amount"})
    assert_problem(of_book, 422, "invalid_findings", "has no audit value")
    of_text = asked(server, job, {**body, "book_column": "city"})
    assert_problem(of_text, 422, "invalid_findings", "Book values are numbers")
    of_none = asked(server, job, {**body, "book_column": "colour"})
    assert_problem(of_none, 422, "unknown_column")
    entered(server, job, {"outcome": "exception", "audit_value": "3"})
    assert_problem(asked(server, job, body), 422, "invalid_findings", "with book_column")


def test_columns_of_the_table_keep_their_names(server: LiveServer) -> None:
    dataset = server.new_dataset()
    text = "amount,audit_value\n" + "\n".join(f"{row},7" for row in range(20)) + "\n"
    server.import_text(dataset, text)
    job = drawn_anew(server, dataset, one("random", sample_size=10))
    entered(server, job)
    statistics = [
        {"statistic": "mean", "column": name} for name in ("audit_value", "audit_value (finding)")
    ]
    body = {"statistics": statistics, "values": "findings", "book_column": "amount"}
    table, found = asked(server, job, body).json()["estimates"]
    assert table["estimate"] == 7
    assert found["estimate"] != 7


def test_a_sample_with_findings_is_not_extended(server: LiveServer, dataset: int) -> None:
    job = drawn_anew(server, dataset, one("random", sample_size=20))
    body = {"statistic": "mean", "column": "amount", "margin": 10}
    path = f"/api/sampling/jobs/{job}/more-rows"
    answer = server.admin.post(path, json=body)
    assert answer.status_code == 200, answer.text
    entered(server, job, rows=1)
    refused = server.admin.post(path, json=body)
    assert_problem(refused, 422, "invalid_goal", "rows that are added after the findings are known")
