"""Queries of a sample together with its uploads, its findings and other versions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from storage.versions.row_keys import set_row_key
from tests.contract.exploring import query, result_of
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROWS = 60
HEADER = "doc,amount"


@dataclass(frozen=True)
class Examined:
    """A sample with an upload and findings; ``main`` has other rows by now, in another order."""

    dataset: int
    job: str
    ref: str
    rows: list[dict[str, Any]]


@pytest.fixture(scope="module")
def sample(server: LiveServer) -> Examined:
    dataset = server.new_dataset()
    lines = [f"d{row:02d},{row}" for row in range(ROWS)]
    server.import_text(dataset, "\n".join([HEADER, *lines]))
    server.admin.post(f"/api/datasets/{dataset}/refs", json={"name": "v1.0", "source_ref": "main"})
    with server.service.database.write() as tx:
        set_row_key(tx, dataset, "primary", ["doc"], "refuse", 1, server.service.clock)
    draw = {"method": "random", "sample_size": 10, "seed": 4, "output_name": "checked"}
    job = server.draw(dataset, draw)
    path = f"/api/sampling/jobs/{job['id']}"
    rows = server.admin.get(f"{path}/data").json()["data"]
    values = "\n".join(["doc,paid", *(f"{row['doc']},{row['amount'] + 1}" for row in rows[:8])])
    for content in (values, values.replace(",paid", ",score")):
        answer = server.admin.post(
            f"{path}/values",
            files={"file": ("v.csv", content.encode())},
            data={"key": json.dumps(["doc"])},
        )
        assert answer.status_code in (200, 201), answer.text
    ids = [row["_logical_row_id"] for row in rows]
    findings = [
        {"row_id": ids[0], "outcome": "exception", "audit_value": "1.25", "note": "wrong price"},
        {"row_id": ids[1], "outcome": "ok"},
        {"row_id": ids[0], "outcome": "exception", "audit_value": "2.5", "note": "agreed"},
    ]
    for finding in findings:
        answer = server.admin.post(f"{path}/findings", json={"findings": [finding]})
        assert answer.status_code in (200, 201), answer.text
    lines = [f"d{row:02d},{row * (2 if row % 2 else 1)}" for row in range(5, ROWS)]
    server.import_text(dataset, "\n".join([HEADER, *lines[::-1]]))
    return Examined(dataset, job["id"], "smpl-checked", rows)


def rows_of(server: LiveServer, sample: Examined, sql: str, *with_tables: str) -> Any:
    answer = query(
        server, sample.dataset, sql, source_ref=sample.ref, with_tables=list(with_tables)
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_uploads_and_findings_are_joined_by_the_key(server: LiveServer, sample: Examined) -> None:
    sql = """
        SELECT doc, amount, paid, score, outcome, audit_value, note
        FROM data LEFT JOIN upload_1 USING (doc) LEFT JOIN upload_2 USING (doc)
        LEFT JOIN findings USING (doc) ORDER BY data._selection_order
    """
    found = rows_of(server, sample, sql, "uploads", "findings")
    assert [row["doc"] for row in found] == [row["doc"] for row in sample.rows]
    assert [row["paid"] for row in found[:8]] == [row["amount"] + 1 for row in sample.rows[:8]]
    assert [row["score"] for row in found] == [row["paid"] for row in found]
    assert (found[0]["outcome"], found[0]["audit_value"]) == ("exception", 2.5)
    assert found[0]["note"] == "agreed"
    assert [row["outcome"] for row in found[1:3]] == ["ok", None]


def test_each_table_has_row_ids_and_the_key(server: LiveServer, sample: Examined) -> None:
    expected = {row["_logical_row_id"]: row["doc"] for row in sample.rows}
    for table, count in (("upload_2", 8), ("findings", 2), ('"v1.0"', ROWS), ("main", ROWS - 5)):
        sql = f"SELECT _logical_row_id, doc FROM {table}"
        found = rows_of(server, sample, sql, "uploads", "findings", "v1.0", "main")
        assert len(found) == count, table
        if table != "main":  # whose rows have other places
            ids = {row["_logical_row_id"]: row["doc"] for row in found}
            assert all(expected[id_] == doc for id_, doc in ids.items() if id_ in expected)
    types = rows_of(server, sample, "DESCRIBE findings", "findings")
    assert {row["column_name"]: row["column_type"] for row in types} == {
        "_logical_row_id": "VARCHAR",
        "doc": "VARCHAR",
        "outcome": "VARCHAR",
        "audit_value": "DECIMAL(38,2)",
        "note": "VARCHAR",
        "deviations": "VARCHAR",
        "cause": "VARCHAR",
        "cause_text": "VARCHAR",
        "replaces": "VARCHAR",
        "entered_by": "VARCHAR",
        "entered_at": "TIMESTAMP WITH TIME ZONE",
    }


def test_versions_are_tables_by_their_names(server: LiveServer, sample: Examined) -> None:
    sql = """
        SELECT s.doc, s.amount, n.amount AS now, m._logical_row_id AS row_now
        FROM data s JOIN now n USING (doc) JOIN main m USING (doc) WHERE n.amount <> s.amount
    """
    found = rows_of(server, sample, sql, "now=main", "main")
    assert {row["doc"] for row in found} == {
        row["doc"] for row in sample.rows if row["amount"] % 2 and row["amount"] >= 5
    }
    for row in found:
        place = int(row["row_now"].removeprefix("primary:"))
        assert place == ROWS - 1 - int(row["doc"][1:])
        assert row["now"] == 2 * row["amount"]


def test_a_version_is_named_in_any_query(server: LiveServer, sample: Examined) -> None:
    """Also one of several tables, and a residual, whose deleted rows stay away."""
    draw = {"method": "random", "sample_size": 5, "seed": 4, "export_residual": True}
    job = server.draw(sample.dataset, draw)
    ref = job["output_summary"]["output_ref"]
    sql = (
        "SELECT (SELECT count(*) FROM s), (SELECT count(*) FROM s_residual), "
        "(SELECT count(*) FROM s_primary), (SELECT count(DISTINCT _logical_row_id) "
        "FROM (FROM s_residual SELECT _logical_row_id UNION ALL FROM s SELECT _logical_row_id))"
    )
    answer = query(server, sample.dataset, sql, with_tables=[f"s={ref}"])
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["data"]
    assert list(row.values()) == [5, ROWS - 10, 5, ROWS - 5]


def test_a_job_reads_the_same_again(server: LiveServer, sample: Examined) -> None:
    body = {
        "source_ref": sample.ref,
        "sql": "SELECT count(*) AS rows, (SELECT count(*) FROM findings) AS found FROM v1",
        "with_tables": ["findings", "v1=v1.0"],
    }
    job = server.explore(sample.dataset, body)
    assert job["status"] == "completed", job
    (row,) = server.admin.get(result_of(job)).json()["data"]
    assert row == {"rows": ROWS, "found": 2}
    joined = job["run_parameters"]["joined"]
    commit = server.admin.get(f"/api/datasets/{sample.dataset}/refs/v1.0").json()["commit_id"]
    assert joined[1] == {"name": "v1", "commit_id": commit, "table_key": "primary"}
    assert joined[0]["last_finding_id"] > 0


@pytest.mark.parametrize(
    ("with_tables", "status", "code", "part"),
    [
        (["nope"], 404, "not_found", "nope"),
        (["main", "main"], 422, "invalid_request", 'Two tables are named "main"'),
        (["primary=main"], 422, "invalid_request", 'Two tables are named "primary"'),
    ],
)
def test_unknown_and_repeated_tables_are_refused(
    server: LiveServer,
    sample: Examined,
    with_tables: list[str],
    status: int,
    code: str,
    part: str,
) -> None:
    answer = query(
        server, sample.dataset, "SELECT 1", source_ref=sample.ref, with_tables=with_tables
    )
    problem = assert_problem(answer, status, code, part)
    place = len(with_tables) - 1
    assert [error["loc"] for error in problem["errors"]] == [["body", "with_tables", place]]


def test_only_a_sample_has_findings(server: LiveServer, sample: Examined) -> None:
    for kind in ("uploads", "findings"):
        answer = query(server, sample.dataset, "SELECT 1", with_tables=[kind])
        assert_problem(answer, 404, "not_found", f"Only a sample has {kind}")
    answer = query(server, sample.dataset, "SELECT * FROM findings", source_ref=sample.ref)
    assert_problem(answer, 422, "invalid_sql", "findings")


def test_versions_of_other_datasets_stay_hidden(server: LiveServer, sample: Examined) -> None:
    other = server.new_table(10)
    commit = server.admin.get(f"/api/datasets/{other}/refs/main").json()["commit_id"]
    answer = query(server, sample.dataset, "SELECT * FROM t", with_tables=[f"t={commit}"])
    assert_problem(answer, 404, "not_found", "")


def test_a_report_takes_no_further_tables(server: LiveServer, sample: Examined) -> None:
    path = f"/api/exploration/datasets/{sample.dataset}/jobs"
    answer = server.admin.post(path, json={"with_tables": ["main"]})
    assert_problem(answer, 422, "invalid_request", "with_tables needs sql")
