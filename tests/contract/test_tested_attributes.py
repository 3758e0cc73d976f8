"""Several attributes of one sample, causes of exceptions, and the auditor's own conclusion."""

from __future__ import annotations

import io
from typing import Any

import pytest
from openpyxl import load_workbook

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROW = "row_id"
ATTRIBUTES = ["approved", "amount agrees", "note"]


@pytest.fixture
def dataset(server: LiveServer) -> int:
    dataset_id = server.new_dataset()
    lines = [f"{row:05d},{row + 1}" for row in range(300)]
    server.import_text(dataset_id, "\n".join(["id,amount", *lines]) + "\n")
    return dataset_id


def sample(
    server: LiveServer, dataset: int, attributes: list[str], seed: int = 5
) -> tuple[str, list[str]]:
    """The path of a new sample that is tested for attributes, and its rows."""
    draw = {"method": "random", "parameters": {"sample_size": 60, "seed": seed}}
    path = f"/api/sampling/jobs/{server.draw(dataset, {'rounds': [draw]})['id']}"
    if attributes:
        answer = server.admin.put(f"{path}/attributes", json={"attributes": attributes})
        assert answer.json()["attributes"] == attributes
    items = server.admin.get(f"{path}/findings").json()["items"]
    return path, [item[ROW] for item in items]


def enter(server: LiveServer, path: str, *found: dict[str, Any]) -> Any:
    return server.admin.post(f"{path}/findings", json={"findings": list(found)})


def wrong(row: str, *deviations: str, **more: Any) -> dict[str, Any]:
    return {ROW: row, "outcome": "exception", "deviations": list(deviations), **more}


def test_each_attribute_is_evaluated_by_itself(server: LiveServer, dataset: int) -> None:
    path, rows = sample(server, dataset, ATTRIBUTES)
    found = [
        wrong(rows[0], "amount agrees", "approved", cause="clerical", cause_text="a swap"),
        wrong(rows[1], "approved"),
        {ROW: rows[2], "outcome": "not_examinable", "cause": "document"},
        *({ROW: row, "outcome": "ok"} for row in rows[3:]),
    ]
    assert enter(server, path, *found).status_code == 200
    newest = server.admin.get(f"{path}/findings").json()["items"][0]["finding"]
    assert newest["deviations"] == ["approved", "amount agrees"]
    body = {"kind": "attributes", "tolerable": 0.075}
    answer = server.admin.post(f"{path}/evaluation", json=body).json()
    assert answer["exceptions"] == 3
    by_name = {each["name"]: each for each in answer["attributes"]}
    assert {name: each["deviations"] for name, each in by_name.items()} == {
        "approved": 3,
        "amount agrees": 2,
        "note": 1,
    }
    assert by_name["approved"]["upper_limit"] == answer["upper_limit"]
    assert [by_name[name]["is_tolerable"] for name in ATTRIBUTES] == [False, False, True]
    plain, others = sample(server, dataset, [], seed=6)
    alone = [
        {ROW: row, "outcome": "exception" if at < 1 else "ok"} for at, row in enumerate(others)
    ]
    enter(server, plain, *alone)
    by_itself = server.admin.post(f"{plain}/evaluation", json=body).json()
    assert by_itself["attributes"] == []
    assert by_name["note"]["upper_limit"] == by_itself["upper_limit"]


@pytest.mark.parametrize(
    ("change", "field", "text"),
    [
        ({"deviations": []}, "deviations", "Name the attributes"),
        ({"deviations": ["aproved"]}, "deviations", 'Did you mean "approved"?'),
        ({"outcome": "ok"}, "outcome", "is an exception"),
        ({"outcome": "ok", "deviations": [], "cause": "system"}, "cause", "has a cause"),
        ({"cause": "other"}, "cause_text", "in words"),
        ({"cause": "gremlins"}, "cause", "Must be one of"),
    ],
)
def test_details_that_do_not_fit_are_refused(
    server: LiveServer, dataset: int, change: dict[str, Any], field: str, text: str
) -> None:
    path, rows = sample(server, dataset, ATTRIBUTES)
    answer = enter(server, path, {**wrong(rows[0], "approved"), **change})
    assert answer.status_code == 422
    error = answer.json()["errors"][0]
    assert error["loc"] == ["body", "findings", 0, field]
    assert text in error["msg"]


def test_attributes_are_chosen_before_the_first_finding(server: LiveServer, dataset: int) -> None:
    path, rows = sample(server, dataset, ["approved"])
    changed = server.admin.put(f"{path}/attributes", json={"attributes": ["a", "b"]})
    assert changed.status_code == 200
    twice = server.admin.put(f"{path}/attributes", json={"attributes": ["a", "A"]})
    assert_problem(twice, 422, "invalid_value", 'Two attributes are named "A"')
    enter(server, path, {ROW: rows[0], "outcome": "ok"})
    refused = server.admin.put(f"{path}/attributes", json={"attributes": ["a"]})
    assert_problem(refused, 409, "conflict", "before the first finding")
    same = server.admin.put(f"{path}/attributes", json={"attributes": ["a", "b"]})
    assert same.status_code == 200
    assert server.admin.get(f"{path}/attributes").json()["attributes"] == ["a", "b"]


def test_an_entry_list_has_a_column_for_each_attribute(server: LiveServer, dataset: int) -> None:
    path, rows = sample(server, dataset, ATTRIBUTES)
    content = server.admin.get(f"{path}/findings", params={"format": "xlsx"}).content
    book = load_workbook(io.BytesIO(content))
    sheet = book["Findings"]
    header = [cell.value for cell in sheet[1]]
    # An attribute's column has another name than one that holds something else
    names = ["approved", "amount agrees", "_note", "cause", "cause_text"]
    assert header[3:] == ["outcome", "audit_value", "note", *names, "_finding_id"]
    entries = {
        2: {"approved": "OK", "amount agrees": "Deviation", "_note": "ok"},
        3: {"approved": "OK", "amount agrees": "OK", "_note": "OK"},
        4: {"outcome": "Exception", "_note": "Deviation", "cause": "Wrong period"},
    }
    for line, cells in entries.items():
        for name, value in cells.items():
            sheet.cell(line, header.index(name) + 1).value = value
    filled = io.BytesIO()
    book.save(filled)
    files = {"file": ("list.xlsx", filled.getvalue())}
    answer = server.admin.post(f"{path}/findings", files=files)
    assert answer.status_code == 200, answer.text
    items = server.admin.get(f"{path}/findings").json()["items"]
    found = {item[ROW]: item["finding"] for item in items if item["finding"]}
    assert found[rows[0]]["deviations"] == ["amount agrees"]
    assert (found[rows[1]]["outcome"], found[rows[1]]["deviations"]) == ("ok", [])
    assert (found[rows[2]]["deviations"], found[rows[2]]["cause"]) == (["note"], "cut_off")
    again = server.admin.post(f"{path}/findings/preview", files=files).json()
    assert (again["unchanged"], again["changed"]) == (3, 0)
    for name, value, text in (
        ("approved", "maybe", "Write OK or Deviation"),
        ("cause", "gremlins", "isn't a cause"),
    ):
        sheet.cell(5, header.index(name) + 1).value = value
        sheet.cell(5, header.index("outcome") + 1).value = "Exception"
        filled = io.BytesIO()
        book.save(filled)
        sheet.cell(5, header.index(name) + 1).value = None
        files = {"file": ("list.xlsx", filled.getvalue())}
        preview = server.admin.post(f"{path}/findings/preview", files=files).json()
        assert text in preview["problem"]


def test_the_paper_sums_up_attributes_and_causes(server: LiveServer, dataset: int) -> None:
    path, rows = sample(server, dataset, ATTRIBUTES)
    found = [
        wrong(rows[0], "approved", cause="clerical", cause_text="digits swapped"),
        wrong(rows[1], "approved", "note", cause="clerical"),
        wrong(rows[2], "note"),
        *({ROW: row, "outcome": "ok"} for row in rows[3:]),
    ]
    enter(server, path, *found)
    said = {"text": "Approvals fail.\nThe client repeats them."}
    server.admin.put(f"{path}/conclusion", json=said)
    query = {"format": "xlsx", "tolerable": 0.2}
    content = server.admin.get(f"{path}/working-paper", params=query).content
    book = load_workbook(io.BytesIO(content))
    lines = [[cell for cell in line if cell is not None] for line in book["Exceptions"].values]
    assert ["Clerical error", 2] in lines
    assert ["Not stated", 1] in lines
    assert any("digits swapped" in line for line in lines)
    cover = [line[:3] for line in book["Cover"].values]
    assert ("Auditor's conclusion", said["text"], None) in cover
    attributes = [line[:2] for line in book["Evaluation"].values]
    assert ("approved", 2) in attributes
    page = server.admin.get(f"{path}/working-paper").text
    for text in ("Each attribute by itself", "approved; note", "Approvals fail."):
        assert text in page


def test_a_conclusion_is_locked_by_the_review(server: LiveServer, dataset: int) -> None:
    path, rows = sample(server, dataset, [])
    assert server.admin.get(f"{path}/conclusion").json()["text"] == ""
    first = server.admin.put(f"{path}/conclusion", json={"text": "fine"}).json()
    assert (first["text"], first["user_soeid"]) == ("fine", "admin00")
    assert server.admin.put(f"{path}/conclusion", json={"text": ""}).json()["text"] == ""
    enter(server, path, *({ROW: row, "outcome": "ok"} for row in rows))
    server.admin.put(f"{path}/conclusion", json={"text": "all fine"})
    server.admin.post(f"{path}/review", json={"action": "submitted"})
    refused = server.admin.put(f"{path}/conclusion", json={"text": "or not"})
    assert_problem(refused, 409, "findings_locked")
    assert server.admin.get(f"{path}/conclusion").json()["text"] == "all fine"
