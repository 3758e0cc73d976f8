"""Audit tests by the API: their rows, what they answer, rights, and the same request again."""

from __future__ import annotations

from typing import Any

import pytest

from application.lifecycle import same_request
from service.tables.audit_tests import ready_test_of_job
from storage.accounts.datasets import delete_permission, put_permission
from storage.errors import NotFound
from storage.jobs.jobs import get_job
from tests.support.live_server import LiveServer

LEDGER = """number,vendor,posted,amount,_group
RE-1,a,2025-01-03,10.00,x
RE-2,b,2025-01-04,20.00,x
re 2,b,2025-01-06,20.50,y
RE-5,c,2025-01-05,,y
,d,2025-01-06,1.00,z
"""


@pytest.fixture(scope="module")
def ledger(server: LiveServer) -> int:
    dataset = server.new_dataset()
    assert server.import_text(dataset, LEDGER)["status"] == "completed"
    return dataset


def answer(server: LiveServer, job: dict[str, Any]) -> dict[str, Any]:
    found = server.admin.get(f"/api/exploration/jobs/{job['id']}/audit-test")
    assert found.status_code == 200, found.text
    return dict(found.json())


def test_found_rows_have_reasons_and_all_columns(server: LiveServer, ledger: int) -> None:
    body = {"loose_columns": ["number"], "amount_column": "amount", "output_name": "twice"}
    job = server.audit_test(ledger, "duplicates", body)
    assert job["status"] == "completed", job
    assert job["job_kind"] == "audit test"
    said = answer(server, job)
    assert said["tested_rows"] == 4
    assert said["not_tested"] == [{"column": "number", "reason": "the value is missing", "rows": 1}]
    assert {each["name"]: each["value"] for each in said["figures"]}["amount"] == "40.50"
    assert (said["output_ref"], said["found_rows"]) == ("expl-twice", 2)
    page = server.admin.get(f"/api/exploration/jobs/{job['id']}/result").json()
    assert page["columns"] == [
        *("_logical_row_id", "_group", "_group_rows", "_row_of_group"),
        *("number", "vendor", "posted", "amount", "_group_1"),
    ]
    assert [row["_logical_row_id"] for row in page["data"]] == ["primary:1", "primary:2"]
    again = server.admin.post(f"/api/datasets/{ledger}/audit-tests/duplicates", json=body)
    assert again.json()["job_id"] == job["id"]


def test_missing_numbers_are_said(server: LiveServer, ledger: int) -> None:
    job = server.audit_test(ledger, "gaps", {"number_column": "number"})
    figures = {each["name"]: each["value"] for each in answer(server, job)["figures"]}
    assert (figures["missing"], figures["gaps"], figures["series"]) == (2, 1, 2)


def test_numbers_beyond_doubles_are_texts(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "n\n1\n999999999999999998\n")
    said = answer(server, server.audit_test(dataset, "gaps", {"number_column": "n"}))
    assert {each["name"]: each["value"] for each in said["figures"]}["missing"] == f"{10**18 - 4}"
    (gap,) = said["tables"][1]["rows"]
    assert (gap["first"], gap["last"], gap["missing"]) == (2, f"{10**18 - 3}", f"{10**18 - 4}")


@pytest.mark.parametrize(
    ("test", "body", "field"),
    [
        ("duplicates", {}, "columns"),
        ("near_duplicates", {"columns": ["vendor"]}, "date_column"),
        ("near_duplicates", {"columns": ["vendor"], "date_column": "posted"}, "days"),
        (
            "near_duplicates",
            {"columns": ["vendor"], "amount_column": "amount"},
            "amount_difference",
        ),
        ("weekend", {"date_column": "posted", "weekdays": []}, "weekdays"),
        ("weekend", {"date_column": "posted", "time_zone": "Nowhere"}, "time_zone"),
        ("weekend", {"date_column": "posted", "time_zone": "localtime"}, "time_zone"),
        (
            "cutoff",
            {
                "posting_column": "posted",
                "document_column": "posted",
                "cutoff": "9999-12-31",
                "days": 1,
            },
            "cutoff",
        ),
        (
            "cutoff",
            {
                "posting_column": "posted",
                "document_column": "posted",
                "cutoff": "0001-01-01",
                "days": 3,
            },
            "cutoff",
        ),
        ("weekend", {"date_column": "vendor"}, "date_column"),
        ("weekend", {"date_column": "posted", "holidays": ["2025-02-30"]}, "holidays"),
        ("unmatched", {"columns": ["vendor"], "other": {"source_ref": "none"}}, "other"),
        ("unmatched", {"columns": ["vendor"], "other": {}}, "other"),
        ("unmatched", {"columns": [], "other": {"source_ref": "none"}}, "columns"),
        ("weekend", {"date_column": "posted", "holidays": ["31.2.2025"]}, "holidays"),
        (
            "unmatched",
            {"columns": ["vendor"], "other": {}, "direction": "other", "amount_column": "amount"},
            "amount_column",
        ),
        ("gaps", {"number_column": "number", "columns": ["vendor"]}, "columns"),
    ],
)
def test_a_refusal_names_the_field(
    server: LiveServer, ledger: int, test: str, body: dict[str, Any], field: str
) -> None:
    refused = server.admin.post(f"/api/datasets/{ledger}/audit-tests/{test}", json=body)
    assert refused.status_code in (404, 422), refused.text
    assert field in refused.json()["errors"][0]["loc"], refused.text


def test_an_empty_list_of_columns_says_what_to_do(server: LiveServer, ledger: int) -> None:
    path = f"/api/datasets/{ledger}/audit-tests/unmatched"
    refused = server.admin.post(path, json={"columns": [], "other": {}}).json()
    assert refused["errors"][0]["msg"] == "Name a column in columns."


def test_days_are_read_as_they_are_written_in_german(server: LiveServer, ledger: int) -> None:
    columns = {"posting_column": "posted", "document_column": "posted"}
    job = server.audit_test(ledger, "cutoff", {**columns, "cutoff": "6.1.2025", "days": 9})
    assert answer(server, job)["parameters"]["cutoff"] == "2025-01-06"


def test_the_same_request_gives_the_same_test(server: LiveServer, ledger: int) -> None:
    body = {
        "columns": ["vendor"],
        "date_column": "posted",
        "days": 3,
        "amount_column": "amount",
        "amount_difference": "0.5",
    }
    job = server.audit_test(ledger, "near_duplicates", body)
    with server.service.database.read() as tx:
        recorded = get_job(tx, job["id"])
    path = recorded.kind.request_path(recorded.dataset_id, recorded.run_parameters)
    assert path == f"/api/datasets/{ledger}/audit-tests/near_duplicates"
    sent = server.admin.post(path, json=same_request(recorded))
    assert sent.status_code == 200, sent.text
    again = answer(server, server.finished(sent.json()["job_id"]))
    first = answer(server, job)
    names = ("parameters", "found_rows", "figures", "conclusion", "tables")
    assert [again[name] for name in names] == [first[name] for name in names]
    assert first["found_rows"] == 2


def test_the_other_table_needs_the_right_to_read_it(server: LiveServer, ledger: int) -> None:
    analyst, user = server.new_user()
    own = server.new_dataset(analyst)
    server.import_text(own, "vendor\na\nz\n", client=analyst)
    body = {"columns": ["vendor"], "other": {"dataset_id": ledger}}
    path = f"/api/datasets/{own}/audit-tests/unmatched"
    refused = analyst.post(path, json=body)
    assert refused.status_code == 404, refused.text
    with server.service.database.write() as tx:
        put_permission(tx, ledger, user["id"], "read")
    sent = analyst.post(path, json=body)
    assert sent.status_code == 200, sent.text
    job = server.finished(sent.json()["job_id"])
    assert job["output_summary"]["rows"] == 1
    with server.service.database.read() as tx:
        recorded = get_job(tx, job["id"])
    with server.service.database.write() as tx:
        delete_permission(tx, ledger, user["id"])
    assert analyst.post(path, json=same_request(recorded)).status_code == 404
    with pytest.raises(NotFound):  # as when the job runs
        ready_test_of_job(server.service, recorded)


def test_another_job_has_no_answer_of_a_test(server: LiveServer, ledger: int) -> None:
    job = server.explore(ledger, {"sql": "SELECT 1 AS x"})
    found = server.admin.get(f"/api/exploration/jobs/{job['id']}/audit-test")
    assert found.status_code == 404
