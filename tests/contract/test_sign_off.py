"""A sign-off keeps the evaluation that was reviewed; later ones say where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

ROW = "row_id"


@pytest.fixture
def dataset(server: LiveServer) -> int:
    dataset_id = server.new_dataset()
    lines = [f"{row:05d},{row + 1}" for row in range(300)]
    server.import_text(dataset_id, "\n".join(["id,amount", *lines]) + "\n")
    return dataset_id


@pytest.fixture
def reviewer(server: LiveServer, dataset: int) -> Iterator[httpx.Client]:
    client, user = server.new_user()
    grant = {"user_id": user["id"], "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    with client:
        yield client


def submitted(
    server: LiveServer, dataset: int, preparer: httpx.Client | None = None, **goal: Any
) -> str:
    """The path of a sample with one exception, submitted for review."""
    preparer = preparer or server.admin
    draw: dict[str, Any] = {"method": "random", "parameters": {"sample_size": 60, "seed": 5}}
    if goal:
        draw["goal"] = goal
    path = f"/api/sampling/jobs/{server.draw(dataset, {'rounds': [draw]})['id']}"
    items = preparer.get(f"{path}/findings").json()["items"]
    found = [{ROW: item[ROW], "outcome": "ok"} for item in items]
    found[0]["outcome"] = "exception"
    preparer.post(f"{path}/findings", json={"findings": found})
    answer = preparer.post(f"{path}/review", json={"action": "submitted"})
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


def test_signed_texts_have_the_names_of_columns(server: LiveServer, reviewer: httpx.Client) -> None:
    name = "Net_Amount (USD) ÄÖ `x` {count}"
    dataset = server.new_dataset()
    header = ",".join(["id", name, *(f"c{at}" for at in range(12))])
    lines = [f"{row},{row + 1}{',0' * 12}" for row in range(60)]
    server.import_text(dataset, "\n".join([header, *lines]) + "\n")
    user = reviewer.get("/api/users/me").json()
    grant = {"user_id": user["id"], "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    draw = {"method": "random", "parameters": {"sample_size": 30, "seed": 5}}
    path = f"/api/sampling/jobs/{server.draw(dataset, {'rounds': [draw]})['id']}"
    items = server.admin.get(f"{path}/findings").json()["items"]
    found: list[dict[str, Any]] = [{ROW: item[ROW], "outcome": "ok"} for item in items]
    found[0] |= {"outcome": "exception", "audit_value": "1"}
    assert server.admin.post(f"{path}/findings", json={"findings": found}).status_code == 200
    server.admin.post(f"{path}/review", json={"action": "submitted"})
    given = {"kind": "variables", "book_column": name.replace("USD", "usd"), "tolerable": 1_000}
    answer = signed(reviewer, path, **given)
    assert answer.status_code == 200, answer.text
    assert answer.json()["entries"][-1]["evaluation"]["book_column"] == name
    again = server.admin.post(f"{path}/evaluation", json=given).json()
    assert again["signed"]["difference"] is None
    paper = server.admin.get(f"{path}/working-paper").text
    assert f"book values {name}" in paper
    assert "the first 12 of 14 columns" in paper
    other = {"kind": "variables", "book_column": "id", "tolerable": 1_000}
    difference = server.admin.post(f"{path}/evaluation", json=other).json()["signed"]["difference"]
    assert difference == f"Signed off: book values {name}; evaluated with: book values id."


def test_reopened_findings_have_no_signed_evaluation(
    server: LiveServer, dataset: int, reviewer: httpx.Client
) -> None:
    path = submitted(server, dataset)
    signed(reviewer, path, kind="attributes", tolerable=0.08)
    reviewer.post(f"{path}/review", json={"action": "reopened", "note": "row 3"})
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
    assert "Signed evaluation</dt><dd>None" in paper


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


def reopened(client: httpx.Client, path: str) -> httpx.Response:
    return client.post(f"{path}/review", json={"action": "reopened", "note": "a new document"})


def owner(server: LiveServer, dataset: int, role: str = "analyst") -> httpx.Client:
    client, user = server.new_user(role)
    grant = {"user_id": user["id"], "permission": "admin"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    return client


def sample_of(server: LiveServer, path: str) -> str:
    """The path of a sample's ref."""
    job = server.admin.get(path.replace("/sampling", "")).json()
    return f"/api/datasets/{job['dataset_id']}/refs/{job['output_summary']['output_ref']}"


def test_a_signed_review_is_reopened_by_a_second_person(
    server: LiveServer, dataset: int, reviewer: httpx.Client
) -> None:
    path = submitted(server, dataset)
    signed(reviewer, path, kind="attributes", tolerable=0.08)
    refused = reopened(server.admin, path)
    assert_problem(refused, 403, "forbidden", "nobody who entered or submitted its findings (")
    stranger, user = server.new_user()
    grant = {"user_id": user["id"], "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    with stranger, owner(server, dataset) as other:
        assert_problem(reopened(stranger, path), 403, "forbidden")
        assert reopened(other, path).json()["state"] == "open"
    entry = server.admin.get("/api/admin/audit", params={"action": "findings_reviewed"}).json()
    details = entry["entries"][0]["details"]
    admin = server.admin.get("/api/users/me").json()["soeid"]
    assert details["prepared_by"] == [admin]
    assert details["signed_off_by"] == [reviewer.get("/api/users/me").json()["soeid"]]


def test_who_submitted_earlier_does_not_reopen(
    server: LiveServer, dataset: int, reviewer: httpx.Client
) -> None:
    with owner(server, dataset) as other:
        path = submitted(server, dataset)
        server.admin.post(f"{path}/review", json={"action": "withdrawn"})
        other.post(f"{path}/review", json={"action": "submitted"})
        other.post(f"{path}/review", json={"action": "withdrawn"})
        server.admin.post(f"{path}/review", json={"action": "submitted"})
        assert_problem(signed(other, path), 403, "forbidden")
        assert signed(reviewer, path, kind="attributes").status_code == 200
        assert_problem(reopened(other, path), 403, "forbidden")


def test_a_signed_sample_is_deleted_by_a_second_person(
    server: LiveServer, dataset: int, reviewer: httpx.Client
) -> None:
    path = submitted(server, dataset)
    ref = sample_of(server, path)
    signed(reviewer, path, kind="attributes", tolerable=0.08)
    assert_problem(server.admin.delete(ref), 403, "forbidden", "was signed off by")
    assert server.admin.get(ref).status_code == 200
    binned = reviewer.delete(ref)
    assert binned.status_code == 200, binned.text
    entry = f"/api/bin/{binned.json()['bin_id']}"
    assert_problem(server.admin.delete(entry), 403, "forbidden", "was signed off by")
    found = server.admin.get("/api/bin").json()["entries"]
    assert [each["may_delete"] for each in found if f"/api/bin/{each['id']}" == entry] == [False]
    with owner(server, dataset) as other:
        assert other.delete(entry).status_code == 200
    for action in ("ref_deleted", "ref_purged"):
        query = {"action": action}
        (newest, *_) = server.admin.get("/api/admin/audit", params=query).json()["entries"]
        assert newest["details"]["signed_off_by"] == [reviewer.get("/api/users/me").json()["soeid"]]


def test_reopened_samples_are_deleted_as_others(
    server: LiveServer, dataset: int, reviewer: httpx.Client
) -> None:
    path = submitted(server, dataset)
    signed(reviewer, path, kind="attributes", tolerable=0.08)
    assert reopened(reviewer, path).status_code == 200
    assert server.admin.delete(sample_of(server, path)).status_code == 200


def test_a_dataset_of_signed_samples_is_deleted_by_a_second_person(server: LiveServer) -> None:
    dataset = server.new_dataset()
    lines = [f"{row:05d},{row + 1}" for row in range(100)]
    server.import_text(dataset, "\n".join(["id,amount", *lines]) + "\n")
    with owner(server, dataset) as other:
        preparer = Reader(server, "admin")
        path = submitted(server, dataset, preparer.api)
        assert signed(other, path, kind="attributes").status_code == 200
        place = f"/api/datasets/{dataset}"
        assert_problem(preparer.api.delete(place), 403, "forbidden", "was signed off by")
        assert server.admin.get(place).status_code == 200
        page = preparer.page(f"/datasets/{dataset}", tab="settings")
        assert "another owner must delete it" in page
        assert "Delete dataset</button>" not in page
        binned = other.delete(place)
        assert binned.status_code == 200, binned.text
        entry = f"/api/bin/{binned.json()['bin_id']}"
        assert_problem(preparer.api.delete(entry), 403, "forbidden", "was signed off by")
        assert other.delete(entry).status_code == 200


def test_pages_explain_who_undoes_a_sign_off(
    server: LiveServer, dataset: int, reviewer: httpx.Client
) -> None:
    preparer = Reader(server, "admin")
    path = submitted(server, dataset, preparer.api)
    signed(reviewer, path, kind="attributes", tolerable=0.08)
    page = preparer.page(path.replace("/api/sampling", ""), tab="findings")
    assert "who prepared none of the findings, can reopen them" in page
    assert 'value="reopened"' not in page
    assert "Delete sample</button>" not in page
    assert "Signed off: only who signed off" in page
