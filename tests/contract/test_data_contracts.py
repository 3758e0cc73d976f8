"""Data contracts: a version that doesn't meet one is kept apart, and can be accepted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

HEADER = "id,day,amount,kind"
COLUMNS = [
    {"name": "id", "type": "BIGINT", "max_null_share": 0},
    {"name": "day", "type": "DATE", "max_null_share": "10%"},
    {"name": "amount", "type": "DOUBLE"},
    {"name": "kind"},
]


def path_of(dataset_id: int, rest: str = "data-contract") -> str:
    return f"/api/datasets/{dataset_id}/{rest}"


def lines(first: int, last: int, **changes: str) -> str:
    rows = [f"{n},2026-01-{n % 28 + 1:02},{n * 1.25:.2f},{'ab'[n % 2]}" for n in range(first, last)]
    for at, line in changes.items():
        rows[int(at.removeprefix("row"))] = line
    return "\n".join([HEADER, *rows]) + "\n"


@pytest.fixture
def dataset(server: LiveServer) -> int:
    """A table of 40 rows with a row key and a data contract that it meets."""
    dataset_id = server.new_dataset()
    server.import_text(dataset_id, lines(0, 40))
    key = server.admin.put(path_of(dataset_id, "row-key"), json={"columns": ["id"]})
    assert key.status_code == 200
    schema = server.admin.get(f"/api/datasets/{dataset_id}/refs/main/tables/primary/schema").json()
    types = {column["name"]: column["type"] for column in schema["columns"]}
    columns = [{**column, "type": types[str(column["name"])]} for column in COLUMNS]
    answer = server.admin.put(
        path_of(dataset_id),
        json={
            "columns": columns,
            "min_rows": 20,
            "max_rows": 100,
            "conditions": ["amount >= 0", "kind IN ('a', 'b')", "day < today + 1"],
        },
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["columns"][1]["max_null_share"] == 0.1
    return dataset_id


def head(server: LiveServer, dataset_id: int) -> str:
    refs = server.admin.get(path_of(dataset_id, "refs")).json()["refs"]
    return str(next(ref["commit_id"] for ref in refs if ref["name"] == "main"))


def imported(server: LiveServer, dataset_id: int, text: str) -> dict[str, Any]:
    job = server.import_text(dataset_id, text)
    return dict(server.admin.get(f"/api/jobs/{job['id']}").json())


def test_a_version_that_meets_the_contract_is_published(server: LiveServer, dataset: int) -> None:
    state = server.admin.get(path_of(dataset)).json()
    assert (state["state"], state["failures"]) == ("met", [])
    job = imported(server, dataset, lines(40, 80))
    assert job["output_summary"]["data_contract"] == {"state": "met", "failures": []}
    assert head(server, dataset) == job["output_summary"]["output_commit_id"]
    assert server.admin.get(path_of(dataset, "kept-apart")).json()["total"] == 0


def test_a_version_that_fails_is_kept_apart_and_accepted(server: LiveServer, dataset: int) -> None:
    before = head(server, dataset)
    text = lines(40, 55, row0=",2026-01-02,1.00,a", row3="43,,-5.00,c", row4="43,,-6.00,a")
    job = imported(server, dataset, text)
    assert head(server, dataset) == before
    ref = job["output_summary"]["output_ref"]
    assert ref == f"apart-{job['id'][:8]}"
    failures = {
        (each["term"], each["name"]): each
        for each in job["output_summary"]["data_contract"]["failures"]
    }
    assert failures["rows", None]["text"] == (
        "The table has 15 rows; the contract asks for at least 20."
    )
    assert failures["null_share", "id"]["examples"] == ["primary:0"]
    assert failures["null_share", "day"]["text"] == (
        '"day" is NULL in 2 of 15 rows; the contract allows at most 1.'
    )
    below = failures["condition", "amount >= 0"]
    assert (below["rows"], below["examples"]) == (2, ["primary:3", "primary:4"])
    assert failures["condition", "kind IN ('a', 'b')"]["rows"] == 1
    assert "The key id is missing in 1 row" in failures["row_key", "id"]["text"]
    (kept,) = server.admin.get(path_of(dataset, "kept-apart")).json()["versions"]
    assert (kept["state"], kept["apart_ref"], kept["ref_name"]) == ("kept_apart", ref, "main")
    assert len(kept["failures"]) == len(failures)
    rows = server.admin.get(f"/api/datasets/{dataset}/refs/{ref}/tables/primary/data").json()
    assert len(rows["data"]) == 15

    accept = path_of(dataset, f"kept-apart/{job['id']}/accept")
    assert_problem(server.admin.post(accept, json={}), 422, "invalid_request")
    accepted = server.admin.post(accept, json={"reason": "Known gap of the source."}).json()
    assert (accepted["state"], accepted["reason"]) == ("accepted", "Known gap of the source.")
    assert head(server, dataset) == job["output_summary"]["output_commit_id"]
    assert_problem(server.admin.post(accept, json={"reason": "Again."}), 409, "conflict")
    entries = server.admin.get("/api/admin/audit", params={"action": "version_accepted"}).json()
    assert entries["entries"][0]["details"]["reason"] == "Known gap of the source."
    assert server.admin.get(path_of(dataset)).json()["state"] == "not_met"


def test_a_newer_version_stays(server: LiveServer, dataset: int) -> None:
    job = imported(server, dataset, lines(40, 45))
    newer = imported(server, dataset, lines(45, 85))
    accept = path_of(dataset, f"kept-apart/{job['id']}/accept")
    answer = server.admin.post(accept, json={"reason": "Late."})
    assert_problem(answer, 409, "conflict")
    assert "has a newer version" in answer.json()["detail"]
    assert head(server, dataset) == newer["output_summary"]["output_commit_id"]
    ref = job["output_summary"]["output_ref"]
    assert server.admin.delete(path_of(dataset, f"refs/{ref}")).status_code == 200
    (kept,) = server.admin.get(path_of(dataset, "kept-apart")).json()["versions"]
    assert kept["state"] == "deleted"


def test_columns_and_types_are_part_of_the_contract(server: LiveServer, dataset: int) -> None:
    text = "id,day,amount,note\n" + "".join(f"x{n},2026-01-01,{n},n\n" for n in range(25))
    job = imported(server, dataset, text)
    found = [
        (each["term"], each["name"]) for each in job["output_summary"]["data_contract"]["failures"]
    ]
    assert ("column", "kind") in found
    assert ("type", "id") in found
    assert ("more_columns", "note") in found
    assert ("condition", "kind IN ('a', 'b')") in found


def test_types_are_read_in_any_case(server: LiveServer, dataset: int) -> None:
    columns = [{"name": "id", "type": "bigint"}, {"name": "amount", "type": "Double"}]
    body = {"columns": columns, "more_columns": True, "conditions": ["amount >= 0"]}
    answer = server.admin.put(path_of(dataset), json=body)
    assert answer.status_code == 200, answer.text
    assert [column["type"] for column in answer.json()["columns"]] == ["BIGINT", "DOUBLE"]
    job = imported(server, dataset, "id,amount\n1,x\n2,3\n")
    failures = job["output_summary"]["data_contract"]["failures"]
    assert failures[-1]["text"] == (
        "amount >= 0 can't be checked. A column of it has another type than before."
    )


def test_a_proposal_is_met_by_its_version(server: LiveServer) -> None:
    dataset_id = server.new_dataset()
    server.import_text(dataset_id, lines(0, 40, row7="7,,1.5,a"))
    path = path_of(dataset_id, "data-contract/proposal")
    proposal = server.admin.get(path).json()
    assert (proposal["min_rows"], proposal["max_rows"]) == (20, 80)
    assert [column["max_null_share"] for column in proposal["columns"]] == [1, 1, 1, 1]
    profile = f"/api/profiling/datasets/{dataset_id}/jobs"
    job = server.admin.post(profile, json={}).json()
    server.finished(job["job_id"])
    proposal = server.admin.get(path).json()
    assert [column["max_null_share"] for column in proposal["columns"]] == [0, 0.05, 0, 0]
    assert server.admin.put(path_of(dataset_id), json=proposal).status_code == 200
    assert server.admin.get(path_of(dataset_id)).json()["state"] == "met"
    assert server.admin.delete(path_of(dataset_id)).json()["table_key"] == "primary"
    assert_problem(server.admin.get(path_of(dataset_id)), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "code", "loc"),
    [
        ({"conditions": ["amont > 0"]}, "unknown_column", ["body", "conditions", 0]),
        ({"conditions": ["amount >"]}, "invalid_filter", ["body", "conditions", 0]),
        ({"min_rows": 5, "max_rows": 4}, "invalid_request", ["body", "max_rows"]),
        (
            {"columns": [{"name": "id"}, {"name": "id"}]},
            "invalid_request",
            ["body", "columns", 1, "name"],
        ),
        (
            {"columns": [{"name": "id"}, {"name": "ID"}]},
            "invalid_request",
            ["body", "columns", 1, "name"],
        ),
        (
            {"columns": [{"name": "id", "type": "MONEY"}]},
            "invalid_request",
            ["body", "columns", 0, "type"],
        ),
        (
            {"columns": [{"name": "id", "type": "DECIMAL(99,2)"}]},
            "invalid_request",
            ["body", "columns", 0, "type"],
        ),
        (
            {"columns": [{"name": "id", "max_null_share": 2}]},
            "invalid_request",
            ["body", "columns", 0, "max_null_share"],
        ),
    ],
)
def test_wrong_contracts_are_refused(
    server: LiveServer, dataset: int, body: dict[str, Any], code: str, loc: list[Any]
) -> None:
    answer = server.admin.put(path_of(dataset), json=body)
    assert_problem(answer, 422, code)
    assert answer.json()["errors"][0]["loc"] == loc


def test_a_declared_row_key_waits_for_the_acceptance(server: LiveServer) -> None:
    dataset_id = server.new_dataset()
    body = {"columns": [{"name": "id"}], "more_columns": True, "min_rows": 10}
    assert server.admin.put(path_of(dataset_id), json=body).status_code == 200
    assert server.admin.get(path_of(dataset_id)).json()["state"] == "not_checked"
    answer = server.admin.post(
        f"/api/datasets/{dataset_id}/refs/main/import",
        files={"file": ("a.csv", b"id,amount\n1,2\n2,3\n")},
        data={"row_key": '["id"]'},
    )
    job = server.finished(answer.json()["job_id"])
    assert_problem(server.admin.get(path_of(dataset_id, "row-key")), 404, "not_found")
    accept = path_of(dataset_id, f"kept-apart/{job['id']}/accept")
    assert server.admin.post(accept, json={"reason": "First."}).status_code == 200
    assert server.admin.get(path_of(dataset_id, "row-key")).json()["columns"] == ["id"]
