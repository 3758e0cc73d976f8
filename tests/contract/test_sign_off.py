"""A sign-off keeps the evaluation that was reviewed; later ones say where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.live_server import LiveServer
from tests.web_ui.reader import Reader

ROW = "_logical_row_id"


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    dataset_id = server.new_dataset()
    lines = [f"{row:05d},{row + 1}" for row in range(300)]
    server.import_text(dataset_id, "\n".join(["id,amount", *lines]) + "\n")
    return dataset_id


@pytest.fixture(scope="module")
def reviewer(server: LiveServer, dataset: int) -> Iterator[httpx.Client]:
    client, user = server.new_user()
    grant = {"user_id": user["id"], "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    with client:
        yield client


def submitted(server: LiveServer, dataset: int, **goal: Any) -> str:
    """The path of a sample with one exception, submitted for review."""
    draw: dict[str, Any] = {"method": "random", "parameters": {"sample_size": 60, "seed": 5}}
    if goal:
        draw["goal"] = goal
    path = f"/api/sampling/jobs/{server.draw(dataset, {'rounds': [draw]})['id']}"
    items = server.admin.get(f"{path}/findings").json()["items"]
    found = [{ROW: item[ROW], "outcome": "ok"} for item in items]
    found[0]["outcome"] = "exception"
    server.admin.post(f"{path}/findings", json={"findings": found})
    answer = server.admin.post(f"{path}/review", json={"action": "submitted"})
    assert answer.status_code == 200, answer.text
    return path


def signed(client: httpx.Client, path: str, **evaluation: Any) -> httpx.Response:
    body: dict[str, Any] = {"action": "signed_off"}
    return client.post(f"{path}/review", json={**body, "evaluation": evaluation})


def test_the_signed_paper_stays_as_it_is(
    server: LiveServer, dataset: int, reviewer: httpx.Client
) -> None:
    path = submitted(server, dataset)
    answer = signed(reviewer, path, kind="attributes", confidence=0.9, tolerable=0.08)
    assert answer.status_code == 200, answer.text
    kept = answer.json()["entries"][-1]["evaluation"]
    assert (kept["kind"], kept["confidence"], kept["tolerable"]) == ("attributes", 0.9, "0.08")
    assert kept["is_tolerable"] is True
    same = server.admin.post(f"{path}/evaluation", json={}).json()
    assert (same["confidence"], same["signed"]["difference"]) == (0.9, None)
    assert same["conclusion"]["sentence"] == kept["conclusion"]
    before = server.admin.get(f"{path}/working-paper").text
    assert "share of exceptions, confidence 90 %, tolerable 8 %" in before
    body = {"kind": "attributes", "confidence": 0.99, "tolerable": 0.08, "likelihood": "binomial"}
    other = server.admin.post(f"{path}/evaluation", json=body).json()
    assert other["signed"]["difference"] == (
        "Signed off: confidence 90 %, likelihood not given; evaluated with: confidence 99 %, "
        "likelihood binomial."
    )
    paper = server.admin.get(f"{path}/working-paper", params=body).text
    assert "Working paper, not as signed off" in paper
    assert "Not the signed evaluation" in paper
    assert server.admin.get(f"{path}/working-paper").text == before


def test_a_sign_off_without_parameters_keeps_the_plan(
    server: LiveServer, dataset: int, reviewer: httpx.Client
) -> None:
    path = submitted(server, dataset, materiality=0.1, confidence=0.9, likelihood="binomial")
    kept = reviewer.post(f"{path}/review", json={"action": "signed_off"}).json()["entries"][-1]
    assert kept["evaluation"]["tolerable"] == "0.1"
    assert kept["evaluation"]["confidence"] == 0.9
    assert kept["evaluation"]["likelihood"] == "binomial"


def test_another_kind_differs_from_the_signed_one(
    server: LiveServer, dataset: int, reviewer: httpx.Client
) -> None:
    path = submitted(server, dataset)
    signed(reviewer, path, kind="attributes", tolerable=0.08)
    body = {"kind": "sequential", "tolerable": 0.2}
    other = server.admin.post(f"{path}/evaluation", json=body).json()["signed"]["difference"]
    assert other == (
        "Signed off: share of exceptions, tolerable 8 %; evaluated with: stop when sure, "
        "tolerable 20 %."
    )


def test_reopened_findings_have_no_signed_evaluation(
    server: LiveServer, dataset: int, reviewer: httpx.Client
) -> None:
    path = submitted(server, dataset)
    signed(reviewer, path, kind="attributes", tolerable=0.08)
    server.admin.post(f"{path}/review", json={"action": "reopened", "note": "row 3"})
    found = server.admin.post(f"{path}/evaluation", json={}).json()
    assert (found["signed"], found["conclusion"]) == (None, None)
    entries = server.admin.get(f"{path}/review").json()["entries"]
    assert entries[-2]["evaluation"]["tolerable"] == "0.08"


def test_an_evaluation_that_is_not_possible_is_not_signed(
    server: LiveServer, dataset: int, reviewer: httpx.Client
) -> None:
    path = submitted(server, dataset)
    refused = signed(reviewer, path, kind="monetary_unit")
    problem = assert_problem(refused, 422, "invalid_findings")
    assert problem["errors"][0]["loc"] == ["body", "evaluation", "kind"]
    assert signed(reviewer, path, kind="attributes", tolerable=7).status_code == 422
    body = {"action": "withdrawn", "evaluation": {"kind": "attributes"}}
    assert_problem(server.admin.post(f"{path}/review", json=body), 422, "invalid_value")
    assert server.admin.get(f"{path}/review").json()["state"] == "submitted"


def test_a_sample_that_is_not_evaluated_is_signed_off(
    server: LiveServer, reviewer: httpx.Client, dataset: int
) -> None:
    draw = {"method": "weighted", "parameters": {"sample_size": 4, "weight_column": "amount"}}
    path = f"/api/sampling/jobs/{server.draw(dataset, {'rounds': [draw]})['id']}"
    items = server.admin.get(f"{path}/findings").json()["items"]
    found = [{ROW: item[ROW], "outcome": "ok"} for item in items]
    server.admin.post(f"{path}/findings", json={"findings": found})
    server.admin.post(f"{path}/review", json={"action": "submitted"})
    answer = reviewer.post(f"{path}/review", json={"action": "signed_off"}).json()
    assert answer["entries"][-1]["evaluation"] == {}
    paper = server.admin.get(f"{path}/working-paper").text
    assert "Signed evaluation</th><td>None" in paper


def test_findings_that_changed_since_they_were_read_are_not_signed(
    server: LiveServer, dataset: int, reviewer: httpx.Client
) -> None:
    path = submitted(server, dataset)
    seen = reviewer.get(f"{path}/review").json()["entries"][-1]["id"]
    row = server.admin.get(f"{path}/findings").json()["items"][0][ROW]
    server.admin.post(f"{path}/review", json={"action": "withdrawn"})
    server.admin.post(f"{path}/findings", json={ROW: row, "outcome": "ok"})
    server.admin.post(f"{path}/review", json={"action": "submitted"})
    for step in ({"action": "signed_off"}, {"action": "returned", "note": "why?"}):
        answer = reviewer.post(f"{path}/review", json={**step, "previous_id": seen})
        assert_problem(answer, 409, "review_changed", "the findings may have changed")
    entries = reviewer.get(f"{path}/review").json()["entries"]
    assert [each["action"] for each in entries] == ["submitted", "withdrawn", "submitted"]
    step = {"action": "signed_off", "previous_id": entries[-1]["id"]}
    assert reviewer.post(f"{path}/review", json=step).json()["state"] == "signed_off"


def test_pages_send_the_step_of_the_review_that_they_show(server: LiveServer, dataset: int) -> None:
    path = submitted(server, dataset)
    seen = server.admin.get(f"{path}/review").json()["entries"][-1]["id"]
    reader, page = Reader(server, "admin"), path.replace("/api/sampling", "")
    field = f'name="previous_id" value="{seen}" data-as="number"'
    assert reader.page(page, tab="findings").count(field) == 2  # return and withdraw
    assert reader.page(page, tab="evaluation").count(field) == 1
