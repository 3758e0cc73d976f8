"""Row diffs over HTTP: as a job, paged, filtered and downloaded, and what is refused."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest

from storage.versions.row_keys import delete_row_key, set_row_key
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
        "repeated_keys": None,
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
        ({"keys": ["no", "NO"]}, "invalid_key", "twice", ["keys", 1]),
        ({"keys": []}, "invalid_request", "keys", ["keys"]),
        ({"keys": None, "row_diff": True}, "no_row_key", "has no row key", ["keys"]),
        (
            {"keys": None, "duplicates": "number"},
            "invalid_request",
            "needs keys or row_diff",
            ["duplicates"],
        ),
        ({"row_diff": False}, "invalid_request", "make a row diff", ["row_diff"]),
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
    assert (job["status"], job["error_code"]) == ("failed", "key_missing")
    missing = "The key city of the earlier version is missing in 1 row, such as row 2"
    assert missing in job["error_message"]
    back = {"source_ref": "main", "compare_to": {"source_ref": "before"}, "keys": ["city"]}
    failed = server.explore(dataset, back)
    assert (failed["status"], failed["error_code"]) == ("failed", "key_not_unique")
    repeated = "2 rows share their key with another row, such as Oslo. Add a column"
    assert repeated in failed["error_message"]


LINES = [f"d{line // 2 if line < 80 else line},{line % 5},{line}.5" for line in range(300)]
"""Forty documents have two lines."""


@pytest.fixture(scope="module")
def lines(server: LiveServer) -> int:
    """Two versions of a table in which some keys repeat; the second one in another order."""
    dataset_id = server.new_dataset()
    server.import_text(dataset_id, "\n".join(["doc,kind,amount", *LINES]))
    path = f"/api/datasets/{dataset_id}/refs"
    server.admin.post(path, json={"name": "before", "source_ref": "main"})
    now = [*LINES[4:], "d0,0,0.5", "d0,1,99", "d0,1,99", "d1,3,3.5", "d900,1,1"]
    server.import_text(dataset_id, "\n".join(["doc,kind,amount", *now[::-1]]))
    return dataset_id


def test_rows_of_repeated_keys_are_matched_if_the_user_says_so(
    server: LiveServer, lines: int
) -> None:
    refused = server.explore(lines, body("doc"))
    assert (refused["status"], refused["error_code"]) == ("failed", "key_not_unique")
    assert "80 rows share their key" in refused["error_message"]
    job = server.explore(lines, body("doc", duplicates="number"))
    assert job["run_parameters"]["duplicates"] == "number"
    found = job["output_summary"]["row_diff"]
    counts = [found[name] for name in ("added", "removed", "changed", "unchanged")]
    assert counts == [2, 1, 1, 298]
    examples = found["repeated_keys"].pop("examples")
    assert found["repeated_keys"] == {"keys": 40, "rows_before": 80, "rows_now": 80}
    assert examples == ["d0", "d1", "d10"]
    rows = server.admin.get(result_of(job)).json()["data"]
    listed = [(row["_change"], row["doc"], row["amount_before"], row["amount_now"]) for row in rows]
    assert listed == [
        ("changed", "d0", 1.5, 99.0),
        ("removed", "d1", 2.5, None),
        ("added", "d900", None, 1.0),
        ("added", "d0", None, 99.0),
    ]


def test_the_declared_key_is_the_default(server: LiveServer, lines: int) -> None:
    service = server.service
    with service.database.write() as tx:
        set_row_key(tx, lines, "primary", ["doc"], "number", 1, service.clock)
    try:
        request = {"source_ref": "before", "compare_to": {"source_ref": "main"}, "row_diff": True}
        job = server.explore(lines, request)
        assert job["run_parameters"]["keys"] == ["doc"]
        assert job["output_summary"]["row_diff"]["repeated_keys"]["keys"] == 40
        refused = server.explore(lines, {**request, "duplicates": "refuse"})
        assert refused["error_code"] == "key_not_unique"
        wider = server.explore(lines, {**request, "keys": ["doc", "kind"]})
        assert wider["run_parameters"]["duplicates"] == "refuse"
    finally:
        with service.database.write() as tx:
            delete_row_key(tx, lines, "primary")


def test_a_row_diff_is_fixed_at_submission(server: LiveServer, dataset: int) -> None:
    path = f"/api/datasets/{dataset}/refs"
    commits = {ref["name"]: ref["commit_id"] for ref in server.admin.get(path).json()["refs"]}
    job = server.explore(dataset, body("NO"))
    parameters = job["run_parameters"]
    assert parameters["keys"] == ["no"]
    assert parameters["compare_to"]["commit_id"] == commits["main"]
    assert job["source_commit_id"] == commits["before"]
