"""Row diffs over HTTP: as a job, paged, filtered and downloaded, and what is refused."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest

from tests.contract.exploring import result_of
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

BEFORE = "no,city,amount\n1,Oslo,10.5\n2,Lima,20\n3,,30\n4,Kyiv,40\n"
NOW = "amount,no,city,note\n10.5,1,Oslo,x\n21,2,Lima,\n30,3,Rome,x\n50,5,Oslo,x\n"


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """Two versions of a table: the ref ``before`` and ``main``."""
    dataset_id = server.new_dataset()
    server.import_text(dataset_id, BEFORE)
    path = f"/api/datasets/{dataset_id}/refs"
    server.admin.post(path, json={"name": "before", "source_ref": "main"})
    server.import_text(dataset_id, NOW)
    return dataset_id


def body(*keys: str, **more: Any) -> dict[str, Any]:
    return {
        "source_ref": "before",
        "compare_to": {"source_ref": "main"},
        "keys": list(keys),
        **more,
    }


def test_changed_rows_are_a_table_that_is_paged_and_downloaded(
    server: LiveServer, dataset: int
) -> None:
    job = server.explore(dataset, body("no"))
    assert job["status"] == "completed", job
    summary = job["output_summary"]
    assert (summary["rows"], summary["output_ref"]) == (4, None)
    found = summary["row_diff"]
    columns = {column.pop("name"): column for column in found.pop("columns")}
    assert found == {
        "keys": ["no"],
        "added": 1,
        "removed": 1,
        "changed": 2,
        "unchanged": 1,
        "changed_cells": 2,
    }
    assert columns["city"]["changed"] == columns["amount"]["changed"] == 1
    assert columns["note"] == {
        "base_type": None,
        "other_type": "VARCHAR",
        "before": None,
        "now": "note_now",
        "changed": 0,
    }
    page = server.admin.get(result_of(job)).json()
    assert page["metadata"]["exploration_summary"]["row_diff"]["changed"] == 2
    rows = [(row["_change"], row["no"], row["_changed_columns"]) for row in page["data"]]
    assert rows == [
        ("changed", 2, '"amount"'),
        ("changed", 3, '"city"'),
        ("removed", 4, None),
        ("added", 5, None),
    ]
    assert (page["data"][0]["amount_before"], page["data"][0]["amount_now"]) == (20, 21)
    assert (page["data"][1]["city_before"], page["data"][1]["city_now"]) == (None, "Rome")
    changed = {"filters": "_change = 'changed'", "limit": 1, "offset": 1}
    page = server.admin.get(result_of(job), params=changed).json()
    assert [row["no"] for row in page["data"]] == [3]
    assert (page["total"], page["offset"], page["limit"]) == (2, 1, 1)
    text = server.admin.get(result_of(job), params={"format": "csv", "filters": "no > 3"}).text
    assert [row["_change"] for row in csv.DictReader(io.StringIO(text))] == ["removed", "added"]
    for file_format, start in (("parquet", b"PAR1"), ("xlsx", b"PK")):
        answer = server.admin.get(result_of(job), params={"format": file_format})
        assert answer.content.startswith(start)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as workbook:
        assert b"amount_before" in workbook.read("xl/worksheets/sheet1.xml")


def test_a_named_row_diff_is_a_ref_and_made_once(server: LiveServer, dataset: int) -> None:
    named = body("no", output_name="changes", commit_message="What changed")
    job = server.explore(dataset, named)
    assert job["output_summary"]["output_ref"] == "expl-changes"
    assert server.explore(dataset, named)["id"] == job["id"]
    other = server.admin.post(
        f"/api/exploration/datasets/{dataset}/jobs", json=body("no", "city", output_name="changes")
    )
    assert_problem(other, 409, "conflict", "expl-changes")


def test_a_sample_and_its_remaining_rows_are_compared(server: LiveServer) -> None:
    dataset = server.new_table(200)
    draw = server.draw(dataset, {"method": "random", "sample_size": 20, "export_residual": True})
    table = {"ref": draw["output_summary"]["output_ref"], "table_key": "residual"}
    job = server.explore(dataset, {"compare_to": table, "keys": ["ID"]})
    found = job["output_summary"]["row_diff"]
    assert (found["added"], found["removed"], found["changed"]) == (0, 20, 0)
    assert found["unchanged"] == 180


@pytest.mark.parametrize(
    ("change", "code", "part", "loc"),
    [
        ({"keys": ["number"]}, "unknown_column", "number", ["keys", 0]),
        ({"keys": ["no", "note"]}, "unknown_column", "note", ["keys", 1]),
        ({"keys": ["no", "NO"]}, "invalid_key", "twice", ["keys"]),
        ({"keys": []}, "invalid_request", "keys", ["keys"]),
        ({"compare_to": None}, "invalid_request", "compare_to", ["keys"]),
        ({"sql": "SELECT 1"}, "invalid_request", "can't be combined with", ["compare_to"]),
    ],
)
def test_an_invalid_request_makes_no_job(
    server: LiveServer, dataset: int, change: dict[str, Any], code: str, part: str, loc: list[Any]
) -> None:
    path = f"/api/exploration/datasets/{dataset}/jobs"
    answer = server.admin.post(path, json={**body("no"), **change})
    errors = assert_problem(answer, 422, code, part)["errors"]
    assert ["body", *loc] in [error["loc"] for error in errors]


def test_a_repeated_key_fails_the_job_and_names_the_rows(server: LiveServer, dataset: int) -> None:
    job = server.explore(dataset, body("city"))
    assert (job["status"], job["error_code"]) == ("failed", "invalid_key")
    missing = "The key is missing in 1 row of the earlier version, such as row 2"
    assert missing in job["error_message"]
    back = {"source_ref": "main", "compare_to": {"source_ref": "before"}, "keys": ["city"]}
    failed = server.explore(dataset, back)
    repeated = "2 rows share their key with another row, such as city = Oslo in rows 0 and 3"
    assert repeated in failed["error_message"]


def test_a_row_diff_is_fixed_at_submission(server: LiveServer, dataset: int) -> None:
    path = f"/api/datasets/{dataset}/refs"
    commits = {ref["name"]: ref["commit_id"] for ref in server.admin.get(path).json()["refs"]}
    job = server.explore(dataset, body("NO"))
    parameters = job["run_parameters"]
    assert parameters["keys"] == ["no"]
    assert parameters["compare_to"]["commit_id"] == commits["main"]
    assert job["source_commit_id"] == commits["before"]
