"""Causes and audit values that findings lack when they are submitted."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

ROW = "row_id"


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    return server.new_balanced_table(400)


def sampled(server: LiveServer, dataset: int, **body: Any) -> tuple[str, list[str]]:
    """The path of a sample, and its rows."""
    path = f"/api/sampling/jobs/{server.draw(dataset, body)['id']}"
    items = server.admin.get(f"{path}/findings").json()["items"]
    return path, [item[ROW] for item in items]


def entered(client: httpx.Client, path: str, *findings: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(f"{path}/findings", json={"findings": list(findings)})
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["counts"])


def submitted(client: httpx.Client, path: str, **more: Any) -> httpx.Response:
    return client.post(f"{path}/review", json={"action": "submitted", **more})


def test_missing_causes_are_listed_in_the_order_of_the_items(
    server: LiveServer, dataset: int
) -> None:
    client = server.admin
    path, rows = sampled(server, dataset, method="random", sample_size=5)
    counts = entered(
        client,
        path,
        {ROW: rows[3], "outcome": "exception"},
        {ROW: rows[0], "outcome": "ok"},
        {ROW: rows[1], "outcome": "not_examinable"},
        {ROW: rows[2], "outcome": "exception", "cause_text": "typing error"},
        {ROW: rows[4], "outcome": "exception", "cause": "clerical"},
    )
    assert (counts["missing"], counts["exception"]) == (2, 3)
    refused = submitted(client, path, accept_missing=False)
    assert_problem(
        refused, 409, "details_missing", "2 findings lack a cause, an audit value or a replacement."
    )
    errors = refused.json()["errors"]
    assert [each["msg"] for each in errors] == [
        f"Row {rows[1]} has no cause.",
        f"Row {rows[3]} has no cause.",
    ]
    assert [each["parameters"]["place"] for each in errors] == [1, 3]
    for nothing in ({}, {"note": "  "}):
        unexplained = submitted(client, path, accept_missing=True, **nothing)
        assert_problem(unexplained, 422, "invalid_value", "Give in note the reason")
    step = submitted(client, path, accept_missing=True, note="causes follow in the memo")
    assert step.json()["state"] == "submitted"
    with server.service.database.read() as tx:
        details = tx.execute(
            "SELECT details FROM audit_log WHERE action = 'findings_reviewed' ORDER BY id DESC"
        ).fetchone()
    assert json.loads(details[0])["missing"] == 2
    assert client.get(f"{path}/findings").json()["counts"]["missing"] == 2


def test_an_exception_in_money_needs_an_audit_value(server: LiveServer, dataset: int) -> None:
    client = server.admin
    money = {"method": "monetary_unit", "parameters": {"book_column": "amount"}}
    path, rows = sampled(server, dataset, sample_size=4, seed=3, **money)
    entered(client, path, *({ROW: row, "outcome": "ok"} for row in rows[1:]))
    entered(client, path, {ROW: rows[0], "outcome": "exception"})
    refused = submitted(client, path, accept_missing=False)
    assert_problem(refused, 409, "details_missing", "1 finding lacks")
    assert refused.json()["errors"][0]["msg"] == f"Row {rows[0]} has no cause and no audit value."
    found = {ROW: rows[0], "outcome": "exception", "audit_value": "1", "cause": "system"}
    assert entered(client, path, found)["missing"] == 0
    assert submitted(client, path, accept_missing=False).status_code == 200


def test_a_row_that_another_could_replace_is_named(server: LiveServer, dataset: int) -> None:
    client = server.admin
    path, rows = sampled(server, dataset, method="random", sample_size=3, seed=8)
    entered(client, path, *({ROW: row, "outcome": "ok"} for row in rows[:2]))
    entered(client, path, {ROW: rows[2], "outcome": "not_applicable"})
    refused = submitted(client, path, accept_missing=False)
    assert_problem(refused, 409, "details_missing", "1 finding lacks")
    assert refused.json()["errors"][0]["msg"] == f"Row {rows[2]} has no replacement."
    assert submitted(client, path, accept_missing=True, note="none fits").status_code == 200
    client.post(f"{path}/review", json={"action": "withdrawn"})
    replaced = client.post(f"{path}/replacements", json={ROW: rows[2], "reason": "no invoice"})
    assert replaced.status_code == 200, replaced.text
    entered(client, path, {ROW: replaced.json()["replacement_row_id"], "outcome": "ok"})
    assert submitted(client, path, accept_missing=False).status_code == 200


def test_a_row_that_nothing_can_replace_is_submitted(server: LiveServer) -> None:
    path, rows = sampled(server, server.new_balanced_table(4), method="random", sample_size=4)
    entered(server.admin, path, *({ROW: row, "outcome": "ok"} for row in rows[:3]))
    entered(server.admin, path, {ROW: rows[3], "outcome": "not_applicable"})
    assert submitted(server.admin, path, accept_missing=False).status_code == 200


def test_a_submission_without_the_field_is_as_before(server: LiveServer, dataset: int) -> None:
    path, rows = sampled(server, dataset, method="random", sample_size=2)
    entered(server.admin, path, *({ROW: row, "outcome": "exception"} for row in rows))
    assert submitted(server.admin, path).status_code == 200
    withdrawn = {"action": "withdrawn", "accept_missing": True}
    refused = server.admin.post(f"{path}/review", json=withdrawn)
    assert_problem(refused, 422, "invalid_value", "accept_missing")


def test_the_list_of_missing_details_gives_way_once_none_is_missing(
    server: LiveServer, dataset: int
) -> None:
    path, rows = sampled(server, dataset, method="random", sample_size=3)
    page = f"/jobs/{path.rpartition('/')[2]}?tab=findings&show=missing"
    entered(server.admin, path, {ROW: rows[0], "outcome": "exception"})
    reader = Reader(server, "admin")
    assert reader.page(page).count("data-row=") == 1
    entered(server.admin, path, {ROW: rows[0], "outcome": "exception", "cause": "system"})
    assert reader.page(page).count("data-row=") == 3
