"""A user's SELECT over HTTP: as a job, at once, and what is refused."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.contract.exploring import query
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

BY_CITY = "SELECT city, count(*) AS n, sum(amount) AS total FROM data GROUP BY city ORDER BY city"


def test_a_select_becomes_a_table_that_is_paged_and_downloaded(
    server: LiveServer, dataset_id: int
) -> None:
    path = f"/api/exploration/datasets/{dataset_id}/jobs"
    answer = server.admin.post(path, json={"sql": BY_CITY, "source_ref": "main"}).json()
    job_id = answer.pop("job_id")
    assert answer == {"status": "pending", "message": "Exploration job created"}
    job = server.finished(job_id)
    assert (job["status"], job["run_type"], job["lane"]) == ("completed", "exploration", "long")
    assert job["run_parameters"]["sql"] == BY_CITY
    summary = job["output_summary"]
    assert (summary["rows"], summary["output_ref"], summary["notes"]) == (4, None, [])
    assert summary["columns"] == [
        {"name": "city", "type": "VARCHAR"},
        {"name": "n", "type": "BIGINT"},
        {"name": "total", "type": "DOUBLE"},
    ]
    commit = server.admin.get(
        f"/api/datasets/{dataset_id}/commits/{summary['output_commit_id']}"
    ).json()
    assert commit["parent_commit_id"] == job["source_commit_id"]
    assert [table["table_key"] for table in commit["tables"]] == ["result"]
    result = f"/api/exploration/jobs/{job_id}/result"
    page = server.admin.get(result, params={"offset": 1, "limit": 2}).json()
    assert page["data"] == [
        {"city": "Lima", "n": 500, "total": 124875.0},
        {"city": "Oslo", "n": 500, "total": 124750.0},
    ]
    assert (page["total"], page["offset"], page["limit"]) == (4, 1, 2)
    assert (page["job_id"], page["table_key"]) == (job_id, "result")
    assert page["metadata"]["exploration_summary"]["rows"] == 4
    text = server.admin.get(result, params={"format": "csv", "columns": "n"}).text
    assert [row["n"] for row in csv.DictReader(io.StringIO(text))] == ["500"] * 4
    for file_format in ("parquet", "arrow", "xlsx"):
        answer = server.admin.get(result, params={"format": file_format})
        assert answer.status_code == 200
        assert f"result-{job_id[:8]}.{file_format}" in answer.headers["Content-Disposition"]


def test_a_named_result_is_drawn_from_and_queried_again(
    server: LiveServer, dataset_id: int
) -> None:
    body = {"sql": "SELECT * FROM data WHERE id % 2 = 0", "output_name": "even"}
    job = server.explore(dataset_id, {**body, "commit_message": "Even ids"})
    assert job["output_summary"]["output_ref"] == "expl-even"
    draw = {"source_ref": "expl-even", "method": "random", "sample_size": 10}
    drawn = server.rows(server.draw(dataset_id, draw)["id"])
    assert len(drawn) == 10
    assert all(row["id"] % 2 == 0 for row in drawn)
    found = query(server, dataset_id, "SELECT count(*) AS n FROM result", source_ref="expl-even")
    assert found.json()["data"] == [{"n": 1000}]
    again = server.explore(dataset_id, {**body, "commit_message": "Even ids"})
    assert again["id"] == job["id"]
    path = f"/api/exploration/datasets/{dataset_id}/jobs"
    other = server.admin.post(path, json={"sql": "SELECT 1", "output_name": "even"})
    assert_problem(other, 409, "conflict", "expl-even")
    wrong = server.admin.post(path, json={"sql": "SELECT 1", "output_name": "a/b"})
    assert assert_problem(wrong, 422, "invalid_value")["errors"][0]["loc"] == [
        "body",
        "output_name",
    ]


def test_a_sample_and_its_residual_are_tables_of_one_commit(
    server: LiveServer, dataset_id: int
) -> None:
    draw = {"method": "random", "sample_size": 100, "seed": 1, "export_residual": True}
    ref = server.draw(dataset_id, draw)["output_summary"]["output_ref"]
    sql = """
        SELECT (SELECT count(*) FROM residual) AS remaining,
               (SELECT count(*) FROM "primary" SEMI JOIN residual USING (id)) AS twice,
               (SELECT sum(_design_weight) FROM data) AS weight,
               (SELECT count(*) FROM sample) AS recorded"""
    assert query(server, dataset_id, sql, source_ref=ref).json()["data"] == [
        {"remaining": 1900, "twice": 0, "weight": 2000.0, "recorded": 100}
    ]


def test_rows_come_at_once_with_their_types(server: LiveServer, dataset_id: int) -> None:
    sql = 'SELECT id, city, [id] AS l FROM "primary" ORDER BY id'
    found = query(server, dataset_id, sql, limit=2).json()
    assert found["data"] == [
        {"id": 0, "city": "Oslo", "l": "[0]"},
        {"id": 1, "city": "Lima", "l": "[1]"},
    ]
    assert found["columns"] == ["id", "city", "l"]
    assert found["types"] == ["BIGINT", "VARCHAR", "VARCHAR"]
    assert found["has_more"] is True
    assert "JSON text" in found["notes"][0]
    jobs = server.admin.get("/api/jobs", params={"dataset_id": dataset_id}).json()
    assert all(job["run_type"] != "profiling" for job in jobs["jobs"])


@pytest.mark.parametrize(
    ("sql", "code", "part"),
    [
        ("SELEC 1", "invalid_sql", "Line 1, column 1"),
        ("SELECT cty FROM data", "invalid_sql", "cty"),
        ("SELECT * FROM dta", "invalid_sql", 'Did you mean "data"'),
        ("SELECT * FROM primary", "invalid_sql", 'in quotes: "primary"'),
        ("COPY data TO '/tmp/x.csv'", "sql_refused", "COPY"),
        ("SELECT * FROM '/etc/passwd'", "invalid_sql", "no table"),
        ("SELECT * FROM read_text('/etc/passwd')", "sql_refused", "read_text"),
        ("SELECT getenv('HOME')", "sql_refused", "getenv"),
        ("SELECT 1; SELECT 2", "sql_refused", "2 statements"),
        ("SELECT * FROM data USING SAMPLE 5", "sql_refused", "sampling job"),
        ("ATTACH 'x.db'", "sql_refused", "ATTACH"),
        ("SELECT '😀' FROM nowhere", "invalid_sql", "column 17"),
    ],
)
def test_a_wrong_query_is_refused_before_a_job_is_made(
    server: LiveServer, dataset_id: int, sql: str, code: str, part: str
) -> None:
    path = f"/api/exploration/datasets/{dataset_id}/jobs"
    before = server.admin.get("/api/jobs", params={"dataset_id": dataset_id}).json()["total"]
    for answer in (server.admin.post(path, json={"sql": sql}), query(server, dataset_id, sql)):
        document = assert_problem(answer, 422, code, part)
        assert document["errors"][0]["loc"] == ["body", "sql"]
        assert str(server.service.directory.root) not in answer.text
    after = server.admin.get("/api/jobs", params={"dataset_id": dataset_id}).json()["total"]
    assert after == before


@pytest.mark.parametrize(
    ("body", "status", "code", "parts"),
    [
        ({"output_name": "x"}, 422, "invalid_request", ["output_name needs sql"]),
        ({"sql": ""}, 422, "invalid_request", ["sql"]),
        ({"sql": 5}, 422, "invalid_request", ["text"]),
        ({"sql": "SELECT 1\0"}, 422, "invalid_request", ["U+0000"]),
        ({"sqll": "SELECT 1"}, 422, "invalid_request", ["sqll", "Did you mean"]),
        ({"sql": "SELECT 1", "priority": "urgent"}, 422, "invalid_request", ["batch"]),
        ({"sql": "SELECT 1", "source_ref": "nope"}, 404, "not_found", ["nope", "main"]),
        ({"sql": "SELECT 1", "table_key": "nope"}, 404, "not_found", ["nope", "primary"]),
    ],
)
def test_a_body_that_cannot_be_is_refused(
    server: LiveServer,
    dataset_id: int,
    body: dict[str, Any],
    status: int,
    code: str,
    parts: list[str],
) -> None:
    path = f"/api/exploration/datasets/{dataset_id}/jobs"
    assert_problem(server.admin.post(path, json=body), status, code, *parts)


def test_the_same_key_and_request_make_one_job(server: LiveServer, dataset_id: int) -> None:
    path = f"/api/exploration/datasets/{dataset_id}/jobs"
    headers = {"Idempotency-Key": "explore once"}
    ids = {
        server.admin.post(path, json={"sql": BY_CITY}, headers=headers).json()["job_id"]
        for _ in range(2)
    }
    assert len(ids) == 1
    other = server.admin.post(path, json={"sql": "SELECT 1"}, headers=headers)
    assert_problem(other, 409, "idempotency_key_reused")


def test_a_job_and_its_result_are_seen_by_whoever_may_read_the_dataset(
    server: LiveServer, dataset_id: int
) -> None:
    job = server.explore(dataset_id, {"sql": "SELECT 1 AS x"})
    reader, user = server.new_user("viewer")
    result = f"/api/exploration/jobs/{job['id']}/result"
    at_once = f"/api/exploration/datasets/{dataset_id}/query"
    jobs = f"/api/exploration/datasets/{dataset_id}/jobs"
    sql = {"sql": "SELECT 1 AS x"}
    assert_problem(reader.get(result), 404, "not_found")
    assert_problem(reader.post(at_once, json=sql), 404, "not_found")
    given = {"user_id": user["id"], "permission": "read"}
    server.admin.put(f"/api/datasets/{dataset_id}/permissions", json=given)
    assert reader.get(result).json()["data"] == [{"x": 1}]
    assert reader.post(at_once, json=sql).json()["data"] == [{"x": 1}]
    assert_problem(reader.post(jobs, json=sql), 403, "forbidden")
    assert_problem(server.client(None).post(at_once, json=sql), 401, "unauthorized")


def test_a_result_is_only_that_of_a_completed_exploration(
    server: LiveServer, dataset_id: int
) -> None:
    failed = server.explore(dataset_id, {"sql": "SELECT city::DATE FROM data"})
    assert (failed["status"], failed["error_code"]) == ("failed", "sql_failed")
    assert failed["error_message"].startswith("Line 1, column 12: ")
    answer = server.admin.get(f"/api/exploration/jobs/{failed['id']}/result")
    assert_problem(answer, 409, "job_not_completed", "failed")
    drawn = server.draw(dataset_id, {"method": "random", "sample_size": 1})
    answer = server.admin.get(f"/api/exploration/jobs/{drawn['id']}/result")
    assert_problem(answer, 404, "not_found", "sampling")
    retried = server.admin.post(f"/api/jobs/{failed['id']}/retry").json()["job_id"]
    assert server.finished(retried)["error_code"] == "sql_failed"


def test_what_was_asked_and_read_is_in_the_audit_trail(server: LiveServer, dataset_id: int) -> None:
    sql = "SELECT 'recorded' AS x"
    job = server.explore(dataset_id, {"sql": sql})
    query(server, dataset_id, sql)
    entries = server.admin.get("/api/admin/audit", params={"dataset_id": dataset_id}).json()
    recorded = {entry["action"]: entry["details"] for entry in reversed(entries["entries"])}
    assert recorded["exploration_asked"]["sql"] == sql
    assert recorded["queried_at_once"]["sql"] == sql
    assert job["status"] == "completed"
