"""Every method, filters, selection, several rounds, residual: over HTTP, on one table."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.contract.conftest import ROWS
from tests.contract.draw_requests import one_round
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer


@pytest.mark.parametrize(
    ("method", "parameters", "expected"),
    [
        ("random", {"sample_fraction": 0.05}, 100),
        ("reservoir", {"sample_size": 40}, 40),
        ("stratified", {"strata_columns": ["city"], "sample_size": 101}, 101),
        ("stratified", {"strata_columns": ["city"], "sample_size": 99, "allocation": "equal"}, 99),
        (
            "stratified",
            {
                "strata_columns": ["city"],
                "sample_size": 60,
                "allocation": "neyman",
                "allocation_column": "amount",
            },
            60,
        ),
        (
            "stratified",
            {
                "strata_columns": ["city"],
                "sample_size": 60,
                "allocation": "optimal",
                "allocation_column": "amount",
                "cost_column": "id",
            },
            60,
        ),
        ("stratified", {"strata_columns": ["city"], "sizes": {"Oslo": 5, "NULL": 3}}, 8),
        ("stratified", {"strata_columns": ["city"], "sample_size": 9, "proportional": True}, 9),
        ("systematic", {"interval": 100, "start": 1}, 20),
        ("systematic", {"sample_size": 33}, 33),
        ("cluster", {"cluster_column": "city", "num_clusters": 2}, 1000),
        (
            "cluster",
            {"cluster_column": "city", "num_clusters": 3, "samples_per_cluster": 10},
            30,
        ),
        ("weighted", {"sample_size": 50, "weight_column": "amount"}, 50),
    ],
)
def test_each_method_draws_what_its_plan_says(
    server: LiveServer,
    dataset_id: int,
    method: str,
    parameters: dict[str, Any],
    expected: int,
) -> None:
    body = one_round(method, parameters)
    planned = server.admin.post(f"/api/sampling/datasets/{dataset_id}/plan", json=body)
    assert planned.status_code == 200, planned.text
    assert planned.json()["total_rows"] == expected
    job = server.draw(dataset_id, body)
    assert job["status"] == "completed", job["error_message"]
    assert job["output_summary"]["total_sampled"] == expected
    rows = server.rows(job["id"], limit=1000)
    assert len({row["id"] for row in rows}) == expected
    for row in rows:
        assert 0 < row["_inclusion_probability"] <= 1
        assert row["_sampling_method"] == method
    (result,) = job["output_summary"]["rounds"]
    (plan,) = planned.json()["rounds"]
    for groups in ("strata", "clusters"):
        drawn = {str(one["key"]): one["allocated"] for one in result.get(groups, [])}
        assert drawn == {str(one["key"]): one["allocated"] for one in plan.get(groups, [])}


@pytest.mark.parametrize(
    "filters",
    [
        {"expression": "id >= 500 AND (city = 'Oslo' OR city IS NULL)"},
        {
            "conditions": [
                {"column": "id", "operator": ">=", "value": 500},
                {"column": "city", "operator": "in", "value": ["Oslo"]},
            ]
        },
        [{"column": "id", "operator": "between", "value": [500, 1999]}],
    ],
)
def test_a_filter_settles_which_rows_are_eligible(
    server: LiveServer, dataset_id: int, filters: Any
) -> None:
    job = server.draw(dataset_id, one_round("random", {"sample_size": 100}, filters=filters))
    (result,) = job["output_summary"]["rounds"]
    rows = server.rows(job["id"], limit=1000)
    assert len(rows) == 100
    assert all(row["id"] >= 500 for row in rows)
    if "expression" in filters:
        assert {row["city"] for row in rows} == {"Oslo", None}
        assert result["eligible_rows"] == 750
    assert rows[0]["_inclusion_probability"] == 100 / result["eligible_rows"]


def test_a_selection_settles_columns_and_order(server: LiveServer, dataset_id: int) -> None:
    selection = {"columns": ["city", "id"], "order_by": "id", "order_desc": True}
    job = server.draw(dataset_id, one_round("random", {"sample_size": 20}, selection=selection))
    rows = server.rows(job["id"])
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert "amount" not in rows[0]
    assert sorted(row["_selection_order"] for row in rows) == list(range(1, 21))


def test_sample_and_residual_are_the_table(server: LiveServer, dataset_id: int) -> None:
    body = {
        "rounds": [
            {"method": "random", "parameters": {"sample_size": 300, "seed": 1}},
            {"method": "weighted", "parameters": {"sample_size": 200, "weight_column": "amount"}},
        ],
        "export_residual": True,
        "output_name": "with_residual",
    }
    job = server.draw(dataset_id, body)
    path = f"/api/sampling/jobs/{job['id']}"
    residual = server.admin.get(f"{path}/residual", params={"limit": 1000}).json()
    assert residual["total"] == ROWS - 500
    rest = server.admin.get(f"{path}/data?table_key=residual&limit=1000&offset=1000").json()
    left = [row["id"] for row in residual["data"] + rest["data"]]
    drawn = [row["id"] for row in server.rows(job["id"], limit=1000)]
    assert left == sorted(left)
    assert sorted(left + drawn) == list(range(ROWS))
    csv = server.admin.get(f"{path}/residual?format=csv").text
    assert len(csv.splitlines()) == ROWS - 500 + 1


def test_a_residual_can_be_drawn_from_and_copies_nothing(
    server: LiveServer, dataset_id: int
) -> None:
    first = server.draw(
        dataset_id, {**one_round("random", {"sample_size": 600}), "export_residual": True}
    )
    files = sum(path.stat().st_size for path in server.service.directory.files_dir.glob("??/*"))
    second = server.draw(
        dataset_id,
        {
            **one_round("random", {"sample_size": 600}),
            "source_ref": first["output_summary"]["output_ref"],
            "table_key": "residual",
            "export_residual": True,
        },
    )
    assert second["output_summary"]["source_rows"] == ROWS - 600
    assert second["output_summary"]["residual_rows"] == ROWS - 1200
    rows = [server.rows(job["id"], limit=1000) for job in (first, second)]
    ids = [row["id"] for part in rows for row in part]
    assert len(set(ids)) == 1200
    # The same seed doesn't go on where it left off: that would be no independent draw.
    whole = server.draw(dataset_id, one_round("random", {"sample_size": 1200}))
    page = server.rows(whole["id"], limit=1000) + server.rows(whole["id"], limit=1000, offset=1000)
    assert ids != [row["id"] for row in page]
    grown = sum(path.stat().st_size for path in server.service.directory.files_dir.glob("??/*"))
    assert grown - files < 100_000


def test_a_job_without_residual_says_how_to_have_one(server: LiveServer, dataset_id: int) -> None:
    job = server.draw(dataset_id, one_round("random", {"sample_size": 5}))
    answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/residual")
    assert_problem(answer, 404, "not_found", "export_residual")


def test_the_same_request_by_the_same_name_is_the_same_job(
    server: LiveServer, dataset_id: int
) -> None:
    path = f"/api/sampling/datasets/{dataset_id}/jobs"
    body = {**one_round("random", {"sample_size": 5}), "output_name": "once"}
    first = server.admin.post(path, json=body).json()
    second = server.admin.post(path, json=body).json()
    assert first["job_id"] == second["job_id"]
    server.finished(first["job_id"])
    third = server.admin.post(path, json=body).json()
    assert (third["job_id"], third["status"]) == (first["job_id"], "completed")
    other = {**one_round("random", {"sample_size": 6}), "output_name": "once"}
    assert_problem(server.admin.post(path, json=other), 409, "conflict", "smpl-once")
    assert server.admin.delete(f"/api/datasets/{dataset_id}/refs/smpl-once").status_code == 200
    assert server.admin.post(path, json=other).json()["job_id"] != first["job_id"]


def test_a_small_sample_comes_at_once(server: LiveServer, dataset_id: int) -> None:
    path = f"/api/sampling/datasets/{dataset_id}/sample"
    body = one_round("stratified", {"strata_columns": ["city"], "samples_per_stratum": 3})
    before = server.admin.get("/api/jobs").json()["total"]
    answer = server.admin.post(path, json=body).json()
    assert len(answer["data"]) == 12
    assert [one["sampled"] for one in answer["strata_counts"]] == [3, 3, 3, 3]
    assert answer["metadata"]["seed"] == 7
    assert server.admin.get("/api/jobs").json()["total"] == before
    counts = Counter(row["city"] for row in answer["data"])
    assert set(counts.values()) == {3}
    two = {"rounds": body["rounds"] * 2}
    assert_problem(server.admin.post(path, json=two), 422, "invalid_request", "One round")


def test_a_large_sample_at_once_is_a_jobs_work(server: LiveServer) -> None:
    large = server.new_table(12_000)
    path = f"/api/sampling/datasets/{large}/sample"
    answer = server.admin.post(path, json=one_round("random", {"sample_size": 10_001}))
    assert_problem(answer, 422, "invalid_value", "10,001", "job")


def test_a_plan_draws_nothing_and_is_exact_for_later_rounds(
    server: LiveServer, dataset_id: int
) -> None:
    body = {
        "rounds": [
            {"method": "cluster", "parameters": {"cluster_column": "city", "num_clusters": 3}},
            {"method": "random", "parameters": {"sample_size": 5000}},
        ]
    }
    before = server.admin.get("/api/jobs").json()["total"]
    plan = server.admin.post(f"/api/sampling/datasets/{dataset_id}/plan", json=body).json()
    assert plan["total_rows"] == ROWS
    assert plan["rounds"][1]["eligible_rows"] == 500
    assert plan["rounds"][1]["warnings"]
    assert server.admin.get("/api/jobs").json()["total"] == before
    wrong = one_round("cluster", {"cluster_column": "town", "num_clusters": 3})
    answer = server.admin.post(f"/api/sampling/datasets/{dataset_id}/plan", json=wrong)
    assert_problem(answer, 422, "unknown_column", '"town"', "city")
