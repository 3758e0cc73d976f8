"""Profiles over HTTP: as a job, at once, cached and shared."""

from __future__ import annotations

import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROWS = 404


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    return server.new_table(ROWS)


def test_a_job_profiles_a_table_and_its_result_has_figures_alerts_and_hints(
    server: LiveServer, dataset: int
) -> None:
    path = f"/api/profiling/datasets/{dataset}/jobs"
    accepted = server.admin.post(path, json={}).json()
    assert accepted["status"] == "pending"
    job = server.finished(accepted["job_id"])
    assert (job["status"], job["run_type"]) == ("completed", "profiling")
    assert job["output_summary"]["rows"] == ROWS
    found = server.admin.get(f"/api/profiling/jobs/{job['id']}/result").json()
    by_name = {column["name"]: column for column in found["columns"]}
    assert by_name["id"]["unique"] is True
    assert by_name["city"]["nulls"]["value"] == ROWS // 4
    assert by_name["amount"]["number"]["mean"]["value"] == pytest.approx((ROWS - 1) / 8)
    assert {hint["column"] for hint in found["hints"]["strata"]} == set()
    assert any(alert["code"] == "candidate_key" for alert in by_name["id"]["alerts"])


def test_some_columns_are_shown_in_the_order_asked_for(server: LiveServer, dataset: int) -> None:
    path = f"/api/profiling/datasets/{dataset}/jobs"
    accepted = server.admin.post(path, json={"columns": ["AMOUNT", "id"]}).json()
    job = server.finished(accepted["job_id"])
    assert job["run_parameters"]["columns"] == ["amount", "id"]
    found = server.admin.get(f"/api/profiling/jobs/{job['id']}/result").json()
    assert [column["name"] for column in found["columns"]] == ["amount", "id"]
    wrong = server.admin.post(path, json={"columns": ["amuont"]})
    assert_problem(wrong, 422, "unknown_column", "amount")


def test_an_analysis_is_computed_once_and_shared_by_all_that_hold_the_table(
    server: LiveServer, dataset: int
) -> None:
    path = f"/api/datasets/{dataset}/refs/main/tables/primary/analysis"
    found = server.admin.get(path, params={"columns": "city"}).json()
    assert [column["name"] for column in found["columns"]] == ["city"]
    every = set(server.service.directory.counts_dir.glob("*.json"))
    cached = max(every, key=lambda path: path.stat().st_mtime_ns)  # others' tables have theirs
    moment = cached.stat().st_mtime_ns
    refs = f"/api/datasets/{dataset}/refs"
    server.admin.post(refs, json={"name": "copy", "source_ref": "main"})
    again = server.admin.get(path.replace("main", "copy")).json()
    assert again["rows"] == ROWS
    assert set(server.service.directory.counts_dir.glob("*.json")) == every
    assert cached.stat().st_mtime_ns >= moment
    cached.write_text("damaged")
    assert server.admin.get(path).json()["rows"] == ROWS


def test_a_plan_offers_the_hints_of_a_kept_profile_and_computes_none(server: LiveServer) -> None:
    dataset = server.new_balanced_table(1203)
    path = f"/api/sampling/datasets/{dataset}/plan"
    draw = {"method": "random", "sample_size": 5}
    assert server.admin.post(path, json=draw).json()["hints"] is None
    server.admin.get(f"/api/datasets/{dataset}/refs/main/tables/primary/analysis")
    hints = server.admin.post(path, json=draw).json()["hints"]
    assert [hint["column"] for hint in hints["strata"]] == ["region"]
    assert hints["strata"][0]["strata"] == 4


def test_a_missing_profile_is_reported(server: LiveServer, dataset: int) -> None:
    draw = {"method": "random", "parameters": {"sample_size": 2, "seed": 1}}
    job = server.draw(dataset, draw)
    answer = server.admin.get(f"/api/profiling/jobs/{job['id']}/result")
    assert_problem(answer, 404, "not_found", "has run_type sampling, not profiling")
    path = f"/api/datasets/{dataset}/refs/main/tables/secondary/analysis"
    assert_problem(server.admin.get(path), 404, "not_found", "primary")
