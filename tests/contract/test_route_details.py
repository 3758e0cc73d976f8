"""Promises of routes in addition to their responses: addresses, headers, unchanged data."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import xlsxwriter

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

RANDOM = {"method": "random", "parameters": {"sample_size": 5, "seed": 1}}


def test_every_get_answers_with_a_trailing_slash(server: LiveServer, dataset_id: int) -> None:
    job = server.draw(dataset_id, {**RANDOM, "export_residual": True})["id"]
    me = server.admin.get("/api/users/me").json()["id"]
    values = {
        "dataset_id": dataset_id,
        "job_id": job,
        "ref": "main",
        "commit": "main",
        "key": "primary",
        "user_id": me,
        "group_id": 1,
        "row_id": "primary:3",
    }
    paths = server.admin.get("/api/openapi.json").json()["paths"]
    tried = 0
    for path, operations in paths.items():
        if "get" not in operations or path.endswith("/compare"):
            continue
        plain = re.sub(r"\{(\w+)\}", lambda name: str(values.get(name[1], 1)), path)
        statuses = [server.admin.get(one).status_code for one in (plain, f"{plain}/")]
        assert statuses[0] == statuses[1], plain
        tried += statuses == [200, 200]
    assert tried > 25


@pytest.mark.parametrize("kind", ["csv", "parquet", "arrow", "xlsx"])
def test_a_download_claims_only_what_holds(server: LiveServer, dataset_id: int, kind: str) -> None:
    path = f"/api/datasets/{dataset_id}/refs/main/tables/primary/data"
    headers = {"Range": "bytes=0-3"}
    answer = server.admin.get(path, params={"format": kind}, headers=headers)
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert "Accept-Ranges" not in answer.headers
    assert answer.headers["Content-Type"].count("charset") == (kind == "csv")


def test_a_csv_for_excel_begins_with_a_mark(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "Größe\nä\n")
    path = f"/api/datasets/{dataset}/refs/main/tables/primary/data"
    marked = server.admin.get(path, params={"format": "csv", "bom": "true"})
    assert marked.content == "Größe\nä\n".encode("utf-8-sig")
    assert int(marked.headers["Content-Length"]) == len(marked.content)
    assert server.admin.get(path, params={"format": "csv"}).content == "Größe\nä\n".encode()


def test_formula_safe_names_get_an_apostrophe(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "=1+1,-y,@x,plain\n1,2,=3,4\n")
    path = f"/api/datasets/{dataset}/refs/main/tables/primary/data"
    text = server.admin.get(path, params={"format": "csv", "formula_safe": "true"}).text
    assert list(csv.reader(io.StringIO(text))) == [
        ["'=1+1", "'-y", "'@x", "plain"],
        ["1", "2", "'=3", "4"],
    ]
    untouched = server.admin.get(path, params={"format": "csv"}).text
    assert untouched.startswith("=1+1,-y,@x,plain")


def test_values_of_columns_by_sheet_need_no_table(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, workbook({"Q1": ["city", "Oslo"], "Q1 a": ["x", "Lima"]}), "t.xlsx")
    path = f"/api/sampling/datasets/{dataset}/column-samples"
    body: dict[str, Any] = {"columns": ["Q1:city", "Q1 a:x"]}
    answer = server.admin.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["samples"] == {"Q1:city": ["Oslo"], "Q1 a:x": ["Lima"]}
    assert answer.json()["table_key"] == "Q1"
    mixed = server.admin.post(path, json={"columns": ["Q1:city", "x"], "table_key": "Q1 a"})
    assert mixed.json()["samples"] == {"Q1:city": ["Oslo"], "x": ["Lima"]}
    refused = server.admin.post(path, json={"columns": ["city"]})
    assert_problem(refused, 404, "not_found", "table_key")


def workbook(sheets: dict[str, list[str]]) -> bytes:
    """A workbook of sheets with one column each."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        for name, cells in sheets.items():
            sheet = book.add_worksheet(name)
            sheet.write_column(0, 0, cells)
    return file.getvalue()


def test_a_change_that_changes_nothing_leaves_no_trace(server: LiveServer) -> None:
    dataset = server.new_dataset()
    path = f"/api/datasets/{dataset}"
    changed = server.admin.patch(path, json={"description": "d", "tags": ["a", "b"]}).json()
    for body in (
        {},
        {"name": None},
        {"description": "d"},
        {"tags": ["a", "b"]},
        changed_part(changed),
    ):
        assert server.admin.patch(path, json=body).json() == changed
    entries = server.admin.get("/api/admin/audit", params={"dataset_id": dataset}).json()
    actions = [entry["action"] for entry in entries["entries"]]
    assert actions.count("dataset_changed") == 1
    again = server.admin.patch(path, json={"tags": ["b", "a"]}).json()
    assert again["updated_at"] > changed["updated_at"]


def changed_part(dataset: dict[str, Any]) -> dict[str, Any]:
    return {name: dataset[name] for name in ("name", "description", "tags")}


def test_a_role_given_again_is_no_change(server: LiveServer) -> None:
    _, user = server.new_user()
    server.admin.patch(f"/api/users/{user['id']}", json={"role_name": "analyst"})
    entries = server.admin.get("/api/admin/audit", params={"action": "user_changed"}).json()
    assert user["soeid"] not in str(entries)


def test_only_a_kept_residual_is_listed(server: LiveServer, dataset_id: int) -> None:
    for export_residual in (False, True):
        job = server.draw(dataset_id, {**RANDOM, "export_residual": export_residual})["id"]
        answer = server.admin.get(f"/api/sampling/jobs/{job}/data", params={"table_key": "x"})
        detail = assert_problem(answer, 404, "not_found", "primary")["detail"]
        assert ("residual" in detail) == export_residual


def test_an_end_date_of_today_includes_today(server: LiveServer, dataset_id: int) -> None:
    job = server.draw(dataset_id, RANDOM)
    created = datetime.fromisoformat(job["created_at"]).astimezone(UTC)
    path = f"/api/sampling/datasets/{dataset_id}/history"

    def listed(**query: str) -> bool:
        found = server.admin.get(path, params=query).json()["jobs"]
        return job["id"] in [one["id"] for one in found]

    day = created.date()
    assert listed(start_date=f"{day}", end_date=f"{day}")
    assert not listed(end_date=f"{day - timedelta(days=1)}")
    assert not listed(end_date=created.isoformat())
    assert listed(end_date=(created + timedelta(microseconds=1)).isoformat())
    assert listed(end_date="9999-12-31")


def test_a_key_stands_for_the_meaning_of_a_body(server: LiveServer, dataset_id: int) -> None:
    path = f"/api/sampling/datasets/{dataset_id}/jobs"
    bodies: tuple[dict[str, Any], ...] = (
        {"method": "random", "parameters": {"sample_size": 5, "seed": 1}},
        {"parameters": {"seed": 1, "sample_size": 5}, "method": "random"},
        {"rounds": [{"parameters": {"random_seed": 1}, "sample_size": 5, "method": "random"}]},
        {**RANDOM, "source_ref": "main", "table_key": None, "priority": "interactive"},
    )
    key = {"Idempotency-Key": "by meaning"}
    ids = {server.admin.post(path, json=body, headers=key).json()["job_id"] for body in bodies}
    assert len(ids) == 1
    for other in ({**RANDOM, "priority": "batch"}, {**RANDOM, "export_residual": True}):
        answer = server.admin.post(path, json=other, headers=key)
        assert_problem(answer, 409, "idempotency_key_reused")


def test_a_read_token_asks_whatever_changes_nothing(server: LiveServer, dataset_id: int) -> None:
    body = {"name": "reader", "scope": "read"}
    reader = server.client(server.admin.post("/api/tokens", json=body).json()["token"])
    sampling = f"/api/sampling/datasets/{dataset_id}"
    asked: dict[str, dict[str, Any]] = {
        f"{sampling}/plan": RANDOM,
        f"{sampling}/size": {"goal": {"margin": 0.1}, "design": RANDOM},
        f"{sampling}/sample": RANDOM,
        f"{sampling}/filters": {"filters": {"expression": "id > 3"}},
        f"{sampling}/column-samples": {"columns": ["city"]},
        f"/api/exploration/datasets/{dataset_id}/query": {"sql": 'SELECT id FROM "primary"'},
    }
    for path, given in asked.items():
        answer = reader.post(path, json=given)
        assert answer.status_code == 200, answer.text
    refused = reader.post(f"{sampling}/jobs", json=RANDOM)
    assert_problem(refused, 403, "forbidden", "can only read")
    for path in ("/api/datasets", f"/api/datasets/{dataset_id}/preview", "/api/tokens"):
        assert_problem(reader.post(path, json={"name": "x"}), 403, "forbidden", "can only read")
